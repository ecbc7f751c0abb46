package pawl_test

import (
	"os"
	"testing"

	"github.com/pawl-go/pawl/internal/harness"
)

// TestMain sets up the folder for zones whose rules a test changes.
func TestMain(m *testing.M) { os.Exit(harness.WithTestZones(m.Run)) }
