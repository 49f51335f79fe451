package apply_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/sandbox"
	"github.com/poolsync/poolsync/internal/state"
)

const bankID = 505

// memory is a state that lives as long as the test.
type memory struct {
	state.Snapshot
	fail error // of every commit
}

func (m *memory) Name() string { return "memory" }

func (m *memory) Snapshotted() state.Snapshot { return m.Clone() }

type memorySession struct{ *memory }

func (s memorySession) Snapshot() state.Snapshot { return s.memory.Snapshotted() }
func (s memorySession) Close() error             { return nil }

func (s memorySession) Commit(_ context.Context, _ string, c state.Change) error {
	if s.fail != nil {
		return s.fail
	}
	// What is stored goes through JSON, as in every store.
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	var kept state.Change
	if err := json.Unmarshal(data, &kept); err != nil {
		return err
	}
	kept.Apply(&s.memory.Snapshot)
	return nil
}

// lab is a repository, a state and a sandbox, wired together as apply does it. It
// has to be made inside the bubble in which it is used.
type lab struct {
	t        testing.TB
	server   *sandbox.Server
	client   *learnosity.Client
	memory   *memory
	declared []pool.Declared
	options  diff.Options
	commit   time.Time // of the manifests
	noVerify bool
	strict   bool   // nothing is written that the first plan does not have
	lagging  bool   // replicas lag
	disk     string // a state file, where processes keep the state instead of in memory
	repo     string // a repository, if the state is on a branch of it
}

// items are the references i00, i01, ... of the lab's bank. Those from
// unpublishedFrom on are unpublished.
const (
	itemCount       = 24
	unpublishedFrom = 22
)

func ref(i int) string { return fmt.Sprintf("i%02d", i) }

func newLab(t testing.TB, opts sandbox.Options) *lab {
	t.Helper()
	if opts.Bank == nil {
		b := sandbox.ItemBank{OrganisationID: bankID}
		for i := range itemCount {
			// A bubble's clock starts in the year 2000.
			it := sandbox.Item{Record: sandbox.Record{Reference: ref(i), Title: "original", DtCreated: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), Tags: map[string][]string{"third": {fmt.Sprint(i % 3)}}}}
			if i >= unpublishedFrom {
				it.Status = "unpublished"
			}
			b.Items = append(b.Items, it)
		}
		b.Activities = []sandbox.Activity{{Record: sandbox.Record{Reference: "a1"}, Items: []sandbox.ActivityItem{{Reference: ref(1)}, {Reference: ref(2)}}}}
		opts.Bank = &sandbox.Bank{ItemBanks: []sandbox.ItemBank{b}}
	}
	if opts.Seed == "" {
		opts.Seed = "lab"
	}
	server, err := sandbox.New(opts)
	require.NoError(t, err)
	return &lab{
		t: t, server: server, client: newClient(t, server.RoundTripper()), memory: &memory{Snapshot: state.Snapshot{}.Clone()},
		options: diff.Options{MaxChangePercent: 100}, commit: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

func newClient(t testing.TB, transport http.RoundTripper) *learnosity.Client {
	t.Helper()
	client, err := learnosity.New(learnosity.Config{
		ConsumerKey: sandbox.DefaultConsumerKey, Secret: learnosity.NewSecret(sandbox.DefaultConsumerSecret), Transport: transport,
	})
	require.NoError(t, err)
	return client
}

func (l *lab) now() time.Time {
	if t, ok := l.client.ServerTime(); ok {
		return t
	}
	return time.Now()
}

func (l *lab) fault(text string) {
	l.t.Helper()
	f, err := sandbox.ParseFault(text)
	require.NoError(l.t, err)
	require.NoError(l.t, l.server.AddFault(f))
}

func (l *lab) planner() apply.Planner {
	return apply.Planner{
		Reader: l.client, Log: slog.New(slog.DiscardHandler), Now: l.now, Declared: l.declared, Options: l.options, SkipVerify: l.noVerify,
	}
}

func (l *lab) scope(context.Context, state.Snapshot) (diff.Scope, error) {
	return diff.Scope{Set: "default", Banks: []pool.Bank{bankID}, CommitTime: &l.commit}, nil
}

// plan compares without recording anything.
func (l *lab) plan() diff.Plan {
	l.t.Helper()
	scope, _ := l.scope(l.t.Context(), l.memory.Snapshot)
	m, err := l.planner().Make(l.t.Context(), l.memory.Snapshotted(), scope, false)
	require.NoError(l.t, err)
	return m.Plan
}

// apply is an apply with --skip-blocked.
func (l *lab) apply(ctx context.Context) (apply.Result, error) { return l.applyWith(ctx, l.client) }

func (l *lab) applyWith(ctx context.Context, remote apply.Remote) (apply.Result, error) {
	return l.run(ctx, remote, state.NewRecorder(memorySession{l.memory}, "test"))
}

func (l *lab) run(ctx context.Context, remote apply.Remote, rec *state.Recorder) (apply.Result, error) {
	r := apply.Run{
		Planner: l.planner(), Remote: remote, Recorder: rec, Name: "run", Scope: l.scope, ShownOnly: l.strict,
		Origin: apply.Origin{Set: "default", CommitTime: new(l.commit)},
	}
	m, err := r.Plan(ctx)
	if err != nil {
		return apply.Result{}, err
	}
	return r.Apply(ctx, m.Plan)
}

// applied applies and expects that everything asked for was applied.
func (l *lab) applied() apply.Result {
	l.t.Helper()
	r, err := l.apply(l.t.Context())
	require.NoError(l.t, err)
	for _, o := range r.Outcomes {
		require.Equal(l.t, apply.Applied, o.State, "%s: %+v", o.Change.Key, o.Problem)
	}
	return r
}

// clean expects that nothing is left to be done.
func (l *lab) clean() {
	l.t.Helper()
	for _, ch := range l.plan().Changes {
		if len(ch.Calls) > 0 {
			l.t.Errorf("%s would be changed again: %v (rule %s) %+v", ch.Key, ch.Actions, ch.Evidence.Rule, ch.Calls[0].Request)
		}
	}
}

// write is a set or update in the sandbox's log.
type write struct {
	sandbox.Call
	Pools []pool.Request
}

func (w write) references() []pool.Reference {
	var out []pool.Reference
	for _, p := range w.Pools {
		out = append(out, p.Reference)
	}
	return out
}

// writes gives the log's writes, those that were refused and lost included.
func (l *lab) writes() []write {
	l.t.Helper()
	var out []write
	for _, c := range l.server.Log() {
		if c.Endpoint != "itembank/pools" || c.Action == "get" {
			continue
		}
		w := write{Call: c}
		require.NoError(l.t, json.Unmarshal(c.Request, &w))
		out = append(out, w)
	}
	return out
}

// denied is a bank whose writes are refused for a reason that is the caller's.
type denied struct{ *learnosity.Client }

func (denied) Write(context.Context, pool.Verb, pool.Bank, []pool.Request) (learnosity.Accepted, error) {
	return learnosity.Accepted{}, &learnosity.Error{Act: "set pools", Status: 403, Code: 40003, Message: "no rights", Effect: learnosity.Refused}
}

// touch lets something happen right after the first write.
type touch struct {
	*learnosity.Client
	then func()
}

func (c *touch) Write(ctx context.Context, v pool.Verb, b pool.Bank, pools []pool.Request) (learnosity.Accepted, error) {
	a, err := c.Client.Write(ctx, v, b, pools)
	if c.then != nil {
		c.then()
		c.then = nil
	}
	return a, err
}

func declare(ref string, items ...string) pool.Declared {
	slices.Sort(items)
	return pool.Declared{
		Key: pool.Key{Bank: bankID, Reference: pool.Reference(ref)}, File: "pools.yaml", Lifecycle: pool.Lifecycle{Replace: pool.ReplaceGuarded},
		Spec: pool.Spec{Fields: pool.Fields{Name: "Name of " + ref, Description: "About " + ref, Status: pool.Published}, Content: pool.Content{Items: items}},
	}
}

// many declares n pools p000, p001, ... of one item each.
func many(n int) (out []pool.Declared) {
	for i := range n {
		out = append(out, declare(fmt.Sprintf("p%03d", i), ref(i%20)))
	}
	return out
}

// holds lists the items of a pool with their titles: "i01 original".
func (l *lab) holds(ref string) []string {
	snap, _ := l.server.PoolContent(bankID, ref)
	var out []string
	for _, it := range snap.Items {
		out = append(out, it.Reference+" "+it.Title)
	}
	return out
}

func (l *lab) record(ref string) sandbox.PoolRecord {
	for _, p := range l.server.Pools(bankID) {
		if p.Reference == ref {
			return p
		}
	}
	return sandbox.PoolRecord{}
}

func outcome(t testing.TB, r apply.Result, ref pool.Reference) apply.Outcome {
	t.Helper()
	for _, o := range r.Outcomes {
		if o.Change.Reference == ref {
			return o
		}
	}
	require.FailNow(t, "no outcome of "+string(ref))
	return apply.Outcome{}
}

func states(r apply.Result) map[apply.State]int {
	out := map[apply.State]int{}
	for _, o := range r.Outcomes {
		out[o.State]++
	}
	return out
}

func same[T any](t testing.TB, what string, want, got T) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func contains(t testing.TB, what, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%s: %q does not say %q", what, text, part)
	}
}

// started counts, for each pool, the writes that were carried out.
func (l *lab) started() map[pool.Reference]int {
	out := map[pool.Reference]int{}
	for _, w := range l.writes() {
		for r := range w.started() {
			out[r]++
		}
	}
	return out
}

// started gives the pools whose job the write started.
func (w write) started() map[pool.Reference]bool {
	f, _ := sandbox.ParseFault(w.Fault)
	switch f.Kind {
	case sandbox.FaultTooMany, sandbox.FaultError, sandbox.FaultHTML, sandbox.FaultRedirect, sandbox.FaultCutBefore,
		sandbox.FaultFalse, sandbox.FaultNotJSON, sandbox.FaultNever:
		return nil
	}
	if w.Code != 0 && f.Kind != sandbox.FaultErrorAfter {
		return nil
	}
	out := map[pool.Reference]bool{}
	for _, r := range w.references() {
		out[r] = true
	}
	return out
}
