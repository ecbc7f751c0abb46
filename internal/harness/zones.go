package harness

import "os"

// TestZones is where tests put zones whose rules they change, in folders of their own: package
// time looks there first, and reads a zone again whenever it is loaded.
var TestZones string

// WithTestZones runs the tests of a package with a folder for zones of their own, TestZones.
func WithTestZones(run func() int) int {
	var err error
	if TestZones, err = os.MkdirTemp("", "pawl-zones"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(TestZones)
	if err = os.Setenv("ZONEINFO", TestZones); err != nil {
		panic(err)
	}
	return run()
}
