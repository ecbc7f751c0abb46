-- +goose Up

-- For how many milliseconds a process still has to run, without a step of its clock, before
-- history is deleted for its age again: the clock was set far ahead. 0: it is deleted.
ALTER TABLE pawl_database ADD COLUMN ages_wait INTEGER NOT NULL DEFAULT 0;

-- The end of the pause that a transition sets or moves; NULL: it does neither, or the pause
-- has no end. The note of a pause is what the operator wrote, and nothing else.
ALTER TABLE pawl_transition_log ADD COLUMN paused_until INTEGER;

-- The note of a pause began with its end, as in "until 2026-11-22T11:30:00.000Z: why". A note
-- that an operator wrote may begin like that too, so it is converted only where something
-- else shows that the pause had an end: the row of the flow, if this is its pause; the
-- transition that found the pause over; a pause that began after this one was over; the
-- command that asked for the pause. Otherwise the note stays as it is, without an end.
-- Where a flow is paused now, its row has the note without what Pawl added to it.
UPDATE pawl_transition_log SET paused_until = e.ends, note = CASE
    WHEN e.now THEN e.pause_note
    WHEN e.ends IS NULL THEN note
    ELSE nullif(substr(note, 33), '') END
FROM (
    SELECT c.seq, c.now, c.pause_note, CASE WHEN c.had_end THEN unixepoch(substr(c.note, 7, 24)) * 1000 + substr(c.note, 27, 3) END AS ends
    FROM (
        SELECT t.seq, t.note, p.pause_note, t.next IS NULL AND p.paused_at IS NOT NULL AS now,
            t.note GLOB 'until ????-??-??T??:??:??.???Z*' AND (
                t.next IS NULL AND p.paused_at IS NOT NULL AND p.paused_until IS NOT NULL
                OR t.next = 15 AND t.next_note GLOB 'the pause was over at *'
                OR t.next = 14 AND t.next_at = p.paused_at
                OR (p.id, strftime('%Y-%m-%dT%H:%M:%fZ', t.at / 1000.0, 'unixepoch')) IN (
                    SELECT flow_id, handled_at FROM pawl_commands
                    WHERE command = 'pause' AND handled_at IS NOT NULL AND error IS NULL
                      AND CASE WHEN json_valid(args) THEN COALESCE(args ->> '$.until', args ->> '$.for') END IS NOT NULL)) AS had_end
        FROM (
            SELECT seq, at, flow, event, note, lead(event) OVER w AS next, lead(note) OVER w AS next_note, lead(at) OVER w AS next_at
            FROM pawl_transition_log WHERE event IN (14, 15) WINDOW w AS (PARTITION BY flow ORDER BY seq)
        ) t CROSS JOIN pawl_flow_plan p ON p.key = t.flow WHERE t.event = 14
    ) c WHERE c.now OR c.had_end
) e WHERE pawl_transition_log.seq = e.seq;

-- All of the note of a step of the clock is Pawl's: the end of a pause for a while stood
-- before the text about the step.
UPDATE pawl_transition_log SET paused_until = unixepoch(substr(note, s.colon - 24, 24)) * 1000 + substr(note, s.colon - 4, 3),
    note = substr(note, 1, s.colon - 31) || substr(note, s.colon + 2)
FROM (SELECT seq, instr(note, 'Z: the clock w') + 1 AS colon FROM pawl_transition_log WHERE event IN (7, 8)) s
WHERE pawl_transition_log.seq = s.seq AND substr(note, max(s.colon - 30, 1), 31) GLOB 'until ????-??-??T??:??:??.???Z:';

-- Which error a command was answered with, for programs: tripped, run_over, flow_not_found;
-- NULL: none, or one that has no code. Commands that were answered before have none.
ALTER TABLE pawl_commands ADD COLUMN error_code TEXT;

-- The exit code of a command that failed; NULL: the run or the attempt did not fail as a
-- command that exits, or an older version did not store it.
ALTER TABLE pawl_run_log ADD COLUMN exit_code INTEGER;
ALTER TABLE pawl_attempt_log ADD COLUMN exit_code INTEGER;

-- The error of a command began with its exit code, or with the signal that ended it. The
-- error of a job in Go may begin like that too, so it is converted only where the program
-- pawl drove the database when the run or the attempt ended, and the clock never went back
-- between two starts. Signals are those that have one number everywhere.
CREATE TEMP TABLE pawl_exits AS
WITH ended (kind, key, attempt, at, error) AS (
    SELECT 'run', r.key, 0, r.finished_at, r.error FROM pawl_run_ends e CROSS JOIN pawl_run_log r ON r.key = e.run WHERE e.status = 2
    UNION ALL
    SELECT 'attempt', run, attempt, COALESCE(finished_at, next_at), error FROM pawl_attempt_log WHERE status = 2
), failed AS (
    SELECT kind, key, attempt, error FROM ended
    WHERE (error GLOB 'exit status [1-9]*' OR error GLOB 'killed by SIG*')
      AND 'pawl' = (SELECT program FROM pawl_runners
        WHERE started_at <= strftime('%Y-%m-%dT%H:%M:%fZ', ended.at / 1000.0, 'unixepoch') ORDER BY id DESC LIMIT 1)
      AND NOT EXISTS (SELECT 1 FROM (SELECT started_at, lag(started_at) OVER (ORDER BY id) AS before FROM pawl_runners) WHERE started_at < before)
), coded AS (
    SELECT kind, key, attempt, error, 'exit status ' || CAST(substr(error, 13) AS INTEGER) AS begins, CAST(substr(error, 13) AS INTEGER) AS code
    FROM failed WHERE error GLOB 'exit status *'
    UNION ALL
    SELECT f.kind, f.key, f.attempt, f.error, 'killed by ' || s.column1, 128 + s.column2
    FROM failed f CROSS JOIN (VALUES ('SIGHUP', 1), ('SIGINT', 2), ('SIGQUIT', 3), ('SIGILL', 4), ('SIGTRAP', 5), ('SIGABRT', 6),
        ('SIGFPE', 8), ('SIGKILL', 9), ('SIGSEGV', 11), ('SIGPIPE', 13), ('SIGALRM', 14), ('SIGTERM', 15)) s
    WHERE f.error GLOB 'killed by ' || s.column1 || '*'
)
SELECT kind, key, attempt, code FROM coded
WHERE code < 1 << 31 AND substr(error, 1, length(begins)) = begins AND substr(error, length(begins) + 1, 1) IN ('', ':', char(10));
UPDATE pawl_run_log SET exit_code = x.code FROM pawl_exits x WHERE x.kind = 'run' AND pawl_run_log.key = x.key;
UPDATE pawl_attempt_log SET exit_code = x.code FROM pawl_exits x
WHERE x.kind = 'attempt' AND pawl_attempt_log.run = x.key AND pawl_attempt_log.attempt = x.attempt;
DROP TABLE pawl_exits;

-- The policies of a flow as values, in JSON: {"overlap": {"buffer": 10}, "limit": 5}; NULL: the
-- defaults. policy and backoff say the same to people, in texts. The start that replaces the
-- views reads the texts of older versions, once.
ALTER TABLE pawl_flow_plan ADD COLUMN policies TEXT;

-- The reason of an occurrence that nobody ran began with what its verdict says already.
UPDATE pawl_verdict_log SET reason = nullif(substr(reason, 18), '') WHERE verdict = 6 AND reason GLOB 'not made up for: *';
