package harness

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/store"
)

// CheckAttempts says where the attempts of a file's runs contradict its log, or what a
// reader gets of them contradicts the view: each attempt that the log says failed has its
// row, in the transaction that says so, and no other has one. found B2.
func CheckAttempts(path string, reader *store.Reader) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer db.Close()
	const odd = `WITH noted (flow, run, attempt) AS (
    SELECT x.flow, x.run_number, CAST(substr(x.note, instr(x.note, 'attempt ') + 8) AS INTEGER) FROM pawl_transition_log x
    WHERE x.note GLOB '*attempt [0-9]* failed; the next is at *'
), kept (flow, run, attempt) AS (
    SELECT r.flow, r.number, a.attempt FROM pawl_attempt_log a JOIN pawl_run_log r ON r.key = a.run
)
SELECT count(*) FROM (
    SELECT * FROM (SELECT * FROM noted EXCEPT SELECT * FROM kept) UNION ALL SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM noted)
) o JOIN pawl_flow_plan p ON p.key = o.flow AND p.pruned = 0`
	var n int
	if err := db.QueryRow(odd).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("%d attempts are not in both the log and the table", n)
	}
	seen, err := viewedAttempts(db)
	if err != nil {
		return err
	}
	const most = 300 // runs that are looked at
	for run, want := range seen {
		if run.number > most {
			continue
		}
		list, ok, err := reader.AttemptsOf(context.Background(), run.flow, run.number)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("run %d of %s is in the view alone", run.number, run.flow)
		}
		if got := fmt.Sprint(attemptTexts(list)); got != fmt.Sprint(want) {
			return fmt.Errorf("run %d of %s has the attempts\n%v\n, in the view\n%v", run.number, run.flow, got, want)
		}
	}
	return nil
}

type runID struct {
	flow   string
	number int64
}

// viewedAttempts reads the view, as texts.
func viewedAttempts(db *sql.DB) (map[runID][]string, error) {
	rows, err := db.Query(`SELECT flow_id, run_number, attempt, status, COALESCE(started_at, ''), COALESCE(finished_at, ''), COALESCE(error, '')
FROM pawl_attempts ORDER BY flow_id, run_number, attempt`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	seen := map[runID][]string{}
	for rows.Next() {
		var run runID
		var attempt int
		var status, started, finished, text string
		if err := rows.Scan(&run.flow, &run.number, &attempt, &status, &started, &finished, &text); err != nil {
			return nil, err
		}
		seen[run] = append(seen[run], fmt.Sprintf("%d %s [%s %s] %q", attempt, status, started, finished, text))
	}
	return seen, rows.Err()
}

func attemptTexts(list []pawl.Attempt) (texts []string) {
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format("2006-01-02T15:04:05.000Z")
	}
	for _, a := range list {
		texts = append(texts, fmt.Sprintf("%d %s [%s %s] %q", a.Number, a.Status, stamp(a.StartedAt), stamp(a.FinishedAt), a.Error))
	}
	return texts
}
