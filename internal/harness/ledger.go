package harness

import (
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ledgerRow is a verdict on a range of instants, as offsets from a beginning.
type ledgerRow struct {
	first, last time.Duration
	count       int64
	verdict     string
}

// CheckLedger says which instants of the flow of a file have not exactly one verdict,
// up to now: those before the first undecided one are either fired, by runs for them, or
// in one range; none after it is. The verdicts are those that are wanted. W1, W3.
func CheckLedger(path string, began time.Time, now time.Duration, wanted map[time.Duration][]string) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer db.Close()
	var undecided, seqs int64
	err = db.QueryRow(`SELECT COALESCE(s.held, s.next_run, 0), (SELECT COUNT(*) FROM pawl_verdict_log v WHERE NOT EXISTS
    (SELECT 1 FROM pawl_transition_log x WHERE x.seq = v.seq AND x.flow = v.flow)) FROM pawl_flow_state s`).Scan(&undecided, &seqs)
	if err != nil {
		return err
	}
	if seqs > 0 || undecided == 0 {
		return fmt.Errorf("%d verdicts are of no transition; the first undecided instant is %d", seqs, undecided)
	}
	rows, err := ledger(db, began)
	if err != nil {
		return err
	}
	has, err := expand(rows)
	if err != nil {
		return err
	}
	return compareLedger(has, wanted, time.UnixMilli(undecided).Sub(began), now)
}

// ledger reads what is decided, a row per range and per fired instant.
func ledger(db *sql.DB, began time.Time) (list []ledgerRow, err error) {
	rows, err := db.Query(`SELECT v.first_at, v.last_at, v.count, w.word FROM pawl_verdict_log v
JOIN pawl_words w ON w.kind = 'verdict' AND w.code = v.verdict WHERE w.word NOT LIKE 'dst%'
UNION ALL SELECT DISTINCT scheduled_at, scheduled_at, 1, 'fired' FROM pawl_run_log WHERE trigger = 0`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var first, last int64
		var r ledgerRow
		if err := rows.Scan(&first, &last, &r.count, &r.verdict); err != nil {
			return nil, err
		}
		r.first, r.last = time.UnixMilli(first).Sub(began), time.UnixMilli(last).Sub(began)
		list = append(list, r)
	}
	return list, rows.Err()
}

// expand lists the verdicts of each instant.
func expand(rows []ledgerRow) (map[time.Duration][]string, error) {
	has := map[time.Duration][]string{}
	for _, r := range rows {
		n := int64(0)
		for t := r.first; t <= r.last; t += PolicyInterval {
			has[t] = append(has[t], r.verdict)
			n++
		}
		if n != r.count || r.first%PolicyInterval != 0 || r.last%PolicyInterval != 0 {
			return nil, fmt.Errorf("%+v has %d instants", r, n)
		}
	}
	return has, nil
}

func compareLedger(has, wanted map[time.Duration][]string, undecided, now time.Duration) error {
	var found []error
	last := now
	for t := range has {
		last = max(last, t)
	}
	for t := time.Duration(0); t <= last; t += PolicyInterval {
		switch v := has[t]; {
		case len(v) > 1:
			found = append(found, fmt.Errorf("%s has the verdicts %v", t, v))
		case len(v) == 1 && t > now:
			found = append(found, fmt.Errorf("%s is %s before its time", t, v))
		case len(v) == 1 && v[0] != "fired" && fmt.Sprint(v) != fmt.Sprint(wanted[t]):
			found = append(found, fmt.Errorf("%s is %v, want %v", t, v, wanted[t]))
		case len(v) == 1 && t > undecided, len(v) == 0 && t < undecided && t > 0:
			found = append(found, fmt.Errorf("%s is %v, but the first undecided instant is %s", t, v, undecided))
		}
	}
	return errors.Join(found...)
}

const PolicyInterval = 5 * time.Second
