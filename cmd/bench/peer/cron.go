package peer

import (
	"time"

	"github.com/robfig/cron/v3"
)

func cronPeer() Peer {
	return Peer{
		Name:     "robfig/cron",
		Module:   "github.com/robfig/cron/v3",
		Settings: "in memory, nothing durable; @every 1h, @every 1s",
		Measures: inMemory(func() (memoryScheduler, error) { return cronScheduler{cron.New()}, nil }),
	}
}

type cronScheduler struct{ cron *cron.Cron }

// every fires at full seconds, counted from the start.
func (s cronScheduler) every(interval time.Duration, _ time.Time, job func()) error {
	_, err := s.cron.AddFunc("@every "+interval.String(), job)
	return err
}

func (s cronScheduler) start() {
	s.cron.Start()
	s.cron.Remove(0) // no such entry: returns once the scheduler listens
}

func (s cronScheduler) close() error {
	s.cron.Stop()
	return nil
}
