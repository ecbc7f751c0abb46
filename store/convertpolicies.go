package store

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/pawl-go/pawl/engine/core"
)

// convertPolicies stores the policies as values that versions before schema 6 stored only as
// texts, so that nothing else has to parse the texts. A text that somebody edited stays without
// values until the program registers the flow again.
func convertPolicies(ctx context.Context, tx *sqlx.Tx) error {
	var rows []struct {
		Key             int64
		Policy, Backoff string
	}
	const texts = `SELECT key, policy, backoff FROM pawl_flow_plan WHERE policies IS NULL AND (policy <> '' OR backoff <> '')`
	if err := tx.SelectContext(ctx, &rows, texts); err != nil {
		return fmt.Errorf("convert policies: %w", err)
	}
	for _, row := range rows {
		p, ok := policiesOf(row.Policy, row.Backoff)
		if !ok {
			continue
		}
		values, err := json.Marshal(p)
		if err == nil {
			_, err = tx.ExecContext(ctx, "UPDATE pawl_flow_plan SET policies = ? WHERE key = ?", string(values), row.Key)
		}
		if err != nil {
			return fmt.Errorf("convert policies: %w", err)
		}
	}
	return nil
}

// policyText matches the text that all versions wrote: the policies that are not the default, in
// this order.
var policyText = regexp.MustCompile(`^(?:(?:^|, )overlap (cancel|buffer \d+|allow \d+, buffer \d+))?` +
	`(?:(?:^|, )catch-up ((?:latest|earliest|none|all \d+)(?: within [^\s,]+)?))?` +
	`(?:(?:^|, )retry (\d+), ([^\s,]+ x[^\s,]+ up to [^\s,]+(?:, jitter [\d.e+-]+)?(?:, trips at \d+)?))?` +
	`(?:(?:^|, )timeout ([^\s,]+))?(?:(?:^|, )timeout of an attempt ([^\s,]+))?` +
	`(?:(?:^|, )jitter ([^\s,]+))?(?:(?:^|, )limit (\d+))?(?:(?:^|, )(a stop cancels))?$`)

// policiesOf parses the texts of a flow's policies; false: they are not such texts.
func policiesOf(policy, backoff string) (p core.Policies, ok bool) {
	parts := policyText.FindStringSubmatch(policy)
	if parts == nil {
		return p, false
	}
	ok = true
	read := func(text string, into func(string) error) {
		if text != "" && into(text) != nil {
			ok = false
		}
	}
	duration := func(d *time.Duration) func(string) error {
		return func(text string) (err error) { *d, err = time.ParseDuration(text); return err }
	}
	read(parts[1], func(s string) (err error) { p.Overlap, err = core.ParseOverlap(s); return err })
	read(parts[2], func(s string) (err error) { p.CatchUp, err = core.ParseCatchUp(s); return err })
	read(parts[3], func(s string) (err error) { p.Retries, err = strconv.Atoi(s); return err })
	read(parts[4], func(s string) (err error) { p.RetryDelay, err = core.ParseBackoff(s); return err })
	read(parts[5], duration(&p.Timeout))
	read(parts[6], duration(&p.AttemptTimeout))
	read(parts[7], duration(&p.Jitter))
	read(parts[8], func(s string) (err error) { p.Limit, err = strconv.ParseInt(s, 10, 64); return err })
	p.StopCancels = parts[9] != ""
	read(backoff, func(s string) (err error) { p.Backoff, err = core.ParseBackoff(s); return err })
	return p, ok
}
