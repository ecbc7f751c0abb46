package web

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/pawl-go/pawl"
)

// The API answers with the objects of the program's -o json.

const (
	apiLimit = 1000 // objects of an answer
	apiRuns  = 200  // runs: each may bring its input and output
	apiNext  = 100  // instants of all flows
)

func answer(w http.ResponseWriter, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text, '\n')) // the reader has gone
	return nil
}

// list is an array, also of nothing. It is encoded while it is read.
func list[T any](w http.ResponseWriter, all []T) error {
	w.Header().Set("Content-Type", "application/json")
	out := bufio.NewWriterSize(w, chunk) // it keeps the first error: the reader has gone
	before := "["
	for i := range all {
		text, err := json.Marshal(&all[i])
		if err != nil {
			return err
		}
		_, _ = out.WriteString(before)
		if _, err := out.Write(text); err != nil {
			return nil
		}
		before = ","
	}
	if len(all) == 0 {
		_, _ = out.WriteString(before)
	}
	_, _ = out.WriteString("]\n")
	_ = out.Flush()
	return nil
}

// number reads a value of a query; without one it is otherwise.
func number(q url.Values, key string, otherwise, most int64) (int64, error) {
	text := q.Get(key)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > most {
		return 0, refuse(http.StatusBadRequest, "%s must be a number from 1 to %d.", key, most)
	}
	return n, nil
}

func instant(q url.Values, key string) (time.Time, error) {
	text := q.Get(key)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, refuse(http.StatusBadRequest, "%s must be a time like 2026-01-31T09:00:00Z.", key)
	}
	return t, nil
}

func (d *dashboard) apiFlows(w http.ResponseWriter, r *http.Request) error {
	flows, err := d.shared(r.Context())
	if err != nil {
		return err
	}
	q, c := r.URL.Query(), clock{Now: time.Now(), zone: d.zone}
	if c.around, err = d.view.Surroundings(r.Context()); err != nil {
		return err
	}
	search := searchOf(q)
	chosen, err := filterOf(q)
	if err != nil {
		return err
	}
	var found []*pawl.FlowInfo
	for i := range flows {
		if f := &flows[i]; matches(*f, search) && chosen.has(f, c) {
			found = append(found, f)
		}
	}
	return list(w, found)
}

func (d *dashboard) apiFlow(w http.ResponseWriter, r *http.Request) error {
	f, err := d.known(r.Context(), r.URL.Query().Get("id"))
	if err != nil {
		return err
	}
	return answer(w, f)
}

func (d *dashboard) apiRuns(w http.ResponseWriter, r *http.Request) error {
	values := r.URL.Query()
	q := pawl.RunsQuery{Flow: values.Get("id"), Status: pawl.RunStatus(values.Get("status"))}
	limit, err := number(values, "limit", 100, apiRuns)
	if err != nil {
		return err
	}
	q.Limit = int(limit)
	if q.Before, err = number(values, "before", 0, 1<<62); err != nil {
		return err
	}
	if q.Since, err = instant(values, "since"); err != nil {
		return err
	}
	if q.Before != 0 && q.Flow == "" {
		return refuse(http.StatusBadRequest, "before is a number of a flow's run and needs id.")
	}
	if q.Status != "" && !slices.Contains(runOrder, q.Status) {
		return refuse(http.StatusBadRequest, "There is no status %q of runs.", q.Status)
	}
	if q.Flow != "" {
		if _, err := d.known(r.Context(), q.Flow); err != nil {
			return err
		}
	}
	q.Limit++
	runs, err := d.view.Runs(r.Context(), q)
	if err != nil {
		return err
	}
	if len(runs) == q.Limit {
		runs = runs[:limit]
		if q.Flow != "" {
			linkNext(w, r, runs[limit-1].Number)
		} else {
			w.Header().Set(moreHeader, "true")
		}
	}
	return list(w, runs)
}

// moreHeader says that a list is not whole. Where the rest has an address, the header Link
// has it.
const moreHeader = "Pawl-More"

// linkNext says that there is more below a number, and where.
func linkNext(w http.ResponseWriter, r *http.Request, before int64) {
	q := r.URL.Query()
	q.Set("before", strconv.FormatInt(before, 10))
	w.Header().Set(moreHeader, "true")
	w.Header().Set("Link", "<?"+q.Encode()+`>; rel="next"`)
}

func (d *dashboard) apiRun(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	n, err := number(q, "number", 0, 1<<62)
	if err != nil {
		return err
	}
	f, err := d.known(r.Context(), q.Get("id"))
	if err != nil {
		return err
	}
	run, ok, err := d.view.Run(r.Context(), f.ID, n)
	if err != nil {
		return err
	}
	if !ok {
		return noRun(f, n)
	}
	return answer(w, run)
}

// entry is an instant of a flow.
type entry struct {
	Flow string `json:"flow_id"`
	pawl.Instant
}

func (d *dashboard) apiNext(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	most := int64(apiNext)
	if q.Get("id") != "" {
		most = apiLimit
	}
	n, err := number(q, "n", 10, most)
	if err != nil {
		return err
	}
	flows, err := d.soonest(r.Context(), q.Get("id"), int(n))
	if err != nil {
		return err
	}
	var entries []entry
	for _, f := range flows {
		coming, err := d.view.Next(f, time.Time{}, int(n))
		if err != nil {
			return err
		}
		for _, i := range coming {
			entries = append(entries, entry{f.ID, i})
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return a.At.Compare(b.At) })
	return list(w, entries[:min(len(entries), int(n))])
}

// soonest is the flow that is named, or else the n flows whose own next instants come
// first: the next n of all are among theirs.
func (d *dashboard) soonest(ctx context.Context, id string, n int) (flows []pawl.FlowInfo, err error) {
	if id != "" {
		f, err := d.known(ctx, id)
		return []pawl.FlowInfo{f}, err
	}
	if flows, err = d.all(ctx); err != nil {
		return nil, err
	}
	first := map[string]time.Time{}
	flows = slices.DeleteFunc(flows, func(f pawl.FlowInfo) bool {
		at := f.NextRun
		if at.IsZero() || !f.Held.IsZero() { // it is to be reckoned
			if next, _ := d.next(f, time.Time{}, 1); len(next) > 0 {
				at = next[0].At
			}
		}
		first[f.ID] = at
		return !f.Registered || at.IsZero()
	})
	slices.SortStableFunc(flows, func(a, b pawl.FlowInfo) int { return first[a.ID].Compare(first[b.ID]) })
	return flows[:min(len(flows), n)], nil
}

func (d *dashboard) apiWhy(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	at, err := instant(q, "at")
	if err != nil {
		return err
	}
	if at.IsZero() {
		return refuse(http.StatusBadRequest, "at is missing: the instant of the schedule, like 2026-01-31T09:00:00Z.")
	}
	reason, err := d.view.Why(r.Context(), q.Get("id"), at)
	if err != nil {
		return err
	}
	return answer(w, reason)
}

func (d *dashboard) apiTransitions(w http.ResponseWriter, r *http.Request) error {
	values := r.URL.Query()
	limit, err := number(values, "limit", 100, apiLimit)
	if err != nil {
		return err
	}
	q := pawl.TransitionsQuery{Flow: values.Get("id"), Limit: int(limit)}
	if q.Before, err = number(values, "before", 0, 1<<62); err != nil {
		return err
	}
	if q.Run, err = number(values, "number", 0, 1<<62); err != nil {
		return err
	}
	if _, err := d.known(r.Context(), q.Flow); err != nil {
		return err
	}
	q.Limit++
	steps, err := d.view.Transitions(r.Context(), q)
	if err != nil {
		return err
	}
	if len(steps) == q.Limit {
		steps = steps[:limit]
		linkNext(w, r, steps[limit-1].Version)
	}
	return list(w, steps)
}

func (d *dashboard) apiAttempts(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	n, err := number(q, "number", 0, 1<<62)
	if err != nil {
		return err
	}
	if _, err := d.known(r.Context(), q.Get("id")); err != nil {
		return err
	}
	tried, err := d.view.Attempts(r.Context(), q.Get("id"), n)
	if err != nil {
		return err
	}
	return list(w, tried)
}

func (d *dashboard) apiCheckpoints(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	n, err := number(q, "number", 0, 1<<62)
	if err != nil {
		return err
	}
	if _, err := d.known(r.Context(), q.Get("id")); err != nil {
		return err
	}
	done, err := d.view.Checkpoints(r.Context(), q.Get("id"), n)
	if err != nil {
		return err
	}
	return list(w, done)
}

func (d *dashboard) apiOccurrences(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	from, err := instant(q, "from")
	if err != nil {
		return err
	}
	to, err := instant(q, "to")
	if err != nil {
		return err
	}
	if to.IsZero() {
		to = time.Now()
	}
	if from.IsZero() {
		from = to.Add(-24 * time.Hour)
	}
	f, err := d.known(r.Context(), q.Get("id"))
	if err != nil {
		return err
	}
	all, err := d.view.Occurrences(r.Context(), []string{f.ID}, from, to, apiLimit+1)
	if err != nil {
		return err
	}
	if len(all) > apiLimit {
		all = all[:apiLimit]
		w.Header().Set(moreHeader, "true")
	}
	return list(w, all)
}
