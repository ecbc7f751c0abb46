package pawl_test

import (
	"fmt"

	"github.com/pawl-go/pawl"
)

// A policy that a config or a user gives as text.
func ExampleParseOverlap() {
	fmt.Println(pawl.ParseOverlap("allow 5, buffer 100"))
	_, err := pawl.ParseOverlap("skipp")
	fmt.Println(err)
	// Output:
	// allow 5, buffer 100 <nil>
	// invalid flow: overlap "skipp": want skip, cancel, buffer 10, or allow 5, buffer 100
}

func ExampleParseCatchUp() {
	fmt.Println(pawl.ParseCatchUp("all 100 within 24h"))
	// Output:
	// all 100 within 24h0m0s <nil>
}
