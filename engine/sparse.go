package engine

import "time"

const sparse = time.Minute

// A complaint is a line of the log that many flows, or many tries, may be the reason of.
type complaint struct {
	at      time.Time // when it was logged last
	omitted int       // how often it was not, since then
}

// logSparsely logs an error, but the same text at most once in sparse, whatever it is
// about. Only the driver calls it.
func (e *Engine) logSparsely(text string, args ...any) {
	if e.complaints == nil {
		e.complaints = map[string]*complaint{}
	}
	c := e.complaints[text]
	if c == nil {
		c = &complaint{}
		e.complaints[text] = c
	}
	now := time.Now()
	if now.Sub(c.at) < sparse {
		c.omitted++
		return
	}
	c.at = now
	if c.omitted > 0 {
		args = append(args, "omitted", c.omitted)
	}
	e.Logger.Error(text, args...)
	c.omitted = 0
}
