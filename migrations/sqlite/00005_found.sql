-- +goose Up

-- The views stand in migrations/views/sqlite.sql from here on: a start creates them after
-- the migrations. There is no way down any more; restore a backup instead.
DROP VIEW pawl_status;
DROP VIEW pawl_flows;
DROP VIEW pawl_runs;
DROP VIEW pawl_transitions;
DROP VIEW pawl_history;
DROP VIEW pawl_occurrences;
DROP VIEW pawl_checkpoints;

-- The version of the views in the file; see ViewsVersion.
ALTER TABLE pawl_database ADD COLUMN views INTEGER NOT NULL DEFAULT 0;

-- What is true of a status of a run, beside its word: the run is over; it counts as a
-- failure. engine.RunStatuses says the same.
ALTER TABLE pawl_words ADD COLUMN over INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pawl_words ADD COLUMN failure INTEGER NOT NULL DEFAULT 0;
UPDATE pawl_words SET over = 1 WHERE kind = 'run' AND word IN ('completed', 'failed', 'interrupted', 'cancelled', 'timed_out', 'skipped');
UPDATE pawl_words SET failure = 1 WHERE kind = 'run' AND word IN ('failed', 'interrupted', 'timed_out');

-- How long a pause was asked for, in milliseconds; NULL: until an instant, or until somebody
-- resumes. The end of a pause for a while moves along when the wall clock steps.
ALTER TABLE pawl_flow_plan ADD COLUMN paused_for INTEGER;

-- The name of the owner's executable: it registered the flows. NULL: an older version did not store it.
ALTER TABLE pawl_runners ADD COLUMN program TEXT;

-- How often a run started again as the same attempt, after a stop or a crash that was not
-- its failure.
ALTER TABLE pawl_run_log ADD COLUMN restarts INTEGER;

-- The input of an accepted trigger is the run's, and goes with it; the row kept a copy.
UPDATE pawl_commands SET args = CASE WHEN json_valid(args) THEN nullif(json_remove(args, '$.input'), '{}') ELSE args END
WHERE command = 'trigger' AND handled_at IS NOT NULL AND error IS NULL AND args LIKE '%"input"%';

-- The newest transition that the clock is not compared with at a start: somebody accepted a
-- clock that was behind it.
ALTER TABLE pawl_database ADD COLUMN clock_seq INTEGER NOT NULL DEFAULT 0;

-- How far the schedule of a flow had come before the wall clock went back behind that, and
-- the key of the newest run then: which instants that come again had runs is looked up from
-- there. The runs after reached_first are in no order of time, as the clock went back more
-- than once.
ALTER TABLE pawl_flow_plan ADD COLUMN reached INTEGER;
ALTER TABLE pawl_flow_plan ADD COLUMN reached_key INTEGER;
ALTER TABLE pawl_flow_plan ADD COLUMN reached_first INTEGER;

-- 1: the wall clock went back, and the instant of the run had a run before.
ALTER TABLE pawl_run_log ADD COLUMN repeated INTEGER;

-- Runs that are neither in flight nor over nor wait for a start: a parked run waits for an
-- instant (due_at), a blocked run for a program that knows its version (recorded; NULL: not
-- known), since due_at.
ALTER TABLE pawl_flow_state ADD COLUMN parked INTEGER;
ALTER TABLE pawl_flow_state ADD COLUMN blocked INTEGER;
ALTER TABLE pawl_run_log ADD COLUMN recorded INTEGER;
INSERT INTO pawl_words (kind, code, word) VALUES ('run', 8, 'parked'), ('run', 9, 'blocked'), ('event', 19, 'wake');

-- 1: the run was in flight, with others, when the process died, and waits or runs again.
-- In pawl_flow_state.suspect the lowest bit says so of a flow whose runs the crash ended, and
-- the bits above count its runs that are suspects.
ALTER TABLE pawl_run_log ADD COLUMN suspect INTEGER;

-- Whether at most half of the suspects run at a time; how many processes of its control group
-- the system had killed for lack of memory when the owner started, NULL: unknown.
ALTER TABLE pawl_runners ADD COLUMN isolates INTEGER;
ALTER TABLE pawl_runners ADD COLUMN oom_kills INTEGER;

-- By how much the starts of a flow are delayed at most, in milliseconds.
ALTER TABLE pawl_flow_plan ADD COLUMN jitter INTEGER NOT NULL DEFAULT 0;

-- The limits on runs in flight of an owner, as JSON: {"max_running": 5, "groups": {"mail": 2}}.
ALTER TABLE pawl_runners ADD COLUMN limits TEXT;

-- The UTC offsets, in seconds, that the zone of the schedule had at next_run and at
-- last_scheduled when they were derived: a start sees from them that the rules of the zone
-- have changed. NULL: the schedule is in UTC, or there is no such instant.
ALTER TABLE pawl_flow_plan ADD COLUMN next_offset INTEGER;
ALTER TABLE pawl_flow_plan ADD COLUMN last_offset INTEGER;

-- Runs that are over, but not completed, so that reads for a status find them among many
-- others: of all flows, and of one. It is no index of pawl_run_log: even one that has none
-- of the runs that complete takes a third of the rate.
CREATE TABLE pawl_run_ends (
    status INTEGER NOT NULL,
    run    INTEGER NOT NULL, -- key in pawl_run_log
    flow   INTEGER NOT NULL,
    PRIMARY KEY (status, run)
) STRICT, WITHOUT ROWID;
INSERT INTO pawl_run_ends (status, run, flow)
SELECT r.status, r.key, r.flow FROM pawl_run_log r CROSS JOIN pawl_words w ON w.kind = 'run' AND w.code = r.status WHERE w.over AND w.word <> 'completed'
ORDER BY 1, 2;
CREATE INDEX pawl_run_ends_of ON pawl_run_ends (flow, status, run);

-- Attempts that failed and were not the last of their run. The run's own row has its last
-- attempt. next_at: when the attempt after it started; NULL: it has not.
CREATE TABLE pawl_attempt_log (
    run         INTEGER NOT NULL, -- key in pawl_run_log
    attempt     INTEGER NOT NULL,
    status      INTEGER NOT NULL,
    started_at  INTEGER,
    finished_at INTEGER, -- NULL: it was interrupted, or an older version did not store it
    next_at     INTEGER,
    error       TEXT,
    PRIMARY KEY (run, attempt)
) STRICT, WITHOUT ROWID;
-- Of a run that waits for its next attempt, its row has the error of the last one, unless it
-- keeps checkpoints: then the error may be of a crash after which the attempt goes on.
INSERT INTO pawl_attempt_log (run, attempt, status, started_at, error)
SELECT key, attempt - 1, 2, started_at, error FROM pawl_run_log
WHERE status = 5 AND rank IS NOT NULL AND attempt > 1 AND started_at IS NOT NULL AND error IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM pawl_checkpoint_log c WHERE c.run = key);

-- The order of a run among the first starts of its flow's runs; NULL: not known, or they run
-- one at a time. Of a flow: the highest one of the runs that have succeeded, and that of the
-- first failed run in a row. Failures of runs that began before a later success say nothing
-- about how the flow is now, nor does a success about failures of runs that began after it.
ALTER TABLE pawl_run_log ADD COLUMN start_order INTEGER;
ALTER TABLE pawl_flow_state ADD COLUMN succeeded_order INTEGER;
ALTER TABLE pawl_flow_state ADD COLUMN failed_order INTEGER;
