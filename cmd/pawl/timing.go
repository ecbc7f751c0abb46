package main

import (
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/internal/cronexpr"
)

// own reads a key that only a flow has, and says whether it is one.
func (r *reader) own(e field, f *flow) bool {
	switch e.name {
	case "fixed_rate":
		if r.truth(e) {
			f.set(e, pawl.WithFixedRate())
		}
	case "aligned":
		if r.truth(e) {
			f.set(e, pawl.WithAligned())
		}
	case "limit":
		f.set(e, pawl.WithLimit(r.atLeastOne(e)))
	case "former_id":
		text, _ := r.filled(e)
		f.set(e, pawl.WithFormerID(text))
	}
	return slices.Contains(ownKeys, e.name)
}

// group reads the name of a group, which has to have a limit.
func (r *reader) group(e field, f *flow, limits map[string]int) {
	name, ok := r.filled(e)
	if !ok {
		return
	}
	if _, known := limits[name]; !known {
		var names []string
		for g := range limits {
			names = append(names, g)
		}
		hint := ": give it one beside flows, as in groups: {" + name + ": 5}"
		if near := term.Suggest(name, names); near != "" {
			hint = near
		}
		r.fail(e.value, "group %q has no limit%s", name, hint)
		return
	}
	f.set(e, pawl.WithGroup(name))
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
			if text, _ := r.text(t); isDate(text) {
				end = endOfDay(end.In(f.location()))
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
	t, err := parseTime(text, zone)
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
