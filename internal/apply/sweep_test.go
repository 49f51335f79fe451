package apply_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/sandbox"
	"github.com/poolsync/poolsync/internal/state"
)

var thorough = flag.Int("thorough", 1, "times as many drawn cases as usual")

const storyJob = 3 * time.Second

// story brings a lab to where an apply has something to do of every kind: two
// creations, an append, a correction, both at once, a rename, a rebuild that
// someone allowed, and a retirement. Everything was edited in the bank since, so
// that a copy that was taken once too often shows.
func (l *lab) story() {
	l.t.Helper()
	l.declared = []pool.Declared{
		declare("append", ref(1)), declare("both", ref(4), ref(5)), declare("correct", ref(2), ref(3)),
		declare("edit", ref(6), ref(7)), declare("replace", ref(8), ref(9)), declare("retire", ref(10)),
	}
	l.applied()
	theirs := pool.Request{Reference: "theirs", Name: "Theirs", Status: pool.Published, Content: pool.Content{Items: []string{ref(1)}}}
	_, err := l.client.Write(l.t.Context(), pool.Set, bankID, []pool.Request{theirs})
	require.NoError(l.t, err)
	<-time.After(time.Minute)
	for i := range 20 {
		if i != 6 && i != 10 { // the carriers of the rename and of the retirement
			require.NoError(l.t, l.server.EditItem(bankID, ref(i), func(it *sandbox.Item) { it.Title = "edited" }))
		}
	}
	<-time.After(time.Minute)
	l.server.ClearLog()
	l.options.Prune = true
	d := l.declared[:5]
	d[0].Content.Items = []string{ref(1), ref(11)}
	d[1].Content.Items, d[1].Corrections = []string{ref(4), ref(5), ref(12)}, []pool.Correction{{ID: "c1", Items: []string{ref(4)}}}
	d[2].Corrections = []pool.Correction{{ID: "c2", Items: []string{ref(2)}}}
	d[3].Name = "New name"
	d[4].Content.Items, d[4].Snapshot = []string{ref(9), ref(13)}, "second"
	created := []pool.Declared{declare("created-1", ref(14)), declare("created-2", ref(15))}
	created[1].Content.Activities = []string{"a1"}
	l.declared = append(append(d[:2:2], d[2]), append(created, d[3:]...)...)
}

// picture is what a run leaves behind, times and job references aside.
type picture struct {
	Pools   map[string]any
	Entries map[pool.Reference]pool.Entry
}

func (l *lab) picture() picture {
	l.t.Helper()
	out := picture{map[string]any{}, map[pool.Reference]pool.Entry{}}
	for _, p := range l.server.Pools(bankID) {
		snap, _ := l.server.PoolContent(bankID, p.Reference)
		var activities []string
		for _, a := range snap.Activities {
			activities = append(activities, a.Reference)
		}
		out.Pools[p.Reference] = []any{p.Name, p.Description, p.Status, l.holds(p.Reference), activities}
	}
	for k, e := range l.memory.Entries {
		e.Job, e.EarlierJob, e.AppliedAt, e.CalledAt, e.OwnUntil = "", "", nil, nil, nil
		if e.ReadBack != nil {
			back := *e.ReadBack
			back.Created, back.Updated = "", ""
			e.ReadBack = &back
		}
		out.Entries[k.Reference] = e
	}
	return out
}

// ending is how an uninterrupted run ends, which every other one has to end as.
type ending struct {
	picture
	started       map[pool.Reference]int
	points, calls int
}

func (l *lab) uninterrupted() ending {
	l.t.Helper()
	l.story()
	p := &process{}
	r, err := l.live(l.t.Context(), p)
	require.NoError(l.t, err)
	same(l.t, "states", map[apply.State]int{apply.Applied: 8}, states(r))
	l.clean()
	return ending{l.picture(), l.started(), p.points, p.calls}
}

func sandboxOfStory() sandbox.Options {
	return sandbox.Options{Latency: storyJob, ResponseDelay: 50 * time.Millisecond}
}

func endingOf(t *testing.T) (e ending) {
	t.Helper()
	bubble(t, sandboxOfStory(), func(_ *testing.T, l *lab) { e = l.uninterrupted() })
	require.Greater(t, e.calls, 10)
	return e
}

// alone expects of the log that no pool got a job while it had one, that nothing
// was created over an existing pool, and that no stranger's pool was written.
func (l *lab) alone(jobTime time.Duration) {
	l.t.Helper()
	last := map[pool.Reference]time.Time{}
	for _, w := range l.writes() {
		if w.Code == 20011 || w.Code == 30000 {
			l.t.Errorf("a creation met an existing pool: %s", w.Request)
		}
		if w.started() == nil {
			continue
		}
		for _, p := range w.Pools {
			if p.Reference == "theirs" {
				l.t.Error("a stranger's pool was written")
			}
			if at, ok := last[p.Reference]; ok && w.Time.Sub(at) < jobTime {
				l.t.Errorf("%s got a second job %s after the first", p.Reference, w.Time.Sub(at))
			}
			last[p.Reference] = w.Time
		}
	}
}

// ends expects the lab to be where an uninterrupted run leaves it.
func (l *lab) ends(want ending) {
	l.t.Helper()
	same(l.t, "what is left behind", want.picture, l.picture())
	same(l.t, "jobs of each pool", want.started, l.started())
	l.alone(storyJob)
	l.clean()
}

// endsBut is ends where jobs may have halted, whose work was done again, and where
// looks into a pool may have failed, which is said and fails nothing.
func (l *lab) endsBut(want ending, halts bool) {
	l.t.Helper()
	if halts {
		want.started = l.started()
	}
	want.Entries = maps.Clone(want.Entries)
	for k, got := range l.memory.Entries {
		if e, ok := want.Entries[k.Reference]; ok {
			e.Verified = e.Verified && got.Verified
			want.Entries[k.Reference] = e
		}
	}
	l.ends(want)
}

// finishes is the run after everything that went wrong.
func (l *lab) finishes() {
	l.t.Helper()
	l.server.ClearFaults()
	r, err := l.live(l.t.Context(), &process{})
	require.NoError(l.t, err)
	for _, o := range r.Outcomes {
		if o.State != apply.Applied {
			l.t.Errorf("the next run leaves %s %s: %+v", o.Change.Key, o.State, o.Problem)
		}
	}
}

// TestKillAtEveryPoint: wherever a run dies, the next one finishes its work, does
// nothing twice and ends as a run that nothing happened to.
func TestKillAtEveryPoint(t *testing.T) {
	want := endingOf(t)
	for point := 1; point <= want.points; point++ {
		t.Run(fmt.Sprint(point), func(t *testing.T) {
			t.Parallel()
			for i := range 4 {
				p := &process{dieAt: point, late: i%2 == 1}
				pause := time.Duration(i/2) * time.Minute
				bubble(t, sandboxOfStory(), func(t *testing.T, l *lab) {
					l.story()
					_, _ = l.live(t.Context(), p)
					<-time.After(pause)
					l.finishes()
					l.ends(want)
				})
				// A run that writes down more at once has fewer points, and outlives the last ones.
				same(t, "died", point <= p.points, p.dead)
				if t.Failed() {
					t.Fatalf("late %v, then %s", p.late, pause)
				}
			}
		})
	}
}

// TestKillWithTheStateOnDisk: the same with a state file, whose journal may end in
// the middle of a record; and the run after it dies too.
func TestKillWithTheStateOnDisk(t *testing.T) {
	want := endingOf(t)
	step := 5
	if *thorough > 1 {
		step = 1
	}
	for point := 1; point <= want.points; point += step {
		t.Run(fmt.Sprint(point), func(t *testing.T) {
			t.Parallel()
			bubble(t, sandboxOfStory(), func(t *testing.T, l *lab) {
				l.disk = filepath.Join(t.TempDir(), "state.json")
				held, err := state.File{Path: l.disk}.Acquire(t.Context(), state.Holder{})
				require.NoError(t, err)
				l.story()
				var c state.Change
				for _, e := range l.memory.Entries {
					c.Put = append(c.Put, e)
				}
				require.NoError(t, held.Commit(t.Context(), "test", c))
				require.NoError(t, held.Close())
				_, _ = l.live(t.Context(), &process{dieAt: point})
				_, _ = l.live(t.Context(), &process{dieAt: 1 + 5*point%want.points, late: true})
				l.finishes()
				l.ends(want)
			})
		})
	}
}

// TestKillWithTheStateOnABranch: the same with the state on a git branch, whose
// lease the dead process leaves behind.
func TestKillWithTheStateOnABranch(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	want := endingOf(t)
	step := max(want.points/4, 1)
	if *thorough > 1 {
		step = 1
	}
	for point := 2; point <= want.points; point += step {
		t.Run(fmt.Sprint(point), func(t *testing.T) {
			t.Parallel()
			repo := t.TempDir()
			require.NoError(t, exec.Command("git", "init", "-q", repo).Run())
			bubble(t, sandboxOfStory(), func(t *testing.T, l *lab) {
				l.repo = repo
				l.story()
				held, err := state.Git{Dir: repo, Now: l.now}.Acquire(t.Context(), state.Holder{Who: "test"})
				require.NoError(t, err)
				var c state.Change
				for _, e := range l.memory.Entries {
					c.Put = append(c.Put, e)
				}
				require.NoError(t, held.Commit(t.Context(), "test", c))
				require.NoError(t, held.Close())
				_, _ = l.live(t.Context(), &process{dieAt: point, late: point%2 == 0})
				l.finishes()
				l.ends(want)
			})
		})
	}
}

// TestKillThenConsentIsGone: what a killed run did not send is judged anew. A
// rebuild that was allowed for that run alone either happened or is blocked.
func TestKillThenConsentIsGone(t *testing.T) {
	for point := 1; point <= 30; point++ {
		t.Run(fmt.Sprint(point), func(t *testing.T) {
			t.Parallel()
			bubble(t, sandboxOfStory(), func(t *testing.T, l *lab) {
				l.declared = []pool.Declared{declare("p", ref(1), ref(2)), declare("q", ref(3))}
				l.applied()
				<-time.After(time.Minute)
				l.server.ClearLog()
				l.declared[0].Content.Items = []string{ref(1)}
				l.declared[1].Content.Items = []string{ref(3), ref(4)}
				l.options.AllowReplace = diff.References{"p": true}
				_, _ = l.live(t.Context(), &process{dieAt: point, late: point%2 == 0})
				l.options.AllowReplace = nil
				r, err := l.live(t.Context(), &process{})
				require.NoError(t, err)
				same(t, "calls to q", 1, l.started()["q"])
				blocked := l.plan().Blocked()
				if sent := l.started()["p"]; sent > 0 {
					same(t, "rebuilt", []string{"i01 original"}, l.holds("p"))
					same(t, "jobs and blocks", []int{1, 0}, []int{sent, blocked})
					return
				}
				same(t, "untouched", []string{"i01 original", "i02 original"}, l.holds("p"))
				same(t, "blocked", apply.NotAttempted, outcome(t, r, "p").State)
				same(t, "blocks", 1, blocked)
			})
		})
	}
}

// transportFaults are those after which a call may or may not have happened.
var transportFaults = []string{
	"429", "500", "503-html", "cut-before", "status-false", "not-json", "never", connectionRefused,
	"500-after", "cut-after", "truncated", "short-body", "slow", "lacks-a-pool", jobUnknown,
}

// spoilt gives the faults of chosen calls.
func spoilt(faults map[int]string) func(int, string, string) string {
	return func(n int, _, _ string) string { return faults[n] }
}

// TestFaultAtEveryCall: whatever happens to any one call, the run itself finishes
// its work and ends as one that nothing happened to.
func TestFaultAtEveryCall(t *testing.T) {
	want := endingOf(t)
	for call := 1; call <= want.calls; call++ {
		for _, kind := range transportFaults {
			t.Run(fmt.Sprint(call, kind), func(t *testing.T) {
				t.Parallel()
				bubble(t, sandboxOfStory(), func(t *testing.T, l *lab) {
					l.story()
					r, err := l.live(t.Context(), &process{spoil: spoilt(map[int]string{call: kind})})
					require.NoError(t, err)
					same(t, "states", map[apply.State]int{apply.Applied: 8}, states(r))
					l.server.ClearFaults()
					l.ends(want)
				})
			})
		}
	}
}

// TestPairsOfFaults draws two faults of a run, of any kind, and its death, or any
// two of the three: the next run finishes its work.
func TestPairsOfFaults(t *testing.T) {
	want := endingOf(t)
	kinds := append([]string{"301", "job-halt"}, transportFaults...)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 80 * *thorough {
		faults := map[int]string{}
		for range 1 + rnd.IntN(2) {
			faults[1+rnd.IntN(want.calls+8)] = kinds[rnd.IntN(len(kinds))]
		}
		p := &process{spoil: spoilt(faults)}
		if len(faults) == 1 || rnd.IntN(3) == 0 {
			p.dieAt, p.late = 1+rnd.IntN(want.points+16), rnd.IntN(2) == 0
		}
		pause := time.Duration(rnd.IntN(2)) * time.Minute
		opts := sandboxOfStory()
		opts.Switches = []sandbox.Switches{{}, {}, {U16: "20s"}, {U19: "15s"}}[rnd.IntN(4)]
		for n, kind := range faults {
			if kind == jobUnknown && opts.Switches.U19 != "" {
				faults[n] = "500" // neither the pool nor the jobs would tell what happened
			}
		}
		t.Run(fmt.Sprintf("%d %v %d %v %s %s%s", i, faults, p.dieAt, p.late, pause, opts.Switches.U16, opts.Switches.U19), func(t *testing.T) {
			t.Parallel()
			bubble(t, opts, func(t *testing.T, l *lab) {
				l.lagging = opts.Switches.U19 != ""
				l.story()
				_, _ = l.live(t.Context(), p)
				<-time.After(pause)
				l.finishes()
				halts := strings.Contains(fmt.Sprint(faults), "job-halt")
				l.endsBut(want, halts)
			})
		})
	}
}
