package web

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web/internal/plain"
)

// flowsPage is the status table.
type flowsPage struct {
	page
	Rows   []flowRow
	Chips  []chip
	Sorts  map[string]sortLink
	Search string
	State  string
	Sort   string
	Total  int // flows that there are
	Found  int // of them, those that were asked for
	pager
}

// flowRow is a line of the table.
type flowRow struct {
	ID       string
	State    badge
	Marks    []badge
	Schedule string
	Zone     string
	Next     moment
	Waits    string // in place of a next run
	Last     moment
	Streak   string
	Calm     string // in place of a streak
	Why      string
	Trouble  bool // why is about something that went wrong
	Runs     int64
	Strip    strip
	Spark    spark
}

// chip is a filter with how many flows it lets through.
type chip struct {
	Key, Word string
	Count     int
	On        bool
	URL       string
}

type filter struct {
	key, word string
	has       func(f *pawl.FlowInfo, c clock) bool
}

// filters are the states to choose from, in the order of the chips.
var filters = []filter{
	{"", "All", func(*pawl.FlowInfo, clock) bool { return true }},
	{"running", "Running", func(f *pawl.FlowInfo, _ clock) bool { return f.InFlight > 0 }},
	{"failing", "Failing", func(f *pawl.FlowInfo, _ clock) bool {
		return f.Registered && (f.Status == pawl.StatusFailed || f.FailureStreak > 0)
	}},
	{"tripped", "Tripped", func(f *pawl.FlowInfo, _ clock) bool { return f.Registered && f.Status == pawl.StatusTripped }},
	{"late", "Late", func(f *pawl.FlowInfo, c clock) bool { return c.late(*f) }},
	{"paused", "Paused", func(f *pawl.FlowInfo, _ clock) bool { return f.Registered && !f.PausedAt.IsZero() }},
	{"waiting", "Waiting", func(f *pawl.FlowInfo, _ clock) bool { return f.Waiting+f.Backfill > 0 }},
	{"parked", "Parked", func(f *pawl.FlowInfo, _ clock) bool { return f.Parked > 0 }},
	{"blocked", "Blocked", func(f *pawl.FlowInfo, _ clock) bool { return f.Blocked > 0 }},
	{"gone", "Not registered", func(f *pawl.FlowInfo, _ clock) bool { return !f.Registered }},
}

const flowsPerPage = 50

func (d *dashboard) flows(w http.ResponseWriter, r *http.Request) error {
	base, err := d.fresh(r.Context(), "Flows", "flows")
	if err != nil {
		return err
	}
	all, err := d.list(r.Context(), base.Seq)
	if err != nil {
		return err
	}
	p := flowsPage{page: base, Total: len(all)}
	found, err := p.choose(all, r.URL.Query())
	if err != nil {
		return err
	}
	p.pager = paged(r.URL.Query(), "./", len(found), flowsPerPage)
	found = found[p.From:p.To]
	runs, err := d.view.Window(r.Context(), pawl.WindowQuery{Flows: ids(found), Limit: stripRuns})
	if err != nil {
		return err
	}
	for _, f := range found {
		p.Rows = append(p.Rows, p.Clock.row(f, runs[f.ID]))
	}
	return d.render(w, "flows", http.StatusOK, p)
}

// choose is the flows that a query asks for, in the order that it asks for, and how
// else it could be asked.
func (p *flowsPage) choose(all []pawl.FlowInfo, q url.Values) ([]pawl.FlowInfo, error) {
	p.Search, p.State, p.Sort = searchOf(q), q.Get("state"), q.Get("sort")
	counts := make([]int, len(filters))
	chosen, err := filterOf(q)
	if err != nil {
		return nil, err
	}
	compare := orders[strings.TrimPrefix(p.Sort, "-")]
	if compare == nil && p.Sort != "" {
		return nil, refuse(http.StatusBadRequest, "Flows cannot be sorted by %q; there is %s, also with a - before it.", plain.Text(p.Sort), strings.Join(slices.Sorted(maps.Keys(orders)), ", "))
	}
	found := slices.DeleteFunc(all, func(f pawl.FlowInfo) bool {
		if !matches(f, p.Search) {
			return true
		}
		for i := range filters {
			if filters[i].has(&f, p.Clock) {
				counts[i]++
			}
		}
		return !chosen.has(&f, p.Clock)
	})
	for i, f := range filters {
		if counts[i] > 0 || f.key == "" || f.key == p.State {
			p.Chips = append(p.Chips, chip{f.key, f.word, counts[i], f.key == p.State, with(q, "./", "state", f.key)})
		}
	}
	p.Found = len(found)
	p.Sorts = sortLinks(q, p.Sort)
	if compare != nil {
		slices.SortStableFunc(found, func(a, b pawl.FlowInfo) int {
			if strings.HasPrefix(p.Sort, "-") {
				a, b = b, a
			}
			return compare(a, b)
		})
	}
	return found, nil
}

// filterOf is the filter that a query asks for.
func filterOf(q url.Values) (filter, error) {
	var keys []string
	for _, f := range filters {
		if f.key == q.Get("state") {
			return f, nil
		}
		keys = append(keys, f.key)
	}
	return filter{}, refuse(http.StatusBadRequest, "There is no state %q; there is %s.", plain.Text(q.Get("state")), strings.Join(keys[1:], ", "))
}

const longestSearch = 200 // bytes

// searchOf is what a query searches for, within bounds.
func searchOf(q url.Values) string {
	text := strings.TrimSpace(q.Get("q"))
	return strings.ToValidUTF8(text[:min(len(text), longestSearch)], "")
}

// matches says whether a flow has all words of a search in its id, its schedule, its
// group or its last error.
func matches(f pawl.FlowInfo, search string) bool {
	if search == "" {
		return true
	}
	text := strings.ToLower(f.ID + "\n" + f.Schedule + "\n" + f.Group + "\n" + f.LastError)
	for word := range strings.FieldsSeq(strings.ToLower(search)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

var orders = map[string]func(a, b pawl.FlowInfo) int{
	"flow":   func(a, b pawl.FlowInfo) int { return cmp.Compare(a.ID, b.ID) },
	"next":   func(a, b pawl.FlowInfo) int { return compareTimes(a.NextRun, b.NextRun) },
	"last":   func(a, b pawl.FlowInfo) int { return compareTimes(b.LastRun, a.LastRun) },
	"streak": func(a, b pawl.FlowInfo) int { return cmp.Compare(b.FailureStreak, a.FailureStreak) },
}

// compareTimes puts those that there are before those that there are not.
func compareTimes(a, b time.Time) int {
	if a.IsZero() != b.IsZero() {
		if a.IsZero() {
			return 1
		}
		return -1
	}
	return a.Compare(b)
}

// sortLink is what a click on the head of a column asks for.
type sortLink struct {
	URL   string
	Arrow string // how it is sorted; empty: it is not
	Aria  string
}

func sortLinks(q url.Values, sorted string) map[string]sortLink {
	links := map[string]sortLink{}
	for key := range orders {
		switch sorted {
		case key:
			links[key] = sortLink{with(q, "./", "sort", "-"+key), "↓", "ascending"}
		case "-" + key:
			links[key] = sortLink{with(q, "./", "sort", ""), "↑", "descending"}
		default:
			links[key] = sortLink{with(q, "./", "sort", key), "", "none"}
		}
	}
	return links
}

// with is the address of a query with one value changed, from its first page.
func with(q url.Values, path, key, value string) string {
	next := url.Values{}
	for _, k := range []string{"q", "state", "sort", "date"} {
		if v := q.Get(k); v != "" && k != key {
			next.Set(k, v)
		}
	}
	if value != "" {
		next.Set(key, value)
	}
	if len(next) == 0 {
		return path
	}
	return path + "?" + next.Encode()
}

// pager is which part of a list a page shows.
type pager struct {
	From, To   int // of the list
	Page       int // from 1
	Pages      int
	Prev, Next string // addresses
}

func paged(q url.Values, path string, n, size int) pager {
	p := pager{Pages: max((n+size-1)/size, 1)}
	p.Page, _ = strconv.Atoi(q.Get("page")) // 0 is the first
	p.Page = min(max(p.Page, 1), p.Pages)
	p.From, p.To = (p.Page-1)*size, min(p.Page*size, n)
	if p.Page > 1 {
		p.Prev = with(q, path, "page", strconv.Itoa(p.Page-1))
	}
	if p.Page < p.Pages {
		p.Next = with(q, path, "page", strconv.Itoa(p.Page+1))
	}
	return p
}

func ids(flows []pawl.FlowInfo) []string {
	list := make([]string, len(flows))
	for i, f := range flows {
		list[i] = f.ID
	}
	return list
}

func (c clock) row(f pawl.FlowInfo, runs []pawl.RunInfo) flowRow {
	row := flowRow{
		ID: f.ID, State: stateOf(f), Marks: marks(f), Schedule: plain.Text(schedule(f)), Zone: zoneOf(f),
		Last: c.At(f.LastRun), Streak: streak(f), Calm: calm(f), Why: c.why(f), Runs: f.RunCount, Strip: c.stripOf(runs), Spark: c.sparkOf(runs),
	}
	row.Trouble = f.FailureStreak > 0 || f.Status == pawl.StatusFailed || f.Status == pawl.StatusTripped || c.late(f)
	row.Next, row.Waits = c.next(f)
	return row
}

// next is when a flow runs next, or why there is no such instant.
func (c clock) next(f pawl.FlowInfo) (moment, string) {
	switch {
	case !f.Registered:
		return moment{}, "never"
	case f.NextRun.IsZero() && !f.Held.IsZero():
		return moment{}, "held"
	case f.NextRun.IsZero() && f.Waiting+f.Backfill > 0:
		return moment{}, "waits"
	case f.NextRun.IsZero() && f.ParkedInTheWay():
		return moment{}, "parked"
	case f.NextRun.IsZero() && f.Kind == "manual":
		return moment{}, "on demand"
	case f.NextRun.IsZero() && f.InFlight > 0:
		return moment{}, "after this run"
	case f.NextRun.IsZero():
		return moment{}, "none"
	}
	m := c.At(f.NextRun)
	if !f.NextRun.After(c.Now) {
		m.Text = "due"
		if w := f.Wait(c.Now, c.around); w.Cause == pawl.WaitJitter {
			m.Text = c.relative(w.Until)
		}
	}
	return m, ""
}
