// Package torture kills processes, cuts the power, fails disks and soaks, and holds what is
// left against what was reported. It has only tests.
//
// The tests kill real processes: the test binary runs itself as the child that is killed
// (crash_test.go). A campaign (crash_campaign_test.go) is a file that sees many kills, and
// compares it after each with what its children reported. The power cuts run on a file system
// in memory (package faultvfs).
//
// The environment sets the size: PAWL_TORTURE=1 is the full one, PAWL_KILLS and PAWL_SEED a
// number of kills and their moments, PAWL_SOAK the length of a soak (make torture, make soak).
package torture
