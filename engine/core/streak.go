package core

// Of runs that are in flight together the later started says more about how their flow is
// now, whichever ends first. A failure adds to the streak if its run first started after
// every run that has succeeded; a success ends the streak if its run first started after
// the streak's first failed run. With one run at a time both always hold.

// Marks are the orders of first starts that a streak is judged by; 0: there is none. Nobody
// changes one.
type Marks struct {
	Succeeded int64 // of the latest started of the runs that have succeeded
	Failed    int64 // of the first failed run of the streak
}

// ordered says whether runs of a flow may be over in another order than they began.
func (p Plan) ordered() bool { return p.Overlap.limit() > 1 || p.Resumes }

// marks is what the streak is judged by.
func (s *State) marks() Marks {
	if s.Marks == nil {
		return Marks{}
	}
	return *s.Marks
}

// judgeBy keeps what the streak is judged by from now on.
func (c *Change) judgeBy(m Marks) {
	switch {
	case m == c.marks():
	case m == Marks{}:
		c.Marks = nil
	default:
		c.Marks = &m
	}
}

// failureCounts reports whether a failed run adds to the streak and sets the flow's last
// error. Backfill runs never do. Without a backoff policy every other failure does.
func (s *State) failureCounts(run Run) bool {
	return run.Trigger != TriggerBackfill && (run.Order == 0 || run.Order > s.marks().Succeeded || s.Backoff == "")
}

// successCounts reports whether a completed run ends the streak.
func (s *State) successCounts(run Run) bool {
	return run.Trigger != TriggerBackfill && (run.Order == 0 || run.Order > s.marks().Failed)
}

// standing is the status after the end of a run that does not count: what the runs before
// it made of the flow.
func (s *State) standing() Status {
	switch {
	case s.FailureStreak > 0:
		return StatusBackoff
	case s.LastError != "":
		return StatusFailed
	}
	return StatusCompleted
}
