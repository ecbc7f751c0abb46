package core

// RunStatus says how far a run is, or how it ended.
type RunStatus string

// A run is waiting, or running, until it is over in one of the other ways.
const (
	RunRunning     RunStatus = "running"
	RunCompleted   RunStatus = "completed"   // the job returned nil
	RunFailed      RunStatus = "failed"      // the job returned an error, panicked, or called Goexit
	RunInterrupted RunStatus = "interrupted" // the process died while the job ran
	RunCancelled   RunStatus = "cancelled"   // the stop window passed while the job ran, or somebody cancelled it
	RunWaiting     RunStatus = "waiting"     // accepted, or between two attempts; starts when it is due and there is room
	RunTimedOut    RunStatus = "timed_out"   // its deadline passed
	RunSkipped     RunStatus = "skipped"     // the job returned that there was nothing to do
	RunParked      RunStatus = "parked"      // a workflow that waits for an instant; it holds no place of a limit until then
	RunBlocked     RunStatus = "blocked"     // recorded by another version of the program, which alone can go on with it
)

// A RunStatusFact is what is true of all runs with a status.
type RunStatusFact struct {
	Word    RunStatus
	Over    bool // nothing happens to the run any more
	Failure bool // it counts as a failure: in the streak, in lists of failures, in what is kept of them
}

// RunStatuses are all statuses of a run, and the one place that says what they mean. The
// index of a status is its number in the store, so a new one comes last. The table
// pawl_words says the same to SQL.
var RunStatuses = []RunStatusFact{
	{Word: RunRunning},
	{Word: RunCompleted, Over: true},
	{Word: RunFailed, Over: true, Failure: true},
	{Word: RunInterrupted, Over: true, Failure: true},
	{Word: RunCancelled, Over: true},
	{Word: RunWaiting},
	{Word: RunTimedOut, Over: true, Failure: true},
	{Word: RunSkipped, Over: true},
	{Word: RunParked},
	{Word: RunBlocked},
}

// fact is what is true of a status; of a word that an edited row has and nobody knows: the
// run is over.
func (s RunStatus) fact() RunStatusFact {
	for i := range RunStatuses {
		if RunStatuses[i].Word == s {
			return RunStatuses[i]
		}
	}
	return RunStatusFact{Word: s, Over: true}
}

// Over says whether a run is over.
func (s RunStatus) Over() bool { return s.fact().Over }

// Failure says whether a run with this status counts as a failure: it failed, timed out or
// was interrupted.
func (s RunStatus) Failure() bool { return s.fact().Failure }
