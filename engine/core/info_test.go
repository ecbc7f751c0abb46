package core

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FlowInfo and State tell the same: a field that one of them gets and the other does not
// is lost on the way.
func TestInfoTellsAllOfAState(t *testing.T) {
	var info FlowInfo
	fields := reflect.ValueOf(&info).Elem()
	for i := range fields.NumField() {
		switch f := fields.Field(i); f.Interface().(type) {
		case string, Status:
			f.SetString(fields.Type().Field(i).Name)
		case int, int64:
			f.SetInt(int64(i + 1))
		case bool:
			f.SetBool(true)
		case time.Duration:
			f.SetInt(int64(i + 1))
		case time.Time:
			f.Set(reflect.ValueOf(time.UnixMilli(int64(i + 1)).UTC()))
		case *Policies:
			f.Set(reflect.ValueOf(&Policies{Limit: int64(i + 1)}))
		default:
			require.Fail(t, "a field of another type", fields.Type().Field(i).Name)
		}
	}
	info.WaitingSince, info.NextAttempt, info.NextWake, info.BlockedSince = time.Time{}, time.Time{}, time.Time{}, time.Time{} // of runs, which an info does not have
	info.DueAt = time.Time{}                                                                                                   // it is of the schedule, which an info has as text
	assert.Equal(t, info, info.state().Info())
}
