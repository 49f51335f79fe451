package bank_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/learnosity"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// library is a bank with a few things in it.
type library struct {
	stub
	tagsFail error
}

func (l *library) Activities(_ context.Context, q learnosity.ActivitiesQuery) ([]learnosity.Activity, error) {
	if len(q.AllTags) > 0 {
		return nil, nil
	}
	return []learnosity.Activity{
		{Reference: "a1", Status: pool.Published, Banks: []pool.Bank{q.Bank}},
		{Reference: "mixed", Status: pool.Published, Banks: []pool.Bank{505, 606}},
	}, nil
}

func (l *library) Tags(context.Context, learnosity.TagsQuery) ([]pool.Tag, error) {
	return []pool.Tag{{Type: "course", Name: "commoncore"}, {Type: "grade", Name: "6"}}, l.tagsFail
}

func newLibrary() *library {
	return &library{stub: stub{bank: []learnosity.Item{
		{Reference: "i1", Status: pool.Published}, {Reference: "draft", Status: pool.Unpublished}, {Reference: "old", Status: learnosity.Archived},
	}}}
}

func places(lines ...int32) (out []source.Place) {
	for _, l := range lines {
		out = append(out, source.Place{Line: l, Column: 9})
	}
	return out
}

// TestLookup: what is missing or cannot enter a pool is an error at its place; a
// tag that does not exist is a warning, since it may come to exist.
func TestLookup(t *testing.T) {
	d := pool.Declared{
		Key: key(505, "p"), File: "a.yaml",
		Spec: pool.Spec{Content: pool.Content{
			Items: []string{"absent", "draft", "i1", "old"}, Activities: []string{"a1", "mixed", "nowhere"},
			Tags:     []pool.Selector{{Type: "course", Name: "commoncor"}, {Type: "grade"}},
			ItemTags: []pool.Selector{{Required: []pool.Tag{{Type: "grade", Name: "6"}}, Additional: []pool.Tag{{Type: "Course"}}}},
		}},
		At: pool.Places{
			Pool: source.Place{Line: 1, Column: 1}, Items: places(2, 3, 4, 5), Activities: places(6, 7, 8), Tags: places(9, 10), ItemTags: places(11),
		},
	}
	got, err := bank.Lookup(t.Context(), newLibrary(), []pool.Declared{d})
	require.NoError(t, err)
	var lines []string
	for _, f := range got {
		lines = append(lines, string(f.Severity)+" "+f.String())
	}
	same(t, "findings", []string{
		`error a.yaml:2:9: item "absent" does not exist in item bank 505 [bank-unknown-reference]`,
		`error a.yaml:3:9: item "draft" is unpublished and cannot be added to a pool [bank-not-published]`,
		`error a.yaml:5:9: item "old" is archived and cannot be added to a pool [bank-not-published]`,
		`error a.yaml:7:9: activity "mixed" has items of item bank 606 [bank-foreign-items]`,
		`error a.yaml:8:9: activity "nowhere" does not exist in item bank 505 [bank-unknown-reference]`,
		`warning a.yaml:9:9: the bank has no tag "commoncor" of type "course": it matches nothing [bank-unknown-tag]`,
		`warning a.yaml:10:9: nothing that can enter the pool carries these tags: the entry selects nothing [bank-tag-selects]`,
		`warning a.yaml:11:9: the bank has no tag of type "Course": it matches nothing [bank-unknown-tag]`,
	}, lines)
	same(t, "suggestion", `did you mean "commoncore"?`, got[5].Hint)

	d.Content = pool.Content{Items: []string{"draft"}}
	d.UnpublishedPublished, d.At.Items = true, nil
	got, err = bank.Lookup(t.Context(), newLibrary(), []pool.Declared{d})
	require.NoError(t, err)
	same(t, "drafts are allowed", 0, len(got))
}

func TestLookupFails(t *testing.T) {
	lost := errors.New("lost")
	for name, c := range map[string]pool.Content{"items": {Items: []string{"i1"}}, "tags": {Tags: []pool.Selector{{Type: "course"}}}} {
		t.Run(name, func(t *testing.T) {
			l := newLibrary()
			l.fail, l.tagsFail = lost, lost
			_, err := bank.Lookup(t.Context(), l, []pool.Declared{{Key: key(505, "p"), Spec: pool.Spec{Content: c}}})
			same(t, "error", true, errors.Is(err, lost))
		})
	}
}

func TestHolds(t *testing.T) {
	s := &stub{in: map[pool.Reference][]string{"p": {"i2", "i1"}}}
	got, err := bank.Holds(t.Context(), s, key(505, "p"))
	require.NoError(t, err)
	same(t, "held", pool.Content{Items: []string{"i1", "i2"}, Activities: []string{"a1"}}, got)
	_, err = bank.Holds(t.Context(), s, key(505, "closed"))
	same(t, "refused", true, errors.Is(err, errRefused))
}
