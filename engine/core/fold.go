package core

import "time"

// Fold changes a state to the one that a committed transition left: applied to a flow's
// transitions in order, from [NewState] on, it rebuilds the flow from its log. It
// decides nothing. Rows of runs tell the rest, and Fold leaves it as it is: errors, suspects,
// the scheduled instants, the attempt.
//
// Waiting gets all runs that are not over and not in flight, those of a backfill included.
//
// If transitions before t are missing (their history was deleted), the flow counts as
// registered, and fields that only the missing ones set keep their value. See [State.IsBefore].
func (s *State) Fold(t *Transition) {
	follows := s.IsBefore(t)
	s.Registered = s.Registered || s.Version == 0 && t.Version > 1
	switch t.Event {
	case "adopt":
		s.Registered = true
	case "retire":
		s.Registered = false
	case "reserve":
		s.LastNumber = max(s.LastNumber, t.RunNumber)
	case "accept", "backfill": // of one run or many, the first of which is t.RunNumber
		s.LastNumber = max(s.LastNumber, t.RunNumber)
		if follows {
			s.LastNumber = t.RunNumber + int64(max(t.Waiting-s.NotOver(), 1)) - 1
		}
	case "outcome", "interrupt", "timeout", "cancel":
		s.LastEnd = t.At
		if t.Event == "cancel" && follows && t.Waiting > s.NotOver() {
			s.LastNumber++ // another run takes its place
		}
	case "pause":
		s.Paused = s.foldPause(t)
	case "resume":
		s.Paused = NotPaused
	case "adjust":
		s.Paused = s.movePause(t.PausedUntil)
	case "correct":
		s.LastEnd = earlier(s.LastEnd, t.At)
		s.Paused = s.movePause(t.PausedUntil)
	}
	s.Status, s.RunCount, s.InFlight, s.FailureStreak = t.ToStatus, t.RunCount, t.InFlight, t.FailureStreak
	s.LastRun, s.NextEligible, s.NextRun = t.LastRun, t.NextEligible, t.NextRun
	s.Waiting, s.Backfill, s.aside = t.Waiting, 0, nil
	s.LastSeq, s.Version, s.UpdatedAt = t.Seq, t.Version, t.At
}

// IsBefore reports whether no transition is missing between the state and t.
func (s *State) IsBefore(t *Transition) bool { return t.Version == s.Version+1 }

// foldPause is the pause that a transition sets: it replaces the end and the note of a pause
// that has not expired.
func (p *Paused) foldPause(t *Transition) *Paused {
	since := t.At
	if !p.PausedAt.IsZero() && !p.Over(t.At) {
		since = p.PausedAt
	}
	return &Paused{PausedAt: since, PauseNote: t.Note, PausedUntil: t.PausedUntil}
}

// movePause is a pause with the end that a step of the clock moved it to; zero: to none.
func (p *Paused) movePause(until time.Time) *Paused {
	if until.IsZero() || p.PausedAt.IsZero() {
		return p
	}
	moved := *p
	moved.PausedUntil = until
	return &moved
}
