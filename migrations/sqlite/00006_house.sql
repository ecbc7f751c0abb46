-- +goose Up

-- For how many milliseconds a process still has to run, without a step of its clock, before
-- history is deleted for its age again: the clock was set far ahead. 0: it is deleted.
ALTER TABLE pawl_database ADD COLUMN ages_wait INTEGER NOT NULL DEFAULT 0;
