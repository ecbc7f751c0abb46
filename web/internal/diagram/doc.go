// Package diagram draws the state machine of a workflow, and what a run did in it, as an SVG:
// it computes where boxes and arrows lie, and a template writes them. It is pure: the same
// machine always gives the same drawing.
//
// A [Machine] is a graph of states; [Parse] reads it from the Mermaid text that package
// workflow writes. A [Trail] is what a run did. [Draw] makes a [Drawing] of both.
//
// The files, in the order of reading:
//
//	machine.go  Machine and Parse
//	trail.go    Trail, its marks, and how it is added to a machine
//	draw.go     Draw, the legend and the description in words
//	box.go      a state and the branches of a split; how wide texts are
//	layout.go   the row of each state
//	order.go    the order in each row, so that few edges cross; the place in the row
//	edges.go    the paths of the arrows
//
// The layout is that of Sugiyama, Tagawa and Toda: rows, then the order in the rows, then the
// places. Edges that lead back run beside the rows.
package diagram
