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
