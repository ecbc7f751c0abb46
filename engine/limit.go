package engine

import "time"

// limit bounds the runs in flight of several flows: all of them, or a group. A flow
// that is due and finds no room waits in its queue, by the instant since when.
type limit struct {
	max     int
	running int   // as committed
	next    int   // within a batch, as the changes so far leave it
	queue   loops // flows that found no room
}

// full says whether a start has to wait, within a batch.
func (l *limit) full() bool { return l.next >= l.max }

// limitsOf are those that a flow shares: of its group, and of all flows.
func (e *Engine) limitsOf(p Plan) (shared []*limit) {
	if l := e.groups[p.Group]; l != nil && p.Group != "" {
		shared = append(shared, l)
	}
	if e.total != nil {
		shared = append(shared, e.total)
	}
	return shared
}

// newLimits makes the limits of the configuration.
func (e *Engine) newLimits() {
	e.groups = map[string]*limit{}
	for name, n := range e.Groups {
		e.groups[name] = &limit{max: n}
		e.limits = append(e.limits, e.groups[name])
	}
	if e.MaxRunning > 0 {
		e.total = &limit{max: e.MaxRunning}
		e.limits = append(e.limits, e.total)
	}
}

// full says whether a limit of the flow leaves no room for a start, also because
// others have waited for it longer.
func (f *flow) full(waiting bool) bool {
	for _, l := range f.limits {
		if l.full() || !waiting && len(l.queue.heap) > 0 {
			return true
		}
	}
	return false
}

// crowded is the limit that a flow which is due has to wait for; nil: none.
func (f *flow) crowded() *limit {
	for _, l := range f.limits {
		if l.running >= l.max {
			return l
		}
	}
	return nil
}

// behind is a limit that has room, for which others wait; nil: there is none.
func (f *flow) behind() *limit {
	for _, l := range f.limits {
		if len(l.queue.heap) > 0 {
			return l
		}
	}
	return nil
}

// takeFreed adds flows that waited for a limit that has room again.
func (e *Engine) takeFreed(batch []command, now time.Time) []command {
	for _, l := range e.limits {
		if room := l.max - l.running; room > 0 {
			batch, _ = l.queue.takeDue(batch, now, room)
		}
	}
	return batch
}

// firstFreed is since when the first flow waits for a limit that has room; zero: none
// does.
func (e *Engine) firstFreed() (since time.Time) {
	for _, l := range e.limits {
		if first := l.queue.first(); l.running < l.max && !first.IsZero() && (since.IsZero() || first.Before(since)) {
			since = first
		}
	}
	return since
}
