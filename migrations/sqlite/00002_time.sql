-- +goose Up

-- Time, overlap, inputs and operators' control.

DROP VIEW pawl_history;
DROP VIEW pawl_status;
DROP VIEW pawl_transitions;
DROP VIEW pawl_runs;
DROP VIEW pawl_flows;

-- What is rarely written of a flow: policies as text, for readers; the anchor of a
-- fixed rate; whether an operator has paused it, and why; how much of its history
-- is kept, and up to which run it was deleted.
ALTER TABLE pawl_flow_plan ADD COLUMN policy TEXT NOT NULL DEFAULT '';
ALTER TABLE pawl_flow_plan ADD COLUMN run_group TEXT NOT NULL DEFAULT '';
ALTER TABLE pawl_flow_plan ADD COLUMN anchor INTEGER;
ALTER TABLE pawl_flow_plan ADD COLUMN paused_at INTEGER;
ALTER TABLE pawl_flow_plan ADD COLUMN pause_note TEXT;
ALTER TABLE pawl_flow_plan ADD COLUMN retention TEXT NOT NULL DEFAULT '';
ALTER TABLE pawl_flow_plan ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;

ALTER TABLE pawl_flow_state ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;  -- starts that wait, those of a backfill apart
ALTER TABLE pawl_flow_state ADD COLUMN backfill INTEGER NOT NULL DEFAULT 0; -- starts of a backfill that wait
ALTER TABLE pawl_flow_state ADD COLUMN fired INTEGER NOT NULL DEFAULT 0;    -- instants of the schedule that were run
ALTER TABLE pawl_flow_state ADD COLUMN held INTEGER;                        -- first instant that a window, a pause or a trip holds back
ALTER TABLE pawl_flow_state ADD COLUMN streak_from INTEGER;                 -- lowest run of the current streak
ALTER TABLE pawl_flow_state ADD COLUMN last_seq INTEGER;                    -- newest transition of the flow
UPDATE pawl_flow_state SET streak_from = 1 WHERE failure_streak > 0;

ALTER TABLE pawl_run_log ADD COLUMN due_at INTEGER;   -- a waiting run starts at this instant or later
ALTER TABLE pawl_run_log ADD COLUMN rank INTEGER;     -- order among the runs of its flow that wait; none once it is over
ALTER TABLE pawl_run_log ADD COLUMN deadline INTEGER; -- its job is cancelled then
ALTER TABLE pawl_run_log ADD COLUMN ending INTEGER;   -- 1: somebody asked to cancel it
ALTER TABLE pawl_run_log ADD COLUMN input TEXT;       -- JSON
ALTER TABLE pawl_run_log ADD COLUMN output TEXT;      -- JSON

-- Runs that wait, in their order, and those that did and are in flight. A run that
-- starts at once and never waits is not in it, so the hot path does not pay for it.
CREATE INDEX pawl_run_queue ON pawl_run_log (flow, status, rank, key) WHERE rank IS NOT NULL;

ALTER TABLE pawl_transition_log ADD COLUMN waiting INTEGER;

-- The flow's transition before, and where to begin a walk to its oldest, as for runs.
ALTER TABLE pawl_transition_log ADD COLUMN prev INTEGER;
CREATE INDEX pawl_transition_mark ON pawl_transition_log (flow, version) WHERE version % 64 = 0;
UPDATE pawl_transition_log SET prev = w.before
FROM (SELECT seq, lag(seq) OVER (PARTITION BY flow ORDER BY seq) AS before FROM pawl_transition_log) w
WHERE w.seq = pawl_transition_log.seq;
UPDATE pawl_flow_state SET last_seq = w.seq
FROM (SELECT flow, max(seq) AS seq FROM pawl_transition_log GROUP BY flow) w WHERE w.flow = pawl_flow_state.key;

-- Instants of schedules that were not run, or not run as they stand, in ranges: a
-- tripped flow costs one row, not one per tick. What was run stands in pawl_run_log.
CREATE TABLE pawl_verdict_log (
    key        INTEGER PRIMARY KEY,
    flow       INTEGER NOT NULL,
    first_at   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    verdict    INTEGER NOT NULL,
    run_number INTEGER, -- the run that made up for them, or that was in the way
    reason     TEXT,
    seq        INTEGER NOT NULL -- the transition that decided
) STRICT;

CREATE INDEX pawl_verdict_when ON pawl_verdict_log (flow, last_at);

-- The highest keys that were given to rows of flows that were forgotten.
ALTER TABLE pawl_database ADD COLUMN last_run INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pawl_database ADD COLUMN last_seq INTEGER NOT NULL DEFAULT 0;

-- Which run an idempotency key stands for.
CREATE TABLE pawl_keys (
    flow   INTEGER NOT NULL,
    key    TEXT    NOT NULL,
    number INTEGER NOT NULL,
    at     INTEGER NOT NULL, -- when it was accepted
    run    INTEGER NOT NULL, -- key of its row
    PRIMARY KEY (flow, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX pawl_keys_when ON pawl_keys (flow, at);

-- Jobs that went on after their run was closed, for its timeout or a cancel.
CREATE TABLE pawl_leaks (
    flow_id     TEXT    NOT NULL,
    run_number  INTEGER NOT NULL,
    generation  INTEGER NOT NULL, -- the start of the process that it ran in
    closed_at   TEXT    NOT NULL,
    returned_at TEXT,             -- none: it still runs, or its process is gone
    error       TEXT,             -- what it returned at last
    PRIMARY KEY (flow_id, run_number)
) STRICT, WITHOUT ROWID;

INSERT INTO pawl_words (kind, code, word) VALUES
    ('run', 5, 'waiting'), ('run', 6, 'timed_out'), ('run', 7, 'skipped'),
    ('trigger', 2, 'probe'), ('trigger', 3, 'backfill'),
    ('event', 10, 'accept'), ('event', 11, 'miss'), ('event', 12, 'abort'), ('event', 13, 'timeout'),
    ('event', 14, 'pause'), ('event', 15, 'resume'), ('event', 16, 'backfill'), ('event', 17, 'drop'),
    ('verdict', 0, 'fired'), ('verdict', 1, 'coalesced'), ('verdict', 2, 'skipped_overlap'),
    ('verdict', 3, 'suppressed_backoff'), ('verdict', 4, 'suppressed_tripped'), ('verdict', 5, 'suppressed_paused'),
    ('verdict', 6, 'missed'), ('verdict', 7, 'dst_gap'), ('verdict', 8, 'dst_fold');

-- CROSS JOIN keeps SQLite from reordering: the log is read in its own order, so
-- a query with a LIMIT ends early.
CREATE VIEW pawl_flows AS
SELECT p.id, p.position, p.kind, p.schedule, p.time_zone, p.policy, p.run_group, p.backoff, p.streak_limit,
       w.word AS status, s.run_count, s.last_number, s.in_flight, s.failure_streak,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.last_run / 1000.0, 'unixepoch') AS last_run,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.last_scheduled / 1000.0, 'unixepoch') AS last_scheduled,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.last_end / 1000.0, 'unixepoch') AS last_end,
       substr(e.error, 1, 1024) AS last_error,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.next_eligible / 1000.0, 'unixepoch') AS next_eligible,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.next_run / 1000.0, 'unixepoch') AS next_run,
       s.waiting, s.backfill, s.fired,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.held / 1000.0, 'unixepoch') AS held,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.paused_at / 1000.0, 'unixepoch') AS paused_at, p.pause_note,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.anchor / 1000.0, 'unixepoch') AS anchor,
       p.retention, p.pruned, s.suspect, p.registered, s.version,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.created_at / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.updated_at / 1000.0, 'unixepoch') AS updated_at
FROM pawl_flow_plan p
CROSS JOIN pawl_flow_state s ON s.key = p.key
CROSS JOIN pawl_words w ON w.kind = 'status' AND w.code = s.status
LEFT JOIN pawl_run_log e ON e.key = s.error_key;

CREATE VIEW pawl_runs AS
SELECT p.id AS flow_id, r.number, t.word AS trigger, w.word AS status, r.attempt,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.scheduled_at / 1000.0, 'unixepoch') AS scheduled_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.started_at / 1000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.finished_at / 1000.0, 'unixepoch') AS finished_at,
       r.error,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.due_at / 1000.0, 'unixepoch') AS due_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.deadline / 1000.0, 'unixepoch') AS deadline,
       r.input, r.output
FROM pawl_run_log r
CROSS JOIN pawl_flow_plan p ON p.key = r.flow
CROSS JOIN pawl_words t ON t.kind = 'trigger' AND t.code = r.trigger
CROSS JOIN pawl_words w ON w.kind = 'run' AND w.code = r.status;

CREATE VIEW pawl_transitions AS
SELECT x.seq, strftime('%Y-%m-%dT%H:%M:%fZ', x.at / 1000.0, 'unixepoch') AS at,
       p.id AS flow_id, x.run_number, v.word AS event, f.word AS from_status, w.word AS to_status,
       x.run_count, x.in_flight, x.failure_streak,
       strftime('%Y-%m-%dT%H:%M:%fZ', x.last_run / 1000.0, 'unixepoch') AS last_run,
       strftime('%Y-%m-%dT%H:%M:%fZ', x.next_eligible / 1000.0, 'unixepoch') AS next_eligible,
       strftime('%Y-%m-%dT%H:%M:%fZ', x.next_run / 1000.0, 'unixepoch') AS next_run,
       x.version, x.note, COALESCE(x.waiting, 0) AS waiting
FROM pawl_transition_log x
CROSS JOIN pawl_flow_plan p ON p.key = x.flow
CROSS JOIN pawl_words v ON v.kind = 'event' AND v.code = x.event
CROSS JOIN pawl_words f ON f.kind = 'status' AND f.code = x.from_status
CROSS JOIN pawl_words w ON w.kind = 'status' AND w.code = x.to_status;

-- How is every flow, one line each.
CREATE VIEW pawl_status AS
SELECT id AS flow,
       status || CASE WHEN paused_at IS NULL THEN '' ELSE ' (paused)' END || CASE suspect WHEN 0 THEN '' ELSE ' (suspect)' END AS status,
       CASE kind WHEN 'manual' THEN 'manual' ELSE kind || ' ' || schedule END AS schedule,
       CASE WHEN registered = 0 THEN 'not registered'
            WHEN status = 'tripped' THEN 'reset needed'
            WHEN paused_at IS NOT NULL THEN 'paused' || COALESCE(': ' || pause_note, '')
            ELSE next_run END AS next_run,
       last_run, failure_streak AS streak, run_count AS runs, waiting + backfill AS waiting,
       CASE pruned WHEN 0 THEN retention ELSE retention || ', since run ' || (pruned + 1) END AS keeps,
       CASE WHEN instr(last_error, char(10)) > 0
            THEN substr(last_error, 1, min(instr(last_error, char(10)) - 1, 80))
            ELSE substr(last_error, 1, 80) END AS error
FROM pawl_flows
ORDER BY registered DESC, position;

-- Runs with their durations, newest first; none for an interrupted run.
CREATE VIEW pawl_history AS
SELECT p.id AS flow, r.number AS run, t.word AS trigger, w.word AS status,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.started_at / 1000.0, 'unixepoch') AS started_at,
       (r.finished_at - r.started_at) / 1000.0 AS seconds,
       r.attempt, r.error, r.output
FROM pawl_run_log r
CROSS JOIN pawl_flow_plan p ON p.key = r.flow
CROSS JOIN pawl_words t ON t.kind = 'trigger' AND t.code = r.trigger
CROSS JOIN pawl_words w ON w.kind = 'run' AND w.code = r.status
ORDER BY r.key DESC;

-- The verdict on every scheduled instant, newest last. A row stands for count
-- instants from first_at to last_at.
CREATE VIEW pawl_occurrences AS
SELECT p.id AS flow_id, strftime('%Y-%m-%dT%H:%M:%fZ', v.first_at / 1000.0, 'unixepoch') AS first_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', v.last_at / 1000.0, 'unixepoch') AS last_at,
       v.count, w.word AS verdict, v.reason, v.run_number
FROM pawl_verdict_log v
CROSS JOIN pawl_flow_plan p ON p.key = v.flow
CROSS JOIN pawl_words w ON w.kind = 'verdict' AND w.code = v.verdict
UNION ALL
SELECT p.id, strftime('%Y-%m-%dT%H:%M:%fZ', r.scheduled_at / 1000.0, 'unixepoch'),
       strftime('%Y-%m-%dT%H:%M:%fZ', r.scheduled_at / 1000.0, 'unixepoch'), 1, 'fired', NULL, r.number
FROM pawl_run_log r
CROSS JOIN pawl_flow_plan p ON p.key = r.flow
WHERE r.trigger = 0;

-- +goose Down

DROP VIEW pawl_occurrences;
DROP VIEW pawl_history;
DROP VIEW pawl_status;
DROP VIEW pawl_transitions;
DROP VIEW pawl_runs;
DROP VIEW pawl_flows;
DELETE FROM pawl_words WHERE kind = 'verdict' OR kind = 'run' AND code > 4 OR kind = 'trigger' AND code > 1 OR kind = 'event' AND code > 9;
ALTER TABLE pawl_database DROP COLUMN last_seq;
ALTER TABLE pawl_database DROP COLUMN last_run;
DROP TABLE pawl_leaks;
DROP TABLE pawl_keys;
DROP TABLE pawl_verdict_log;
DROP INDEX pawl_transition_mark;
ALTER TABLE pawl_transition_log DROP COLUMN prev;
ALTER TABLE pawl_transition_log DROP COLUMN waiting;
DROP INDEX pawl_run_queue;
ALTER TABLE pawl_run_log DROP COLUMN output;
ALTER TABLE pawl_run_log DROP COLUMN input;
ALTER TABLE pawl_run_log DROP COLUMN ending;
ALTER TABLE pawl_run_log DROP COLUMN deadline;
ALTER TABLE pawl_run_log DROP COLUMN rank;
ALTER TABLE pawl_run_log DROP COLUMN due_at;
ALTER TABLE pawl_flow_state DROP COLUMN last_seq;
ALTER TABLE pawl_flow_state DROP COLUMN streak_from;
ALTER TABLE pawl_flow_state DROP COLUMN held;
ALTER TABLE pawl_flow_state DROP COLUMN fired;
ALTER TABLE pawl_flow_state DROP COLUMN backfill;
ALTER TABLE pawl_flow_state DROP COLUMN waiting;
ALTER TABLE pawl_flow_plan DROP COLUMN pruned;
ALTER TABLE pawl_flow_plan DROP COLUMN retention;
ALTER TABLE pawl_flow_plan DROP COLUMN pause_note;
ALTER TABLE pawl_flow_plan DROP COLUMN paused_at;
ALTER TABLE pawl_flow_plan DROP COLUMN anchor;
ALTER TABLE pawl_flow_plan DROP COLUMN run_group;
ALTER TABLE pawl_flow_plan DROP COLUMN policy;

-- CROSS JOIN keeps SQLite from reordering: the log is read in its own order, so
-- a query with a LIMIT ends early.
CREATE VIEW pawl_flows AS
SELECT p.id, p.position, p.kind, p.schedule, p.time_zone, p.backoff, p.streak_limit,
       w.word AS status, s.run_count, s.last_number, s.in_flight, s.failure_streak,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.last_run / 1000.0, 'unixepoch') AS last_run,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.last_scheduled / 1000.0, 'unixepoch') AS last_scheduled,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.last_end / 1000.0, 'unixepoch') AS last_end,
       substr(e.error, 1, 1024) AS last_error,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.next_eligible / 1000.0, 'unixepoch') AS next_eligible,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.next_run / 1000.0, 'unixepoch') AS next_run,
       s.suspect, p.registered, s.version,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.created_at / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.updated_at / 1000.0, 'unixepoch') AS updated_at
FROM pawl_flow_plan p
CROSS JOIN pawl_flow_state s ON s.key = p.key
CROSS JOIN pawl_words w ON w.kind = 'status' AND w.code = s.status
LEFT JOIN pawl_run_log e ON e.key = s.error_key;

CREATE VIEW pawl_runs AS
SELECT p.id AS flow_id, r.number, t.word AS trigger, w.word AS status, r.attempt,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.scheduled_at / 1000.0, 'unixepoch') AS scheduled_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.started_at / 1000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.finished_at / 1000.0, 'unixepoch') AS finished_at,
       r.error
FROM pawl_run_log r
CROSS JOIN pawl_flow_plan p ON p.key = r.flow
CROSS JOIN pawl_words t ON t.kind = 'trigger' AND t.code = r.trigger
CROSS JOIN pawl_words w ON w.kind = 'run' AND w.code = r.status;

CREATE VIEW pawl_transitions AS
SELECT x.seq, strftime('%Y-%m-%dT%H:%M:%fZ', x.at / 1000.0, 'unixepoch') AS at,
       p.id AS flow_id, x.run_number, v.word AS event, f.word AS from_status, w.word AS to_status,
       x.run_count, x.in_flight, x.failure_streak,
       strftime('%Y-%m-%dT%H:%M:%fZ', x.last_run / 1000.0, 'unixepoch') AS last_run,
       strftime('%Y-%m-%dT%H:%M:%fZ', x.next_eligible / 1000.0, 'unixepoch') AS next_eligible,
       strftime('%Y-%m-%dT%H:%M:%fZ', x.next_run / 1000.0, 'unixepoch') AS next_run,
       x.version, x.note
FROM pawl_transition_log x
CROSS JOIN pawl_flow_plan p ON p.key = x.flow
CROSS JOIN pawl_words v ON v.kind = 'event' AND v.code = x.event
CROSS JOIN pawl_words f ON f.kind = 'status' AND f.code = x.from_status
CROSS JOIN pawl_words w ON w.kind = 'status' AND w.code = x.to_status;

-- How is every flow, one line each.
CREATE VIEW pawl_status AS
SELECT id AS flow, CASE suspect WHEN 0 THEN status ELSE status || ' (suspect)' END AS status,
       CASE kind WHEN 'manual' THEN 'manual' ELSE kind || ' ' || schedule END AS schedule,
       CASE WHEN registered = 0 THEN 'not registered'
            WHEN status = 'tripped' THEN 'reset needed'
            ELSE next_run END AS next_run,
       last_run, failure_streak AS streak, run_count AS runs,
       CASE WHEN instr(last_error, char(10)) > 0
            THEN substr(last_error, 1, min(instr(last_error, char(10)) - 1, 80))
            ELSE substr(last_error, 1, 80) END AS error
FROM pawl_flows
ORDER BY registered DESC, position;

-- Runs with their durations, newest first; none for an interrupted run.
CREATE VIEW pawl_history AS
SELECT p.id AS flow, r.number AS run, t.word AS trigger, w.word AS status,
       strftime('%Y-%m-%dT%H:%M:%fZ', r.started_at / 1000.0, 'unixepoch') AS started_at,
       (r.finished_at - r.started_at) / 1000.0 AS seconds,
       r.attempt, r.error
FROM pawl_run_log r
CROSS JOIN pawl_flow_plan p ON p.key = r.flow
CROSS JOIN pawl_words t ON t.kind = 'trigger' AND t.code = r.trigger
CROSS JOIN pawl_words w ON w.kind = 'run' AND w.code = r.status
ORDER BY r.key DESC;
