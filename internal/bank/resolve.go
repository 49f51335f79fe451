package bank

import (
	"context"
	"maps"
	"slices"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

// Resolve returns what content stands for in the bank today, of what was read: every
// item and activity that a job would take. Published ones, unpublished ones with the
// flag alone, archived ones never.
func (l *Library) Resolve(w Wanted) pool.Content {
	items, activities := map[string]bool{}, map[string]bool{}
	for _, ref := range w.Content.Items {
		if it, ok := l.items[ref]; ok && w.enters(it.Status) {
			items[ref] = true
		}
	}
	for _, a := range l.activitiesOf(w) {
		activities[a.Reference] = true
		for _, ref := range a.Items {
			if it, ok := l.items[ref]; ok && w.enters(it.Status) {
				items[ref] = true
			}
		}
	}
	for k, list := range lists(w.Content) {
		for _, s := range list {
			for _, it := range l.taken(kind(k), s, w).Items {
				items[it.Reference] = true
			}
		}
	}
	return pool.Content{Items: slices.Sorted(maps.Keys(items)), Activities: slices.Sorted(maps.Keys(activities))}
}

// enters reports whether content of a status enters the pool. One that the server
// does not tell is its responsibility.
func (w Wanted) enters(s pool.Status) bool {
	return s == pool.Published || s == "" || s == pool.Unpublished && w.Unpublished
}

// taken is what an entry selects, without its additional_tags where they match
// nothing and the pool says so.
func (l *Library) taken(kind kind, s pool.Selector, w Wanted) Selection {
	out := l.selected(kind, s, w.Unpublished)
	if out.empty() && len(s.Additional) > 0 && w.IgnoreEmpty {
		s.Additional = nil
		out = l.selected(kind, s, w.Unpublished)
	}
	return out
}

// activitiesOf are the activities that content names or selects.
func (l *Library) activitiesOf(w Wanted) []learnosity.Activity {
	var out []learnosity.Activity
	for _, ref := range w.Content.Activities {
		if a, ok := l.activities[ref]; ok && w.enters(a.Status) {
			out = append(out, a)
		}
	}
	for k, list := range lists(w.Content) {
		for _, s := range list {
			out = append(out, l.taken(kind(k), s, w).Activities...)
		}
	}
	return out
}

// bringing is a change that takes content from the bank, and the call that does.
type bringing struct {
	at     int // of the changes
	call   diff.Call
	wanted Wanted
}

// Bring says of every change that creates, appends or replaces what it brings, in
// Resolved. Selectors are looked up once for all of them, and each pool that exists
// is looked into.
func Bring(ctx context.Context, r LibraryReader, changes []diff.Change) (map[pool.Bank]*Library, error) {
	byBank := map[pool.Bank][]bringing{}
	for i, ch := range changes {
		for _, c := range ch.Calls {
			if c.Operation == pool.OpCreate || c.Operation == pool.OpAppend || c.Operation == pool.OpReplace {
				byBank[ch.Bank] = append(byBank[ch.Bank], bringing{i, c, wantedBy(c.Request)})
			}
		}
	}
	libraries := map[pool.Bank]*Library{}
	for b, list := range byBank {
		l := NewLibrary(r, b)
		libraries[b] = l
		wanted := make([]Wanted, len(list))
		for i, x := range list {
			wanted[i] = x.wanted
		}
		if err := l.Read(ctx, wanted); err != nil {
			return nil, err
		}
		if err := l.bring(ctx, changes, list); err != nil {
			return nil, err
		}
	}
	return libraries, nil
}

func wantedBy(q pool.Request) Wanted {
	return Wanted{Content: q.Content, IgnoreEmpty: q.IgnoreEmpty != nil && *q.IgnoreEmpty, Unpublished: q.UnpublishedPublished}
}

func (l *Library) bring(ctx context.Context, changes []diff.Change, list []bringing) error {
	held := make([]pool.Content, len(list))
	errs, err := Each(ctx, len(list), func(ctx context.Context, i int) (err error) {
		if list[i].call.Operation != pool.OpCreate {
			held[i], err = Holds(ctx, l.r, changes[list[i].at].Key)
		}
		return err
	})
	if err != nil {
		return err
	}
	for i, x := range list {
		ch := &changes[x.at]
		brought := l.Resolve(x.wanted)
		r := &diff.Resolved{}
		switch {
		case errs[i] != nil:
			r.Unreadable, r.Added, r.Removed = errs[i].Error(), []string{}, []string{}
			if x.call.Operation == pool.OpReplace {
				r.After = new(len(brought.Items))
			}
		case x.call.Operation == pool.OpAppend:
			r.Compare(held[i], held[i].Union(brought))
		default:
			r.Compare(held[i], brought)
		}
		r.Uncertain = l.uncertain(x.wanted)
		ch.Resolved = r
	}
	return nil
}

// uncertain counts what the server selects although its tags differ in letter case:
// whether a job takes it is not documented, and it is not in the figures.
func (l *Library) uncertain(w Wanted) int {
	n := 0
	for k, list := range lists(w.Content) {
		for _, s := range list {
			n += l.selected(kind(k), s, w.Unpublished).Near
		}
	}
	return n
}
