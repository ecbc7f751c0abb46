package main

import (
	"context"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
)

// reload reads the config anew and takes over what is different. A config that is wrong,
// or cannot be taken over, changes nothing.
func (d *daemon) reload(ctx context.Context) {
	r := d.runner.Load()
	next, err := loadConfig(d.config)
	if err != nil {
		d.log.Error("the config is not taken over; all goes on as before", "error", err)
		return
	}
	if err := d.plan.lacks(next); err != nil {
		d.log.Error("the config is not taken over; all goes on as before", "error", err)
		return
	}
	change := compare(d.plan, next)
	if !change.any() {
		d.log.Info("reloaded: nothing has changed", "config", d.config)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	err = r.Update(ctx, func(s *pawl.Scheduler) error { return change.apply(s, d.job) })
	if err != nil {
		d.log.Error("the config is not taken over; all goes on as before", "error", err)
		return
	}
	d.tell(change, next)
	next.isolation = d.plan.isolation
	next.maxRunning, next.groups, next.restoreGuard, next.db = d.plan.maxRunning, d.plan.groups, d.plan.restoreGuard, d.plan.db // as they are in force
	d.plan = next
	d.notifier.configure(next.notify)
}

const reloadTimeout = 10 * time.Second

// tell logs the difference.
func (d *daemon) tell(c change, next plan) {
	for _, f := range c.added {
		d.log.Info("reload: added", "flow", f.id, "schedule", f.facts()["schedule"])
	}
	for _, id := range c.removed {
		d.log.Info("reload: removed; its history is kept", "flow", id)
	}
	for _, f := range c.changed {
		d.log.Info("reload: changed", "flow", f.id, "what", strings.Join(c.what[f.id], "; "))
	}
	if c.moved {
		d.log.Info("reload: flows are in another order")
	}
	for _, what := range c.later {
		d.log.Warn("reload: takes effect at the next start", "what", what)
	}
	d.log.Info("reloaded", "flows", len(next.flows), "added", len(c.added), "removed", len(c.removed), "changed", len(c.changed), "config", d.config)
}
