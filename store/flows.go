package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/pawl-go/pawl/engine/core"
	"github.com/pawl-go/pawl/store/internal/codes"
)

// flowRow is the row of a flow in the hot tables.
type flowRow struct {
	Key           int64
	ID            string
	Position      int
	Kind          string
	Schedule      string
	TimeZone      string `db:"time_zone"`
	Backoff       string
	StreakLimit   int `db:"streak_limit"`
	Registered    bool
	CreatedAt     int64 `db:"created_at"`
	Status        int64
	RunCount      int64 `db:"run_count"`
	LastNumber    int64 `db:"last_number"`
	InFlight      int   `db:"in_flight"`
	FailureStreak int   `db:"failure_streak"`
	Attempt       int   `db:"attempt"`
	LastRun       int64 `db:"last_run"`
	LastScheduled int64 `db:"last_scheduled"`
	LastEnd       int64 `db:"last_end"`
	NextEligible  int64 `db:"next_eligible"`
	NextRun       int64 `db:"next_run"`
	Suspect       int64
	LastKey       int64 `db:"last_key"`
	ErrorKey      int64 `db:"error_key"`
	Version       int64
	UpdatedAt     int64  `db:"updated_at"`
	LastError     string `db:"last_error"`
	Waiting       int
	Backfill      int
	Fired         int64
	Held          int64
	Policy        string
	Group         string `db:"run_group"`
	Anchor        int64
	PausedAt      int64  `db:"paused_at"`
	PauseNote     string `db:"pause_note"`
	PausedUntil   int64  `db:"paused_until"`
	PausedFor     int64  `db:"paused_for"`
	Reached       int64
	ReachedKey    int64 `db:"reached_key"`
	ReachedFirst  int64 `db:"reached_first"`
	NextOffset    int64 `db:"next_offset"`
	LastOffset    int64 `db:"last_offset"`
	Retention     string
	Leaked        int
	LastSeq       int64 `db:"last_seq"`
	StreakFrom    int64 `db:"streak_from"`
	Pruned        int64
	WaitingSince  int64 `db:"waiting_since"`
	Parked        int
	Blocked       int
	NextAttempt   int64 `db:"next_attempt"`
	NextWake      int64 `db:"next_wake"`
	BlockedSince  int64 `db:"blocked_since"`
	Jitter        int64 // milliseconds
	Succeeded     int64 `db:"succeeded_order"`
	FirstFailed   int64 `db:"failed_order"`
	Policies      string
}

func (r flowRow) definition(policies func(text string) core.Policies) core.Definition {
	return core.Definition{
		Kind: r.Kind, Schedule: r.Schedule, TimeZone: r.TimeZone, Backoff: r.Backoff, StreakLimit: r.StreakLimit,
		Policy: r.Policy, Group: r.Group, Retention: r.Retention, Jitter: time.Duration(r.Jitter) * time.Millisecond,
		Policies: policies(r.Policies),
	}
}

// readPolicies reads policies from JSON. Text that somebody broke gives the defaults: Verify
// reports it, and a start that registers the flow repairs it.
func readPolicies(text string) (p core.Policies) {
	if text == "" || json.Unmarshal([]byte(text), &p) != nil {
		return core.Policies{}
	}
	return p
}

// lastPolicies is readPolicies for many rows: it parses equal texts in a row once.
func lastPolicies() func(text string) core.Policies {
	last, known := "", core.Policies{}
	return func(text string) core.Policies {
		if text != last {
			last, known = text, readPolicies(text)
		}
		return known
	}
}

func (r flowRow) state(d *core.Definition) core.State {
	s := core.State{
		ID: r.ID, Key: r.Key, Definition: d, LastKey: r.LastKey, ErrorKey: r.ErrorKey, LastSeq: r.LastSeq, StreakFrom: r.StreakFrom,
		Position: r.Position, Registered: r.Registered, Suspect: r.Suspect&1 != 0, Suspects: int32(r.Suspect >> 1), Status: codes.Statuses.Word(r.Status),
		RunCount: r.RunCount, LastNumber: r.LastNumber, InFlight: r.InFlight, FailureStreak: r.FailureStreak, Attempt: r.Attempt,
		Waiting: r.Waiting, Backfill: r.Backfill, Fired: r.Fired, Leaked: r.Leaked, Version: r.Version,
		LastError: core.ClipLastError(r.LastError), Paused: r.paused(), Reached: r.reached(), Offsets: r.offsets(),
		LastRun: instant(r.LastRun), LastScheduled: instant(r.LastScheduled), LastEnd: instant(r.LastEnd),
		NextEligible: instant(r.NextEligible), NextRun: instant(r.NextRun), Held: instant(r.Held),
		Anchor: instant(r.Anchor), CreatedAt: instant(r.CreatedAt), UpdatedAt: instant(r.UpdatedAt),
	}
	if m := (core.Marks{Succeeded: r.Succeeded, Failed: r.FirstFailed}); m != (core.Marks{}) {
		s.Marks = &m
	}
	s.SetAside(r.Parked, r.Blocked)
	return s
}

func (r flowRow) paused() *core.Paused {
	if r.PausedAt == 0 {
		return core.NotPaused
	}
	return &core.Paused{PausedAt: instant(r.PausedAt), PauseNote: r.PauseNote, PausedUntil: instant(r.PausedUntil),
		PausedFor: time.Duration(r.PausedFor) * time.Millisecond}
}

func (r flowRow) reached() *core.Reached {
	if r.Reached == 0 {
		return nil
	}
	return &core.Reached{At: instant(r.Reached), Key: r.ReachedKey, First: r.ReachedFirst}
}

func (r flowRow) offsets() *core.Offsets {
	if r.NextOffset == core.NoOffset && r.LastOffset == core.NoOffset {
		return nil
	}
	return &core.Offsets{Next: r.NextOffset, Last: r.LastOffset}
}

func (r flowRow) info() core.FlowInfo {
	d := r.definition(readPolicies)
	s := r.state(&d)
	info := s.Info()
	info.WaitingSince, info.NextAttempt, info.NextWake, info.BlockedSince = instant(r.WaitingSince), instant(r.NextAttempt), instant(r.NextWake), instant(r.BlockedSince)
	return info
}

// waitingSince is since when the oldest run may start that waits, as core.FlowInfo has it:
// the ranks of runs that do not go before all others are the instants from which they may.
const waitingSince = `(SELECT min(t) FROM (
    SELECT min(due_at) AS t FROM pawl_run_log WHERE flow = s.key AND status = ` + codes.Waiting + ` AND rank <= 0
    UNION ALL SELECT min(rank) FROM pawl_run_log WHERE flow = s.key AND status = ` + codes.Waiting + ` AND rank > 0 AND rank < 1 << 52))`

const selectFlows = `SELECT p.key, p.id, p.position, p.kind, p.schedule, p.time_zone, p.backoff, p.streak_limit, p.registered <> 0 AS registered,
    p.created_at, s.status, s.run_count, s.last_number, s.in_flight, s.failure_streak, s.attempt,
    COALESCE(s.last_run, 0) AS last_run, COALESCE(s.last_scheduled, 0) AS last_scheduled, COALESCE(s.last_end, 0) AS last_end,
    COALESCE(s.next_eligible, 0) AS next_eligible, COALESCE(s.next_run, 0) AS next_run, s.suspect, COALESCE(s.last_key, 0) AS last_key,
    COALESCE(s.error_key, 0) AS error_key, s.version, s.updated_at, COALESCE(e.error, '') AS last_error,
    s.waiting, s.backfill, s.fired, COALESCE(s.held, 0) AS held, p.policy, p.run_group, COALESCE(p.anchor, 0) AS anchor,
    COALESCE(p.paused_at, 0) AS paused_at, COALESCE(p.pause_note, '') AS pause_note, p.retention,
    COALESCE(s.last_seq, 0) AS last_seq, COALESCE(s.streak_from, 0) AS streak_from, p.pruned,
    COALESCE(p.paused_until, 0) AS paused_until,
    CASE WHEN s.waiting > 0 THEN COALESCE(` + waitingSince + `, 0) ELSE 0 END AS waiting_since,
    COALESCE(p.paused_for, 0) AS paused_for, COALESCE(p.reached, 0) AS reached, COALESCE(p.reached_key, 0) AS reached_key,
    COALESCE(s.parked, 0) AS parked, COALESCE(s.blocked, 0) AS blocked,
    CASE WHEN s.parked > 0 THEN (SELECT COALESCE(min(rank), 0) FROM pawl_run_log WHERE flow = s.key AND status = ` + codes.Parked + ` AND rank IS NOT NULL) ELSE 0 END AS next_wake,
    CASE WHEN s.blocked > 0 THEN (SELECT COALESCE(min(rank), 0) FROM pawl_run_log WHERE flow = s.key AND status = ` + codes.Blocked + ` AND rank IS NOT NULL) ELSE 0 END AS blocked_since, p.jitter,
    COALESCE(p.next_offset, -2147483648) AS next_offset, COALESCE(p.last_offset, -2147483648) AS last_offset, COALESCE(p.reached_first, 0) AS reached_first,
    COALESCE(s.succeeded_order, 0) AS succeeded_order, COALESCE(s.failed_order, 0) AS failed_order,
    CASE WHEN s.waiting > 0 THEN (SELECT COALESCE(min(due_at), 0) FROM pawl_run_log WHERE flow = s.key AND status = ` + codes.Waiting + ` AND rank <= 0) ELSE 0 END AS next_attempt,
    COALESCE(p.policies, '') AS policies
FROM pawl_flow_plan p
JOIN pawl_flow_state s ON s.key = p.key
LEFT JOIN pawl_run_log e ON e.key = s.error_key
`

// In the order of registration; flows that are no longer registered come last.
const inOrder = ` ORDER BY p.registered DESC, p.position, p.key`

// readFlows reads flows on the connection of the writer, without database/sql: a start with
// 100,000 flows takes a third of the time.
func (w *writer) readFlows(ctx context.Context, where string, key int64, do func(flowRow) error) (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.ready(); err != nil {
		return err
	}
	w.conn.SetInterrupt(ctx.Done())
	defer w.conn.SetInterrupt(nil)
	stmt, _, err := w.conn.PrepareTransient(selectFlows + where + inOrder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Finalize()) }()
	if key != null {
		stmt.BindInt64(1, key)
	}
	words := sharedTexts{}
	for {
		more, err := stmt.Step()
		if err != nil || !more {
			return err
		}
		if err := do(words.scanFlow(stmt)); err != nil {
			return err
		}
	}
}

// scanFlow reads the columns of selectFlows in their order.
func (w sharedTexts) scanFlow(s *sqlite.Stmt) flowRow {
	return flowRow{
		Key: s.ColumnInt64(0), ID: s.ColumnText(1), Position: s.ColumnInt(2), Kind: w.column(s, 3), Schedule: w.column(s, 4),
		TimeZone: w.column(s, 5), Backoff: w.column(s, 6), StreakLimit: s.ColumnInt(7), Registered: s.ColumnBool(8),
		CreatedAt: s.ColumnInt64(9), Status: s.ColumnInt64(10), RunCount: s.ColumnInt64(11), LastNumber: s.ColumnInt64(12),
		InFlight: s.ColumnInt(13), FailureStreak: s.ColumnInt(14), Attempt: s.ColumnInt(15), LastRun: s.ColumnInt64(16),
		LastScheduled: s.ColumnInt64(17), LastEnd: s.ColumnInt64(18), NextEligible: s.ColumnInt64(19), NextRun: s.ColumnInt64(20),
		Suspect: s.ColumnInt64(21), LastKey: s.ColumnInt64(22), ErrorKey: s.ColumnInt64(23), Version: s.ColumnInt64(24),
		UpdatedAt: s.ColumnInt64(25), LastError: s.ColumnText(26),
		Waiting: s.ColumnInt(27), Backfill: s.ColumnInt(28), Fired: s.ColumnInt64(29), Held: s.ColumnInt64(30),
		Policy: w.column(s, 31), Group: w.column(s, 32), Anchor: s.ColumnInt64(33), PausedAt: s.ColumnInt64(34),
		PauseNote: s.ColumnText(35), Retention: w.column(s, 36), LastSeq: s.ColumnInt64(37), StreakFrom: s.ColumnInt64(38), Pruned: s.ColumnInt64(39),
		PausedUntil: s.ColumnInt64(40), WaitingSince: s.ColumnInt64(41), PausedFor: s.ColumnInt64(42),
		Reached: s.ColumnInt64(43), ReachedKey: s.ColumnInt64(44),
		Parked: s.ColumnInt(45), Blocked: s.ColumnInt(46), NextWake: s.ColumnInt64(47), BlockedSince: s.ColumnInt64(48),
		Jitter:     s.ColumnInt64(49),
		NextOffset: s.ColumnInt64(50), LastOffset: s.ColumnInt64(51), ReachedFirst: s.ColumnInt64(52), Succeeded: s.ColumnInt64(53), FirstFailed: s.ColumnInt64(54),
		NextAttempt: s.ColumnInt64(55), Policies: w.column(s, 56),
	}
}

// sharedTexts has the texts that many rows share, so that memory holds each text once.
type sharedTexts map[string]string

func (w sharedTexts) column(s *sqlite.Stmt, col int) string {
	var buf [64]byte
	if s.ColumnLen(col) > len(buf) {
		return s.ColumnText(col)
	}
	text := buf[:s.ColumnBytes(col, buf[:])]
	word, ok := w[string(text)]
	if !ok {
		word = string(text)
		w[word] = word
	}
	return word
}
