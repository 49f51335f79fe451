package apply_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/sandbox"
)

// theirs creates or rebuilds a pool by somebody else's call.
func (l *lab) theirs(v pool.Verb, ref string, items ...string) {
	l.t.Helper()
	d := declare(ref, items...)
	q := pool.Request{Reference: d.Reference, Name: d.Name, Status: pool.Published, Content: d.Content}
	if v == pool.Set {
		q.Description = &d.Description
	}
	_, err := newClient(l.t, l.server.RoundTripper()).Write(l.t.Context(), v, bankID, []pool.Request{q})
	require.NoError(l.t, err)
}

// TestTheyCreateItFirst: somebody else creates a pool of the same name and description
// a moment before our call, and the replica that was read does not show it. It is not
// taken for ours, whatever the server says to our call, and nothing of it is lost.
func TestTheyCreateItFirst(t *testing.T) {
	for _, u1 := range []string{"error", "conflict", "halt", "halt-pool", "noop"} {
		t.Run(u1, func(t *testing.T) {
			bubble(t, sandbox.Options{Switches: sandbox.Switches{U1: u1, U19: "3s"}}, func(t *testing.T, l *lab) {
				l.lagging = true
				l.declared = []pool.Declared{declare("neighbour", ref(1)), declare("race", ref(1))}
				l.theirs(pool.Set, "race", ref(5), ref(6), ref(7))
				<-time.After(1500 * time.Millisecond)
				r, err := l.apply(t.Context())
				require.NoError(t, err)
				same(t, "neighbour", apply.Applied, outcome(t, r, "neighbour").State)
				if got := outcome(t, r, "race").State; got == apply.Applied {
					t.Error("it was taken for ours")
				}
				<-time.After(time.Hour)
				l.declared[1].Content.Items = append(l.declared[1].Content.Items, ref(2))
				l.server.ClearLog()
				for range 2 {
					_, err = l.apply(t.Context())
					require.NoError(t, err)
				}
				same(t, "writes", 0, len(l.writes()))
				same(t, "theirs", []string{"i05 original", "i06 original", "i07 original"}, l.holds("race"))
			})
		})
	}
}

// TestTheirHaltedPool: our creation halted because theirs was there. Days later theirs
// is halted: it is not the ruin of our creation, and is not created again.
func TestTheirHaltedPool(t *testing.T) {
	bubble(t, sandbox.Options{Switches: sandbox.Switches{U1: "halt", U19: "3s"}}, func(t *testing.T, l *lab) {
		l.declared = []pool.Declared{declare("p", ref(1))}
		l.theirs(pool.Set, "p", ref(5), ref(6), ref(7))
		<-time.After(1500 * time.Millisecond)
		r, err := l.apply(t.Context())
		require.NoError(t, err)
		same(t, "state", apply.Failed, outcome(t, r, "p").State)
		<-time.After(48 * time.Hour)
		require.NoError(t, l.server.EditPool(bankID, "p", func(p *sandbox.PoolRecord) { p.Status = "halted" }))
		<-time.After(time.Minute)
		l.server.ClearLog()
		r, err = l.apply(t.Context())
		require.NoError(t, err)
		same(t, "state", apply.NotAttempted, outcome(t, r, "p").State)
		same(t, "writes", 0, len(l.writes()))
		same(t, "theirs", []string{"i05 original", "i06 original", "i07 original"}, l.holds("p"))
	})
}

// TestSomebodyWritesAfterTheKill: the run died before its call; a day later somebody
// edits the pool by hand. That is not our call, and is not forgotten.
func TestSomebodyWritesAfterTheKill(t *testing.T) {
	for name, edit := range map[string]func(*pool.Declared){
		"correct": func(d *pool.Declared) { d.Corrections = []pool.Correction{{ID: "c", Items: []string{ref(1)}}} },
		"replace": func(d *pool.Declared) { d.Snapshot = "second" },
		"tags":    func(d *pool.Declared) { d.Content.Tags = []pool.Selector{{Type: "third", Name: "2"}} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
				l.declared = []pool.Declared{declare("p", ref(1), ref(2))}
				l.applied()
				<-time.After(time.Hour)
				edit(&l.declared[0])
				p := &process{}
				p.spoil = func(_ int, action, _ string) string {
					if action != "get" {
						p.cancel(errKilled)
						p.dead = true
						return "cut-before"
					}
					return ""
				}
				_, _ = l.live(t.Context(), p)
				require.NotNil(t, l.memory.Entries[l.declared[0].Key].Pending)
				l.server.ClearFaults()
				<-time.After(20 * time.Hour)
				require.NoError(t, l.server.EditPool(bankID, "p", func(p *sandbox.PoolRecord) { p.Description = "by hand" }))
				<-time.After(time.Hour)
				l.server.ClearLog()
				l.options.AllowReplace = diff.References{"p": true}
				l.applied()
				same(t, "calls", 1, l.started()["p"])
				same(t, "touched", name != "replace", l.memory.Entries[l.declared[0].Key].Touched)
			})
		})
	}
}

// TestDeliveredTwice: a gateway delivers a call twice, and we see the answer to the
// second. What the first did is found, nothing is sent again, and nothing is lost.
func TestDeliveredTwice(t *testing.T) {
	for _, lag := range []string{"0s", "3s"} {
		for _, n := range []int{1, 8} {
			t.Run(fmt.Sprint(lag, n), func(t *testing.T) {
				bubble(t, sandbox.Options{Latency: 2 * time.Second, Switches: sandbox.Switches{U1: "error", U23: "refuse", U19: lag}}, func(t *testing.T, l *lab) {
					l.declared = many(n)
					l.fault("set itembank/pools#1=twice")
					l.applied()
					<-time.After(time.Minute)
					for i := range l.declared {
						l.declared[i].Name = fmt.Sprint("renamed ", i)
					}
					l.fault("update itembank/pools#1=twice")
					l.applied()
					<-time.After(time.Minute)
					for _, e := range l.memory.Entries {
						same(t, "touched", false, e.Touched)
					}
					same(t, "touched", 0, l.plan().Count(diff.Touched))
					l.clean()
				})
			})
		}
	}
}

// TestTwoClocks: pools and jobs are dated by a clock that is not the one of the
// answers; the answers may carry no time at all.
func TestTwoClocks(t *testing.T) {
	for _, sw := range []sandbox.Switches{
		{DatabaseClock: "-2s"},
		{DatabaseClock: "2s"},
		{DatabaseClock: "-40s"},
		{DatabaseClock: "40s"},
		{Timestamp: "missing", ServerClock: "-1s"},
		{Timestamp: "no-date", ServerClock: "-1s"},
		{Timestamp: "no-date", ServerClock: "-30s"},
	} {
		t.Run(fmt.Sprintf("%+v", sw), func(t *testing.T) {
			bubble(t, sandbox.Options{Latency: 2 * time.Second, Switches: sw}, func(t *testing.T, l *lab) {
				l.story()
				l.applied()
				l.clean()
			})
		})
	}
}

// TestAJobThatDoesNothing completes all the same: what was asked for stays due, and
// is not taken for the server's way or somebody else's doing.
func TestAJobThatDoesNothing(t *testing.T) {
	for name, edit := range map[string]func(*pool.Declared){
		"rename":  func(d *pool.Declared) { d.Name = "Other" },
		"publish": func(d *pool.Declared) { d.Status = pool.Published },
		"append":  func(d *pool.Declared) { d.Content.Items = []string{ref(1), ref(2), ref(3)} },
		"correct": func(d *pool.Declared) { d.Corrections = []pool.Correction{{ID: "c", Items: []string{ref(1)}}} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, sandbox.Options{}, func(t *testing.T, l *lab) {
				l.declared = []pool.Declared{declare("p", ref(1), ref(2))}
				l.declared[0].Status = pool.Unpublished
				l.applied()
				<-time.After(time.Hour)
				require.NoError(t, l.server.EditItem(bankID, ref(1), func(it *sandbox.Item) { it.Title = "edited" }))
				<-time.After(time.Hour)
				edit(&l.declared[0])
				l.fault("update itembank/pools#1=job-does-nothing")
				r, err := l.apply(t.Context())
				require.NoError(t, err)
				same(t, "state", apply.Failed, outcome(t, r, "p").State)
				<-time.After(time.Minute)
				p := l.plan()
				same(t, "held", 0, p.Count(diff.Held))
				same(t, "due again", 1, len(p.Changes[0].Calls))
				l.server.ClearFaults()
				l.applied()
				l.clean()
			})
		})
	}
}
