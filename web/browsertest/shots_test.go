package browsertest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl/web"
)

// serve starts the shop on a database and its dashboard, under a prefix.
func serve(t *testing.T, db string, opts ...web.Option) (url string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := shop(db).Start(ctx)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/jobs/", http.StripPrefix("/jobs", web.Handler(r, append(opts, web.WithContext(ctx))...)))
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		cancel()
		server.Close()
		_ = r.Wait() // runs outlast the stop window
	})
	return server.URL + "/jobs/"
}

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

// TestShots writes pictures of every page into the folder PAWL_SHOTS.
func TestShots(t *testing.T) {
	folder := os.Getenv("PAWL_SHOTS")
	if folder == "" {
		t.Skip("make shots sets PAWL_SHOTS")
	}
	require.NoError(t, os.MkdirAll(folder, 0o755))
	base := serve(t, history(t))
	ctx := browser(t)
	time.Sleep(1500 * time.Millisecond)
	for _, shot := range []struct{ name, path string }{
		{"flows", "./"},
		{"flow", "flow?id=invoices%2Fsend"},
		{"flow-tripped", "flow?id=exchange+rates"},
		{"flow-backoff", "flow?id=warehouse%2Fstock+levels"},
		{"run", "run?id=sync+orders&number=62"},
		{"day", "day"},
		{"confirm", "confirm?do=pause&id=sync+orders"},
	} {
		for _, theme := range []string{"light", "dark"} {
			for _, width := range []int64{1280, 400} {
				if path, found := os.LookupEnv("PAWL_SHOT"); found && path != shot.name {
					continue
				}
				_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
					Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
				})
				require.NoError(t, err)
				require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(width, 800), chromedp.Navigate(base+shot.path)))
				png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
				require.NoError(t, err)
				size := "wide"
				if width == 400 {
					size = "narrow"
				}
				require.NoError(t, os.WriteFile(filepath.Join(folder, shot.name+"-"+size+"-"+theme+".png"), png, 0o644))
			}
		}
	}
}
