package bank

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

// maxPages is how many pages of a pool's items are searched for a carrier.
const maxPages = 20

// Facts answers needs. A pool that cannot be looked into, for whatever reason, is
// answered as not readable; only the end of the context, and a bank whose items
// cannot be read, end the gathering.
//
// Most carriers are found in the first round, which reads the bank once for all
// pools. The pools that need another one go on together.
func Facts(ctx context.Context, r Reader, needs []diff.Need) (map[pool.Key]diff.Facts, error) {
	all := make([]*search, len(needs))
	for i, n := range needs {
		all[i] = newSearch(n)
	}
	known := map[pool.Bank]map[string]diff.Carrier{}
	for open := slices.Clone(all); len(open) > 0; open = slices.DeleteFunc(open, (*search).done) {
		looking := slices.DeleteFunc(slices.Clone(open), func(s *search) bool { return !s.next() })
		errs, err := Each(ctx, len(looking), func(ctx context.Context, i int) error { return looking[i].look(ctx, r) })
		if err != nil {
			return nil, err
		}
		for i, err := range errs {
			if err != nil {
				looking[i].fails(err)
			}
		}
		if err := carriers(ctx, r, open, known); err != nil {
			return nil, err
		}
		for _, s := range open {
			s.take(known[s.Bank])
		}
	}
	unfit, err := unpublished(ctx, r, needs)
	if err != nil {
		return nil, err
	}
	out := make(map[pool.Key]diff.Facts, len(needs))
	for _, s := range all {
		s.facts.Unfit = unfit[s.Key]
		out[s.Key] = s.facts
	}
	return out, nil
}

// unpublished finds, for each pool, what of the references to be copied its bank does
// not have as published. Each bank is asked once for all pools.
func unpublished(ctx context.Context, r Reader, needs []diff.Need) (map[pool.Key][]diff.Unfit, error) {
	wanted := map[pool.Bank]pool.Content{}
	for _, n := range needs {
		if n.Published.Len() > 0 {
			wanted[n.Bank] = wanted[n.Bank].Union(n.Published)
		}
	}
	out := map[pool.Key][]diff.Unfit{}
	for b, c := range wanted {
		items, activities, err := statuses(ctx, r, b, c)
		if err != nil {
			return nil, err
		}
		for _, n := range needs {
			if n.Bank == b {
				out[n.Key] = slices.Concat(notIn(n.Published.Items, items), notIn(n.Published.Activities, activities))
			}
		}
	}
	return out, nil
}

func notIn(refs []string, have map[string]pool.Status) (out []diff.Unfit) {
	for _, ref := range refs {
		if s := have[ref]; s != pool.Published {
			out = append(out, diff.Unfit{Reference: ref, Status: s})
		}
	}
	return out
}

// statuses reads how the bank has items and activities; what it lacks is missing.
func statuses(ctx context.Context, r MemberReader, b pool.Bank, c pool.Content) (items, activities map[string]pool.Status, err error) {
	items, activities = map[string]pool.Status{}, map[string]pool.Status{}
	if len(c.Items) > 0 {
		found, err := r.Items(ctx, learnosity.ItemsQuery{Bank: b, References: c.Items})
		if err != nil {
			return nil, nil, err
		}
		for _, it := range found {
			items[it.Reference] = it.Status
		}
	}
	if len(c.Activities) > 0 {
		found, err := r.Activities(ctx, learnosity.ActivitiesQuery{Bank: b, References: c.Activities})
		if err != nil {
			return nil, nil, err
		}
		for _, a := range found {
			activities[a.Reference] = a.Status
		}
	}
	return items, activities, nil
}

// search gathers the facts about one pool, round by round.
type search struct {
	diff.Need
	facts  diff.Facts
	named  map[string]bool // the references of the state
	left   []string        // those of them that were not tried yet
	trying []string        // the candidates of this round
	ask    pool.Content    // what is looked up in the pool in this round
	paging bool            // this round takes a page of what the pool holds
	begun  bool
	blind  bool   // what the pool holds cannot be read
	pages  int    // how many pages of it were read
	from   string // what the next one is asked for by
	ended  bool   // there is no next one
	found  bool
}

func newSearch(n diff.Need) *search {
	s := &search{Need: n, left: n.Items, named: make(map[string]bool, len(n.Items))}
	for _, ref := range n.Items {
		s.named[ref] = true
	}
	return s
}

// done reports whether another round is of no use.
func (s *search) done() bool {
	return !s.Carrier || s.found || (len(s.left) == 0 && (s.blind || s.ended || s.pages == maxPages))
}

// next begins a round, and reports whether it takes a look into the pool.
func (s *search) next() bool {
	s.trying, s.paging = nil, false
	if s.Carrier {
		n := min(len(s.left), pool.MaxBatch)
		s.trying, s.left = s.left[:n:n], s.left[n:]
		s.paging = n == 0 && !s.blind
	}
	s.ask = pool.Content{}
	if !s.Trusted && !s.blind {
		s.ask.Items = s.trying
	}
	if !s.begun {
		s.begun, s.ask = true, s.ask.Union(s.Members)
		s.facts.Readable = s.ask.Len() == 0
	}
	return s.paging || s.ask.Len() > 0
}

// look reads what of the asked references is in the pool, and of the candidates;
// where the state names none, it takes the next page of what the pool holds.
func (s *search) look(ctx context.Context, r Reader) error {
	held, err := Members(ctx, r, s.Key, s.ask)
	if err != nil {
		return err
	}
	s.facts.Readable, s.facts.Members = true, s.facts.Members.Union(held)
	if !s.Trusted {
		s.trying = slices.DeleteFunc(slices.Clone(s.trying), func(ref string) bool {
			_, inPool := slices.BinarySearch(held.Items, ref)
			return !inPool
		})
	}
	if !s.paging {
		return nil
	}
	items, next, err := r.ItemsPage(ctx, learnosity.ItemsQuery{Bank: s.Bank, Pool: s.Reference, Status: []pool.Status{pool.Published}}, s.from)
	if err != nil {
		return err
	}
	for _, it := range items {
		if !s.named[it.Reference] {
			s.trying = append(s.trying, it.Reference)
		}
	}
	slices.Sort(s.trying)
	s.pages++
	s.from, s.ended = next, next == "" || next == s.from
	return nil
}

// fails ends the looks into a pool that cannot be read. What was read before the
// fault holds; of what comes after it there is only the state's word.
func (s *search) fails(err error) {
	s.facts.Reason, s.facts.Unanswered, s.blind = err.Error(), !learnosity.WasRefused(err), true
}

// take files the candidates of this round that the bank has.
func (s *search) take(known map[string]diff.Carrier) {
	for _, ref := range s.trying {
		c, ok := known[ref]
		if !ok {
			continue
		}
		c.Unseen = s.blind && !s.Trusted
		s.facts.Carriers = append(s.facts.Carriers, c)
		// Where nothing tells when the pool was copied, any will do to ask about.
		s.found = s.found || c.Unchanged(s.Copied) || (s.Copied.IsZero() && c.Published)
	}
}

// carriers adds the candidates of all searches, as the bank has them, to what is
// known of it, 50 a call.
func carriers(ctx context.Context, r Reader, searches []*search, known map[pool.Bank]map[string]diff.Carrier) error {
	wanted := map[pool.Bank][]string{}
	for _, s := range searches {
		for _, ref := range s.trying {
			if _, ok := known[s.Bank][ref]; !ok {
				wanted[s.Bank] = append(wanted[s.Bank], ref)
			}
		}
	}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	for b, refs := range wanted {
		slices.Sort(refs)
		g.Go(func() error {
			items, err := r.Items(ctx, learnosity.ItemsQuery{Bank: b, References: slices.Compact(refs), WithUpdated: true})
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if known[b] == nil {
				known[b] = make(map[string]diff.Carrier, len(items))
			}
			for _, it := range items {
				known[b][it.Reference] = diff.Carrier{Reference: it.Reference, Published: it.Status == pool.Published, Updated: parseTime(it.Updated)}
			}
			return nil
		})
	}
	return g.Wait()
}

// parseTime reads a time as the API writes it, with or without a zone (then
// UTC). Anything else is the zero time: not known.
func parseTime(text string) time.Time {
	for _, layout := range []string{time.RFC3339, time.DateTime} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}
