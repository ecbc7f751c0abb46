// Package schedule computes when a flow is due: at an interval, by a cron expression, once, or
// never. It is pure: it reads no clock, stores nothing, and imports nothing of the engine.
//
// # Nouns
//
//   - An occurrence is an instant at which a schedule is due. The zero time means never.
//   - A fixed time is a time of day that a cron expression names, such as 02:30. Cron
//     expressions with a wildcard or a step in the hour or the minute have none.
//   - A DST gap is what clocks skip when they are set forward; a DST fold is what they show
//     twice when they are set back. The [DST] policies of a schedule apply to fixed times only.
//   - An anchor is the instant from which a fixed rate counts. The caller stores it.
//
// # Files
//
//   - schedule.go: the interface [Schedule], and Manual
//   - interval.go, once.go, cron.go: the other kinds of schedule
//   - between.go, excluding.go: a part of another schedule
//   - calendar.go, month.go: the search for what a cron expression matches, on a clock that is
//     never changed
//   - zone.go, stretch.go, dst.go: the rules of a time zone, and what its clock changes do to
//     that search
//   - parse.go, identity.go: a schedule as text, and whether two schedules are the same
//
// Package cronexpr reads the fields of an expression; robfig/cron turns its plain numbers into
// the bit sets that the calendar searches.
package schedule
