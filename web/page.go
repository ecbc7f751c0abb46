package web

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/pawl-go/pawl"
)

// page is what every page has.
type page struct {
	Title   string
	Name    string // of the dashboard
	Tab     string
	Edition string
	Live    bool
	Seq     int64  // the newest transition that the page knows of
	About   string // the flow that it is about; empty: all
	Notice  *notice
	Trouble []string
	Clock   clock
}

// bare is a page that knows nothing of the flows.
func (d *dashboard) bare(title string) page {
	return page{Title: title, Name: d.name, Edition: edition, Clock: clock{Now: time.Now(), zone: d.zone}}
}

// fresh is a page on how things are now. The number of the newest transition is read
// before anything else, so that nothing is lost between the page and its stream.
func (d *dashboard) fresh(ctx context.Context, title, tab string) (p page, err error) {
	p = d.bare(title)
	p.Tab, p.Live = tab, true
	if p.Seq, err = d.view.LastSeq(ctx); err != nil {
		return p, err
	}
	if p.Clock.around, err = d.view.Surroundings(ctx); err != nil {
		return p, err
	}
	p.Trouble, err = d.view.Trouble(ctx)
	return p, err
}

// all is every flow as it is now.
func (d *dashboard) all(ctx context.Context) ([]pawl.FlowInfo, error) {
	seq, err := d.view.LastSeq(ctx)
	if err != nil {
		return nil, err
	}
	return d.list(ctx, seq)
}

const listAge = 2 * time.Second

// list is every flow. What was read is used again for a while, as long as nothing is
// committed: reading ten thousand takes a client a tenth of a second. The caller may
// change what it gets.
func (d *dashboard) list(ctx context.Context, seq int64) ([]pawl.FlowInfo, error) {
	flows, err := d.sharedAt(ctx, seq)
	return slices.Clone(flows), err
}

// shared is every flow as it is now, for a caller who changes nothing of it.
func (d *dashboard) shared(ctx context.Context) ([]pawl.FlowInfo, error) {
	seq, err := d.view.LastSeq(ctx)
	if err != nil {
		return nil, err
	}
	return d.sharedAt(ctx, seq)
}

func (d *dashboard) sharedAt(ctx context.Context, seq int64) ([]pawl.FlowInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := time.Now(); d.seq != seq || now.Sub(d.listedAt) > listAge {
		flows, err := d.view.Flows(ctx)
		if err != nil {
			return nil, err
		}
		d.seq, d.listedAt, d.listed = seq, now, flows
	}
	return d.listed, nil
}

// render writes a page when all of it is there.
func (d *dashboard) render(w http.ResponseWriter, name string, status int, data any) error {
	var b bytes.Buffer
	if err := d.pages[name].ExecuteTemplate(&b, "frame", data); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the reader has gone
	return nil
}
