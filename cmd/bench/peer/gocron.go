package peer

import (
	"context"
	"time"

	"github.com/go-co-op/gocron/v2"
)

func gocronPeer() Peer {
	return Peer{
		Name:     "gocron",
		Module:   "github.com/go-co-op/gocron/v2",
		Settings: "in memory, nothing durable; DurationJob, no limit of concurrent jobs",
		Measures: inMemory(openGocron),
	}
}

type gocronScheduler struct{ gocron.Scheduler }

func openGocron() (memoryScheduler, error) {
	s, err := gocron.NewScheduler()
	return gocronScheduler{s}, err
}

func (s gocronScheduler) every(interval time.Duration, first time.Time, job func()) error {
	var options []gocron.JobOption
	if !first.IsZero() {
		options = append(options, gocron.WithStartAt(gocron.WithStartDateTime(first)))
	}
	_, err := s.NewJob(gocron.DurationJob(interval), gocron.NewTask(job), options...)
	return err
}

func (s gocronScheduler) start() { s.Start() }

// close does not mind that jobs still run: with very many due at once it does
// not stop in time.
func (s gocronScheduler) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	_ = s.ShutdownWithContext(ctx)
	return nil
}
