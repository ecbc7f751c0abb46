package pawl_test

import (
	"os"
	"testing"

	"github.com/pawl-go/pawl/internal/harness"
)

// TestMain sets up the folder for zones whose rules a test changes.
func TestMain(m *testing.M) { os.Exit(harness.WithTestZones(m.Run)) }

// Short names of what the tests here use everywhere.
var (
	appFile      = harness.AppFile
	bubble       = harness.Bubble
	checkLedger  = harness.CheckLedger
	copyDatabase = harness.CopyDatabase
	heap         = harness.HeapBytes
	job          = harness.Job
	ok           = harness.OK
	openClient   = harness.OpenClient
	patient      = harness.Patient
	post         = harness.Post
	quiet        = harness.Quiet
	runName      = harness.RunName
	start        = harness.Start
	stop         = harness.Stop
	texts        = harness.Texts
	verify       = harness.Verify
)

type (
	disk   = harness.Disk
	doings = harness.Doings
	mortal = harness.Mortal
)
