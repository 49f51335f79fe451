package settle_test

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/settle"
)

func ended(s pool.JobStatus, ago time.Duration) []pool.Job {
	return []pool.Job{{Reference: "j", Status: s, Completed: now.Add(-ago).Format(time.DateTime), Detail: "no such item"}}
}

// TestWithAJob is rule 1 of settling.
func TestWithAJob(t *testing.T) {
	young := func(e *pool.Entry) { e.Pending.At = now.Add(-time.Minute) }
	done, old := live("New", pool.Published, "after"), live("Old", pool.Published, "before")
	for name, tt := range map[string]struct {
		jobs []pool.Job
		live []pool.Live
		edit func(*pool.Entry)
		want settle.Verdict
		says string
	}{
		"completed":                    {ended(pool.JobCompleted, time.Minute), []pool.Live{done}, sameName, settle.Happened, ""},
		"halted":                       {ended(pool.JobHalted, time.Minute), []pool.Live{old}, sameName, settle.Failed, "job j halted: no such item"},
		"running":                      {ended(pool.JobRunning, 0), []pool.Live{old}, sameName, settle.Running, "has not ended"},
		"not listed yet":               {nil, []pool.Live{old}, young, settle.Running, "has not ended"},
		"not listed any more":          {nil, []pool.Live{old}, sameName, settle.Never, ""},
		"completed, pool pending":      {ended(pool.JobCompleted, time.Minute), []pool.Live{live("Old", pool.Pending, "before")}, sameName, settle.Running, "still pending"},
		"completed, pool absent":       {ended(pool.JobCompleted, time.Minute), nil, sameName, settle.Failed, "absent"},
		"completed, pool halted":       {ended(pool.JobCompleted, time.Minute), []pool.Live{live("Old", pool.Halted, "x")}, sameName, settle.Failed, "halted"},
		"completed, another status":    {ended(pool.JobCompleted, time.Minute), []pool.Live{live("Old", pool.Unpublished, "x")}, sameName, settle.Failed, "unpublished"},
		"just completed, replicas lag": {ended(pool.JobCompleted, 20*time.Second), nil, sameName, settle.Running, "absent"},
		"completed, and lacks a part":  {ended(pool.JobCompleted, time.Minute), []pool.Live{done}, more, settle.Failed, "does not hold i3"},
		"another status, and lacks a part": {
			ended(pool.JobCompleted, time.Minute), []pool.Live{live("New", pool.Unpublished, "x")}, more, settle.Failed, `was sent; the job completed, but the pool does not hold i3`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &stub{jobs: tt.jobs, live: tt.live, items: []string{"i1", "i2"}}
			if name == "not listed any more" {
				s.items = nil
			}
			e := doubtful(pool.OpAppend, withJob("j"), tt.edit)
			if name == "completed, and lacks a part" || strings.HasSuffix(name, "lacks a part") {
				e.Pending.After.Sent.Content.Items = []string{"i1", "i2", "i3"}
			}
			r := s.settle(t, e)[0]
			same(t, "verdict", tt.want, r.Verdict)
			same(t, "says "+tt.says+": "+r.Reason, true, strings.Contains(r.Reason, tt.says))
			if r.Recorded {
				same(t, "recorded content", []string{"i1", "i2"}, r.Entry.Sent.Content.Items)
				same(t, "job", pool.JobReference("j"), r.Entry.Job)
				same(t, "read back", tt.live[0], *r.Entry.ReadBack)
			} else if r.Verdict == settle.Failed {
				same(t, "after dropped", e.Sent, r.Entry.Sent)
			}
			if r.Verdict == settle.Failed {
				same(t, "last_error", r.Reason, r.Entry.LastError)
			}
		})
	}
}

// TestWait: an apply waits for replicas that lag.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stub{jobs: ended(pool.JobCompleted, 0)}
		begin := time.Now()
		settler := settle.Settler{Reader: s, Log: slog.New(slog.DiscardHandler), Wait: true, Now: func() time.Time { return now }}
		r, err := settler.Settle(t.Context(), []pool.Entry{doubtful(pool.OpAppend, withJob("j"))})
		require.NoError(t, err)
		same(t, "verdict", settle.Failed, r[0].Verdict)
		same(t, "waited", true, time.Since(begin) >= 30*time.Second)
	})
}

// TestRecord: only a set makes all copies as new as the call. An update leaves
// copies that are older, which a carrier is measured by.
func TestRecord(t *testing.T) {
	seen := live("New", pool.Published, "after")
	appended := settle.Record(doubtful(pool.OpAppend), "j", seen, now)
	same(t, "after an append", sent.Add(-time.Hour), *appended.CalledAt)
	replaced := settle.Record(doubtful(pool.OpReplace), "j", seen, now)
	same(t, "after a replace", sent, *replaced.CalledAt)
	same(t, "applied", now, *replaced.AppliedAt)
	adopted := settle.Record(doubtful(pool.OpAppend, func(e *pool.Entry) { e.CalledAt = nil }), "j", seen, now)
	same(t, "never set by us", nil, adopted.CalledAt)
}

// TestVerified: one item seen in a pool says nothing of the others.
func TestVerified(t *testing.T) {
	s := &stub{jobs: ended(pool.JobCompleted, time.Minute), live: []pool.Live{live("New", pool.Published, "after")}, items: []string{"i1", "i2"}}
	unverified := func(e *pool.Entry) { e.Verified = false }
	for name, tt := range map[string]struct {
		entry pool.Entry
		want  bool
	}{
		"replace":                   {doubtful(pool.OpReplace, unverified, withJob("j")), true},
		"append to a verified pool": {doubtful(pool.OpAppend, withJob("j")), true},
		"append to another":         {doubtful(pool.OpAppend, unverified, withJob("j")), false},
		"edit of a verified pool":   {doubtful(pool.OpEdit, withJob("j")), true},
		"edit of another":           {doubtful(pool.OpEdit, unverified, withJob("j")), false},
		"tags were not looked up":   {doubtful(pool.OpAppend, tagsOnly, withJob("j")), false},
	} {
		t.Run(name, func(t *testing.T) { same(t, "verified", tt.want, s.settle(t, tt.entry)[0].Entry.Verified) })
	}
	s.looks.Store(0)
	s.items = nil
	off := s.settler()
	off.SkipVerify = true
	r, err := off.Settle(t.Context(), []pool.Entry{doubtful(pool.OpReplace, withJob("j"))})
	require.NoError(t, err)
	same(t, "verdict", settle.Happened, r[0].Verdict)
	same(t, "looks", 0, s.looks.Load())
}

// TestHalt keeps what was applied, the reason, and the status that the halted job
// hides. A failed rebuild of someone else's pool leaves no trace that would make
// the next run take it for a creation of ours.
func TestHalt(t *testing.T) {
	held := live("Old", pool.Unpublished, "by hand")
	e := doubtful(pool.OpAppend, func(e *pool.Entry) { e.Pending.Before = &held })
	r := settle.Halt(e, pool.Job{Reference: "j", Status: pool.JobHalted})
	same(t, "reason", "job j halted", r.Entry.LastError)
	same(t, "status", pool.Unpublished, r.Entry.ReadBack.Status)
	same(t, "still touched", "before", r.Entry.ReadBack.Updated)
	same(t, "the entry given is not changed", pool.Published, e.ReadBack.Status)

	halted := live("Old", pool.Halted, "x")
	again := doubtful(pool.OpAppend, func(e *pool.Entry) { e.Pending.Before = &halted })
	same(t, "halted twice", pool.Published, settle.Halt(again, pool.Job{}).Entry.ReadBack.Status)

	same(t, "creation", "job j halted", settle.Halt(doubtful(pool.OpCreate), pool.Job{Reference: "j"}).Entry.LastError)
	foreign := doubtful(pool.OpReplace, func(e *pool.Entry) { e.Sent, e.ReadBack = nil, nil })
	r = settle.Halt(foreign, pool.Job{Reference: "j"})
	same(t, "overwriting", true, settle.Empty(r.Entry))
	same(t, "and why", "job j halted", r.Reason)
}
