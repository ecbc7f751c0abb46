-- +goose Up

-- What runs that go on after a crash have done so far: a workflow's states, the cursors
-- of its steps, its timers and what it undid. They stand in the order of runs, at the
-- end of the table, so history does not make them slower.
CREATE TABLE pawl_checkpoint_log (
    run     INTEGER NOT NULL, -- key of its row
    seq     INTEGER NOT NULL, -- from 1, per run
    at      INTEGER NOT NULL,
    state   TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    payload TEXT,             -- JSON
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

INSERT INTO pawl_words (kind, code, word) VALUES ('event', 18, 'checkpoint');

CREATE VIEW pawl_checkpoints AS
SELECT p.id AS flow_id, r.number AS run_number, c.seq, c.state, c.kind, c.payload,
       strftime('%Y-%m-%dT%H:%M:%fZ', c.at / 1000.0, 'unixepoch') AS at
FROM pawl_checkpoint_log c
CROSS JOIN pawl_run_log r ON r.key = c.run
CROSS JOIN pawl_flow_plan p ON p.key = r.flow;

-- +goose Down

DROP VIEW pawl_checkpoints;
DELETE FROM pawl_words WHERE kind = 'event' AND code = 18;
DROP TABLE pawl_checkpoint_log;
