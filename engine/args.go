package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pawl-go/pawl/engine/core"
)

// Args are what a row of the inbox may say beyond its command and flow, as JSON.
type Args struct {
	Run     int64     `json:"run,omitempty"`     // cancel: which one
	Force   bool      `json:"force,omitempty"`   // cancel: without undo, a run that has begun and is not in flight
	Input   core.JSON `json:"input,omitempty"`   // trigger
	StartAt time.Time `json:"start_at,omitzero"` // trigger: not before
	Key     string    `json:"key,omitempty"`     // trigger: idempotency key
	Overlap string    `json:"overlap,omitempty"` // trigger: in place of the flow's, as ParseOverlap reads it
	From    time.Time `json:"from,omitzero"`     // backfill, resume
	To      time.Time `json:"to,omitzero"`       // backfill
	Again   bool      `json:"again,omitempty"`   // backfill: also instants that have a run
	Drop    bool      `json:"drop,omitempty"`    // backfill: cancel what waits of it
	Until   time.Time `json:"until,omitzero"`    // pause: when it ends by itself
	Waits   bool      `json:"waits,omitempty"`   // the sender waits for the answer, so a refusal reaches somebody
	For     Length    `json:"for,omitzero"`      // pause: how long, as in "2h"; it begins when it is handled, or ends at until
}

// Length is a duration that is text in JSON, as in "2h30m".
type Length time.Duration

// MarshalText implements [encoding.TextMarshaler].
func (l Length) MarshalText() ([]byte, error) { return []byte(time.Duration(l).String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (l *Length) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	switch {
	case err != nil:
		return fmt.Errorf("invalid duration %q; write a duration as in 2h30m, of less than 292 years", core.Clip(string(text), 40))
	case d <= 0:
		return fmt.Errorf("%q is not above 0; write a duration as in 2h30m", core.Clip(string(text), 40))
	}
	*l = Length(d)
	return nil
}

// String is the arguments as a row has them; empty for none.
func (a Args) String() string {
	if a == (Args{}) {
		return ""
	}
	a.StartAt, a.From, a.To, a.Until = a.StartAt.UTC(), a.From.UTC(), a.To.UTC(), a.Until.UTC() // in another zone the year may have five digits
	data, err := json.Marshal(a)
	if err != nil { // an input that is no JSON, which its caller was told
		return ""
	}
	return string(data)
}

// Validate names an instant that a row cannot hold.
func (a Args) Validate() error {
	return errors.Join(core.CheckInstant("start_at", a.StartAt), core.CheckInstant("from", a.From), core.CheckInstant("to", a.To), core.CheckInstant("until", a.Until))
}

// Awaited is the arguments of a row whose sender waits for the answer.
func Awaited(args string) string {
	var a Args
	if args != "" && json.Unmarshal([]byte(args), &a) != nil {
		return args // which the answer will say
	}
	a.Waits = true
	return a.String()
}

// takes are the arguments of each verb, as they are called in JSON.
var takes = map[string][]string{
	"trigger": {"input", "start_at", "key", "overlap"}, "probe": nil, "reset": nil, "cancel": {"run", "force"}, "pause": {"until", "for"},
	"resume": {"from"}, "backfill": {"from", "to", "again", "drop"}, "forget": nil, "claim": nil, acceptClock: nil,
}

// parseArgs reads what String writes. An argument that the verb does not take was meant
// as another, or for another, so it is an error.
func parseArgs(verb, text string) (a Args, err error) {
	if text == "" {
		return a, nil
	}
	var given map[string]json.RawMessage
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&given); err != nil {
		return a, err
	}
	if _, err := d.Token(); err != io.EOF {
		return a, errors.New(`want one JSON object, as in {"run": 17}`)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if err := checkArg(verb, name); err != nil {
			return a, err
		}
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return a, err
	}
	return a, a.Validate()
}

// checkArg refuses an argument that a verb does not take. What is wrong with one that is
// no verb is said later.
func checkArg(verb, name string) error {
	names, known := takes[verb]
	same := func(other string) bool { return strings.EqualFold(name, other) } // as encoding/json has it
	if !known || same("waits") || slices.ContainsFunc(names, same) {
		return nil
	}
	list := strings.Join(names, ", ")
	if list == "" {
		list = "none"
	}
	return fmt.Errorf("unknown argument %q: %s takes %s", core.Clip(name, 100), verb, list)
}
