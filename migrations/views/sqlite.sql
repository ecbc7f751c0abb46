-- The views: what people with sqlite3 read. To change one, edit it here and raise
-- ViewsVersion in migrations.go. The next start drops all views whose names begin with
-- pawl_ and runs this file, in one transaction, because the number in pawl_database.views
-- is lower.

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
       CASE WHEN s.waiting > 0 THEN strftime('%Y-%m-%dT%H:%M:%fZ', (SELECT min(t) FROM (
           SELECT min(due_at) AS t FROM pawl_run_log WHERE flow = s.key AND status = 5 AND rank <= 0
           UNION ALL SELECT min(rank) FROM pawl_run_log WHERE flow = s.key AND status = 5 AND rank > 0 AND rank < 1 << 52)) / 1000.0, 'unixepoch') END AS waiting_since,
       CASE WHEN s.waiting > 0 THEN strftime('%Y-%m-%dT%H:%M:%fZ', (SELECT min(due_at) FROM pawl_run_log WHERE flow = s.key AND status = 5 AND rank <= 0) / 1000.0, 'unixepoch') END AS next_attempt,
       COALESCE(s.parked, 0) AS parked,
       CASE WHEN s.parked > 0 THEN strftime('%Y-%m-%dT%H:%M:%fZ', (SELECT min(rank) FROM pawl_run_log WHERE flow = s.key AND status = 8 AND rank IS NOT NULL) / 1000.0, 'unixepoch') END AS next_wake,
       COALESCE(s.blocked, 0) AS blocked,
       CASE WHEN s.blocked > 0 THEN strftime('%Y-%m-%dT%H:%M:%fZ', (SELECT min(rank) FROM pawl_run_log WHERE flow = s.key AND status = 9 AND rank IS NOT NULL) / 1000.0, 'unixepoch') END AS blocked_since,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.held / 1000.0, 'unixepoch') AS held,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.paused_at / 1000.0, 'unixepoch') AS paused_at, p.pause_note,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.paused_until / 1000.0, 'unixepoch') AS paused_until,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.anchor / 1000.0, 'unixepoch') AS anchor,
       CASE WHEN p.next_offset IS NOT NULL THEN printf('%s%02d:%02d', CASE WHEN p.next_offset < 0 THEN '-' ELSE '+' END, abs(p.next_offset) / 3600, abs(p.next_offset) % 3600 / 60) END AS next_offset,
       CASE WHEN p.last_offset IS NOT NULL THEN printf('%s%02d:%02d', CASE WHEN p.last_offset < 0 THEN '-' ELSE '+' END, abs(p.last_offset) / 3600, abs(p.last_offset) % 3600 / 60) END AS last_offset,
       p.retention, p.pruned, s.suspect <> 0 AS suspect, p.registered, s.version,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.created_at / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.updated_at / 1000.0, 'unixepoch') AS updated_at, p.policies
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
       r.input, r.output, w.over, w.failure, COALESCE(r.restarts, 0) AS restarts, COALESCE(r.repeated, 0) AS repeated, r.suspect IS NOT NULL AS suspect, r.exit_code
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
       x.version, x.note, COALESCE(x.waiting, 0) AS waiting,
       strftime('%Y-%m-%dT%H:%M:%fZ', x.paused_until / 1000.0, 'unixepoch') AS paused_until
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
            WHEN paused_at IS NOT NULL THEN 'paused' || COALESCE(' until ' || paused_until, '') || COALESCE(': ' || pause_note, '')
            ELSE next_run END AS next_run,
       last_run, failure_streak AS streak, run_count AS runs, waiting + backfill AS waiting, parked, blocked,
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
       r.attempt, r.error, r.output, w.failure, COALESCE(r.restarts, 0) AS restarts, r.exit_code
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
       v.count, w.word AS verdict, v.reason, v.run_number, 0 AS repeated
FROM pawl_verdict_log v
CROSS JOIN pawl_flow_plan p ON p.key = v.flow
CROSS JOIN pawl_words w ON w.kind = 'verdict' AND w.code = v.verdict
UNION ALL
SELECT p.id, strftime('%Y-%m-%dT%H:%M:%fZ', r.scheduled_at / 1000.0, 'unixepoch'),
       strftime('%Y-%m-%dT%H:%M:%fZ', r.scheduled_at / 1000.0, 'unixepoch'), 1, 'fired', NULL, r.number, COALESCE(r.repeated, 0)
FROM pawl_run_log r
CROSS JOIN pawl_flow_plan p ON p.key = r.flow
WHERE r.trigger = 0;

CREATE VIEW pawl_checkpoints AS
SELECT p.id AS flow_id, r.number AS run_number, c.seq, c.state, c.kind, c.payload,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.at / 1000.0, 'unixepoch') AS at
FROM pawl_checkpoint_log c
CROSS JOIN pawl_run_log r ON r.key = c.run
CROSS JOIN pawl_flow_plan p ON p.key = r.flow;

-- The attempts of runs that have started. Those that failed have a row; the last one of a
-- run is what the run says. engine.AttemptsOf says the same.
CREATE VIEW pawl_attempts AS
SELECT p.id AS flow_id, r.number AS run_number, a.attempt, w.word AS status,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.started_at / 1000.0, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', a.finished_at / 1000.0, 'unixepoch') AS finished_at,
       a.error, a.exit_code
FROM pawl_attempt_log a
CROSS JOIN pawl_run_log r ON r.key = a.run
CROSS JOIN pawl_flow_plan p ON p.key = r.flow
CROSS JOIN pawl_words w ON w.kind = 'run' AND w.code = a.status
UNION ALL
SELECT p.id, r.number, r.attempt, w.word,
       strftime('%Y-%m-%dT%H:%M:%fZ', CASE WHEN b.run IS NULL THEN r.started_at ELSE b.next_at END / 1000.0, 'unixepoch'),
       strftime('%Y-%m-%dT%H:%M:%fZ', r.finished_at / 1000.0, 'unixepoch'),
       CASE WHEN r.status <> 0 THEN r.error END, r.exit_code
FROM pawl_run_log r
CROSS JOIN pawl_flow_plan p ON p.key = r.flow
CROSS JOIN pawl_words w ON w.kind = 'run' AND w.code = r.status
LEFT JOIN pawl_attempt_log b ON b.run = r.key AND b.attempt = r.attempt - 1
WHERE r.started_at IS NOT NULL AND (b.run IS NULL OR b.next_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM pawl_attempt_log a WHERE a.run = r.key AND a.attempt = r.attempt);
