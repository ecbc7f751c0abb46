package engine

import "time"

// Cut is what may be deleted of a flow's history: what is over, and is either older
// than the newest runs that are kept or ended too long ago. Runs are deleted in their
// order, but for those that stay whatever their age.
type Cut struct {
	Flow    int64     // its key
	Pruned  int64     // the highest run that was deleted before; 0: none
	Looked  int64     // runs up to this one were looked at; those still there were spared
	Through int64     // runs up to this one are more than are kept
	Before  time.Time // runs that ended before are too old; zero: none is
	Keys    time.Time // idempotency keys accepted before stand for no run that is over
	All     bool      // look at all there is, not only at runs above Looked

	LastKey    int64 // of the newest run, which stays
	LastSeq    int64 // of the newest transition, which stays
	ErrorKey   int64 // of the run that the flow's error is from, which stays
	StreakFrom int64 // failures from this run on are those in a row, and stay; 0: there are none

	Resume int64     // of an All that was not finished, as is KeysOn: what [Pruned] said
	KeysOn time.Time // keys accepted before were looked at
}

// Pruned is what came of a [Cut].
type Pruned struct {
	Pruned  int64     // as of the cut, from now on
	Looked  int64     // the same
	Deleted int       // rows
	More    bool      // it is not done yet, and goes on where Resume and KeysOn say
	Resume  int64     // key of a run
	KeysOn  time.Time //
	Spared  bool      // there are runs up to Looked, or may be
	Oldest  time.Time // of what is kept, for a time; zero: there is nothing
	Key     time.Time // when the oldest idempotency key was accepted; zero: there is none
}

// Past is what decides whether a run is deleted.
type Past struct {
	Key, Prev, Number int64
	Status            RunStatus
	End               time.Time // or the last that is known of it
}

// Spares says whether a run stays whatever its age: it is not over, it is the
// newest, or it is a failure that the flow's state rests on.
func (c *Cut) Spares(r *Past) bool {
	switch {
	case !r.Status.Over(), r.Key == c.LastKey, r.Key == c.ErrorKey:
		return true
	case c.StreakFrom == 0 || r.Number < c.StreakFrom:
		return false
	}
	return r.Status.Failure()
}

// Expired says whether a run that is not spared is deleted.
func (c *Cut) Expired(r *Past) bool {
	return r.Number <= c.Through || r.End.Before(c.Before)
}

// keep is how much of the flow's history is kept. A program that does not register
// it says nothing of that.
func (p Plan) keep() Retention {
	if p.Schedule == nil {
		return DefaultRetention
	}
	return p.Keep
}

func (f *flow) keep() Retention { return f.terms.Load().shared.keep() }

// keepKeys is how long keys are kept at least.
func (p Plan) keepKeys() time.Duration {
	if p.Schedule == nil {
		return DefaultRetention.For
	}
	return p.KeyFor
}

// excess is how many runs that nobody has looked at are more than are kept.
func (s *State) excess(keep Retention, looked int64) int64 {
	if keep.Runs == 0 {
		return 0
	}
	return max(s.LastNumber-int64(keep.Runs)-looked, 0)
}

// cut is what may be deleted of the flow now.
func (s *State) cut(p Plan, now time.Time) Cut {
	c := Cut{
		Flow: s.Key, LastKey: s.LastKey, LastSeq: s.LastSeq, ErrorKey: s.ErrorKey, StreakFrom: s.StreakFrom,
		Keys: now.Add(-p.keepKeys()),
	}
	keep := p.keep()
	if keep.Runs > 0 {
		c.Through = s.LastNumber - int64(keep.Runs)
	}
	if keep.For > 0 {
		c.Before = now.Add(-keep.For)
	}
	return c
}
