package apply_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/sandbox"
)

var soakTime = flag.Duration("soak", 0, "how long the soak goes on beginning new lives of 300 pools")

// TestSoak: random edits of manifests, pools and bank, faults at a twentieth of all
// calls and deaths of the process; each run is held to the promises by the
// sandbox's log. With the faults gone, everything ends as declared.
func TestSoak(t *testing.T) {
	pools, rounds := 60, 4
	if *soakTime > 0 {
		pools, rounds = 300, 12
	}
	begin := time.Now()
	lives, calls, faults, deaths, unclear := 0, 0, 0, 0, 0
	for seed := uint64(1); seed == 1 || time.Since(begin) < *soakTime; seed++ {
		synctest.Test(t, func(t *testing.T) {
			s := newSoak(t, seed, pools)
			for range rounds {
				s.round()
			}
			s.end()
			calls, faults, deaths, unclear = calls+s.calls, faults+s.faults, deaths+s.deaths, unclear+s.unclear
		})
		if lives++; t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d times %d pools: %d calls, %d faults, %d deaths, %d calls left for a person to decide", lives, pools, calls, faults, deaths, unclear)
}

// soak is a history of many pools in which nearly everything goes wrong.
type soak struct {
	*history
	calls, faults, deaths, unclear int
}

func newSoak(t *testing.T, seed uint64, pools int) *soak {
	h := &history{
		lab:  newLab(t, sandbox.Options{Latency: jobTime, ResponseDelay: 20 * time.Millisecond, Seed: fmt.Sprint(seed)}),
		Rand: rand.New(rand.NewPCG(seed, 7)), serving: map[string]string{},
	}
	for i := range pools {
		d := declare(fmt.Sprintf("p%03d", i), h.item(), h.item(), h.item())
		d.Content = d.Content.Normal()
		h.declared = append(h.declared, d)
	}
	return &soak{history: h}
}

func (s *soak) round() {
	for range len(s.declared) / 8 {
		s.edit()
	}
	for range 4 {
		s.handEdit()
		s.bankMoves()
	}
	if s.IntN(3) == 0 {
		s.orphan()
	}
	s.choose()
	s.stale = false
	s.observe()
	s.server.ClearLog()
	b := s.look()
	b.declared, b.commit = s.declared, s.commit
	for again := true; again; {
		p := &process{spoil: s.spoiler()}
		if again = s.IntN(2) == 0; again {
			p.dieAt, p.late = 1+s.IntN(200), s.IntN(2) == 0
		}
		ctx, cancel := context.WithTimeout(s.t.Context(), time.Hour)
		r, err := s.live(ctx, p)
		cancel()
		s.note("-> %v %v, died %v", states(r), err, p.dead)
		for _, o := range r.Outcomes {
			s.note("   %s %v %s %+v", o.Change.Reference, o.Change.Actions, o.State, o.Problem)
		}
		s.calls += p.calls
		if p.dead {
			s.deaths++
		}
		s.server.ClearFaults()
	}
	<-time.After(2 * jobTime)
	for _, w := range s.writes() {
		for _, r := range w.Pools {
			s.note("   %s %s %s of %s as %s: %d %d %s", w.Time.Format(time.TimeOnly), w.Action, r.Name, r.Reference, r.Status, w.Status, w.Code, w.Fault)
		}
	}
	s.observe()
	s.judge(b, apply.Result{})
	for _, p := range s.server.Pools(bankID) {
		if p.Status == "halted" || p.Status == "pending" {
			delete(s.serving, p.Reference) // what it is behind that may have been asked for in this round
		}
	}
	<-time.After(time.Minute)
}

// spoiler draws a fault for one call in twenty.
func (s *soak) spoiler() func(int, string, string) string {
	kinds := append([]string{"job-halt"}, transportFaults...)
	rnd, mu := rand.New(rand.NewPCG(s.Uint64(), 3)), new(sync.Mutex)
	return func(int, string, string) string {
		mu.Lock()
		defer mu.Unlock()
		if rnd.IntN(20) > 0 {
			return ""
		}
		s.faults++
		return kinds[rnd.IntN(len(kinds))]
	}
}

// end is a last run, with the faults gone and everything allowed, after which all
// is as declared and nothing is left to do.
func (s *soak) end() {
	s.t.Helper()
	for i := range unpublishedFrom {
		require.NoError(s.t, s.server.EditItem(bankID, ref(i), func(it *sandbox.Item) { it.Status = "published" }))
	}
	all := diff.References{}
	for _, k := range s.memory.Keys() {
		all[k.Reference] = true
	}
	for i := range s.declared {
		all[s.declared[i].Reference] = true
		s.declared[i].Snapshot = "last" // takes up what halted for good
	}
	s.commit = s.commit.Add(time.Minute)
	s.options = diff.Options{MaxChangePercent: 100, Prune: true, AllowReplace: all, AllowRefresh: all, Republish: all, Overwrite: all}
	for range 3 { // a pool that halted shows its own status only after its next job, and retires wait for all else
		<-time.After(time.Hour)
		r, err := s.live(s.t.Context(), &process{})
		require.NoError(s.t, err)
		s.note("-> %v", states(r))
		for _, o := range r.Outcomes {
			if o.State != apply.Applied {
				s.note("   %s %v %s %+v", o.Change.Reference, o.Change.Actions, o.State, o.Problem)
			}
			if e, ok := s.memory.Entries[o.Change.Key]; ok && o.Change.Has(diff.Unknown) && e.Pending != nil {
				s.unclear++
				delete(s.memory.Entries, o.Change.Key) // what cannot be told is for a person to decide, who has it rebuilt
			}
		}
	}
	for _, ch := range s.plan().Changes {
		if len(ch.Calls) > 0 || (len(ch.Blocked) > 0 && !ch.Has(diff.Halted)) {
			s.fail("%s is left with %v, blocked by %+v", ch.Key, ch.Actions, ch.Blocked)
		}
	}
	for _, d := range s.declared {
		s.converged(d)
	}
	if i := slices.IndexFunc(s.memory.Keys(), func(k pool.Key) bool { return s.memory.Entries[k].Pending != nil }); i >= 0 {
		s.fail("%s is still pending", s.memory.Keys()[i])
	}
}
