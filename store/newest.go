package store

import "context"

const selectNewestSeq = `SELECT COALESCE(max(seq), 0) FROM pawl_transition_log`

// NewestSeq reads the Seq of the newest transition; 0: there is none.
func (r *Reader) NewestSeq(ctx context.Context) (seq int64, err error) {
	if err := r.db.GetContext(ctx, &seq, selectNewestSeq); err != nil {
		return 0, explain(r.path, err)
	}
	return seq, nil
}
