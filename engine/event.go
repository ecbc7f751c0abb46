package engine

// Event is something that happens to a flow.
type Event interface{ name() string }

// The events, as [Apply] knows them.
type (
	// Adopt makes a flow known, or takes over a plan that changed.
	Adopt struct{}

	// Retire marks a flow that the program does not register any more.
	Retire struct{}

	// Reserve moves a flow to running, before the work starts; Key is that of
	// the run's row. A reserve of the schedule is refused before the flow is
	// due; a manual one ignores the backoff window.
	Reserve struct {
		Trigger string
		Key     int64
	}

	// Outcome is what the job of a run returned; an empty Error is success.
	Outcome struct {
		Run   int64
		Error string
	}

	// Interrupt settles a run whose process died. It counts as a failure
	// unless it is Spared: the machine went down, or the process was already
	// draining, so the job is not to blame. Nor may it be if several flows had
	// runs in flight: then none of them fails and each becomes a suspect, unless
	// exactly one was a suspect already, whose failure it is.
	Interrupt struct {
		Run      int64
		Error    string
		Spared   bool
		Flows    int // that had a run in flight, this one included
		Suspects int // among them, before
	}

	// Cancel closes a run that outlasted the stop window.
	Cancel struct {
		Run   int64
		Error string
	}

	// Clear takes the mark off a suspect whose run has gone on without harm.
	Clear struct{ Run int64 }

	// Reset clears the streak, the backoff window and a trip.
	Reset struct{}

	// Adjust cuts waits that a wall clock which went back made longer than
	// any interval or backoff of the plan.
	Adjust struct{}

	// Correct plans the next run anew: the clock went back so far
	// ([CorrectionJump]) that it was wrong before.
	Correct struct{}
)

func (Adopt) name() string     { return "adopt" }
func (Retire) name() string    { return "retire" }
func (Reserve) name() string   { return "reserve" }
func (Outcome) name() string   { return "outcome" }
func (Interrupt) name() string { return "interrupt" }
func (Cancel) name() string    { return "cancel" }
func (Clear) name() string     { return "clear" }
func (Reset) name() string     { return "reset" }
func (Adjust) name() string    { return "adjust" }
func (Correct) name() string   { return "correct" }
