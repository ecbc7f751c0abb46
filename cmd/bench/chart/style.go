package chart

// style has the colours, for light pages and for dark ones.
const style = `
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 13px; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.tick, .limits { fill: #59636e; font-size: 12px }
.limits { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round }
.page { fill: #ffffff; stroke: #d1d9e0 }
.grid { stroke: #e6eaef; stroke-width: 1 }
.limit { stroke: #59636e; stroke-width: 1.2; stroke-dasharray: 5 4 }
.line { fill: none; stroke-width: 2; stroke-linejoin: round }
.range { fill: none; stroke-width: 1.3; opacity: 0.75 }
.point { stroke-width: 1 }
.line.s0, .range.s0, .point.s0 { stroke: #0969da } .point.s0 { fill: #0969da }
.line.s1, .range.s1, .point.s1 { stroke: #bc4c00 } .point.s1 { fill: #bc4c00 }
.line.s2, .range.s2, .point.s2 { stroke: #1a7f37 } .point.s2 { fill: #1a7f37 }
.line.s3, .range.s3, .point.s3 { stroke: #8250df } .point.s3 { fill: #8250df }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .tick, .limits { fill: #9198a1 }
  .limits { stroke: #0d1117 }
  .page { fill: #0d1117; stroke: #3d444d }
  .grid { stroke: #21262d }
  .limit { stroke: #9198a1 }
  .line.s0, .range.s0, .point.s0 { stroke: #58a6ff } .point.s0 { fill: #58a6ff }
  .line.s1, .range.s1, .point.s1 { stroke: #f0883e } .point.s1 { fill: #f0883e }
  .line.s2, .range.s2, .point.s2 { stroke: #3fb950 } .point.s2 { fill: #3fb950 }
  .line.s3, .range.s3, .point.s3 { stroke: #bc8cff } .point.s3 { fill: #bc8cff }
}
`
