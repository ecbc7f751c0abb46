-- +goose Up

-- One row. The id seeds jitter and marks the processes of runs.
CREATE TABLE pawl_database (
    id         TEXT    NOT NULL PRIMARY KEY,
    created_at TEXT    NOT NULL,
    generation INTEGER NOT NULL, -- starts of an owner so far
    passive    TEXT              -- why its flows are not run until it is claimed: it was copied or restored
) STRICT;

-- One row per start of an owner.
CREATE TABLE pawl_runners (
    id          INTEGER PRIMARY KEY, -- the generation
    host        TEXT    NOT NULL,
    pid         INTEGER NOT NULL,
    boot_id     TEXT    NOT NULL,
    version     TEXT    NOT NULL,
    generation  INTEGER NOT NULL,
    started_at  TEXT    NOT NULL,
    stopping_at TEXT,
    stopped_at  TEXT
) STRICT;

-- The inbox. Whoever may write to the file may ask; the owner answers on the
-- row. No foreign key and no CHECK: a row that makes no sense is answered too.
CREATE TABLE pawl_commands (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at   TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    command      TEXT, -- trigger, reset, claim
    flow_id      TEXT,
    args         TEXT,
    requested_by TEXT,
    reason       TEXT,
    handled_at   TEXT,
    result       TEXT, -- the run's number, or done
    error        TEXT
) STRICT;

CREATE INDEX pawl_commands_waiting ON pawl_commands (id) WHERE handled_at IS NULL;

-- The tables below are the hot path and are laid out for speed: integer keys,
-- times in milliseconds since 1970, words as numbers, append-only logs without
-- any index that is ordered by flow. Read them through the views.

-- What the program says of a flow.
CREATE TABLE pawl_flow_plan (
    key          INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    position     INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    schedule     TEXT    NOT NULL,
    time_zone    TEXT    NOT NULL,
    backoff      TEXT    NOT NULL,
    streak_limit INTEGER NOT NULL,
    registered   INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;

-- Where a flow stands. Narrow, since every transition writes it.
CREATE TABLE pawl_flow_state (
    key            INTEGER PRIMARY KEY REFERENCES pawl_flow_plan (key),
    version        INTEGER NOT NULL, -- first, since each write compares it
    status         INTEGER NOT NULL,
    run_count      INTEGER NOT NULL,
    last_number    INTEGER NOT NULL,
    in_flight      INTEGER NOT NULL,
    failure_streak INTEGER NOT NULL,
    attempt        INTEGER NOT NULL, -- of the newest run of the schedule
    last_run       INTEGER,
    last_scheduled INTEGER,
    last_end       INTEGER,
    next_eligible  INTEGER,
    next_run       INTEGER,
    suspect        INTEGER NOT NULL,
    last_key       INTEGER,          -- newest run of the flow
    error_key      INTEGER,          -- the run that last_error is from
    updated_at     INTEGER NOT NULL
) STRICT;

-- Runs. prev is the flow's run before, so its newest runs are a short walk.
CREATE TABLE pawl_run_log (
    key          INTEGER PRIMARY KEY,
    prev         INTEGER,
    flow         INTEGER NOT NULL,
    number       INTEGER NOT NULL,
    trigger      INTEGER NOT NULL,
    status       INTEGER NOT NULL,
    attempt      INTEGER NOT NULL,
    scheduled_at INTEGER NOT NULL,
    started_at   INTEGER,
    finished_at  INTEGER,
    error        TEXT
) STRICT;

-- Where to begin a walk to old runs. One in 64 costs the hot path nothing that can
-- be measured; an index of all would cost half of it.
CREATE INDEX pawl_run_mark ON pawl_run_log (flow, number) WHERE number % 64 = 0;

-- Transitions: every step of every flow with the whole state it led to.
CREATE TABLE pawl_transition_log (
    seq            INTEGER PRIMARY KEY,
    at             INTEGER NOT NULL,
    flow           INTEGER NOT NULL,
    run_number     INTEGER,
    event          INTEGER NOT NULL,
    from_status    INTEGER NOT NULL,
    to_status      INTEGER NOT NULL,
    run_count      INTEGER NOT NULL,
    in_flight      INTEGER NOT NULL,
    failure_streak INTEGER NOT NULL,
    last_run       INTEGER,
    next_eligible  INTEGER,
    next_run       INTEGER,
    version        INTEGER NOT NULL,
    note           TEXT
) STRICT;

-- The words behind the numbers.
CREATE TABLE pawl_words (
    kind TEXT    NOT NULL,
    code INTEGER NOT NULL,
    word TEXT    NOT NULL,
    PRIMARY KEY (kind, code)
) STRICT, WITHOUT ROWID;

INSERT INTO pawl_words (kind, code, word) VALUES
    ('status', 0, 'idle'), ('status', 1, 'running'), ('status', 2, 'completed'),
    ('status', 3, 'failed'), ('status', 4, 'backoff'), ('status', 5, 'tripped'),
    ('run', 0, 'running'), ('run', 1, 'completed'), ('run', 2, 'failed'),
    ('run', 3, 'interrupted'), ('run', 4, 'cancelled'),
    ('trigger', 0, 'schedule'), ('trigger', 1, 'manual'),
    ('event', 0, 'adopt'), ('event', 1, 'retire'), ('event', 2, 'reserve'),
    ('event', 3, 'outcome'), ('event', 4, 'interrupt'), ('event', 5, 'cancel'),
    ('event', 6, 'reset'), ('event', 7, 'adjust'), ('event', 8, 'correct'),
    ('event', 9, 'clear');

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

-- +goose Down

DROP VIEW pawl_history;
DROP VIEW pawl_status;
DROP VIEW pawl_transitions;
DROP VIEW pawl_runs;
DROP VIEW pawl_flows;
DROP TABLE pawl_words;
DROP TABLE pawl_transition_log;
DROP TABLE pawl_run_log;
DROP TABLE pawl_flow_state;
DROP TABLE pawl_flow_plan;
DROP TABLE pawl_commands;
DROP TABLE pawl_runners;
DROP TABLE pawl_database;
