package workflow_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/pawl-go/pawl/workflow"
)

// drawn is a machine with a split, an exit and a state that does not say where it leads.
func drawn() *machine {
	w := workflow.New[state]()
	w.Register("start", goes("fan"), workflow.To[state]("fan", "end"))
	w.RegisterSplit("fan", []workflow.Branch{sleeper(0, nil), sleeper(0, nil)}, workflow.Quorum[state](1, "free"))
	w.Register("free", goes("end"))
	w.Exit("end")
	return w
}

// workflow F12
func TestMermaidDrawsTheMachine(t *testing.T) {
	want := `stateDiagram-v2
    state "start" as s0
    state "fan" as s1
    state "free" as s2
    state "end" as s3
    [*] --> s0
    s0 --> s1
    s0 --> s3
    state s1fork <<fork>>
    state s1join <<join>>
    s1 --> s1fork
    state "branch 0" as s1branch0
    s1fork --> s1branch0
    s1branch0 --> s1join
    state "branch 1" as s1branch1
    s1fork --> s1branch1
    s1branch1 --> s1join
    s1join --> s2 : quorum of 1
    s3 --> [*]
`
	assert.Equal(t, want, drawn().Job("start").Mermaid())
	w := drawn()
	assert.NotContains(t, w.Mermaid(), "[*] --> s0", "nobody said where runs begin")
	w.Initial("start")
	assert.Equal(t, want, w.Mermaid())
}

// workflow F12: with what nobody declared.
func TestMermaidDrawsThePathOfARun(t *testing.T) {
	got, more := strings.CutPrefix(drawn().Job("start").Mermaid("start", "fan", "free", "start", "fan", "unknown"), drawn().Job("start").Mermaid())
	assert.True(t, more)
	assert.Equal(t, `    s2 --> s0
    classDef passed fill:#dcefdc,stroke:#2e7d32
    classDef here fill:#2e7d32,stroke:#2e7d32,color:#fff
    class s0 passed
    class s2 passed
    class s1 here
`, got)
}

// workflow F12
func TestMermaidDrawsManyBranchesAsOne(t *testing.T) {
	w := workflow.New[state]()
	w.RegisterSplit("start", make([]workflow.Branch, 9), workflow.All[state]("end"))
	assert.Contains(t, w.Mermaid(), `state "9 branches" as s0branch0`)
	assert.NotContains(t, w.Mermaid(), "branch1")
}

// workflow F12
func TestMermaidJoinsNoTwoAttempts(t *testing.T) {
	w := workflow.New[string]()
	w.Exit("a", "b", "c")
	text := w.Mermaid("a", "b", "", "a", "c")
	assert.Contains(t, text, "s0 --> s1\n")
	assert.Contains(t, text, "s0 --> s2\n")
	assert.NotContains(t, text, "s1 --> s0")
}

// workflow F12: whatever the states are called, each line is one that Mermaid knows.
func TestMermaidIsLegalForAnyText(t *testing.T) {
	line := regexp.MustCompile(`^(stateDiagram-v2|    state "([^"#;<>&\\%{}:\x00-\x1f` + "`" + `]|#\d+;)*" as s\d+|    (\[\*\]|s\d+) --> (\[\*\]|s\d+)|    class(Def)? [a-z0-9 :#,;-]+)$`)
	rapid.Check(t, func(rt *rapid.T) {
		w := workflow.New[string]()
		var path []string
		for _, text := range rapid.SliceOfDistinct(rapid.String(), rapid.ID[string]).Draw(rt, "texts") {
			w.Exit(text)
			path = append(path, text)
		}
		for _, got := range strings.Split(strings.TrimSuffix(w.Mermaid(path...), "\n"), "\n") {
			if !line.MatchString(got) {
				rt.Fatalf("%q", got)
			}
		}
	})
}
