package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/pawl-go/pawl"
)

// Pile-ups can be as many as seconds: the worst are kept, in bounded memory.
func TestPileUpsOfASimulationAreBounded(t *testing.T) {
	var p plan
	for i := range 100 {
		p.flows = append(p.flows, &flow{id: fmt.Sprint(i)})
	}
	from := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	r := newSimulation(p, from, from.AddDate(0, 0, 1))
	for second := range 3 * mostKinds {
		at := from.Add(time.Duration(second) * time.Second)
		flows := []int{second % 100, (second / 100) % 100, 99}
		if second%1000 == 0 {
			flows = []int{1, 2, 3, 4}
		}
		for _, i := range flows {
			id := fmt.Sprint(i)
			r.take(pawl.SimulationStep{Flow: pawl.FlowInfo{ID: id}, At: at, Event: "reserve",
				Runs: []pawl.RunInfo{{FlowID: id, Status: pawl.RunRunning, StartedAt: at, ScheduledAt: at}}})
		}
	}
	r.finish()
	assert.LessOrEqual(t, len(r.piles), mostKinds)
	assert.Len(t, r.PileUps, mostPiles)
	assert.Equal(t, []string{"1", "2", "3", "4"}, r.PileUps[0].Flows)
	assert.Equal(t, 3*mostKinds/1000, r.PileUps[0].Times)
}

func TestBarsShowEachNumber(t *testing.T) {
	assert.Equal(t, "_▁▄█", bars([]int64{0, 1, 40, 80}))
	assert.Equal(t, "__", bars([]int64{0, 0}))
}
