package pawl_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
)

// time S3, time S4: an expression can be looked at before any flow has it.
func TestExpressionCanBeLookedAtBeforeItIsUsed(t *testing.T) {
	const expr = "CRON_TZ=Europe/Berlin 30 2 * * *"
	from := time.Date(2027, 3, 26, 12, 0, 0, 0, time.UTC)
	list, err := pawl.CronInstants(expr, from, 3)
	require.NoError(t, err)
	assert.Equal(t, []time.Time{
		time.Date(2027, 3, 27, 1, 30, 0, 0, time.UTC),
		time.Date(2027, 3, 28, 1, 0, 0, 0, time.UTC), // right after the gap
		time.Date(2027, 3, 29, 0, 30, 0, 0, time.UTC),
	}, list)
	odd, err := pawl.CronOddities(expr, from, from.AddDate(0, 0, 7))
	require.NoError(t, err)
	require.Len(t, odd, 1)
	assert.True(t, odd[0].Gap && odd[0].Runs)
	assert.Contains(t, odd[0].Text, "02:30")

	_, err = pawl.CronInstants("* * *", from, 1)
	assert.ErrorIs(t, err, pawl.ErrInvalidSchedule)
	_, err = pawl.CronOddities("* * *", from, from)
	assert.ErrorIs(t, err, pawl.ErrInvalidSchedule)
}
