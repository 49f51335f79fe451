package outcome

import (
	"cmp"
	"time"

	"github.com/poolsync/poolsync/internal/pool"
)

const (
	// slack is how far the clocks may differ that date calls, and pools and jobs;
	// and how long a job may be missing from the list that was just accepted.
	slack = time.Minute
	// lag is how long a replica may take to show what a job did.
	lag = 30 * time.Second
	// barrierAge is how old a job that has not ended must be before it no longer
	// stands in the way of a verdict. So long, too, may a call have waited for its
	// turn whose run did not live to record when it left.
	barrierAge = 10 * time.Minute
	// shortCall is within what a call leaves of which only the beginning is recorded.
	shortCall = time.Minute
	// resolution is that of the times of pools and jobs.
	resolution = time.Second
)

// window is when a call was under way, by the clock that dates calls.
type window struct{ from, to, last time.Time }

// windowOf returns the window of a pending call. Last is later than to where the
// end was not recorded: the run died, and the call may have left late.
func windowOf(p *pool.PendingCall) window {
	w := window{from: p.At.Truncate(time.Second)}
	if end := cmp.Or(p.Until, p.Accepted); end != nil {
		w.to = end.Add(resolution)
		w.last = w.to
		return w
	}
	w.to, w.last = p.At.Add(shortCall), p.At.Add(barrierAge)
	return w
}

// inside reports whether a moment, as the service's database dates it, is certainly
// one of the call; possible, whether it may be one, the clocks being what they are.
func (w window) inside(t time.Time) bool { return !t.Before(w.from) && !t.After(w.to) }

func (w window) possible(t time.Time) bool {
	return !t.Before(w.from.Add(-slack)) && !t.After(w.last.Add(slack))
}

// parseTime reads a time of a pool or job, with or without a zone (then UTC).
func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, time.DateTime} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// near reports whether a pool was written at the end of a job. Both times are the
// database's.
func near(l pool.Live, j pool.Job) bool {
	updated, ok1 := parseTime(l.Updated)
	ended, ok2 := parseTime(cmp.Or(j.Completed, j.Created))
	return ok1 && ok2 && updated.Sub(ended).Abs() <= ownSlack
}

// ended notes in a pending call when its job ended.
func ended(p pool.PendingCall, j pool.Job) *pool.PendingCall {
	if at, ok := parseTime(j.Completed); ok {
		p.Ended = &at
	}
	return &p
}
