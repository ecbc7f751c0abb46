package main

import "github.com/spf13/cobra"

// Commands without work are topics of help.

var configHelp = &cobra.Command{
	Use:   "config",
	Short: "The keys of pawl.yaml",
	Long: `A config says which flows there are: what each runs, and when.

  defaults: {timeout: 10m, zone: Europe/Berlin, backoff: {initial: 5s, trip: 5}}
  groups: {smtp: 5}
  flows:
    backup: {cron: "30 2 * * *", run: [pg_dump, -f, /backup/db.sql, app], timeout: 1h}
    sync:   {every: 5m, run: [./sync.sh], env: {REGION: eu}, orphans: wait}
    mail:   {manual: true, shell: './send < "$PAWL_INPUT_FILE"', overlap: buffer 1000,
             retry: {max: 3, initial: 10s}, group: smtp}

A flow has one of
  every            an interval, from the end of a run to the next
  cron             an expression of five fields, or six with seconds first, in UTC
                   unless there is a zone
  once             one instant: 2027-01-01T09:00:00Z, or 2027-01-01 09:00 in the zone
  manual           true: it runs when it is triggered
and one of
  run              a list: the program and its arguments
  shell            a line for sh -c, to which nothing is ever added
and any of these, which may stand in defaults too:
  zone             the time zone, as in Europe/Berlin; UTC by default
  dst              where clocks are changed: gap_skip, fold_second, fold_both, or a
                   list. By default a time that is left out runs after the gap, and
                   one that comes twice at its first copy
  jitter           delays each start of the schedule by less than this; none by
                   default
  overlap          what a start does while a run is under way: skip (the default),
                   buffer 10 (so many wait), cancel (it takes the place of the other),
                   or allow 5, buffer 100 (so many at once, and so many wait)
  catch_up         what is run of the instants that passed while no daemon ran: latest
                   (the default: one run for all), earliest, all 100 (a run for each,
                   at most so many, which needs an overlap that lets them wait), or
                   none
  catch_up_within  what is older is not caught up on; by default nothing is too old
  retry            tries a run that failed again: max, how often, initial (1s by
                   default), multiplier (2), max_delay (5m), jitter (0.1). Or none,
                   the default
  stop_cancels     true: a run that was triggered, and that a stop of the daemon cut
                   short, is cancelled; without it the next daemon starts it again
  timeout          ends a run, with all its attempts, that takes longer; none by
                   default
  attempt_timeout  ends an attempt that takes longer; retry says whether another one
                   follows. None by default
  grace            the time from SIGTERM to SIGKILL, 3s by default; never more than 7s
                   after the timeout or a cancel, nor than 3s when the daemon stops
  backoff          how failures in a row slow the flow down: initial (1s by default),
                   multiplier (2), max (5m), jitter (0.1), and trip, how many of them
                   stop it until it is reset (0: never). Or none. There is none by
                   default: a failure changes nothing then
  dir              the working directory; the config's folder by default
  env              variables to add to those of the daemon
  orphans          what to do with a command that outlived a daemon that was killed,
                   on Linux: kill it before anything runs (the default), wait for it
                   before the flow runs again, or leave it
  key_window       how long the key of pawl trigger --key stands for a run that is
                   over, 24h by default
  retention        how much of the history is kept: runs (10000 by default) and age
                   (90d), 0 for no bound; or all. Of the failures that go for that,
                   failures of it keeps more: {runs: 1000, age: 90d} by default, all
                   or none
and of these, which are a flow's own:
  fixed_rate       true: an every flow is due at whole intervals from between.start, or
                   else its first registration; the length of runs changes nothing
  aligned          true: at those from the beginning of 1970 in UTC, as in every hour
                   on the hour
  between          start, end, or both: the schedule has no other instants.
                   A date is the whole day in the zone of the flow
  limit            the schedule ends when so many of its instants were run
  group            shares the limit that groups beside flows gives the name
  former_id        what the flow was called before: its state and history come along

A command finds what it should know of its run in its environment: PAWL_FLOW,
PAWL_RUN_NUMBER, PAWL_ATTEMPT (above 1: the same run, or instant, again),
PAWL_SCHEDULED_AT and PAWL_RUN; and the input that the run was triggered with, as
JSON, in PAWL_INPUT, if that is at most 64 KiB, and in a file that only it can read
and that is removed at its end, PAWL_INPUT_FILE. When it is over, so is its process
group. The beginning and the end of what it printed are kept with the run: pawl logs.

Durations are as in 90s, 10m, 1h30m, 2d and 1w. Relative paths, of dir and of a
program with a slash in it, start at the config's folder; a bare program name is
looked for in PATH. Keys that begin with x- are a place for YAML anchors. A config
that others can write is refused.

Beside flows, db says where the database is, for all verbs that find this config;
--db and PAWL_DB come before it. max_running there bounds how many commands run at
once, and groups how many of those of a group. isolation bounds how long a command
waits for others because it may be the one that crashes the daemon (10m; 0: it does
not wait). With restore_guard: true the daemon of
a database that was copied or put back from a backup runs nothing until it is claimed:
see pawl claim. A daemon that finds the clock more than three hours behind the
database lets occurrences wait until it is right, or accepted (pawl clock accept);
with clock_trusted: true it believes the clock at each start.

  notify: {webhook: "https://example.org/hook", on: [failed, recovered, tripped, late]}

posts JSON for each run that failed, and for each flow that runs again after that, is
stopped for failing, or is more than a minute late; all four unless on says which. It
has event, flow_id, run_number, at, failure_streak, error, exit_code, host, and text, a
sentence, which is what chats show. It is tried four times within half a minute; what
cannot be delivered is logged. How far it was told is kept beside the database, in a
file that ends with .notify: what waited when the daemon ended is told by the next,
with told_late, if it is less than a day old. After a kill some of it may be told
twice.

SIGHUP lets the daemon read the config anew and take over what is different;
db, max_running, isolation, groups, restore_guard and clock_trusted wait for the next
start, which it says.`,
}

var exitHelp = &cobra.Command{
	Use:   "exit-codes",
	Short: "The exit codes",
	Long: `Every verb exits with
  0    done
  1    failed, or pawl doctor found something
  2    wrong usage
  3    pawl status --check found something failing, tripped or late
  4    no such flow, or run
  65   the database is damaged, not one of Pawl's, or from another version; or pawl
       verify found something
  69   no daemon runs, or it is passive (see pawl claim)
  74   input or output error
  75   in use: another daemon drives the database, or it is locked
  77   no permission, or a config that others can write
  78   the config is wrong
  124  the wait timed out
  130  Ctrl-C, or
  143  SIGTERM, ended it before it was done; of pawl run, a second one
and trigger --wait with what the command exits with, or 128 and the number of the
signal that ended it.`,
}
