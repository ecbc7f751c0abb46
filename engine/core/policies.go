package core

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Policies are the policies of a flow as values; the zero value is the defaults. The texts of
// [FlowInfo] say the same to people. In JSON, defaults are left out and durations are numbers
// of seconds.
type Policies struct {
	Overlap        Overlap
	CatchUp        CatchUp
	Retries        int           // further attempts of a run that failed
	RetryDelay     BackoffPolicy // before each of them, with its defaults filled in
	Backoff        BackoffPolicy // with its defaults filled in; the zero value: there is none
	Timeout        time.Duration
	AttemptTimeout time.Duration
	Jitter         time.Duration
	Limit          int64 // occurrences that are run; 0: all
	StopCancels    bool
}

// policies are those of a plan. What is the same is equal.
func (p Plan) policies() Policies {
	v := Policies{
		Overlap: p.Overlap, CatchUp: p.CatchUp, Timeout: p.Timeout, AttemptTimeout: p.AttemptTimeout,
		Jitter: p.Jitter, Limit: p.Limit, StopCancels: p.StopCancels,
	}
	if !v.Overlap.allows() { // one at a time, which 0 says too
		v.Overlap.Parallel = 0
	}
	if v.CatchUp.Mode != CatchAll {
		v.CatchUp.Max = 0
	}
	if p.Retry != nil {
		v.Retries, v.RetryDelay = p.Retry.Max, p.Retry.waits().filled()
	}
	if p.Backoff != nil {
		v.Backoff = p.Backoff.filled()
	}
	return v
}

// policies are those of the flow, as far as they are known.
func (f FlowInfo) policies() Policies {
	if f.Policies == nil {
		return Policies{}
	}
	return *f.Policies
}

// What Policies are in JSON.
type (
	policiesJSON struct {
		Overlap        *overlapJSON `json:"overlap,omitempty"`
		CatchUp        *catchUpJSON `json:"catch_up,omitempty"`
		Retry          *retryJSON   `json:"retry,omitempty"`
		Backoff        *backoffJSON `json:"backoff,omitempty"`
		Timeout        seconds      `json:"timeout,omitempty"`
		AttemptTimeout seconds      `json:"attempt_timeout,omitempty"`
		Jitter         seconds      `json:"jitter,omitempty"`
		Limit          int64        `json:"limit,omitempty"`
		StopCancels    bool         `json:"stop_cancels,omitempty"`
	}
	overlapJSON struct {
		Parallel int  `json:"parallel,omitempty"`
		Buffer   int  `json:"buffer,omitempty"`
		Cancel   bool `json:"cancel,omitempty"`
	}
	catchUpJSON struct {
		Mode   string  `json:"mode"`
		Max    int     `json:"max,omitempty"`
		Within seconds `json:"within,omitempty"`
	}
	retryJSON struct {
		Max int `json:"max"`
		backoffJSON
	}
	backoffJSON struct {
		Initial     seconds `json:"initial"`
		Multiplier  float64 `json:"multiplier"`
		MaxDelay    seconds `json:"max_delay"`
		Jitter      float64 `json:"jitter,omitempty"`
		StreakLimit int     `json:"streak_limit,omitempty"`
	}
)

// MarshalJSON writes what is not the default.
func (p Policies) MarshalJSON() ([]byte, error) {
	j := policiesJSON{
		Timeout: seconds(p.Timeout), AttemptTimeout: seconds(p.AttemptTimeout), Jitter: seconds(p.Jitter), Limit: p.Limit, StopCancels: p.StopCancels,
	}
	if p.Overlap != (Overlap{}) {
		j.Overlap = &overlapJSON{p.Overlap.Parallel, p.Overlap.Buffer, p.Overlap.Cancel}
	}
	if p.CatchUp != (CatchUp{}) {
		j.CatchUp = &catchUpJSON{p.CatchUp.Mode.String(), p.CatchUp.Max, seconds(p.CatchUp.Within)}
	}
	if p.Retries > 0 {
		j.Retry = &retryJSON{p.Retries, p.RetryDelay.json()}
	}
	if p.Backoff != (BackoffPolicy{}) {
		b := p.Backoff.json()
		j.Backoff = &b
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (p *Policies) UnmarshalJSON(data []byte) error {
	var j policiesJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*p = Policies{
		Timeout: time.Duration(j.Timeout), AttemptTimeout: time.Duration(j.AttemptTimeout), Jitter: time.Duration(j.Jitter), Limit: j.Limit, StopCancels: j.StopCancels,
	}
	if o := j.Overlap; o != nil {
		p.Overlap = Overlap{o.Parallel, o.Buffer, o.Cancel}
	}
	if c := j.CatchUp; c != nil {
		mode, err := catchUpMode(c.Mode)
		if err != nil {
			return err
		}
		p.CatchUp = CatchUp{mode, c.Max, time.Duration(c.Within)}
	}
	if r := j.Retry; r != nil {
		p.Retries, p.RetryDelay = r.Max, r.policy()
	}
	if j.Backoff != nil {
		p.Backoff = j.Backoff.policy()
	}
	return nil
}

func (p BackoffPolicy) json() backoffJSON {
	return backoffJSON{seconds(p.Initial), p.Multiplier, seconds(p.MaxDelay), p.Jitter, p.StreakLimit}
}

func (j backoffJSON) policy() BackoffPolicy {
	return BackoffPolicy{time.Duration(j.Initial), j.Multiplier, time.Duration(j.MaxDelay), j.Jitter, j.StreakLimit}
}

// seconds is a duration that is a number of seconds in JSON. No digit is lost.
type seconds time.Duration

func (s seconds) MarshalJSON() ([]byte, error) {
	d := time.Duration(s)
	text := strconv.FormatInt(int64(d/time.Second), 10)
	if rest := d % time.Second; rest != 0 {
		text = strings.TrimRight(fmt.Sprintf("%s.%09d", text, rest), "0")
	}
	return []byte(text), nil
}

func (s *seconds) UnmarshalJSON(data []byte) error {
	d, err := time.ParseDuration(string(data) + "s")
	*s = seconds(d)
	return err
}
