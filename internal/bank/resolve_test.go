package bank_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
)

// shop is a bank that answers as the API documents it, and counts the answers.
type shop struct {
	items      []learnosity.Item
	activities []learnosity.Activity
	in         map[pool.Reference][]string
	fold       bool // letter case does not matter to its tag filter
	reads      atomic.Int64
}

func (s *shop) keeps(q learnosity.ItemsQuery, ref string, status pool.Status, tags []pool.Tag) bool {
	lower := func(list []pool.Tag) []pool.Tag {
		out := make([]pool.Tag, len(list))
		for i, t := range list {
			if out[i] = t; s.fold {
				out[i] = pool.Tag{Type: fold(t.Type), Name: fold(t.Name)}
			}
		}
		return out
	}
	tags = lower(tags)
	either := len(q.AnyTags) == 0 || slices.ContainsFunc(lower(q.AnyTags), func(t pool.Tag) bool { return bank.Carries(tags, []pool.Tag{t}) })
	return either && bank.Carries(tags, lower(q.AllTags)) && (len(q.References) == 0 || slices.Contains(q.References, ref)) &&
		(len(q.Status) == 0 || slices.Contains(q.Status, status)) && (q.Pool == "" || slices.Contains(s.in[q.Pool], ref))
}

func fold(text string) string {
	out := []byte(text)
	for i, c := range out {
		if c >= 'A' && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return string(out)
}

func (s *shop) Items(_ context.Context, q learnosity.ItemsQuery) (out []learnosity.Item, err error) {
	s.reads.Add(1)
	for _, it := range s.items {
		if s.keeps(q, it.Reference, it.Status, it.Tags) {
			out = append(out, it)
		}
	}
	return out, nil
}

func (s *shop) Activities(_ context.Context, q learnosity.ActivitiesQuery) (out []learnosity.Activity, err error) {
	s.reads.Add(1)
	for _, a := range s.activities {
		if s.keeps(learnosity.ItemsQuery(q), a.Reference, a.Status, a.Tags) {
			out = append(out, a)
		}
	}
	return out, nil
}

func (s *shop) ItemsPage(ctx context.Context, q learnosity.ItemsQuery, _ string) ([]learnosity.Item, string, error) {
	out, err := s.Items(ctx, q)
	return out, "", err
}

func (s *shop) ActivitiesPage(ctx context.Context, q learnosity.ActivitiesQuery, _ string) ([]learnosity.Activity, string, error) {
	out, err := s.Activities(ctx, q)
	return out, "", err
}

func (s *shop) Tags(context.Context, learnosity.TagsQuery) ([]pool.Tag, error) {
	s.reads.Add(1)
	return nil, nil
}

func tagOf(kind, name string) []pool.Tag { return []pool.Tag{{Type: kind, Name: name}} }

// shelf: two published items of a course, one unpublished, one archived, one whose
// tag differs in letter case, and an activity that brings an item of its own.
func shelf() *shop {
	return &shop{
		items: []learnosity.Item{
			{Reference: "i1", Status: pool.Published, Tags: []pool.Tag{{Type: "course", Name: "a"}, {Type: "grade", Name: "6"}}},
			{Reference: "i2", Status: pool.Published, Tags: tagOf("course", "a")},
			{Reference: "draft", Status: pool.Unpublished, Tags: tagOf("course", "a")},
			{Reference: "old", Status: learnosity.Archived, Tags: tagOf("course", "a")},
			{Reference: "near", Status: pool.Published, Tags: tagOf("Course", "A")},
			{Reference: "i6", Status: pool.Published},
		},
		activities: []learnosity.Activity{{Reference: "act", Status: pool.Published, Items: []string{"i6", "old"}, Tags: tagOf("form", "f")}},
		in:         map[pool.Reference][]string{"p": {"i1", "i6", "gone"}},
	}
}

// TestResolve: what a job would take, and nothing else.
func TestResolve(t *testing.T) {
	course := pool.Selector{Type: "course", Name: "a"}
	sixth := pool.Selector{Required: tagOf("course", "a"), Additional: tagOf("grade", "6")}
	seventh := pool.Selector{Required: tagOf("course", "a"), Additional: tagOf("grade", "7")}
	for name, tt := range map[string]struct {
		want bank.Wanted
		held pool.Content
	}{
		"archived and unpublished do not count": {bank.Wanted{Content: pool.Content{Tags: []pool.Selector{course}}}, pool.Content{Items: []string{"i1", "i2"}}},
		"unpublished with the flag": {
			bank.Wanted{Content: pool.Content{ItemTags: []pool.Selector{course}}, Unpublished: true}, pool.Content{Items: []string{"draft", "i1", "i2"}},
		},
		"references by status": {bank.Wanted{Content: pool.Content{Items: []string{"absent", "draft", "i2", "old"}}}, pool.Content{Items: []string{"i2"}}},
		"an activity brings its items": {
			bank.Wanted{Content: pool.Content{ActivityTags: []pool.Selector{{Type: "form"}}}}, pool.Content{Items: []string{"i6"}, Activities: []string{"act"}},
		},
		"item_tags bring no activity":  {bank.Wanted{Content: pool.Content{ItemTags: []pool.Selector{{Type: "form"}}}}, pool.Content{}},
		"required and additional":      {bank.Wanted{Content: pool.Content{Tags: []pool.Selector{sixth}}}, pool.Content{Items: []string{"i1"}}},
		"additional void the entry":    {bank.Wanted{Content: pool.Content{Tags: []pool.Selector{seventh}}}, pool.Content{}},
		"unless the flag ignores that": {bank.Wanted{Content: pool.Content{Tags: []pool.Selector{seventh}}, IgnoreEmpty: true}, pool.Content{Items: []string{"i1", "i2"}}},
		"entries are alternatives":     {bank.Wanted{Content: pool.Content{Tags: []pool.Selector{sixth, {Type: "form"}}}}, pool.Content{Items: []string{"i1", "i6"}, Activities: []string{"act"}}},
	} {
		for _, folds := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", folding ", folds), func(t *testing.T) {
				s := shelf()
				s.fold = folds
				l := bank.NewLibrary(s, 505)
				require.NoError(t, l.Read(t.Context(), []bank.Wanted{tt.want}))
				same(t, "resolved", tt.held, l.Resolve(tt.want))
			})
		}
	}
}

func change(ref pool.Reference, op pool.Operation, c pool.Content) diff.Change {
	return diff.Change{Key: key(505, ref), Calls: []diff.Call{{Operation: op, Request: pool.Request{Content: c}}}}
}

// TestBring: what an append and a rebuild bring is told against what the pool holds.
func TestBring(t *testing.T) {
	tags := pool.Content{Tags: []pool.Selector{{Type: "course", Name: "a"}}}
	changes := []diff.Change{change("new", pool.OpCreate, tags), change("p", pool.OpAppend, tags), change("p", pool.OpReplace, tags), change("p", pool.OpEdit, tags)}
	s := shelf()
	s.items, s.fold = append(s.items, learnosity.Item{Reference: "gone", Status: learnosity.Archived}), true
	_, err := bank.Bring(t.Context(), s, changes)
	require.NoError(t, err)
	same(t, "create", &diff.Resolved{Before: new(0), After: new(2), Added: []string{"i1", "i2"}, Uncertain: 1}, changes[0].Resolved)
	same(t, "append", &diff.Resolved{Before: new(3), After: new(4), Added: []string{"i2"}, Uncertain: 1}, changes[1].Resolved)
	same(t, "replace", &diff.Resolved{Before: new(3), After: new(2), Added: []string{"i2"}, Removed: []string{"gone", "i6"}, Uncertain: 1}, changes[2].Resolved)
	require.Nil(t, changes[3].Resolved)
}

// TestBringReadsOnce: 500 pools that share 40 tags cost 40 readings.
func TestBringReadsOnce(t *testing.T) {
	s := &shop{}
	for i := range 40 {
		s.items = append(s.items, learnosity.Item{Reference: fmt.Sprint("i", i), Status: pool.Published, Tags: tagOf("course", fmt.Sprint(i))})
	}
	var changes []diff.Change
	for i := range 500 {
		c := pool.Content{ItemTags: []pool.Selector{{Type: "course", Name: fmt.Sprint(i % 40)}, {Type: "course", Name: fmt.Sprint((i + 7) % 40)}}}
		changes = append(changes, change(pool.Reference(fmt.Sprint("p", i)), pool.OpCreate, c))
	}
	_, err := bank.Bring(t.Context(), s, changes)
	require.NoError(t, err)
	require.EqualValues(t, 40, s.reads.Load())
	require.Equal(t, 2, *changes[499].Resolved.After)
}

// TestFinder: the entry that stands for what a pool holds, if there is one.
func TestFinder(t *testing.T) {
	for name, tt := range map[string]struct {
		held []string
		fold bool
		want pool.Selector
		ok   bool
	}{
		"one tag":                     {held: []string{"i1", "i2"}, want: pool.Selector{Type: "course", Name: "a"}, ok: true},
		"less than it selects":        {held: []string{"i2"}},
		"more than it selects":        {held: []string{"i1", "i2", "i6"}},
		"letter case may be the same": {held: []string{"i1", "i2"}, fold: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := shelf()
			s.fold = tt.fold
			var c bank.Copies
			for _, it := range s.items {
				if slices.Contains(tt.held, it.Reference) {
					c.Items = append(c.Items, it)
				}
			}
			got, ok, err := bank.NewFinder(s, 505).Items(t.Context(), c)
			require.NoError(t, err)
			require.Equal(t, tt.ok, ok)
			same(t, "entry", tt.want, got)
		})
	}
}
