package browsertest

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/web"
)

// browser starts Chromium.
func browser(t *testing.T) context.Context {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.Flag("force-color-profile", "srgb"))
	allocated, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocated)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	return ctx
}

// openShop opens the dashboard of a shop that has run for two days.
func openShop(t *testing.T) *tab {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := shop(history(t)).Start(ctx)
	require.NoError(t, err)
	server := httptest.NewServer(web.Handler(r, web.WithContext(ctx)))
	t.Cleanup(func() {
		cancel()
		server.Close()
		_ = r.Wait() // some run longer than it waits
	})
	b := &tab{t: t, base: server.URL + "/", runner: r, ctx: browser(t)}
	require.NoError(t, chromedp.Listen(b.ctx, b.heard))
	return b
}

// see sets how a page is looked at: the width, and the theme.
func (b *tab) see(width, height int64, theme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
	})
	require.NoError(b.t, err)
	b.do(chromedp.EmulateViewport(width, height))
}

// TestPagesOfABusyShop looks at every page of a history in which all happened that can, at
// two widths and in both themes. With a folder in PAWL_SHOTS it leaves the pictures there.
func TestPagesOfABusyShop(t *testing.T) {
	folder := os.Getenv("PAWL_SHOTS")
	if folder == "" {
		folder = t.TempDir()
	}
	require.NoError(t, os.MkdirAll(folder, 0o755))
	b := openShop(t)
	for _, shot := range []struct{ name, path string }{
		{"flows", ""},
		{"flow", "flow?id=invoices%2Fsend"},
		{"flow-tripped", "flow?id=exchange+rates"},
		{"flow-backoff", "flow?id=warehouse%2Fstock+levels"},
		{"run", "run?id=sync+orders&number=62"},
		{"workflow", "run?id=orders%2Ffulfil&number=3"},
		{"workflow-through", "run?id=orders%2Ffulfil&number=1"},
		{"workflow-undone", "run?id=orders%2Ffulfil&number=2"},
		{"workflow-flow", "flow?id=orders%2Ffulfil"},
		{"day", "day"},
		{"confirm", "confirm?do=pause&id=sync+orders"},
	} {
		for _, theme := range []string{"light", "dark"} {
			for size, width := range map[string]int64{"wide": 1280, "narrow": 400} {
				b.see(width, 800, theme)
				b.open(shot.path)
				if shot.name != "confirm" {
					b.until(`!!document.querySelector("#stream.on")`)
				}
				assert.LessOrEqual(t, ask[int64](b, `document.documentElement.scrollWidth`), width, "%s %s", shot.name, size)
				b.see(width, min(ask[int64](b, `document.documentElement.scrollHeight`), 1600), theme)
				png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(folder, shot.name+"-"+size+"-"+theme+".png"), png, 0o644))
			}
		}
	}
	b.clean()
}
