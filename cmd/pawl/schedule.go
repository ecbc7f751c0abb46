package main

import (
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/moment"
	"github.com/pawl-go/pawl/internal/cronexpr"
)

// timing reads when a flow runs.
func (r *reader) timing(e field, f *flow) {
	f.kind, f.timing = e.name, e.value
	switch e.name {
	case "every":
		f.every, _ = r.duration(e)
	case "cron":
		f.cron, _ = r.text(e)
	case "manual":
		if text, ok := r.text(e); ok && text != "true" {
			r.fail(e.value, "manual is true, or left out")
		}
	}
}

// times reads what stands in the zone of the flow.
func (r *reader) times(e field, f *flow) {
	if e.name == "once" {
		f.once, _ = r.instant(e, f.location())
		return
	}
	var start, end time.Time
	for _, t := range r.fields(e, []string{"start", "end"}) {
		switch t.name {
		case "start":
			start, _ = r.instant(t, f.location())
		case "end":
			end, _ = r.instant(t, f.location())
			if text, _ := r.text(t); moment.IsDate(text) {
				end = moment.EndOfDay(end.In(f.location()))
			}
		}
	}
	f.set(e, pawl.WithBetween(start, end))
}

// location is the zone in which times without one are meant.
func (f *flow) location() *time.Location {
	if name, _, named := cronexpr.CutZone(f.cron); named {
		if zone, err := time.LoadLocation(name); err == nil { // the registration of the flow reports an unknown zone
			return zone
		}
	}
	if f.zone == nil {
		return time.UTC
	}
	return f.zone
}

func (r *reader) instant(e field, zone *time.Location) (time.Time, bool) {
	text, ok := r.text(e)
	if !ok {
		return time.Time{}, false
	}
	t, err := moment.Parse(text, zone)
	if err != nil {
		r.fail(e.value, "%s: %s", e.name, err)
	}
	return t, err == nil
}

// suit leaves out what does not suit the kind of the flow: of what defaults give it,
// and a zone that has done its work.
func (f *flow) suit(base settings) {
	for _, key := range []string{"zone", "dst"} {
		inherited := f.at[key] == base.at[key]
		if inherited && f.kind != "cron" {
			f.unset(key)
		}
	}
	named := strings.HasPrefix(f.cron, "CRON_TZ=")
	used := f.kind == "once" || f.kind != "cron" && f.options["between"] != nil
	if used || named && f.at["zone"] == base.at["zone"] {
		f.unset("zone")
	}
}
