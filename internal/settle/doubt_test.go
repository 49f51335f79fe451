package settle_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/settle"
)

// TestWithoutAJob is rule 2 of settling: by what the pool looks like, by operation.
func TestWithoutAJob(t *testing.T) {
	both := []string{"i1", "i2"}
	done := live("New", pool.Published, "after")
	old := live("Old", pool.Published, "before")
	for name, tt := range map[string]struct {
		entry pool.Entry
		live  []pool.Live
		items []string
		want  settle.Verdict
	}{
		"create, absent":                {doubtful(pool.OpCreate), nil, nil, settle.Never},
		"create, there":                 {doubtful(pool.OpCreate), []pool.Live{done}, both, settle.Happened},
		"create, there, without all":    {doubtful(pool.OpCreate), []pool.Live{done}, []string{"i1"}, settle.Failed},
		"create, another name":          {doubtful(pool.OpCreate), []pool.Live{old}, both, settle.Unclear},
		"create, another description":   {doubtful(pool.OpCreate), []pool.Live{{Reference: "p", Name: "New", Status: pool.Published}}, both, settle.Unclear},
		"create, halted":                {doubtful(pool.OpCreate), []pool.Live{live("New", pool.Halted, "x")}, nil, settle.Failed},
		"create over halted, not moved": {doubtful(pool.OpCreate, over), []pool.Live{live("New", pool.Published, "before")}, both, settle.Happened},
		"edit, as sent":                 {doubtful(pool.OpEdit), []pool.Live{done}, both, settle.Happened},
		"edit, not moved":               {doubtful(pool.OpEdit), []pool.Live{old}, both, settle.Never},
		"edit, pool gone":               {doubtful(pool.OpEdit), nil, nil, settle.Never},
		"retire, unpublished":           {doubtful(pool.OpRetire, unpublishes), []pool.Live{live("New", pool.Unpublished, "after")}, both, settle.Happened},
		"retire, published":             {doubtful(pool.OpRetire, unpublishes), []pool.Live{live("New", pool.Published, "after")}, both, settle.Never},
		"append, all there":             {doubtful(pool.OpAppend), []pool.Live{done}, both, settle.Happened},
		"append, none there":            {doubtful(pool.OpAppend), []pool.Live{done}, []string{"i1"}, settle.Never},
		"append, a part there":          {doubtful(pool.OpAppend, more), []pool.Live{done}, both, settle.Unclear},
		"append, there before":          {doubtful(pool.OpAppend), []pool.Live{old}, both, settle.Never},
		"append, status there before":   {doubtful(pool.OpAppend, sameName, unpublishes), []pool.Live{old}, both, settle.Never},
		"append of tags, moved":         {doubtful(pool.OpAppend, tagsOnly), []pool.Live{done}, nil, settle.Happened},
		"append of tags, not moved":     {doubtful(pool.OpAppend, tagsOnly), []pool.Live{live("New", pool.Published, "before")}, nil, settle.Never},
		"append of tags, moved by hand": {doubtful(pool.OpAppend, tagsOnly), []pool.Live{live("Old", pool.Published, "after")}, nil, settle.Never},
		"correct, moved":                {doubtful(pool.OpCorrect, sameName), []pool.Live{live("Old", pool.Published, "after")}, both, settle.Happened},
		"correct, not moved":            {doubtful(pool.OpCorrect, sameName), []pool.Live{old}, both, settle.Never},
		"replace, moved":                {doubtful(pool.OpReplace), []pool.Live{done}, both, settle.Happened},
		"replace, not moved":            {doubtful(pool.OpReplace, sameName), []pool.Live{old}, both, settle.Never},
		"replace, renamed by hand":      {doubtful(pool.OpReplace), []pool.Live{live("Old", pool.Published, "after")}, both, settle.Never},
		"replace, halted":               {doubtful(pool.OpReplace), []pool.Live{live("Old", pool.Halted, "after")}, both, settle.Failed},
		"pending":                       {doubtful(pool.OpReplace), []pool.Live{live("Old", pool.Pending, "before")}, both, settle.Running},
	} {
		t.Run(name, func(t *testing.T) {
			s := &stub{live: tt.live, items: tt.items}
			r := s.settle(t, tt.entry)[0]
			same(t, "verdict", tt.want, r.Verdict)
			switch r.Verdict {
			case settle.Happened:
				same(t, "recorded", tt.entry.Pending.After.Sent, r.Entry.Sent)
				same(t, "read back", tt.live[0], *r.Entry.ReadBack)
				same(t, "pending", nil, r.Entry.Pending)
			case settle.Never:
				same(t, "discarded", tt.entry.Sent, r.Entry.Sent)
				same(t, "pending", nil, r.Entry.Pending)
				same(t, "nothing left of a creation", tt.entry.Sent == nil, settle.Empty(r.Entry))
			case settle.Unclear, settle.Running:
				same(t, "still pending", tt.entry, r.Entry)
				same(t, "says why", true, r.Reason != "")
			}
		})
	}
}

// TestNamesThatTheServerTrims: white space around and within a name or description
// may not be as it was sent. Nothing else is let pass.
func TestNamesThatTheServerTrims(t *testing.T) {
	sends := func(name string) func(*pool.Entry) { return func(e *pool.Entry) { e.Pending.Request.Name = name } }
	had := func(name string) func(*pool.Entry) {
		return func(e *pool.Entry) {
			b := live(name, pool.Published, "before")
			e.Pending.Before = &b
		}
	}
	describes := func(text string) func(*pool.Entry) {
		return func(e *pool.Entry) { e.Pending.Request.Description = &text }
	}
	both := []string{"i1", "i2"}
	for name, tt := range map[string]struct {
		entry pool.Entry
		live  pool.Live
		want  settle.Verdict
	}{
		"create":                     {doubtful(pool.OpCreate, sends(" New  pool\n")), live("New pool", pool.Published, "after"), settle.Happened},
		"create, description":        {doubtful(pool.OpCreate, describes("About ")), live("New", pool.Published, "after"), settle.Happened},
		"create, another":            {doubtful(pool.OpCreate, sends("New pool")), live("Newpool", pool.Published, "after"), settle.Unclear},
		"create, letter case":        {doubtful(pool.OpCreate, sends("new")), live("New", pool.Published, "after"), settle.Unclear},
		"edit":                       {doubtful(pool.OpEdit, sends("New ")), live("New", pool.Published, "after"), settle.Happened},
		"edit, not moved":            {doubtful(pool.OpEdit, sends("New ")), live("Old", pool.Published, "before"), settle.Never},
		"edit of white space":        {doubtful(pool.OpEdit, sends("Old ")), live("Old", pool.Published, "after"), settle.Happened},
		"edit of white space, as is": {doubtful(pool.OpEdit, sends("Old ")), live("Old", pool.Published, "before"), settle.Never},
		"edit of white space, kept":  {doubtful(pool.OpEdit, sends("Old ")), live("Old ", pool.Published, "after"), settle.Happened},
		"edit of white space, other": {doubtful(pool.OpEdit, sends("Old ")), live("By hand", pool.Published, "after"), settle.Never},
		"edit of a trimmed name":     {doubtful(pool.OpEdit, sends("New "), had("New"), unpublishes), live("New", pool.Unpublished, "after"), settle.Happened},
		"append":                     {doubtful(pool.OpAppend, sends("Old ")), live("Old", pool.Published, "after"), settle.Happened},
		"replace":                    {doubtful(pool.OpReplace, sends("Old ")), live("Old", pool.Published, "after"), settle.Happened},
		"replace, renamed by hand":   {doubtful(pool.OpReplace, sends("New ")), live("Old", pool.Published, "after"), settle.Never},
	} {
		t.Run(name, func(t *testing.T) {
			s := &stub{live: []pool.Live{tt.live}, items: both}
			same(t, "verdict", tt.want, s.settle(t, tt.entry)[0].Verdict)
		})
	}
}

func over(e *pool.Entry) {
	b := live("New", pool.Halted, "before")
	e.Pending.Before = &b
}

func unpublishes(e *pool.Entry) { e.Pending.Request.Status = pool.Unpublished }

func more(e *pool.Entry) { e.Pending.Request.Content.Items = []string{"i2", "i3"} }

// TestUnreadableDoubt: what a pool holds decides, and cannot be read.
func TestUnreadableDoubt(t *testing.T) {
	s := &stub{live: []pool.Live{live("New", pool.Published, "after")}, unreadable: true}
	same(t, "append", settle.Unclear, s.settle(t, doubtful(pool.OpAppend))[0].Verdict)
	r := s.settle(t, doubtful(pool.OpReplace))[0]
	same(t, "replace", settle.Happened, r.Verdict)
	same(t, "warnings", 1, len(r.Warnings))
	same(t, "verified", false, r.Entry.Verified)
}

// TestDoubtOfAPoolThatDoesNotAnswer: it stays in doubt, and the others are settled.
func TestDoubtOfAPoolThatDoesNotAnswer(t *testing.T) {
	named := func(ref pool.Reference) func(*pool.Entry) {
		return func(e *pool.Entry) { e.Reference, e.Pending.After.Reference = ref, ref }
	}
	broken := &learnosity.Error{Act: "get items", Status: 500, Code: 10000}
	s := &stub{items: []string{"i1", "i2"}, sick: map[pool.Reference]error{"sick": broken, "sick-done": broken}}
	var doubts []pool.Entry
	for _, ref := range []pool.Reference{"a", "sick", "sick-done", "z"} {
		l := live("New", pool.Published, "after")
		l.Reference = ref
		s.live = append(s.live, l)
		doubts = append(doubts, doubtful(pool.OpAppend, named(ref)))
	}
	withJob("j")(&doubts[2])
	s.jobs = ended(pool.JobCompleted, time.Minute)
	got := s.settle(t, doubts...)
	var verdicts []settle.Verdict
	for _, r := range got {
		verdicts = append(verdicts, r.Verdict)
	}
	same(t, "verdicts", []settle.Verdict{settle.Happened, settle.Unclear, settle.Happened, settle.Happened}, verdicts)
	same(t, "says why", true, strings.Contains(got[1].Reason, "HTTP 500"))
	same(t, "still pending", doubts[1], got[1].Entry)
	same(t, "completed job", true, strings.Contains(strings.Join(got[2].Warnings, ""), "its references could not be looked up: get items"))
	same(t, "verified", false, got[2].Entry.Verified)
}

// TestBarrier: job records name no pool, so any young job that runs on in the bank
// may be the one in doubt.
func TestBarrier(t *testing.T) {
	job := func(age time.Duration, s pool.JobStatus) []pool.Job {
		return []pool.Job{{Reference: "other", Status: s, Created: now.Add(-age).Format(time.DateTime)}}
	}
	for name, tt := range map[string]struct {
		jobs []pool.Job
		want settle.Verdict
	}{
		"none":     {nil, settle.Never},
		"running":  {job(time.Minute, pool.JobRunning), settle.Running},
		"queued":   {job(3*time.Minute, pool.JobQueued), settle.Running},
		"earlier":  {job(3*time.Minute+time.Second, pool.JobRunning), settle.Never},
		"ended":    {append(job(time.Minute, pool.JobCompleted), job(time.Minute, pool.JobHalted)...), settle.Never},
		"no times": {[]pool.Job{{Reference: "other", Status: pool.JobRunning}}, settle.Running},
	} {
		t.Run(name, func(t *testing.T) {
			s := &stub{jobs: tt.jobs, live: []pool.Live{live("Old", pool.Published, "before")}}
			r := s.settle(t, doubtful(pool.OpEdit))[0]
			same(t, "verdict", tt.want, r.Verdict)
			for _, q := range s.jobsAsked {
				same(t, "asked", learnosity.JobsQuery{Bank: bank, Status: q.Status}, q)
			}
		})
	}
}

// TestBarrierOfAJobThatJustEnded: a replica that lags must not make a call look as
// if it had not happened; what shows already needs no waiting.
func TestBarrierOfAJobThatJustEnded(t *testing.T) {
	job := func(age time.Duration) []pool.Job {
		return []pool.Job{{Reference: "other", Status: pool.JobCompleted, Created: sent.Format(time.DateTime), Completed: now.Add(-age).Format(time.DateTime)}}
	}
	old, done := live("Old", pool.Published, "before"), live("New", pool.Published, "after")
	s := &stub{jobs: job(30 * time.Second), live: []pool.Live{old}, items: []string{"i1"}}
	same(t, "edit, not shown", settle.Running, s.settle(t, doubtful(pool.OpEdit))[0].Verdict)
	same(t, "append, a part shown", settle.Running, s.settle(t, doubtful(pool.OpAppend))[0].Verdict)
	s.live = nil
	same(t, "create, not shown", settle.Running, s.settle(t, doubtful(pool.OpCreate))[0].Verdict)
	s.live = []pool.Live{done}
	same(t, "edit, shown", settle.Happened, s.settle(t, doubtful(pool.OpEdit))[0].Verdict)
	s.jobs, s.live = job(31*time.Second), []pool.Live{old}
	same(t, "edit, never shown", settle.Never, s.settle(t, doubtful(pool.OpEdit))[0].Verdict)
}

// TestSeveralDoubts are settled in the order given, each bank by its oldest call.
func TestSeveralDoubts(t *testing.T) {
	elsewhere := doubtful(pool.OpCreate)
	elsewhere.Bank, elsewhere.Pending.After.Bank = 606, 606
	earlier := doubtful(pool.OpCreate)
	earlier.Reference, earlier.Pending.At = "q", sent.Add(-time.Hour)
	s := &stub{live: []pool.Live{live("New", pool.Published, "after")}, items: []string{"i1", "i2"}}
	got := s.settle(t, elsewhere, doubtful(pool.OpEdit), earlier)
	same(t, "order", []pool.Key{elsewhere.Key, doubtful(pool.OpEdit).Key, earlier.Key}, []pool.Key{got[0].Entry.Key, got[1].Entry.Key, got[2].Entry.Key})
	same(t, "verdicts", []settle.Verdict{settle.Happened, settle.Happened, settle.Never}, []settle.Verdict{got[0].Verdict, got[1].Verdict, got[2].Verdict})
	early := pool.Job{Reference: "early", Status: pool.JobRunning, Created: now.Add(-9 * time.Minute).Format(time.DateTime)}
	s.jobs = []pool.Job{early}
	got = s.settle(t, elsewhere, doubtful(pool.OpEdit), earlier)
	same(t, "verdicts", []settle.Verdict{settle.Happened, settle.Running, settle.Running}, []settle.Verdict{got[0].Verdict, got[1].Verdict, got[2].Verdict})
}

// TestBarrierOfAnOldJob: one that has run for more than ten minutes does not stand
// in the way any more.
func TestBarrierOfAnOldJob(t *testing.T) {
	for age, want := range map[time.Duration]settle.Verdict{10 * time.Minute: settle.Running, 10*time.Minute + time.Second: settle.Never} {
		e := doubtful(pool.OpEdit)
		e.Pending.At = now.Add(-time.Hour)
		s := &stub{live: []pool.Live{live("Old", pool.Published, "before")}}
		s.jobs = []pool.Job{{Reference: "other", Status: pool.JobRunning, Created: now.Add(-age).Format(time.DateTime)}}
		same(t, age.String(), want, s.settle(t, e)[0].Verdict)
	}
}

// TestCrowdedBarrier: where the endpoint shows as many jobs as it ever does, all of
// them too old to matter, those since the doubt arose are asked for by their time.
func TestCrowdedBarrier(t *testing.T) {
	s := &stub{live: []pool.Live{live("Old", pool.Published, "before")}}
	for range pool.MaxBatch {
		s.jobs = append(s.jobs, pool.Job{Reference: "stuck", Status: pool.JobRunning, Created: now.Add(-time.Hour).Format(time.DateTime)})
	}
	same(t, "verdict", settle.Never, s.settle(t, doubtful(pool.OpEdit))[0].Verdict)
	same(t, "since", sent.Add(-time.Minute), s.jobsAsked[1].Since)
}

func TestSettlingFails(t *testing.T) {
	lost := errors.New("lost")
	s := &stub{fail: lost}
	for _, e := range []pool.Entry{doubtful(pool.OpEdit), doubtful(pool.OpEdit, withJob("j"))} {
		_, err := s.settler().Settle(t.Context(), []pool.Entry{e})
		same(t, "error", true, errors.Is(err, lost))
	}
}
