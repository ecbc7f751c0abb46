package torture_test

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// curve is a value over the time of a soak.
type curve struct {
	name string
	of   func(sample) float64
}

// Sizes in pixels.
const (
	panelWidth, panelHeight                    = 520.0, 250.0
	panelLeft, panelRight, panelTop, panelFoot = 60.0, 20.0, 56.0, 40.0
	plotHead                                   = 70.0 // above the panels
	plotPoints                                 = 300  // of a curve, at most
)

const plotStyle = `
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 13px; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 } .tick { fill: #59636e; font-size: 12px }
.page { fill: #ffffff; stroke: #d1d9e0 } .grid { stroke: #e6eaef } .line { fill: none; stroke-width: 1.6; stroke-linejoin: round }
.c0 { stroke: #0969da } .c1 { stroke: #bc4c00; stroke-dasharray: 5 2 }
.f0 { fill: #8250df } .f1 { fill: #cf222e } .f2 { fill: #9a6700 } .f3 { fill: #57606a } .f4 { fill: #0969da } .f5 { fill: #1a7f37 } .band { opacity: 0.16 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .tick { fill: #9198a1 } .page { fill: #0d1117; stroke: #3d444d } .grid { stroke: #21262d }
  .c0 { stroke: #58a6ff } .c1 { stroke: #f0883e } .band { opacity: 0.3 }
}
`

// plot draws a soak as SVG: what it cost over time, with the faults as bands.
func (s *soak) plot() string {
	const mega = 1 << 20
	var b strings.Builder
	width, height := 2*panelWidth, plotHead+2*panelHeight
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img">`, width, height, width, height)
	fmt.Fprintf(&b, "\n<title>Soak</title>\n<style>%s</style>\n", plotStyle)
	fmt.Fprintf(&b, `<rect class="page" x="0.5" y="0.5" width="%.0f" height="%.0f" rx="8"/>`+"\n", width-1, height-1)
	fmt.Fprintf(&b, `<text class="title" x="%.0f" y="30">A soak of %s: %d jobs, %d faults</text>`+"\n",
		panelLeft, time.Since(s.began).Round(time.Second), s.total.Load(), len(s.faults))
	x := panelLeft
	for i, name := range faultNames {
		if !s.drawn(i) {
			continue
		}
		fmt.Fprintf(&b, `<rect class="band f%d" x="%.0f" y="44" width="22" height="14"/><text x="%.0f" y="56">%s</text>`+"\n", i, x, x+28, name)
		x += 150
	}
	s.panel(&b, 0, 0, "Memory, MB", curve{"resident", func(p sample) float64 { return p.resident / mega }}, curve{"heap, live", func(p sample) float64 { return p.heap / mega }})
	s.panel(&b, 1, 0, "Goroutines and open files", curve{"goroutines", func(p sample) float64 { return p.goroutines }}, curve{"open files", func(p sample) float64 { return p.files }})
	s.panel(&b, 0, 1, "Database, MB", curve{"file", func(p sample) float64 { return p.database / mega }}, curve{"log", func(p sample) float64 { return p.log / mega }})
	s.panel(&b, 1, 1, "Jobs so far, thousands", curve{"jobs", func(p sample) float64 { return p.jobs / 1000 }})
	b.WriteString("</svg>\n")
	return b.String()
}

// drawn says whether faults of a kind have bands: of many, those that end a life alone.
func (s *soak) drawn(kind int) bool { return len(s.faults) < 200 || kind >= faultStop }

// panel draws curves over time, at a place in the grid of panels.
func (s *soak) panel(b *strings.Builder, column, row int, title string, curves ...curve) {
	width, height := panelWidth-panelLeft-panelRight, panelHeight-panelTop-panelFoot
	length := max(s.samples[len(s.samples)-1].at, s.faults[len(s.faults)-1].to)
	high := 0.0
	for _, c := range curves {
		for _, p := range s.samples {
			high = max(high, c.of(p))
		}
	}
	step := niceStep(high, 4)
	high = math.Ceil(high/step) * step
	x := func(at time.Duration) float64 { return width * float64(at) / float64(length) }
	y := func(v float64) float64 { return height - height*v/high }

	fmt.Fprintf(b, `<g transform="translate(%.0f %.0f)">`, panelWidth*float64(column)+panelLeft, plotHead+panelHeight*float64(row)+panelTop)
	fmt.Fprintf(b, `<text class="title" y="-32">%s</text>`+"\n", title)
	for _, f := range s.faults {
		if !s.drawn(f.kind) {
			continue
		}
		fmt.Fprintf(b, `<rect class="band f%d" x="%.1f" y="0" width="%.1f" height="%.0f"/>`, f.kind, x(f.from), max(x(f.to)-x(f.from), 1), height)
	}
	for v := 0.0; v <= high+step/2; v += step {
		fmt.Fprintf(b, `<path class="grid" d="M0 %.1fh%.0f"/><text class="tick" x="-8" y="%.1f" text-anchor="end">%.4g</text>`+"\n", y(v), width, y(v)+4, v)
	}
	unit, name := time.Second, "seconds"
	if length > 10*time.Minute {
		unit, name = time.Minute, "minutes"
	}
	every := niceStep(float64(length/unit), 6)
	for v := 0.0; v*float64(unit) <= float64(length); v += every {
		at := x(time.Duration(v * float64(unit)))
		fmt.Fprintf(b, `<text class="tick" x="%.1f" y="%.0f" text-anchor="middle">%.4g</text>`, at, height+16, v)
	}
	fmt.Fprintf(b, `<text class="tick" x="%.0f" y="%.0f" text-anchor="middle">%s</text>`+"\n", width/2, height+32, name)
	for i, c := range curves {
		fmt.Fprintf(b, `<path class="line c%d" d="M%d -14h22"/><text x="%d" y="-10">%s</text>`, i, 120*i, 120*i+28, c.name)
		fmt.Fprintf(b, `<polyline class="line c%d" points="`, i)
		for j := 0; j < len(s.samples); j += 1 + len(s.samples)/plotPoints {
			fmt.Fprintf(b, "%.1f,%.1f ", x(s.samples[j].at), y(c.of(s.samples[j])))
		}
		b.WriteString("\"/>\n")
	}
	b.WriteString("</g>\n")
}

// niceStep divides a range into about so many parts of 1, 2 or 5 times a power of
// ten.
func niceStep(length float64, parts int) float64 {
	step := math.Pow(10, math.Floor(math.Log10(max(length, 1e-9)/float64(parts))))
	for _, f := range []float64{1, 2, 5, 10} {
		if length/(f*step) <= float64(parts)+1 {
			return f * step
		}
	}
	return 10 * step
}
