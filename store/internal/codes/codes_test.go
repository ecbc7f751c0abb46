package codes

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/pawl-go/pawl/engine/core"
)

// The numbers in SQL are those of the tables.
func TestNumbersInSQLAreThoseOfTheTables(t *testing.T) {
	for number, status := range map[string]core.RunStatus{
		Running: core.RunRunning, Completed: core.RunCompleted, Cancelled: core.RunCancelled,
		Waiting: core.RunWaiting, Parked: core.RunParked, Blocked: core.RunBlocked,
	} {
		assert.Equal(t, number, strconv.FormatInt(RunStatuses.Code(status), 10), status)
	}
	assert.Equal(t, BySchedule, strconv.FormatInt(Triggers.Code(core.TriggerSchedule), 10))
	assert.Equal(t, ByBackfill, strconv.FormatInt(Triggers.Code(core.TriggerBackfill), 10))
	assert.Equal(t, NotOver, Running+", "+Resting)
}
