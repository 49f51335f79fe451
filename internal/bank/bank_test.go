package bank_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

var errRefused = &learnosity.Error{Act: "get items", Status: 400, Code: 20004, Message: "no such pool", Effect: learnosity.Refused}

// sick are the pools that cannot be looked into.
var sick = map[pool.Reference]error{
	"closed": errRefused,
	"broken": &learnosity.Error{Act: "get items", Status: 500, Code: 10000, Message: "internal error"},
	"cut":    &learnosity.Error{Act: "get items", Message: "lost"},
}

// stub is a bank whose pools hold what in says, by pool.
type stub struct {
	live  map[pool.Bank][]pool.Live
	in    map[pool.Reference][]string
	bank  []learnosity.Item
	fail  error
	mu    sync.Mutex
	asked []learnosity.ItemsQuery
	pages []string
}

func (s *stub) Pools(_ context.Context, q learnosity.PoolsQuery) ([]pool.Live, error) {
	return s.live[q.Bank], s.fail
}

func (s *stub) Items(_ context.Context, q learnosity.ItemsQuery) ([]learnosity.Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, q)
	if q.Pool == "" {
		return slices.DeleteFunc(slices.Clone(s.bank), func(i learnosity.Item) bool { return !slices.Contains(q.References, i.Reference) }), s.fail
	}
	if err := sick[q.Pool]; err != nil {
		return nil, err
	}
	var out []learnosity.Item
	for _, ref := range s.in[q.Pool] {
		if len(q.References) == 0 || slices.Contains(q.References, ref) {
			out = append(out, learnosity.Item{Reference: ref, Status: pool.Published})
		}
	}
	return out, nil
}

// ItemsPage gives pages of 50, after an empty one in the pool "late", and takes the
// page's number for its token. The pool "endless" has no last page.
func (s *stub) ItemsPage(_ context.Context, q learnosity.ItemsQuery, from string) ([]learnosity.Item, string, error) {
	s.mu.Lock()
	s.pages = append(s.pages, string(q.Pool)+from)
	s.mu.Unlock()
	if err := sick[q.Pool]; err != nil {
		return nil, "", err
	}
	n, _ := strconv.Atoi(from)
	var out []learnosity.Item
	for i := range 50 {
		if at := 50*n + i; at < len(s.in[q.Pool]) && !(q.Pool == "late" && n == 0) {
			out = append(out, learnosity.Item{Reference: s.in[q.Pool][at], Status: pool.Published})
		}
	}
	if 50*(n+1) >= len(s.in[q.Pool]) && q.Pool != "endless" {
		return out, "", nil
	}
	return out, strconv.Itoa(n + 1), nil
}

func (s *stub) Activities(_ context.Context, q learnosity.ActivitiesQuery) ([]learnosity.Activity, error) {
	if err := sick[q.Pool]; err != nil {
		return nil, err
	}
	return []learnosity.Activity{{Reference: "a1"}}, nil
}

func key(b pool.Bank, ref pool.Reference) pool.Key { return pool.Key{Bank: b, Reference: ref} }

func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// TestLive files records by bank, and keeps those that differ in letter case only
// apart.
func TestLive(t *testing.T) {
	s := &stub{live: map[pool.Bank][]pool.Live{
		505: {{Reference: "a", Name: "505"}, {Reference: "ELA"}, {Reference: "Both"}, {Reference: "both"}, {Reference: "unasked"}},
		606: {{Reference: "a", Name: "606"}},
	}}
	got, err := bank.Live(t.Context(), s, []pool.Key{key(505, "a"), key(606, "a"), key(505, "ela"), key(505, "both"), key(505, "absent")})
	require.NoError(t, err)
	same(t, "records", bank.Records{
		Live: map[pool.Key]pool.Live{
			key(505, "a"): {Reference: "a", Name: "505"}, key(606, "a"): {Reference: "a", Name: "606"}, key(505, "both"): {Reference: "both"},
		},
		Twins: map[pool.Key]pool.Live{key(505, "ela"): {Reference: "ELA"}, key(505, "both"): {Reference: "Both"}},
	}, got)
	s.fail = errRefused
	_, err = bank.Live(t.Context(), s, []pool.Key{key(505, "a")})
	same(t, "error", true, errors.Is(err, errRefused))
}

// TestFacts answers needs: membership, and candidates with their record in the bank.
func TestFacts(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := &stub{
		in: map[pool.Reference][]string{"p": {"i1", "i2", "i3"}},
		bank: []learnosity.Item{
			{Reference: "i1", Status: pool.Published, Updated: "2026-01-02T03:04:05Z"},
			{Reference: "i2", Status: learnosity.Archived, Updated: "2026-01-02 03:04:05"},
			{Reference: "i3", Status: pool.Published, Updated: "yesterday"},
			{Reference: "i9", Status: pool.Published},
		},
	}
	i1 := diff.Carrier{Reference: "i1", Published: true, Updated: at}
	i2 := diff.Carrier{Reference: "i2", Updated: at}
	i3 := diff.Carrier{Reference: "i3", Published: true}
	for name, tt := range map[string]struct {
		need diff.Need
		want diff.Facts
	}{
		"members": {
			diff.Need{Members: pool.Content{Items: []string{"i1", "i9"}, Activities: []string{"a1", "a2"}}},
			diff.Facts{Readable: true, Members: pool.Content{Items: []string{"i1"}, Activities: []string{"a1"}}},
		},
		"carriers are looked up in the pool": {
			diff.Need{Carrier: true, Items: []string{"i1", "i2", "i9"}},
			diff.Facts{Readable: true, Members: pool.Content{Items: []string{"i1", "i2"}}, Carriers: []diff.Carrier{i1, i2}},
		},
		"trusted ones are not": {
			diff.Need{Carrier: true, Trusted: true, Items: []string{"i1", "absent"}},
			diff.Facts{Readable: true, Carriers: []diff.Carrier{i1}},
		},
		"none in the state": {
			diff.Need{Carrier: true, Trusted: true},
			diff.Facts{Readable: true, Carriers: []diff.Carrier{i1, i2, i3}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt.need.Key = key(505, "p")
			got, err := bank.Facts(t.Context(), s, []diff.Need{tt.need})
			require.NoError(t, err)
			f := got[tt.need.Key]
			if name == "none in the state" {
				f.Members = pool.Content{} // not asked for
			}
			same(t, "facts", tt.want, f)
		})
	}
}

// TestMembersBesideACarrier: a pool of tags alone has no candidates in the state.
// The first page of its items, read instead, is not an answer to what was asked.
func TestMembersBesideACarrier(t *testing.T) {
	s := &stub{in: map[pool.Reference][]string{}}
	for i := range 80 {
		ref := fmt.Sprintf("i%02d", i)
		s.in["p"] = append(s.in["p"], ref)
		s.bank = append(s.bank, learnosity.Item{Reference: ref, Status: pool.Published})
	}
	need := diff.Need{Key: key(505, "p"), Carrier: true, Members: pool.Content{Items: []string{"i70", "absent"}}}
	got, err := bank.Facts(t.Context(), s, []diff.Need{need})
	require.NoError(t, err)
	f := got[need.Key]
	same(t, "members", pool.Content{Items: []string{"i70"}}, f.Members)
	same(t, "carriers", true, len(f.Carriers) >= 50)
}

// TestFactsOfAPoolThatCannotBeRead: whatever is wrong with it, the facts of the
// others are gathered.
func TestFactsOfAPoolThatCannotBeRead(t *testing.T) {
	s := &stub{in: map[pool.Reference][]string{"open": {"i1"}}, bank: []learnosity.Item{{Reference: "i1", Status: pool.Published}}}
	ask := func(ref pool.Reference) diff.Need {
		return diff.Need{Key: key(505, ref), Carrier: true, Members: pool.Content{Items: []string{"i1"}}}
	}
	got, err := bank.Facts(t.Context(), s, []diff.Need{ask("broken"), ask("closed"), ask("cut"), ask("open")})
	require.NoError(t, err)
	for ref, why := range sick {
		same(t, string(ref), diff.Facts{Reason: why.Error(), Unanswered: !learnosity.WasRefused(why)}, got[key(505, ref)])
	}
	same(t, "open", true, got[key(505, "open")].Readable)
	same(t, "open, carriers", 1, len(got[key(505, "open")].Carriers))
}

// TestCarriersOfAPoolThatCannotBeRead are the state's, said not to have been seen.
// The pool is asked once.
func TestCarriersOfAPoolThatCannotBeRead(t *testing.T) {
	s := &stub{}
	var all []string
	for i := range 70 {
		it := learnosity.Item{Reference: fmt.Sprintf("i%02d", i), Status: pool.Published, Updated: "2026-01-03T00:00:00Z"}
		s.bank, all = append(s.bank, it), append(all, it.Reference)
	}
	need := diff.Need{Key: key(505, "closed"), Carrier: true, Items: all, Copied: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}
	ask := func(trusted bool) diff.Facts {
		s.asked, s.pages = nil, nil
		need.Trusted = trusted
		got, err := bank.Facts(t.Context(), s, []diff.Need{need})
		require.NoError(t, err)
		same(t, "carriers", 70, len(got[need.Key].Carriers))
		same(t, "why", errRefused.Error(), got[need.Key].Reason)
		return got[need.Key]
	}
	f := ask(false)
	same(t, "readable", false, f.Readable)
	same(t, "seen", false, slices.ContainsFunc(f.Carriers, func(c diff.Carrier) bool { return !c.Unseen }))
	same(t, "asked", 3, len(s.asked)) // the pool, and the bank twice
	same(t, "pages", 0, len(s.pages))

	// What was seen in the pool before, need not be seen again.
	f = ask(true)
	same(t, "seen", false, slices.ContainsFunc(f.Carriers, func(c diff.Carrier) bool { return c.Unseen }))
	same(t, "asked", 2, len(s.asked))
	same(t, "pages", 1, len(s.pages))
}

// TestFactsFail: without the bank there are no facts, and none for a run that ended.
func TestFactsFail(t *testing.T) {
	s := &stub{in: map[pool.Reference][]string{"open": {"i1"}}, fail: errors.New("lost")}
	need := diff.Need{Key: key(505, "open"), Carrier: true, Items: []string{"i1"}}
	_, err := bank.Facts(t.Context(), s, []diff.Need{need})
	same(t, "error", true, errors.Is(err, s.fail))
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	_, err = bank.Facts(ctx, s, []diff.Need{need})
	same(t, "cause", true, errors.Is(err, stop))
}

// TestSearchForACarrier goes on until an item is found that has not changed since
// the pool was copied: through the references of the state, then page by page
// through what the pool holds.
func TestSearchForACarrier(t *testing.T) {
	copied := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	var all []string
	s := &stub{in: map[pool.Reference][]string{}}
	for i := range 1200 {
		it := learnosity.Item{Reference: fmt.Sprintf("i%04d", i), Status: pool.Published, Updated: "2026-01-03T00:00:00Z"}
		if i == 55 || i == 110 {
			it.Updated = "2026-01-01T00:00:00Z"
		}
		s.bank, all = append(s.bank, it), append(all, it.Reference)
	}
	for _, ref := range []pool.Reference{"p", "late", "endless"} {
		s.in[ref] = all
	}
	changed := slices.Delete(slices.Clone(all), 110, 111)
	s.in["changed"] = slices.Delete(slices.Clone(changed), 55, 56)
	for name, tt := range map[string]struct {
		pool    pool.Reference
		items   []string
		trusted bool
		found   bool
		looks   int // into the pool, by reference
		pages   int
		bank    int // readings of the bank
	}{
		"in the first of the state":  {"p", all[50:60], true, true, 0, 0, 1},
		"in the second of the state": {"p", all[:60], true, true, 0, 0, 2},
		"seen in the pool first":     {"p", all[:60], false, true, 2, 0, 2},
		"in the pool":                {"p", all[:50], true, true, 0, 2, 2},
		"after an empty page":        {"late", nil, false, true, 0, 2, 1},
		"nowhere":                    {"changed", all[:50], true, false, 0, 20, 20},
		"without an end":             {"endless", all[:55], false, true, 2, 2, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s.asked, s.pages = nil, nil
			need := diff.Need{Key: key(505, tt.pool), Carrier: true, Trusted: tt.trusted, Items: tt.items, Copied: copied}
			got, err := bank.Facts(t.Context(), s, []diff.Need{need})
			require.NoError(t, err)
			f := got[need.Key]
			same(t, "found", tt.found, slices.ContainsFunc(f.Carriers, func(c diff.Carrier) bool { return c.Unchanged(copied) }))
			same(t, "readable", true, f.Readable)
			looks, readings := 0, 0
			for _, q := range s.asked {
				if q.Pool != "" {
					looks++
				} else {
					readings++
				}
			}
			same(t, "looks", tt.looks, looks)
			same(t, "pages", tt.pages, len(s.pages))
			same(t, "readings of the bank", tt.bank, readings)
		})
	}
}

// TestSearchesGoOnTogether: what several pools need is read once.
func TestSearchesGoOnTogether(t *testing.T) {
	s := &stub{in: map[pool.Reference][]string{}}
	var all []string
	for i := range 120 {
		it := learnosity.Item{Reference: fmt.Sprintf("i%03d", i), Status: pool.Published, Updated: "2026-01-03T00:00:00Z"}
		s.bank, all = append(s.bank, it), append(all, it.Reference)
	}
	var needs []diff.Need
	for i := range 30 {
		ref := pool.Reference(fmt.Sprint("p", i))
		s.in[ref] = all
		needs = append(needs, diff.Need{Key: key(505, ref), Carrier: true, Trusted: true, Items: all[:60], Copied: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)})
	}
	got, err := bank.Facts(t.Context(), s, needs)
	require.NoError(t, err)
	same(t, "pages", 30*3, len(s.pages))
	same(t, "readings of the bank", 4, len(s.asked))
	for _, f := range got {
		same(t, "carriers", 120, len(f.Carriers))
	}
}

// TestCarriersAreReadTogether: one reading of the bank for all pools.
func TestCarriersAreReadTogether(t *testing.T) {
	s := &stub{bank: []learnosity.Item{{Reference: "i1", Status: pool.Published}, {Reference: "i2", Status: pool.Published}}}
	var needs []diff.Need
	for i := range 30 {
		needs = append(needs, diff.Need{Key: key(505, pool.Reference(fmt.Sprint(i))), Carrier: true, Trusted: true, Items: []string{"i2", "i1"}})
	}
	got, err := bank.Facts(t.Context(), s, needs)
	require.NoError(t, err)
	same(t, "asked", []learnosity.ItemsQuery{{Bank: 505, References: []string{"i1", "i2"}, WithUpdated: true}}, s.asked)
	same(t, "answered", 30, len(got))
}
