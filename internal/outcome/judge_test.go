package outcome_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/outcome"
	"github.com/poolsync/poolsync/internal/pool"
)

// sent is when the calls in these tests left, and answered when their last attempt
// had ended; now is long after both.
var (
	sent     = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	answered = sent.Add(3 * time.Second)
	now      = sent.Add(time.Hour)
)

// at is a moment, in seconds after the call, as pools show it; jobAt as jobs do.
func at(seconds int) string {
	return sent.Add(time.Duration(seconds) * time.Second).Format(time.RFC3339)
}

func jobAt(seconds int) string {
	return sent.Add(time.Duration(seconds) * time.Second).Format(time.DateTime)
}

// job is one of the bank, created and ended so many seconds after the call.
func job(ref string, s pool.JobStatus, created, ended int) pool.Job {
	j := pool.Job{Reference: pool.JobReference(ref), Status: s, Created: jobAt(created)}
	if j.Ended() {
		j.Completed = jobAt(ended)
	}
	return j
}

func completedJob(created, ended int) pool.Job { return job("x", pool.JobCompleted, created, ended) }

func spec(name string, items ...string) pool.Spec {
	return pool.Spec{Fields: pool.Fields{Name: name, Description: "About", Status: pool.Published}, Content: pool.Content{Items: items}}
}

// live is a pool that was created two days before the call, or by it.
func live(name string, s pool.Status, updated int) *pool.Live {
	return &pool.Live{Reference: "p", Name: name, Description: "About", Status: s, Created: at(-2 * 86400), Updated: at(updated)}
}

func born(l *pool.Live, created int) *pool.Live {
	l.Created = at(created)
	return l
}

const longAgo = -86400 // when the pool was written before the call

// call is the pool "p" with the item i1, and a pending call that renames it from
// "Old" to "New" and brings what op brings.
func call(op pool.Operation, edits ...func(*pool.Entry)) pool.Entry {
	key := pool.Key{Bank: 505, Reference: "p"}
	before := live("Old", pool.Published, longAgo)
	after := &pool.Entry{Format: 1, Key: key, Set: "s", Operation: op, Sent: &pool.Sent{Spec: spec("New", "i1", "i2")}}
	until := answered
	e := pool.Entry{
		Format: 1, Key: key, Set: "s", Sent: &pool.Sent{Spec: spec("Old", "i1")}, ReadBack: before, Job: "old", Verified: true,
		Pending: &pool.PendingCall{
			Run: "r", Operation: op, Verb: pool.Update, At: sent, Until: &until, Before: before, After: after,
			Request: pool.Request{Reference: "p", Name: "New", Status: pool.Published, Content: pool.Content{Items: []string{"i2"}}},
		},
	}
	switch op {
	case pool.OpCreate:
		e.Sent, e.ReadBack, e.Job, e.Verified, e.Pending.Before = nil, nil, "", false, nil
		fallthrough
	case pool.OpReplace:
		e.Pending.Verb, e.Pending.Request.Description = pool.Set, new("About")
		e.Pending.Request.Content.Items = []string{"i1", "i2"}
	case pool.OpAppend:
		e.Pending.Lacked = pool.Content{Items: []string{"i2"}}
	case pool.OpEdit, pool.OpRetire, pool.OpCorrect:
		e.Pending.Request.Content.Items = []string{"i1"}
		after.Sent.Content.Items = []string{"i1"}
	}
	for _, edit := range edits {
		edit(&e)
	}
	return e
}

func withJob(e *pool.Entry)     { e.Pending.Job = "mine" }
func sameName(e *pool.Entry)    { e.Pending.Request.Name = "Old"; e.Pending.After.Sent.Name = "Old" }
func unpublishes(e *pool.Entry) { e.Pending.Request.Status = pool.Unpublished }
func lacksNone(e *pool.Entry)   { e.Pending.Lacked = pool.Content{} }
func runDied(e *pool.Entry)     { e.Pending.Until = nil }
func tagsToo(e *pool.Entry) {
	e.Pending.Request.Content = pool.Content{Items: []string{"i1"}, Tags: []pool.Selector{{Type: "t"}}}
	e.Pending.Lacked = pool.Content{}
}

// word is a verdict in one word.
func word(v outcome.Verdict) string {
	switch {
	case v.Unclear:
		return "unclear"
	case v.Status == outcome.NotAttempted:
		return "did not happen"
	}
	return string(v.Status)
}

const (
	happened = string(outcome.Applied)
	failed   = string(outcome.Failed)
	waits    = string(outcome.Running)
	never    = "did not happen"
	unclear  = "unclear"
)

// holds is the answer to a look: of i1 and i2, those are missing.
func holds(missing ...string) *bank.Membership {
	return &bank.Membership{Missing: pool.Content{Items: missing}}
}

type judged struct {
	entry pool.Entry
	seen  outcome.Seen
	after time.Duration // judged so long after the call; 0: an hour
	want  string
}

func (tt judged) run(t *testing.T) (outcome.Verdict, pool.Entry) {
	t.Helper()
	when := now
	if tt.after > 0 {
		when = sent.Add(tt.after)
	}
	v, next := outcome.Judge(tt.entry, tt.seen, when)
	same(t, "verdict", tt.want, word(v))
	switch tt.want {
	case happened:
		same(t, "recorded", true, v.Recorded && next.Pending == nil)
		same(t, "read back", tt.seen.Live, next.ReadBack)
	case never:
		same(t, "discarded", tt.entry.Sent, next.Sent)
		same(t, "pending", true, next.Pending == nil)
	case unclear, waits:
		same(t, "still pending", tt.entry, next)
		same(t, "says why", true, v.Reason != "")
	}
	return v, next
}

func jobs(js ...pool.Job) []pool.Job { return js }

// TestEvidence is the settling of calls of which no job is known: each row names
// what shows that it was our call, or does not.
func TestEvidence(t *testing.T) {
	for name, tt := range map[string]judged{
		"create: absent": {call(pool.OpCreate), outcome.Seen{}, 0, never},
		"create: made while the call was under way":     {call(pool.OpCreate), outcome.Seen{Live: born(live("New", pool.Published, 2), 1)}, 0, happened},
		"create: made 1.5 s before, by another perhaps": {call(pool.OpCreate), outcome.Seen{Live: born(live("New", pool.Published, 2), -2)}, 0, unclear},
		"create: made within the slack after":           {call(pool.OpCreate), outcome.Seen{Live: born(live("New", pool.Published, 30), 30)}, 0, unclear},
		"create: made the day before":                   {call(pool.OpCreate), outcome.Seen{Live: live("New", pool.Published, -86400)}, 0, never},
		"create: made the day after":                    {call(pool.OpCreate), outcome.Seen{Live: born(live("New", pool.Published, 86400), 86400)}, 0, never},
		"create: another name":                          {call(pool.OpCreate), outcome.Seen{Live: born(live("Old", pool.Published, 2), 1)}, 0, unclear},
		"create: a name that was trimmed":               {call(pool.OpCreate, func(e *pool.Entry) { e.Pending.Request.Name = " New  " }), outcome.Seen{Live: born(live("New", pool.Published, 2), 1)}, 0, happened},
		"create: halted":                                {call(pool.OpCreate), outcome.Seen{Live: born(live("New", pool.Halted, 2), 1)}, 0, failed},
		"create: the run died, within a minute":         {call(pool.OpCreate, runDied), outcome.Seen{Live: born(live("New", pool.Published, 50), 50)}, 0, happened},
		"create: the run died, some minutes later":      {call(pool.OpCreate, runDied), outcome.Seen{Live: born(live("New", pool.Published, 300), 300)}, 0, unclear},

		"edit: as sent":                           {call(pool.OpEdit), outcome.Seen{Live: live("New", pool.Published, 2)}, 0, happened},
		"edit: not as sent":                       {call(pool.OpEdit), outcome.Seen{Live: live("Old", pool.Published, longAgo)}, 0, never},
		"edit: as sent, and so before":            {call(pool.OpEdit, sameName), outcome.Seen{Live: live("Old", pool.Published, longAgo)}, 0, never},
		"edit: so before, written by a job of it": {call(pool.OpEdit, sameName), outcome.Seen{Live: live("Old", pool.Published, 2), Jobs: jobs(completedJob(1, 2))}, 0, happened},
		"edit: the pool is gone":                  {call(pool.OpEdit), outcome.Seen{}, 0, never},
		"retire: unpublished":                     {call(pool.OpRetire, unpublishes), outcome.Seen{Live: live("New", pool.Unpublished, 2)}, 0, happened},
		"retire: published":                       {call(pool.OpRetire, unpublishes), outcome.Seen{Live: live("New", pool.Published, 2)}, 0, never},

		"append: what was lacking is there":            {call(pool.OpAppend), outcome.Seen{Live: live("New", pool.Published, 2), Members: holds()}, 0, happened},
		"append: it is still lacking":                  {call(pool.OpAppend), outcome.Seen{Live: live("New", pool.Published, 2), Members: holds("i2")}, 0, never},
		"append: the name was not changed":             {call(pool.OpAppend), outcome.Seen{Live: live("Old", pool.Published, 2), Members: holds()}, 0, never},
		"append: cannot be looked up":                  {call(pool.OpAppend), outcome.Seen{Live: live("New", pool.Published, 2), Members: &bank.Membership{Unreadable: "no"}}, 0, unclear},
		"append of what was there, and tags: no job":   {call(pool.OpAppend, sameName, tagsToo), outcome.Seen{Live: live("Old", pool.Published, longAgo)}, 0, never},
		"append of tags: a job wrote the pool":         {call(pool.OpAppend, sameName, tagsToo), outcome.Seen{Live: live("Old", pool.Published, 3), Jobs: jobs(completedJob(1, 2))}, 0, happened},
		"append, lacking not known: no job":            {call(pool.OpAppend, sameName, lacksNone), outcome.Seen{Live: live("Old", pool.Published, longAgo)}, 0, never},
		"append of tags: edited by hand the next day":  {call(pool.OpAppend, sameName, tagsToo), outcome.Seen{Live: live("Old", pool.Published, 72000)}, 0, never},
		"correct: edited by hand the next day":         {call(pool.OpCorrect, sameName), outcome.Seen{Live: live("Old", pool.Published, 72000)}, 0, never},
		"correct: a job of the call's time wrote it":   {call(pool.OpCorrect, sameName), outcome.Seen{Live: live("Old", pool.Published, 3), Jobs: jobs(completedJob(1, 2))}, 0, happened},
		"correct: one that began before the call did":  {call(pool.OpCorrect, sameName), outcome.Seen{Live: live("Old", pool.Published, 3), Jobs: jobs(completedJob(-5, 2))}, 0, unclear},
		"correct: a job that is too early":             {call(pool.OpCorrect, sameName), outcome.Seen{Live: live("Old", pool.Published, -60), Jobs: jobs(completedJob(-61, -60))}, 0, never},
		"correct: no job, not moved":                   {call(pool.OpCorrect, sameName), outcome.Seen{Live: live("Old", pool.Published, longAgo)}, 0, never},
		"correct: a job, and the pool was not written": {call(pool.OpCorrect, sameName), outcome.Seen{Live: live("Old", pool.Published, longAgo), Jobs: jobs(completedJob(1, 2))}, 0, unclear},
		"correct: more jobs than are listed":           {call(pool.OpCorrect, sameName), outcome.Seen{Live: live("Old", pool.Published, longAgo), Hidden: true}, 0, unclear},
		"correct: the job is listed no more, it wrote": {call(pool.OpCorrect, sameName, withJob), outcome.Seen{Live: live("Old", pool.Published, 9)}, 0, happened},
		"correct: the job is listed no more, no trace": {call(pool.OpCorrect, sameName, withJob), outcome.Seen{Live: live("Old", pool.Published, longAgo)}, 0, unclear},
		"replace: a job of the call's time wrote it":   {call(pool.OpReplace), outcome.Seen{Live: live("New", pool.Published, 9), Jobs: jobs(completedJob(0, 8))}, 0, happened},
		"replace: rebuilt by another the next day":     {call(pool.OpReplace), outcome.Seen{Live: live("New", pool.Published, 72000)}, 0, never},
		"replace: renamed by hand":                     {call(pool.OpReplace), outcome.Seen{Live: live("Old", pool.Published, 2)}, 0, never},
		"replace: the run died, a job minutes later":   {call(pool.OpReplace, runDied), outcome.Seen{Live: live("New", pool.Published, 305), Jobs: jobs(completedJob(300, 304))}, 0, unclear},
		"replace: a job of it halted, and so is it":    {call(pool.OpReplace), outcome.Seen{Live: live("Old", pool.Halted, 2), Jobs: jobs(job("x", pool.JobHalted, 1, 2))}, 0, failed},
		"replace: halted by a job of another time":     {call(pool.OpReplace), outcome.Seen{Live: live("Old", pool.Halted, 72000)}, 0, never},
		"barrier: a job runs on the pool":              {call(pool.OpReplace), outcome.Seen{Live: live("Old", pool.Pending, longAgo)}, 0, waits},
		"barrier: a job of that time runs in the bank": {call(pool.OpEdit), outcome.Seen{Live: live("Old", pool.Published, longAgo), Jobs: jobs(job("x", pool.JobRunning, 1, 0))}, 5 * time.Minute, waits},
		"barrier: it is more than ten minutes old":     {call(pool.OpEdit), outcome.Seen{Live: live("Old", pool.Published, longAgo), Jobs: jobs(job("x", pool.JobRunning, 1, 0))}, 11 * time.Minute, never},
		"barrier: a job of another time":               {call(pool.OpEdit), outcome.Seen{Live: live("Old", pool.Published, longAgo), Jobs: jobs(job("x", pool.JobRunning, 120, 0))}, 5 * time.Minute, never},
		"lag: a job ended a moment ago":                {call(pool.OpEdit), outcome.Seen{Live: live("Old", pool.Published, longAgo), Jobs: jobs(completedJob(1, 100))}, 2 * time.Minute, waits},
		"lag: what shows needs no waiting":             {call(pool.OpEdit), outcome.Seen{Live: live("New", pool.Published, 2), Jobs: jobs(completedJob(1, 2))}, 10 * time.Second, happened},
		"lag: the call left a moment ago":              {call(pool.OpCreate), outcome.Seen{}, time.Minute, waits},
		"lag: it left more than a minute ago":          {call(pool.OpCreate), outcome.Seen{}, 65 * time.Second, never},
		"a pool that somebody's job holds":             {pool.Entry{}, outcome.Seen{Live: live("Old", pool.Pending, 0)}, 0, waits},
		"a pool that is free again":                    {pool.Entry{}, outcome.Seen{Live: live("Old", pool.Published, 0)}, 0, never},
	} {
		t.Run(name, func(t *testing.T) { tt.run(t) })
	}
}

// TestOwnJob is the settling of calls whose job is listed: the pool's times are held
// against the job's, which are of the same clock.
func TestOwnJob(t *testing.T) {
	seen := func(j pool.Job, l *pool.Live, m *bank.Membership) outcome.Seen {
		return outcome.Seen{Job: &j, Live: l, Members: m}
	}
	const behind = -40 // the database's clock
	for name, tt := range map[string]judged{
		"it runs":                                 {call(pool.OpEdit, withJob), seen(job("mine", pool.JobRunning, 0, 0), nil, nil), 0, waits},
		"it is not listed yet":                    {call(pool.OpEdit, withJob), outcome.Seen{}, 50 * time.Second, waits},
		"completed, as sent":                      {call(pool.OpEdit, withJob), seen(completedJob(0, 2), live("New", pool.Published, 2), holds()), 0, happened},
		"completed, absent for the moment":        {call(pool.OpCreate, withJob), seen(completedJob(0, 2), nil, nil), 20 * time.Second, waits},
		"completed, absent":                       {call(pool.OpCreate, withJob), seen(completedJob(0, 2), nil, nil), 0, failed},
		"completed, still pending":                {call(pool.OpEdit, withJob), seen(completedJob(0, 2), live("Old", pool.Pending, 2), nil), 0, waits},
		"completed, halted":                       {call(pool.OpEdit, withJob), seen(completedJob(0, 2), live("Old", pool.Halted, 2), nil), 0, failed},
		"completed, and not renamed":              {call(pool.OpEdit, withJob), seen(completedJob(0, 2), live("Old", pool.Published, 2), holds()), 0, failed},
		"completed, the name is cut":              {call(pool.OpEdit, withJob), seen(completedJob(0, 2), live("Ne", pool.Published, 2), holds()), 0, happened},
		"completed, and not unpublished":          {call(pool.OpRetire, withJob, unpublishes), seen(completedJob(0, 2), live("New", pool.Published, 2), holds()), 0, failed},
		"completed, a reference is missing":       {call(pool.OpAppend, withJob), seen(completedJob(0, 2), live("New", pool.Published, 2), holds("i2")), 0, failed},
		"completed, missing for the moment":       {call(pool.OpAppend, withJob), seen(completedJob(0, 2), live("New", pool.Published, 2), holds("i2")), 20 * time.Second, waits},
		"create: the database's clock is behind":  {call(pool.OpCreate, withJob), seen(completedJob(behind, behind+2), born(live("New", pool.Published, behind+2), behind), holds()), 0, happened},
		"create: it is older than the job":        {call(pool.OpCreate, withJob), seen(completedJob(behind, behind+2), born(live("New", pool.Published, behind+2), behind-2), nil), 0, failed},
		"create: it was made after the job ended": {call(pool.OpCreate, withJob), seen(completedJob(0, 2), born(live("New", pool.Published, 30), 30), nil), 0, failed},
		"create: the job tells no times":          {call(pool.OpCreate, withJob), seen(pool.Job{Reference: "mine", Status: pool.JobCompleted}, born(live("New", pool.Published, 2), 1), holds()), 0, happened},
		"create: no times, within the slack":      {call(pool.OpCreate, withJob), seen(pool.Job{Reference: "mine", Status: pool.JobCompleted}, born(live("New", pool.Published, 2), -2), nil), 0, unclear},
		"halted":                                  {call(pool.OpEdit, withJob), seen(job("mine", pool.JobHalted, 0, 2), nil, nil), 0, failed},
	} {
		t.Run(name, func(t *testing.T) { tt.run(t) })
	}
}

// TestWhatWasNotDoneStaysDue: a name or status that still is the one of before is not
// recorded as applied.
func TestWhatWasNotDoneStaysDue(t *testing.T) {
	j := completedJob(0, 2)
	_, next := judged{call(pool.OpEdit, withJob), outcome.Seen{Job: &j, Live: live("Old", pool.Published, 2), Members: holds()}, 0, failed}.run(t)
	same(t, "name", "Old", next.Sent.Name)
	publishes := func(e *pool.Entry) {
		e.Sent.Status, e.Pending.Before.Status = pool.Unpublished, pool.Unpublished
	}
	_, next = judged{call(pool.OpEdit, withJob, publishes), outcome.Seen{Job: &j, Live: live("New", pool.Unpublished, 2), Members: holds()}, 0, failed}.run(t)
	same(t, "status", pool.Unpublished, next.Sent.Status)
	same(t, "what was done is", "New", next.Sent.Name)
}

// TestCreationThatHalted: only the pool that our own job left behind may be created
// again without asking.
func TestCreationThatHalted(t *testing.T) {
	halted := job("mine", pool.JobHalted, 0, 2)
	exists := halted
	exists.Detail = "results: Pool already exists"
	for name, tt := range map[string]struct {
		job  pool.Job
		live *pool.Live
		want string
	}{
		"ours":               {halted, born(live("New", pool.Halted, 2), 0), at(0)},
		"it was there":       {halted, born(live("New", pool.Halted, 2), -30), ""},
		"it said so":         {exists, born(live("New", pool.Halted, 2), 0), ""},
		"theirs is pending":  {halted, live("Theirs", pool.Pending, -5), ""},
		"theirs is no ruin":  {halted, live("Theirs", pool.Published, -5), ""},
		"nothing was left":   {halted, nil, ""},
		"the call has no At": {pool.Job{Reference: "mine", Status: pool.JobHalted}, born(live("New", pool.Halted, 2), 1), at(1)},
	} {
		t.Run(name, func(t *testing.T) {
			_, next := judged{call(pool.OpCreate, withJob), outcome.Seen{Job: &tt.job, Live: tt.live}, 0, failed}.run(t)
			same(t, "left behind", tt.want, next.Created)
			same(t, "reason", true, strings.Contains(next.LastError, "job mine halted"))
		})
	}
}

// TestCopies: a correction is done when the copy is as new as the bank's item.
func TestCopies(t *testing.T) {
	day := func(n int) time.Time { return sent.AddDate(0, 0, n) }
	j := completedJob(0, 2)
	for name, tt := range map[string]struct {
		copy    bank.Copy
		want    string
		warning string
	}{
		"as the bank has it":         {bank.Copy{Reference: "i1", Pool: day(-1), Source: day(-1)}, happened, ""},
		"dated by the job":           {bank.Copy{Reference: "i1", Pool: sent, Source: day(-1)}, happened, ""},
		"still the one before":       {bank.Copy{Reference: "i1", Pool: day(-9), Source: day(-1)}, failed, ""},
		"the bank went on meanwhile": {bank.Copy{Reference: "i1", Pool: day(-1), Source: day(1)}, happened, "not verified"},
		"nobody tells":               {bank.Copy{Reference: "i1"}, happened, "not verified"},
	} {
		t.Run(name, func(t *testing.T) {
			e := call(pool.OpCorrect, withJob, sameName)
			e.Pending.After.Sent.Corrections = []pool.Correction{{ID: "c"}}
			seen := outcome.Seen{Job: &j, Live: live("Old", pool.Published, 2), Members: &bank.Membership{Copies: []bank.Copy{tt.copy}}}
			v, next := judged{e, seen, 0, tt.want}.run(t)
			same(t, "carried out", tt.want == happened, len(next.Sent.Corrections) == 1)
			same(t, "warns", tt.warning != "", strings.Contains(strings.Join(v.Warnings, ""), "not verified"))
		})
	}
}

// TestHandEditIsNotLaundered: a call that happened, and a hand that wrote long after.
func TestHandEditIsNotLaundered(t *testing.T) {
	_, next := judged{call(pool.OpEdit), outcome.Seen{Live: live("New", pool.Published, 72000)}, 24 * time.Hour, happened}.run(t)
	same(t, "touched", true, next.Touched)
	_, next = judged{call(pool.OpEdit), outcome.Seen{Live: live("New", pool.Published, 5), Jobs: jobs(completedJob(1, 4))}, 0, happened}.run(t)
	same(t, "by our own job", false, next.Touched)
}

func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}
