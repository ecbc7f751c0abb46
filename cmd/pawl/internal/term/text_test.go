package term

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNothingThatDrivesATerminalIsPrinted(t *testing.T) {
	for text, want := range map[string]string{
		"plain\nlines":               "plain\nlines",
		"\x1b[31mred\x1b[0m":         "red",
		"\x1b]0;title\x07rest":       "rest",
		"\x1b]8;;http://x\x1b\\link": "link",
		"a\rb\tc":                    "a b c",
		"bell\x07 null\x00 del\x7f":  "bell null del",
		"c1 \u009b31m":               "c1 31m",
		"turn\u202eed":               "turned",
		"bad \xff utf8":              "bad ? utf8",
		"\x1b":                       "",
		"wide 表 é ✓":                 "wide 表 é ✓",
	} {
		assert.Equal(t, want, Printable(text), "%q", text)
	}
}

func TestMistypedWordsGetTheNearestKnownOne(t *testing.T) {
	known := []string{"every", "cron", "manual", "timeout"}
	for word, want := range map[string]string{
		"evry": `: did you mean "every"?`, "corn": `: did you mean "cron"?`, "timeuot": `: did you mean "timeout"?`,
		"xyzzy": ": there is every, cron, manual, timeout", strings.Repeat("e", 1000): ": there is every, cron, manual, timeout",
	} {
		assert.Equal(t, want, DidYouMean(word, known), word)
	}
	assert.Empty(t, DidYouMean("x", make([]string, 13)))
}
