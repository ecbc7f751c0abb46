package pawlprom

// An Option changes a Collector.
type Option func(*Collector)

// WithFlowLabel sets the label flow of a flow; default: its id. Flows with the same one share
// their series. The function is called often and from any goroutine, and must always
// answer the same. An empty text is, to Prometheus, no label.
func WithFlowLabel(label func(id string) string) Option {
	return func(c *Collector) {
		if label != nil {
			c.label = label
		}
	}
}

// WithoutFlowLabel leaves the label flow out: all flows share their series.
func WithoutFlowLabel() Option { return WithFlowLabel(func(string) string { return "" }) }

// WithoutFlowHistograms leaves the label flow out of the histograms alone, which are what
// costs.
func WithoutFlowHistograms() Option {
	return func(c *Collector) { c.together = true }
}
