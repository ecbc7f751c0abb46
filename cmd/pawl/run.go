package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/cmd/pawl/internal/term"
	"github.com/pawl-go/pawl/pawlprom"
	"github.com/pawl-go/pawl/web"
)

func runVerb(database *string) *cobra.Command {
	var config string
	window := duration(30 * time.Second)
	level := term.LogLevel{Level: slog.LevelInfo}
	var dashboard front
	var demo bool
	var wait duration
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the flows of a config until it is stopped",
		Long: `Run the flows of a config, in the foreground, until told to stop.

Without -c it is pawl.yaml. If there is no such file, a built-in demo runs on a database
that is new, empty or its own; on any other database only with --demo.

The first SIGTERM or Ctrl-C lets the commands that run come to their end, within the
stop timeout, and exits with 0; a second one ends them at once and exits with
143 or 130. SIGHUP reads the config anew: what is different is taken over and logged.
Where it is ignored, as under nohup, the log says so.

A service manager that sets NOTIFY_SOCKET, as systemd does with Type=notify, is told
when the daemon is ready, stops, and lives.

With --listen it serves the dashboard: how every flow is and was, with buttons to
trigger, reset, pause and cancel, the same as JSON under /api, and /metrics for
Prometheus. On an address of this machine alone whoever can connect may look and act.
Elsewhere a token is asked for, as a password or a bearer token, and the connection is
not encrypted: put a proxy before it.`,
		Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			if demo && config != "" {
				return fmt.Errorf("--demo runs the built-in demo, and -c %s a config: give one of them", config)
			}
			return dashboard.check()
		},
	}
	dashboard.flags(cmd)
	cmd.Flags().StringVarP(&config, "config", "c", "", "the config `file` (default pawl.yaml)")
	cmd.Flags().BoolVar(&demo, "demo", false, "run the built-in demo, also on a database that has other flows")
	cmd.Flags().Var(&wait, "wait-for-owner", "how long to wait for another daemon of the database to end, as in a deploy (default not at all)")
	cmd.Flags().Var(&window, "stop-timeout", "how long running commands have to end after the first signal")
	cmd.Flags().Var(&level, "log-level", "debug, info, warn or error")
	cmd.RunE = does(func(*cobra.Command, []string) error {
		if !demo {
			config = findConfig(config)
		}
		if config == "" && !demo {
			if err := demoFits(*database); err != nil {
				return err
			}
		}
		return runDaemon(config, *database, time.Duration(window), time.Duration(wait), term.NewLogger(os.Stderr, level.Level), &dashboard)
	})
	return cmd
}

// A daemon is a scheduler with what its commands share.
type daemon struct {
	*pawl.Scheduler
	log        *slog.Logger
	crew       *crew
	orphanage  *orphanage
	notifier   *notifier
	supervisor supervisor
	plan       plan // that is in force
	config     string
	database   string
	started    chan struct{}               // closed when it has
	runner     atomic.Pointer[pawl.Runner] // nil until then

	listener  net.Listener // of the dashboard; nil: there is none
	dashboard []web.Option
	metrics   *pawlprom.Collector // nil likewise
}

// runDaemon runs until a signal has ended it.
func runDaemon(config, database string, window, wait time.Duration, log *slog.Logger, dashboard *front) error {
	// The runtime sends to both channels. A SIGHUP that finds one waiting means the same;
	// it cannot take the room of a signal that stops.
	hangups, signals := make(chan os.Signal, 1), make(chan os.Signal, 4)
	for _, s := range caught() {
		if s == syscall.SIGHUP {
			signal.Notify(hangups, s)
			continue
		}
		signal.Notify(signals, s)
	}
	defer signal.Stop(hangups)
	defer signal.Stop(signals)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // a log that nobody reads any more ends nothing
	if signal.Ignored(syscall.SIGHUP) {
		log.Info("SIGHUP is ignored, as nohup asks for: it does not reload the config; restart the daemon for that")
	}

	d, err := newDaemon(config, database, window, wait, log, dashboard.address != "")
	if err != nil {
		return err
	}
	if d.listener, d.dashboard, err = dashboard.open(d); err != nil {
		return err
	}
	defer d.crew.dismiss() // no command outlives us

	ctx, stop := context.WithCancel(context.Background())
	var working sync.WaitGroup
	defer working.Wait()
	defer stop()
	done := make(chan error, 1) // serve sends once, and need not wait for a reader
	go func() { done <- d.serve(ctx) }()
	reloads := make(chan struct{}, 1) // this loop sends; one that waits stands for all that come before it begins
	working.Go(func() { reloading(ctx, d.started, reloads, d.reload) })
	alive, rest := d.supervisor.ticks()
	defer rest()
	attended := term.HasTerminal()
	var settled <-chan time.Time // since the first signal
	insistent := false           // the next signal means that it was not enough
	for {
		var s os.Signal
		select {
		case err := <-done:
			return err
		case <-alive:
			d.supervisor.tell("WATCHDOG=1")
			continue
		case <-settled:
			d.log.Info("stopping: waiting for the running commands; another signal ends them", "at_most", window.String())
			insistent = true
			continue
		case s = <-hangups:
			if !attended || term.HasTerminal() { // else it comes because the terminal is gone, and does not mean the config
				select {
				case reloads <- struct{}{}:
				default:
				}
				continue
			}
		case s = <-signals:
		}
		if insistent {
			return d.endAtOnce(s, alive)
		}
		stop()
		d.supervisor.tell("STOPPING=1")
		if settled == nil {
			settled = time.After(settleDelay)
		}
	}
}

// reloading reloads once for each request, as soon as the daemon has started, until ctx
// is over. A reload may wait for the database: nothing else waits for it.
func reloading(ctx context.Context, started, requests <-chan struct{}, reload func(context.Context)) {
	select {
	case <-started:
	case <-ctx.Done():
	}
	for ctx.Err() == nil {
		select {
		case <-requests:
			reload(ctx)
		case <-ctx.Done():
		}
	}
}

// endAtOnce ends the running commands, and gives signs of life meanwhile.
func (d *daemon) endAtOnce(s os.Signal, alive <-chan time.Time) error {
	d.log.Warn("ending the running commands", "signal", s.String())
	over := make(chan struct{}) // closed by the goroutine
	go func() {
		defer close(over)
		d.crew.dismiss()
		d.settle()
	}()
	for {
		select {
		case <-alive:
			d.supervisor.tell("WATCHDOG=1")
		case <-over:
			return silent(128 + int(s.(syscall.Signal)))
		}
	}
}

// settleDelay is how long signals mean the same as the first: timeout(1) and
// others send theirs to a process and to its group.
const settleDelay = 100 * time.Millisecond

func newDaemon(config, database string, window, wait time.Duration, log *slog.Logger, measured bool) (*daemon, error) {
	plan, err := loadConfig(config)
	if err != nil {
		return nil, err
	}
	if r, ok := displaced("", database); ok {
		return nil, r.refuse()
	}
	d := &daemon{log: log, crew: newCrew(), plan: plan, config: config, database: database, started: make(chan struct{}), supervisor: findSupervisor(), notifier: newNotifier(plan.notify, database+".notify", log)}
	options := []pawl.Option{pawl.WithLogger(log), pawl.WithStopTimeout(window), pawl.WithWaitForOwner(wait), pawl.WithDoubt(doubt(database)), pawl.WithObserver(d.observe, 0)}
	if measured {
		d.metrics = pawlprom.New()
		options = append(options, pawl.WithStepObserver(d.metrics.Observe, 0))
	}
	if shares(database) {
		options = append(options, pawl.WithSharedFile())
	}
	d.Scheduler = pawl.NewScheduler(database, append(options, plan.options()...)...)
	d.orphanage = &orphanage{database: database, flows: plan.flows, log: log}
	d.AddResource(d.orphanage)
	for _, f := range plan.flows {
		if err := f.register(d.Scheduler, d.job(f)); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// job is a flow as the scheduler runs it.
func (d *daemon) job(f *flow) pawl.Job {
	return &command{flow: f, orphanage: d.orphanage, crew: d.crew, log: d.log}
}

// observe tells the notifier of a transition. Those of the start itself, which settles
// what the last daemon left behind, wait until it has started: if it does not, there are
// none.
func (d *daemon) observe(t pawl.Transition) {
	<-d.started
	d.notifier.observe(t, d.ask)
}

// ask reads a run for the notifier.
func (d *daemon) ask(flow string, run int64) (pawl.RunInfo, error) {
	runs, err := d.runner.Load().Runs(context.Background(), pawl.RunsQuery{Flow: flow, Before: run + 1, Limit: 1})
	if err != nil || len(runs) == 0 {
		return pawl.RunInfo{}, errors.Join(err, pawl.ErrRunNotFound)
	}
	return runs[0], nil
}

// serve runs the scheduler until ctx is over and the last command has ended.
func (d *daemon) serve(ctx context.Context) error {
	r, err := d.Start(ctx)
	d.runner.Store(r)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil // told to stop before it had begun
	}
	if err != nil {
		return err
	}
	stop := d.notifier.start(r, d.ask)
	defer stop()
	close(d.started)
	showing, hide := context.WithCancel(ctx)
	hidden := d.show(showing, r)
	defer func() { hide(); hidden() }()
	config := d.config
	if config == "" {
		config = "the built-in demo"
	}
	d.log.Info("running", "flows", d.Len(), "config", config, "database", d.database, "pid", os.Getpid())
	if _, attended := term.Terminal(os.Stderr); attended {
		d.log.Info("watch from another terminal: pawl status --watch")
	}
	d.supervisor.tell(fmt.Sprintf("READY=1\nSTATUS=%s", term.Count(int64(d.Len()), "flow")))
	if err := r.Wait(); err != nil {
		return err
	}
	d.log.Info("stopped")
	return nil
}

// settle waits, once the crew is dismissed, until what became of commands that
// ended by themselves is committed, but not for long: the disk may be dead.
func (d *daemon) settle() {
	r := d.runner.Load()
	if r == nil {
		return
	}
	for range 300 {
		open := 0
		for _, f := range r.List() {
			open += f.InFlight
		}
		if open <= int(d.crew.ended.Load()) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.log.Warn("what became of some commands is not committed; the next start settles their runs")
}

// shares says that a scheduler has started on a file before: whatever else is in there, its
// program shares it with Pawl. In a file that is only an app's, pawl run makes no tables.
func shares(database string) bool {
	c, err := pawl.Open(database)
	if err == nil {
		_ = c.Close() // it was only read
	}
	return err == nil || errors.Is(err, pawl.ErrSchemaTooOld)
}

// A crew is the commands that run, so that all can be ended at once.
type crew struct {
	dismissed chan struct{} // closed by the first dismiss
	mu        sync.Mutex    // orders join and dismiss
	once      sync.Once
	working   sync.WaitGroup
	ended     atomic.Int32 // commands that were ended by dismiss: their runs stay open
}

func newCrew() *crew { return &crew{dismissed: make(chan struct{})} }

// join adds a command, until the crew is dismissed. It leaves by working.Done.
func (c *crew) join() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.dismissed:
		return false
	default:
		c.working.Add(1)
		return true
	}
}

// dismiss ends the commands that run and waits until they are gone.
func (c *crew) dismiss() {
	c.mu.Lock()
	c.once.Do(func() { close(c.dismissed) })
	c.mu.Unlock()
	c.working.Wait()
}
