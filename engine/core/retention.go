package core

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

	// Failures that would go for these bounds stay: the newest so many of them, but for those
	// that ended before an instant.
	Failures       int
	FailuresBefore time.Time

	All bool // look at all there is, not only at runs above Looked

	LastKey    int64 // of the newest run, which stays
	LastSeq    int64 // of the newest transition, which stays
	ErrorKey   int64 // of the run that the flow's error is from, which stays
	StreakFrom int64 // failures from this run on are those in a row, and stay; 0: there are none

	Resume int64     // of an All that was not finished, as are those below: what [Pruned] said
	KeysOn time.Time // keys accepted before were looked at
	Stayed Stayed    // of the runs from Resume on
}

// Stayed is what a walk over runs has found that stays although it is expired.
type Stayed struct {
	Spared   bool      // there are runs that stay for what the state rests on, or may be
	Failures int       // that stay beyond other runs
	Oldest   time.Time // when the first of those failures ended; zero: there are none
}

// Failure counts a failure that stays.
func (s *Stayed) Failure(end time.Time) {
	s.Failures++
	if s.Oldest.IsZero() || end.Before(s.Oldest) {
		s.Oldest = end
	}
}

// Pruned is what came of a [Cut].
type Pruned struct {
	Pruned  int64     // as of the cut, from now on
	Looked  int64     // the same
	Deleted int       // rows
	More    bool      // it is not done yet, and goes on where Resume and KeysOn say
	Resume  int64     // key of a run
	KeysOn  time.Time //
	Stayed  Stayed    // of the runs up to Looked; without All: of those that were looked at now
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

// Expired says whether a run that is not spared is too old for what is kept of all runs.
func (c *Cut) Expired(r *Past) bool {
	return r.Number <= c.Through || r.End.Before(c.Before)
}

// Retains says whether an expired run stays as a failure, when so many newer ones do. Those
// that a walk from the oldest run does not know of are counted later.
func (c *Cut) Retains(r *Past, newer int) bool {
	return r.Status.Failure() && newer < c.Failures && !r.End.Before(c.FailuresBefore)
}

// EffectiveRetention is how much of the flow's history is kept. A program that does not register
// it says nothing of that.
func (p Plan) EffectiveRetention() Retention {
	if p.Schedule == nil {
		return DefaultRetention
	}
	return p.Keep
}

// keepKeys is how long keys are kept at least.
func (p Plan) keepKeys() time.Duration {
	if p.Schedule == nil {
		return DefaultRetention.For
	}
	return p.KeyFor
}

// ExcessRuns is how many runs that nobody has looked at are more than are kept.
func (s *State) ExcessRuns(keep Retention, looked int64) int64 {
	if keep.Runs == 0 {
		return 0
	}
	return max(s.LastNumber-int64(keep.Runs)-looked, 0)
}

// Ages are the instants before which history is too old; zero: none is for its age.
type Ages struct {
	Runs     time.Time // ends of runs, and verdicts
	Failures time.Time // ends of failures that stay beyond other runs
	Keys     time.Time // when idempotency keys were accepted
	Rest     time.Time // what belongs to no flow
}

// Ages is the one place that says what may be deleted by age.
func (p Plan) Ages(now time.Time) (a Ages) {
	before := func(age time.Duration) time.Time {
		if age <= 0 {
			return time.Time{}
		}
		return now.Add(-age)
	}
	keep := p.EffectiveRetention()
	return Ages{
		Runs: before(keep.For), Failures: before(keep.Failures.For),
		Keys: now.Add(-p.keepKeys()), Rest: before(DefaultRetention.For),
	}
}

// Cut is what may be deleted of the flow now.
func (s *State) Cut(p Plan, a Ages) Cut {
	c := Cut{
		Flow: s.Key, LastKey: s.LastKey, LastSeq: s.LastSeq, ErrorKey: s.ErrorKey, StreakFrom: s.StreakFrom,
		Before: a.Runs, Failures: p.EffectiveRetention().Failures.Runs, FailuresBefore: a.Failures, Keys: a.Keys,
	}
	if runs := p.EffectiveRetention().Runs; runs > 0 {
		c.Through = s.LastNumber - int64(runs)
	}
	return c
}
