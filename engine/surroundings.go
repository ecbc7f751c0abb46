package engine

import "github.com/pawl-go/pawl/engine/core"

// Surroundings returns what decides, besides a flow itself, what it waits for.
func (e *Engine) Surroundings() core.Surroundings {
	s := core.Surroundings{Owned: true, Limits: e.Limits(), Grouped: map[string]int{}, Behind: !e.ClockBehind().IsZero()}
	flows, isolates := e.List(), e.isolating.Load()
	for i := range flows {
		f := &flows[i]
		s.Running += f.InFlight
		if f.Group != "" {
			s.Grouped[f.Group] += f.InFlight
		}
		if isolates && f.Suspect && f.InFlight > 0 && s.Trial == "" {
			s.Trial = f.ID
		}
	}
	switch err := e.Degraded(); {
	case err != nil:
		s.Halt = err.Error()
	case isClosed(e.stopping):
		s.Halt = "it is stopping"
	}
	return s
}

// Limits returns the limits of the engine on runs in flight.
func (e *Engine) Limits() core.Limits { return core.Limits{MaxRunning: e.MaxRunning, Groups: e.Groups} }
