package pawlprom_test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/pawlprom"
	"github.com/pawl-go/pawl/workflow"
)

// exported is the series that a scheduler shows of which something of each kind has
// happened, with their labels.
func exported(t *testing.T) (names map[string][]string) {
	t.Helper()
	names = map[string][]string{}
	bubble(t, func(t *testing.T, db string) {
		waits := func(version int) pawl.Job {
			w := workflow.New[string](workflow.Version(version))
			w.Register("wait", workflow.After("end", time.Hour))
			w.Exit("end")
			return w.Job("wait")
		}
		before := measured(db, pawlprom.New())
		require.NoError(t, before.Manual("w", waits(1)))
		first, err := before.Start(t.Context())
		require.NoError(t, err)
		_, err = first.Trigger(t.Context(), "w")
		require.NoError(t, err)
		synctest.Wait()
		require.NoError(t, first.Stop(t.Context()))
		time.Sleep(2 * time.Hour)
		m := pawlprom.New()
		over := make(chan struct{})
		s := measured(db, m, pawl.WithGroupLimit("one", 1))
		require.NoError(t, s.Manual("w", waits(2)))
		require.NoError(t, s.Manual("holder", job(func(context.Context) error { <-over; return nil }), pawl.WithGroup("one")))
		require.NoError(t, s.Cron("kept", "* * * * *", job(ok), pawl.WithGroup("one")))
		require.NoError(t, s.Every("a", time.Hour, job(failing), pawl.WithBackoff(pawl.DefaultBackoff())))
		r := start(t, s, m)
		_, err = r.Trigger(t.Context(), "holder")
		require.NoError(t, err)
		time.Sleep(2 * time.Hour) // kept has waited for too long, and the run of the older version is blocked
		synctest.Wait()
		_, err = r.Trigger(t.Context(), "w")
		require.NoError(t, err)
		_, err = r.Trigger(t.Context(), "a", pawl.WithStartAt(time.Now().Add(time.Hour)))
		require.NoError(t, err)
		synctest.Wait()
		registry := prometheus.NewRegistry()
		registry.MustRegister(m)
		families, err := registry.Gather()
		close(over)
		require.NoError(t, err)
		for _, f := range families {
			labels := []string{"job", "instance"} // of Prometheus itself
			for _, l := range f.GetMetric()[0].GetLabel() {
				labels = append(labels, l.GetName())
			}
			if f.GetType().String() != "HISTOGRAM" {
				names[f.GetName()] = labels
				continue
			}
			names[f.GetName()+"_count"], names[f.GetName()+"_sum"] = labels, labels
			names[f.GetName()+"_bucket"] = append(slices.Clone(labels), "le")
		}
	})
	return names
}

var (
	quoted   = regexp.MustCompile(`"[^"]*"`)
	grouping = regexp.MustCompile(`\b(?:by|without|on|ignoring) *\(([^)]*)\)`)
	ranges   = regexp.MustCompile(`\[[^\]]*\]|\boffset \w+`)
	selector = regexp.MustCompile(`([a-zA-Z_:][\w:]*)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`(\w+) *(?:=~|!~|!=|=)`)
)

// words of the query language that stand where a metric could.
var words = strings.Fields(`or and unless bool sum count max min time absent increase rate resets vector topk bottomk
	histogram_quantile last_over_time max_over_time min_over_time`)

// check holds an expression of the query language against what is exported.
func check(t *testing.T, expr string, names map[string][]string) {
	t.Helper()
	expr = quoted.ReplaceAllString(expr, `""`)
	known := map[string]bool{"le": true}
	for _, labels := range names {
		for _, l := range labels {
			known[l] = true
		}
	}
	for _, group := range grouping.FindAllStringSubmatch(expr, -1) {
		for label := range strings.SplitSeq(group[1], ",") {
			assert.True(t, known[strings.TrimSpace(label)], "%s: label %s", expr, label)
		}
	}
	metrics := 0
	for _, found := range selector.FindAllStringSubmatch(ranges.ReplaceAllString(grouping.ReplaceAllString(expr, ""), ""), -1) {
		if slices.Contains(words, found[1]) {
			continue
		}
		labels, ok := names[found[1]]
		assert.True(t, ok, "%s: %s is not exported", expr, found[1])
		for _, m := range matcher.FindAllStringSubmatch(found[2], -1) {
			assert.Contains(t, labels, m[1], expr)
		}
		metrics++
	}
	assert.Positive(t, metrics, expr)
	for _, pair := range []string{"()", "[]", "{}"} {
		assert.Equal(t, strings.Count(expr, pair[:1]), strings.Count(expr, pair[1:]), expr)
	}
}

// Observability: alert rules for tripped, late and degraded, and for what fails or is not
// scraped, over metrics and labels that are there.
func TestAlertsAreAboutMetricsThatAreExported(t *testing.T) {
	text, err := os.ReadFile("../docs/alerts.yaml")
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []struct {
				Alert       string            `yaml:"alert"`
				Expr        string            `yaml:"expr"`
				For         string            `yaml:"for"`
				Labels      map[string]string `yaml:"labels"`
				Annotations map[string]string `yaml:"annotations"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&file))
	names := exported(t)
	var alerts []string
	for _, group := range file.Groups {
		assert.NotEmpty(t, group.Name)
		for _, rule := range group.Rules {
			alerts = append(alerts, rule.Alert)
			check(t, rule.Expr, names)
			assert.NotEmpty(t, rule.Labels["severity"], rule.Alert)
			assert.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
			if rule.For != "" {
				_, err := time.ParseDuration(rule.For)
				assert.NoError(t, err, rule.Alert)
			}
		}
	}
	assert.Equal(t, []string{"PawlFlowTripped", "PawlFlowOverdue", "PawlRunLate", "PawlFlowFailing", "PawlDegraded", "PawlRequestRefused", "PawlLogLong", "PawlRunBlocked", "PawlNotScraped"}, alerts)
}

// Observability: a dashboard for Grafana over metrics and labels that are there.
func TestDashboardIsAboutMetricsThatAreExported(t *testing.T) {
	text, err := os.ReadFile("../docs/grafana.json")
	require.NoError(t, err)
	var dashboard struct {
		Title         string
		SchemaVersion int
		Panels        []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
		Annotations struct{ List []struct{ Expr string } }
		Templating  struct {
			List []struct{ Name, Type, Definition string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &dashboard))
	assert.Equal(t, 42, dashboard.SchemaVersion, "the last one of Grafana's classic dashboards")
	names := exported(t)
	used := map[string]bool{}
	cells, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range dashboard.Panels {
		assert.False(t, ids[p.ID], p.Title)
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				assert.Empty(t, cells[[2]int{x, y}], "%s lies over another", p.Title)
				cells[[2]int{x, y}] = p.Title
			}
		}
		assert.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		assert.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			check(t, target.Expr, names)
			for name := range names {
				used[name] = used[name] || strings.Contains(target.Expr, name)
			}
		}
	}
	for _, a := range dashboard.Annotations.List {
		check(t, a.Expr, names)
	}
	for _, v := range dashboard.Templating.List {
		if v.Type == "query" {
			inner := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`).FindStringSubmatch(v.Definition)
			require.NotNil(t, inner, v.Definition)
			check(t, inner[1], names)
			assert.Contains(t, names[regexp.MustCompile(`^\w+`).FindString(inner[1])], inner[2])
		}
	}
	for name := range names {
		if !strings.Contains(name, "_seconds_") && !strings.HasPrefix(name, "pawl_build") && !strings.HasPrefix(name, "pawl_commit_batch_size_b") {
			assert.True(t, used[name], "%s is nowhere to be seen", name)
		}
	}
}

// Observability: Grafana takes the file: a dashboard has what its classic schema asks for,
// each panel a kind that Grafana brings along and a data source, each query a name, and each
// variable that is used is one of the dashboard or of Grafana.
func TestDashboardHasTheShapeThatGrafanaAsksFor(t *testing.T) {
	text, err := os.ReadFile("../docs/grafana.json")
	require.NoError(t, err)
	type source struct{ Type, UID string }
	var dashboard struct {
		UID, Title string
		Time       map[string]string
		Templating struct{ List []struct{ Name string } }
		Panels     []struct {
			ID          int
			Type, Title string
			Datasource  source
			GridPos     map[string]int
			FieldConfig map[string]any
			Targets     []struct {
				RefID, LegendFormat string
				Datasource          source
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &dashboard))
	assert.Regexp(t, `^[\w-]{1,40}$`, dashboard.UID)
	assert.NotEmpty(t, dashboard.Title)
	assert.Contains(t, dashboard.Time, "from")
	assert.Contains(t, dashboard.Time, "to")
	variables := []string{"__rate_interval", "__range", "__interval"}
	for _, v := range dashboard.Templating.List {
		variables = append(variables, v.Name)
	}
	for _, v := range regexp.MustCompile(`\$\{?(\w+)`).FindAllStringSubmatch(string(text), -1) {
		if v[1] != "__all" { // the value of a variable that is not narrowed down
			assert.Contains(t, variables, v[1])
		}
	}
	require.NotEmpty(t, dashboard.Panels)
	prometheus, names := source{"prometheus", "${datasource}"}, exported(t)
	for _, p := range dashboard.Panels {
		assert.Contains(t, []string{"stat", "timeseries", "table"}, p.Type, p.Title)
		assert.Positive(t, p.ID, p.Title)
		assert.Equal(t, prometheus, p.Datasource, p.Title)
		for _, side := range []string{"x", "y", "w", "h"} {
			assert.Contains(t, p.GridPos, side, p.Title)
		}
		assert.Contains(t, p.FieldConfig, "defaults", p.Title)
		assert.Contains(t, p.FieldConfig, "overrides", p.Title)
		refs := map[string]bool{}
		for _, target := range p.Targets {
			assert.Regexp(t, `^[A-Z]$`, target.RefID, p.Title)
			assert.False(t, refs[target.RefID], p.Title)
			refs[target.RefID] = true
			assert.Equal(t, prometheus, target.Datasource, p.Title)
			for _, label := range regexp.MustCompile(`{{ *(\w+) *}}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				assert.True(t, slices.ContainsFunc(slices.Collect(maps.Values(names)), func(l []string) bool { return slices.Contains(l, label[1]) }), label[1])
			}
		}
	}
}

// Late is what is above a bound that is a bucket, and states and outcomes are those that there are.
func TestAlertsAreAboutValuesThatAreExported(t *testing.T) {
	alerts, err := os.ReadFile("../docs/alerts.yaml")
	require.NoError(t, err)
	assert.Contains(t, string(alerts), `le=~"300([.]0)?"`)
	bubble(t, func(t *testing.T, db string) {
		m := pawlprom.New()
		s := measured(db, m)
		require.NoError(t, s.Every("a", time.Hour, job(ok)))
		start(t, s, m)
		synctest.Wait()
		assert.Contains(t, text(m), `pawl_run_lateness_seconds_bucket{flow="a",le="300"} 1`)
	})
	var failures []string
	for _, fact := range pawl.RunStatuses() {
		if fact.Failure {
			failures = append(failures, string(fact.Word))
		}
	}
	alternatives := regexp.MustCompile(`status=~"([^"]*)"`).FindSubmatch(alerts)
	assert.ElementsMatch(t, failures, strings.Split(string(alternatives[1]), "|"), "found B10")
	there := []string{string(pawl.StatusTripped), string(pawl.StatusRunning), string(pawl.RunCompleted), string(pawl.RunFailed), string(pawl.RunTimedOut), string(pawl.RunInterrupted)}
	for _, value := range regexp.MustCompile(`\b(?:state|status)=~?"([^"]*)"`).FindAllStringSubmatch(string(alerts), -1) {
		assert.Subset(t, there, strings.Split(value[1], "|"))
	}
}

// A check that finds nothing wrong would prove nothing.
func TestCheckFindsWhatIsWrong(t *testing.T) {
	names := map[string][]string{"pawl_degraded": {"job"}}
	for expr, ok := range map[string]bool{
		`pawl_degraded{job="a"} > 0`:      true,
		`pawl_degradet > 0`:               false,
		`pawl_degraded{flow="a"} > 0`:     false,
		`sum by (flow) (pawl_degraded)`:   false,
		`sum by (job) (pawl_degraded`:     false,
		`other_metric unless vector(0)`:   false,
		`time() > 0`:                      false,
		`max(pawl_degraded) by (job) > 0`: true,
	} {
		probe := new(testing.T)
		check(probe, expr, names)
		assert.Equal(t, !ok, probe.Failed(), expr)
	}
}
