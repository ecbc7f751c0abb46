package diagram_test

import (
	"fmt"

	"github.com/pawl-go/pawl/web/internal/diagram"
)

// A run of an order waits for the payment.
func Example() {
	m, ok := diagram.Parse(`stateDiagram-v2
    state "new" as s0
    state "paid" as s1
    state "cancelled" as s2
    [*] --> s0
    s0 --> s1
    s0 --> s2
    s1 --> [*]
    s2 --> [*]
`)
	if !ok {
		panic("not a machine")
	}
	run := diagram.Trail{Path: []string{"new"}, Marks: map[string]diagram.Mark{"new": diagram.Here}}
	drawing := diagram.Draw(m, run, "Order 17")
	fmt.Println(drawing.Description)
	for _, box := range drawing.Boxes {
		fmt.Printf("%-9s at %s,%s %s\n", box.Text, box.X, box.Y, box.Mark)
	}
	// Output:
	// It begins in new. new leads to paid, cancelled. It ends in paid, cancelled. The run went new. It is in new.
	// new       at 49.2,26 here
	// paid      at 4,84 todo
	// cancelled at 86,84 todo
}
