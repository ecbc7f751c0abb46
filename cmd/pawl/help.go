package main

import "github.com/spf13/cobra"

// Commands without work are topics of help.

var configHelp = &cobra.Command{
	Use:   "config",
	Short: "What stands in a pawl.yaml",
	Long: `A config says which flows there are: what each runs, and when.

  defaults: {timeout: 10m, backoff: {initial: 5s, trip: 5}}
  flows:
    backup: {cron: "30 2 * * *", run: [pg_dump, -f, /backup/db.sql, app], timeout: 1h}
    sync:   {every: 5m, run: [./sync.sh], env: {REGION: eu}, orphans: wait}
    import: {manual: true, shell: "./fetch | ./import"}

A flow has one of
  every     an interval, from the end of a run to the next
  cron      an expression of five fields, or six with seconds first, in UTC unless
            it begins with CRON_TZ=Area/City
  manual    true: it runs when it is triggered
and one of
  run       a list: the program and its arguments
  shell     a line for sh -c, to which nothing is ever added
and any of these, which may stand in defaults too:
  timeout   ends a command that takes longer; none by default
  grace     the time from SIGTERM to SIGKILL, 3s by default; never more than that
            when the daemon stops
  backoff   how failures in a row slow the flow down: initial (1s by default),
            multiplier (2), max (5m), jitter (0.1), and trip, how many of them stop
            it until it is reset (0: never). Or none. There is none by default: a
            failure changes nothing then
  dir       the working directory; the config's folder by default
  env       variables to add to those of the daemon
  orphans   what to do with a command that outlived a daemon that was killed, on
            Linux: kill it before anything runs (the default), wait for it before
            the flow runs again, or leave it

A command finds what it should know of its run in its environment: PAWL_FLOW,
PAWL_RUN_NUMBER, PAWL_ATTEMPT (above 1: the same instant again), PAWL_SCHEDULED_AT
and PAWL_RUN. When it is over, so is its process group. The beginning and the end
of what it printed are in the history if it failed.

Durations are as in 90s, 10m, 1h30m, 2d and 1w. Relative paths, of dir and of a
program with a slash in it, start at the config's folder; a bare program name is
looked for in PATH. Keys that begin with x- are a place for YAML anchors. A config
that others can write is refused.

With restore_guard: true beside flows, the daemon of a database that was copied or
put back from a backup runs nothing until it is claimed: see pawl claim.`,
}

var exitHelp = &cobra.Command{
	Use:   "exit-codes",
	Short: "What the exit codes say",
	Long: `Every verb exits with
  0    done
  1    failed, or pawl doctor found something
  2    wrong usage
  4    no such flow
  65   the database is damaged, not one of Pawl's, or from a newer version; or pawl
       verify found something
  69   no daemon runs, or it is passive (see pawl claim)
  74   input or output error
  75   in use: another daemon drives the database, or it is locked
  77   no permission, or a config that others can write
  78   the config is wrong
  124  the wait timed out
  130  a second Ctrl-C, or
  143  a second SIGTERM, ended the daemon at once
and trigger --wait with what the command exits with, or 128 and the number of the
signal that ended it.`,
}
