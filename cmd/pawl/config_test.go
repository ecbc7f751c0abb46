package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/internal/wording"
)

// flowsOf is the flows of a config.
func flowsOf(p plan, err error) ([]*flow, error) { return p.flows, err }

func TestConfigKeepsTheOrderOfTheFileAndEverySetting(t *testing.T) {
	flows, err := flowsOf(parseConfig("pawl.yaml", "/etc/pawl", []byte(`
defaults: {timeout: 10m, backoff: {initial: 5s, trip: 5}, env: {REGION: eu, LEVEL: 1.10}}
flows:
  zulu:  {cron: "30 2 * * *", run: [pg_dump, -f, /backup/db.sql, app], dir: /srv, env: {LEVEL: high}, timeout: 1w2d, grace: 5s, orphans: wait}
  alpha: {every: 1d12h, run: [./sync.sh, 1.10], dir: data, backoff: {multiplier: 3, max: 1h, jitter: 0}}
  mike:  {manual: true, shell: "./import < $FILE", backoff: none, timeout: 0}
`)))
	require.NoError(t, err)
	require.Len(t, flows, 3)

	zulu, alpha, mike := flows[0], flows[1], flows[2]
	assert.Equal(t, []string{"zulu", "alpha", "mike"}, []string{zulu.id, alpha.id, mike.id})

	assert.Equal(t, "30 2 * * *", zulu.cron)
	assert.Equal(t, []string{"pg_dump", "-f", "/backup/db.sql", "app"}, zulu.argv, "a bare name is left for PATH")
	assert.Equal(t, "/srv", zulu.dir)
	assert.Equal(t, []string{"REGION=eu", "LEVEL=1.10", "LEVEL=high"}, zulu.env, "the later wins; values are text as it stands")
	assert.Equal(t, 9*24*time.Hour, zulu.timeout)
	assert.Equal(t, 5*time.Second, zulu.grace)
	assert.Equal(t, awaitOrphans, zulu.orphans)
	assert.Equal(t, pawl.BackoffPolicy{Initial: 5 * time.Second, StreakLimit: 5, Jitter: 0.1}, *zulu.backoff)

	assert.Equal(t, 36*time.Hour, alpha.every)
	assert.Equal(t, []string{"/etc/pawl/sync.sh", "1.10"}, alpha.argv)
	assert.Equal(t, "/etc/pawl/data", alpha.dir)
	assert.Equal(t, 10*time.Minute, alpha.timeout)
	assert.Equal(t, defaultGrace, alpha.grace)
	assert.Equal(t, killOrphans, alpha.orphans)
	assert.Equal(t, pawl.BackoffPolicy{Initial: 5 * time.Second, Multiplier: 3, MaxDelay: time.Hour, StreakLimit: 5}, *alpha.backoff)

	assert.Equal(t, "./import < $FILE", mike.shell)
	assert.Equal(t, "/etc/pawl", mike.dir)
	assert.Nil(t, mike.backoff)
	assert.Zero(t, mike.timeout)
}

func TestConfigMergesAnchors(t *testing.T) {
	flows, err := flowsOf(parseConfig("pawl.yaml", "/", []byte(`
x-common: &common
  timeout: 1m
  run: &command [echo, hello]
x-often: &often {every: 5s, timeout: 2m}
flows:
  own:    {<<: *common, manual: true, timeout: 3m}
  listed: {<<: [*often, *common]}
  alias:  {manual: true, run: *command}
`)))
	require.NoError(t, err)
	assert.Equal(t, 3*time.Minute, flows[0].timeout, "a flow's own key wins")
	assert.Equal(t, 2*time.Minute, flows[1].timeout, "of two merged mappings the first wins")
	assert.Equal(t, 5*time.Second, flows[1].every)
	assert.Equal(t, []string{"echo", "hello"}, flows[2].argv)
}

func TestConfigErrorsSayWhereAndWhat(t *testing.T) {
	for _, c := range []struct{ name, config, want string }{
		{"empty", "", "1:1: the file is empty"},
		{"comment only", "# nothing\n", "1:1: the file is empty"},
		{"null", "---\n", "2:1: the config is a mapping"},
		{"list", "- a\n", "1:1: the config is a mapping"},
		{"no flows", "defaults: {}\n", "1:1: there is nothing to run"},
		{"flows null", "flows:\n", "1:7: flows is a mapping"},
		{"flows empty", "flows: {}\n", "1:8: flows is empty"},
		{"second document", "flows: {a: {manual: true, run: [x]}}\n---\nb: 1\n", "2:1: a second document"},

		{"tab", "flows:\n\ta: b\n", "2:2: found character that cannot start any token"},
		{"parser", "flows:\n  a: 1\n b: 2\n", "3:2: did not find expected key"},
		{"open brace", "flows:\n  a: {manual: true\n  b: 2}\n", "2:3: did not find expected ',' or '}'"},
		{"first line", "a: }\n", "1:1: did not find expected node content"},
		{"bare star", "flows:\n  a:\n    cron: * * * * *\n", `3:5: did not find expected alphabetic or numeric character: put quotes around`},
		{"anchor", "flows:\n  a: {manual: true}\n  b: *nope\n", "3:3: unknown anchor 'nope'"},
		{"control character", "flows:\n  a: \x01\n", "1:1: control characters are not allowed"},

		{"unknown top key", "flow: {}\n", `1:1: unknown key "flow" in the config: did you mean "flows"?`},
		{"unknown flow key", "flows:\n  a: {evry: 5m, run: [x]}\n", `2:7: unknown key "evry" in flow "a": did you mean "every"?`},
		{"unknown key, none near", "flows:\n  a: {wxyz: 5m}\n", `2:7: unknown key "wxyz" in flow "a": see pawl help config`},
		{"unknown default", "defaults:\n  every: 5m\nflows: {}\n", `2:3: unknown key "every" in defaults`},
		{"unknown backoff key", "flows:\n  a:\n    manual: true\n    run: [x]\n    backoff: {inital: 1s}\n", `5:15: unknown key "inital" in backoff: did you mean "initial"?`},
		{"duplicate flow", "flows:\n  a: {manual: true, run: [x]}\n  b: {manual: true, run: [x]}\n  a: {manual: true, run: [x]}\n", `4:3: "a" is here twice, first on line 2`},
		{"duplicate key", "flows:\n  a:\n    run: [x]\n    manual: true\n    run: [y]\n", `5:5: "run" is here twice, first on line 3`},
		{"key no text", "flows:\n  [a]: 1\n", "2:3: a key must be text"},
		{"merge of text", "flows:\n  a: {<<: b}\n", "2:7: << takes a mapping"},
		{"flow no mapping", "flows:\n  a: echo\n", `2:6: flow "a" is a mapping`},

		{"no schedule", "flows:\n  a: {run: [x]}\n", `2:3: flow "a" needs every, cron, once or manual`},
		{"no work", "flows:\n  a: {every: 5m}\n", `2:3: flow "a" needs run or shell`},
		{"two schedules", "flows:\n  a: {every: 5m, cron: '* * * * *', run: [x]}\n", `2:3: flow "a" has every and cron: keep one`},
		{"run and shell", "flows:\n  a: {every: 5m, run: [x], shell: x}\n", `2:3: flow "a" has run and shell: keep one`},
		{"manual false", "flows:\n  a: {manual: false, run: [x]}\n", "2:15: manual is true, or left out"},

		{"bad interval", "flows:\n  a: {every: 5 minutes, run: [x]}\n", `2:14: every: "5 minutes" is not a duration`},
		{"no unit", "flows:\n  a: {every: 5, run: [x]}\n", `2:14: every: "5" is not a duration`},
		{"negative interval", "flows:\n  a: {every: -5m, run: [x]}\n", `2:14: every: "-5m" is not a duration`},
		{"zero interval", "flows:\n  a: {every: 0s, run: [x]}\n", "2:14: "},
		{"too long", "flows:\n  a: {every: 20000w, run: [x]}\n", `2:14: every: "20000w" is longer than 292 years`},
		{"bad cron", "flows:\n  a: {cron: '61 * * * *', run: [x]}\n", "2:13: "},
		{"cron never fires", "flows:\n  a: {cron: '0 0 30 2 *', run: [x]}\n", "2:13: "},
		{"empty id", "flows:\n  '': {manual: true, run: [x]}\n", "2:3: "},
		{"long id", "flows:\n  " + strings.Repeat("a", 256) + ": {manual: true, run: [x]}\n", "2:3: "},
		{"id with a control character", "flows:\n  \"a\\tb\": {manual: true, run: [x]}\n", "2:3: "},

		{"run a line", "flows:\n  a: {manual: true, run: echo hello}\n", "2:26: run is a list"},
		{"run empty", "flows:\n  a: {manual: true, run: []}\n", "2:26: run is a list"},
		{"run null argument", "flows:\n  a: {manual: true, run: [x, ~]}\n", "2:30: an argument of run has no value"},
		{"run list in list", "flows:\n  a: {manual: true, run: [x, [y]]}\n", "2:30: an argument of run is a single value"},
		{"run no program", "flows:\n  a: {manual: true, run: ['', x]}\n", "2:27: the program of run is empty"},
		{"run NUL", "flows:\n  a: {manual: true, run: [x, \"a\\0b\"]}\n", "2:30: an argument of run holds a NUL"},
		{"shell empty", "flows:\n  a: {manual: true, shell: ' '}\n", "2:28: shell is empty"},

		{"bad timeout", "flows:\n  a: {manual: true, run: [x], timeout: soon}\n", `2:40: timeout: "soon" is not a duration`},
		{"dir empty", "flows:\n  a: {manual: true, run: [x], dir: ''}\n", "2:36: dir is empty"},
		{"bad orphans", "flows:\n  a: {manual: true, run: [x], orphans: kil}\n", `2:40: unknown policy "kil" for orphans: did you mean "kill"?`},
		{"env name", "flows:\n  a: {manual: true, run: [x], env: {A=B: c}}\n", `2:37: "A=B" cannot be the name`},
		{"env of ours", "flows:\n  a: {manual: true, run: [x], env: {PAWL_RUN: c}}\n", "2:37: PAWL_RUN: the names that begin with PAWL_"},
		{"env null", "flows:\n  a: {manual: true, run: [x], env: {A: }}\n", "2:40: A has no value"},
		{"env list", "flows:\n  a: {manual: true, run: [x], env: [A]}\n", "2:36: env is a mapping"},

		{"backoff zero", "flows:\n  a: {manual: true, run: [x], backoff: {initial: 0s}}\n", "2:50: initial is zero"},
		{"backoff text", "flows:\n  a: {manual: true, run: [x], backoff: {multiplier: two}}\n", `2:53: multiplier is a number, not "two"`},
		{"backoff multiplier", "flows:\n  a: {manual: true, run: [x], backoff: {multiplier: 0.5}}\n", "2:40: "},
		{"backoff jitter", "flows:\n  a: {manual: true, run: [x], backoff: {jitter: 2}}\n", "2:40: "},
		{"backoff cap", "flows:\n  a: {manual: true, run: [x], backoff: {initial: 1h, max: 1m}}\n", "2:40: "},
		{"backoff trip", "flows:\n  a: {manual: true, run: [x], backoff: {trip: -1}}\n", `2:47: trip is a whole number`},
		{"backoff by default", "defaults:\n  backoff: {jitter: 7}\nflows:\n  a: {manual: true, run: [x]}\n", "2:12: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			flows, err := flowsOf(parseConfig("pawl.yaml", "/", []byte(c.config)))
			require.Error(t, err, "%v", flows)
			assert.ErrorIs(t, err, errConfig)
			assert.Contains(t, err.Error()+"\n", "pawl.yaml:"+c.want)
		})
	}
}

func TestConfigShowsAllThatIsWrongInTheOrderOfTheFile(t *testing.T) {
	_, err := parseConfig("pawl.yaml", "/", []byte(`flows:
  b: {every: 5m}
  a: {manual: true, run: [x], timeout: soon}
defaults: {grace: later}
x-base: &base {env: {PAWL_X: 1}}
`))
	require.Error(t, err)
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 3)
	assert.Contains(t, lines[0], "pawl.yaml:2:3:")
	assert.Contains(t, lines[1], "pawl.yaml:3:40:")
	assert.Contains(t, lines[2], "pawl.yaml:4:19:")
}

func TestConfigTellsOnceWhatManyFlowsMerge(t *testing.T) {
	_, err := parseConfig("pawl.yaml", "/", []byte(`
x-base: &base {env: {PAWL_X: 1}, manual: true, run: [x]}
flows: {a: *base, b: *base, c: {<<: *base}}
`))
	require.Error(t, err)
	assert.Equal(t, 1, strings.Count(err.Error(), "PAWL_X"))
}

// found A2: nothing in a config expands without a bound, whatever reads it.
func TestConfigIsBoundedAfterItsExpansion(t *testing.T) {
	tower := func(first, level string) string {
		text := "x-0: &n0 " + first + "\n"
		for i := range 40 {
			text += fmt.Sprintf("x-%d: &n%d %s\n", i+1, i+1, strings.ReplaceAll(level, "@", fmt.Sprintf("*n%d", i)))
		}
		return text
	}
	var flows strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&flows, "  f%d: {manual: true, run: [x]}\n", i)
	}
	const one = "flows: {a: {manual: true, run: [x]}}\n"
	for name, c := range map[string]struct{ text, place, says string }{
		"a list that holds itself":     {"notify: &a {webhook: \"http://x/y\", on: [failed, *a]}\n" + one, "pawl.yaml:1:49: ", "*a is within its own anchor"},
		"a mapping that holds itself":  {"flows: &f\n  a: &a {<<: *a, manual: true, run: [x]}\n  b: *f\n", "pawl.yaml:2:14: ", "*a is within its own anchor"},
		"a policy that merges itself":  {"flows: {a: {manual: true, run: [x], backoff: &b {<<: *b, initial: 1s}}}\n", "pawl.yaml:1:54: ", "*b is within its own anchor"},
		"a tower of lists":             {tower("[failed]", "[@, @, @, @, @, @, @, @, @]") + "notify: {webhook: \"http://x/y\", on: *n40}\n" + one, "pawl.yaml:7:36: ", "larger than 32.0 MiB"},
		"a tower of merges":            {tower("{manual: true, run: [x]}", "{<<: [@, @, @]}") + "flows: {a: {<<: *n40}}\n", "pawl.yaml:", "larger than 32.0 MiB"},
		"deep nesting":                 {"x-deep: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "\n" + one, "pawl.yaml:1:", "deeper than 100 levels"},
		"deep nesting through aliases": {tower("[a]", "[[[[@]]]]") + one, "pawl.yaml:", "deeper than 100 levels"},
		"defaults of many flows":       {"defaults: {env: {A: " + strings.Repeat("x", 10_000) + "}}\nflows:\n" + flows.String(), "pawl.yaml:1:11: ", "5000 flows get a copy of defaults each"},
		"a large value of many flows":  {"x-a: &a " + strings.Repeat("x", 10_000) + "\nflows:\n" + strings.ReplaceAll(flows.String(), "run: [x]", "run: [x, *a]"), "pawl.yaml:", "larger than 32.0 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseConfig("pawl.yaml", "/", []byte(c.text))
			require.ErrorIs(t, err, errConfig)
			assert.True(t, strings.HasPrefix(err.Error(), c.place), err.Error())
			assert.Contains(t, err.Error(), c.says)
		})
	}
}

func TestConfigErrorsDoNotShowSecrets(t *testing.T) {
	_, err := parseConfig("pawl.yaml", "/", []byte("flows:\n  a: {manual: true, env: {TOKEN: [s3cret]}, run: [x]}\n  b: {env: {TOKEN: \"s3cret\\0\"}}\n"))
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "s3cret")
}

// A fault names the keys of the config and nothing else: what a user called his flow stays as
// it is, whatever it looks like. It has key, value and reason apart. facts T4.
func TestConfigFaultsHaveKeyValueAndReason(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]fault{
		"flows:\n  InitialJitterLoad: {every: 1h, run: [x], backoff: {jitter: 7}}": {Key: "flows.InitialJitterLoad.backoff",
			Text: `register flow "InitialJitterLoad": invalid backoff: jitter is 7, must be in 0..1, or 0 for none`},
		"flows:\n  MaxDelay: {every: 1h, run: [x], retry: {max: 1, initial: 1h, max_delay: 1s}}": {Key: "flows.MaxDelay.retry",
			Text: `register flow "MaxDelay": invalid backoff: max_delay is 1s, must be at least initial, 1h0m0s`},
		"flows:\n  MaxDelay: {every: 1h, run: [x], backoff: {initial: 1h, max: 1s}}": {Key: "flows.MaxDelay.backoff",
			Text: `register flow "MaxDelay": invalid backoff: max is 1s, must be at least initial, 1h0m0s`},
		"flows:\n  WithDST: {every: 1h, run: [x], dst: gap_skip}": {Key: "flows.WithDST.dst", Value: "gap_skip",
			Text: `register flow "WithDST": invalid schedule: dst is for a schedule of the kind cron, this one is every`},
		"flows:\n  CatchUpAll: {cron: '0 9 * * *', run: [x], catch_up: all 3}": {Key: "flows.CatchUpAll.catch_up", Value: "all 3",
			Text: `register flow "CatchUpAll": invalid flow: catch_up: all gives each missed instant a run, overlap: skip skips those that overlap: choose overlap: buffer 10, or allow 5, buffer 10`},
		"flows:\n  'a.b': {cron: GapSkip, run: [x]}": {Key: `flows."a.b".cron`, Value: "GapSkip",
			Text: `invalid schedule: cron expression "GapSkip": expected exactly 5 fields, found 1: [GapSkip]`},
		"flows:\n  a: {every: 1h, run: [x], timeout: 100us}": {Key: "flows.a.timeout", Value: "100us",
			Text: `register flow "a": timeout(100µs): must be at least 1ms`},
		"flows:\n  a: {every: 1h, run: [x], overlap: 'allow 20000'}": {Key: "flows.a.overlap", Value: "allow 20000",
			Text: `overlap: allow(20000, ...): want 1 to 10000 runs at once`},
		"x-secret: &s {TOKEN: [hidden]}\nflows:\n  a: {every: 1h, run: [x], env: *s}": {Key: "x-secret.TOKEN",
			Text: "TOKEN is a single value: write it without brackets and braces"},
		"flows:\n  a: {every: 1h, run: hidden}": {Key: "flows.a.run",
			Text: "run is a list, the program and its arguments, as in run: [./sync.sh, --all]; shell takes a line of shell"},
		"flows:\n  a: {every: 1h, run: [x, [hidden]]}": {Key: "flows.a.run[1]",
			Text: "an argument of run is a single value: write it without brackets and braces"},
		"flows: {\n": {Text: "did not find expected node content"},
	} {
		_, err := parseConfig("pawl.yaml", "/", []byte(config))
		got, ok := errors.AsType[fault](err)
		require.True(t, ok, config)
		want.File, want.Line, want.Column = "pawl.yaml", got.Line, got.Column // TestConfigErrorsSayWhereAndWhat has the places
		if want.Key == `flows."a.b".cron` {                                   // the rest is the reader of expressions'
			want.Text = got.Text
			assert.Contains(t, got.Text, `"GapSkip"`)
		}
		assert.Equal(t, want, got, config)
	}
}

// Every name that an error may have is one of the config.
func TestEveryNameOfASettingHasAKey(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../internal/wording/wording.go", nil, 0)
	require.NoError(t, err)
	names := 0
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		name, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		assert.NotEmpty(t, keyWords[wording.Name(name)], name)
		names++
		return true
	})
	assert.Len(t, keyWords, names)
}

func TestConfigThatOthersCanWriteIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pawl.yaml")
	require.NoError(t, os.WriteFile(path, []byte("flows: {a: {manual: true, run: [x]}}\n"), 0o644))
	for _, mode := range []os.FileMode{0o664, 0o646} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := loadConfig(path)
		require.ErrorIs(t, err, os.ErrPermission)
		assert.Contains(t, err.Error(), "chmod go-w "+path)
	}
	require.NoError(t, os.Chmod(path, 0o640))
	_, err := loadConfig(path)
	assert.NoError(t, err)
}

func TestConfigIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pawl.yaml")
	require.NoError(t, os.WriteFile(path, []byte("# "+strings.Repeat("x", maxConfig)), 0o600))
	_, err := loadConfig(path)
	require.ErrorIs(t, err, errConfig)
	assert.Contains(t, err.Error(), "larger than 1.0 MiB")
}

func TestConfigThatIsNotThere(t *testing.T) {
	_, err := loadConfig(filepath.Join(t.TempDir(), "nope.yaml"))
	assert.ErrorIs(t, err, errConfig)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestDemoIsValid(t *testing.T) {
	flows, err := flowsOf(loadConfig(""))
	require.NoError(t, err)
	kinds := map[string]bool{}
	for _, f := range flows {
		kinds[f.kind] = true
	}
	assert.Len(t, kinds, 3, "it shows every kind of schedule")
}

// FuzzConfig proves that no file makes the reader panic, and that what it
// accepts is complete.
func FuzzConfig(f *testing.F) {
	f.Add(demo)
	f.Add([]byte("flows: &f\n  a: *f\n  <<: [*f, {b: 1}]\n"))
	f.Add([]byte("flows: {a: {<<: {<<: b}, run: [[]], env: {~: ~}, backoff: {}}}"))
	f.Add([]byte("? [a]\n: *b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		flows, err := flowsOf(parseConfig("f", "/", data))
		if err != nil {
			return
		}
		for _, f := range flows {
			if f.kind == "" || (f.shell == "") == (f.argv == nil) {
				t.Errorf("accepted %+v", f)
			}
		}
	})
}
