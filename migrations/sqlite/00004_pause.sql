-- +goose Up

-- When the pause of a flow ends by itself.

DROP VIEW pawl_status;
DROP VIEW pawl_flows;
ALTER TABLE pawl_flow_plan ADD COLUMN paused_until INTEGER;

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
       strftime('%Y-%m-%dT%H:%M:%fZ', p.paused_until / 1000.0, 'unixepoch') AS paused_until,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.anchor / 1000.0, 'unixepoch') AS anchor,
       p.retention, p.pruned, s.suspect, p.registered, s.version,
       strftime('%Y-%m-%dT%H:%M:%fZ', p.created_at / 1000.0, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', s.updated_at / 1000.0, 'unixepoch') AS updated_at
FROM pawl_flow_plan p
CROSS JOIN pawl_flow_state s ON s.key = p.key
CROSS JOIN pawl_words w ON w.kind = 'status' AND w.code = s.status
LEFT JOIN pawl_run_log e ON e.key = s.error_key;

-- How is every flow, one line each.
CREATE VIEW pawl_status AS
SELECT id AS flow,
       status || CASE WHEN paused_at IS NULL THEN '' ELSE ' (paused)' END || CASE suspect WHEN 0 THEN '' ELSE ' (suspect)' END AS status,
       CASE kind WHEN 'manual' THEN 'manual' ELSE kind || ' ' || schedule END AS schedule,
       CASE WHEN registered = 0 THEN 'not registered'
            WHEN status = 'tripped' THEN 'reset needed'
            WHEN paused_at IS NOT NULL THEN 'paused' || COALESCE(' until ' || paused_until, '') || COALESCE(': ' || pause_note, '')
            ELSE next_run END AS next_run,
       last_run, failure_streak AS streak, run_count AS runs, waiting + backfill AS waiting,
       CASE pruned WHEN 0 THEN retention ELSE retention || ', since run ' || (pruned + 1) END AS keeps,
       CASE WHEN instr(last_error, char(10)) > 0
            THEN substr(last_error, 1, min(instr(last_error, char(10)) - 1, 80))
            ELSE substr(last_error, 1, 80) END AS error
FROM pawl_flows
ORDER BY registered DESC, position;

-- +goose Down

DROP VIEW pawl_status;
DROP VIEW pawl_flows;
ALTER TABLE pawl_flow_plan DROP COLUMN paused_until;

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
