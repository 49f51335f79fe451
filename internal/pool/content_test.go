package pool_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/poolsync/poolsync/internal/pool"
)

// anyContent draws from few values, so that lists overlap and repeat.
func anyContent(r *rand.Rand) pool.Content {
	word := func() string { return string(rune('a' + r.IntN(4))) }
	words := func() (out []string) {
		for range r.IntN(5) {
			out = append(out, word())
		}
		return out
	}
	some := func() (out []pool.Tag) {
		for range r.IntN(3) {
			out = append(out, pool.Tag{Type: word(), Name: []string{"", word()}[r.IntN(2)]})
		}
		return out
	}
	selectors := func() (out []pool.Selector) {
		for range r.IntN(4) {
			s := pool.Selector{Type: word(), Name: word()}
			if r.IntN(2) == 0 {
				s = pool.Selector{Required: append(some(), pool.Tag{Type: "r"}), Additional: some()}
			}
			out = append(out, s)
		}
		return out
	}
	return pool.Content{Items: words(), Activities: words(), Tags: selectors(), ItemTags: selectors(), ActivityTags: selectors()}
}

func shuffled(r *rand.Rand, c pool.Content) pool.Content {
	d := c.Union(c) // a copy of all lists
	r.Shuffle(len(d.Items), func(i, j int) { d.Items[i], d.Items[j] = d.Items[j], d.Items[i] })
	r.Shuffle(len(d.Tags), func(i, j int) { d.Tags[i], d.Tags[j] = d.Tags[j], d.Tags[i] })
	for i := range d.Tags {
		slices.Reverse(d.Tags[i].Required)
	}
	d.Items = append(d.Items, d.Items...)
	return d
}

// TestContentIsSets: order and repetition mean nothing, and the operations keep
// the normal form.
func TestContentIsSets(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 500 {
		raw := anyContent(r)
		a, b := raw.Normal(), anyContent(r).Normal()
		for name, pair := range map[string][2]pool.Content{
			"normal twice":       {a.Normal(), a},
			"shuffled":           {shuffled(r, a).Normal(), a},
			"a minus a":          {a.Minus(a), {}},
			"a minus nothing":    {a.Minus(pool.Content{}), a},
			"nothing minus a":    {pool.Content{}.Minus(a), {}},
			"parts of a":         {a.Minus(b).Union(a.Minus(a.Minus(b))), a},
			"union commutes":     {a.Union(b), b.Union(a)},
			"union without b":    {a.Union(b).Minus(b), a.Minus(b)},
			"difference is pure": {a.Minus(b).Normal(), a.Minus(b)},
		} {
			if d := cmp.Diff(pair[1], pair[0], cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("%s (-want +got):\n%s\na = %+v\nb = %+v", name, d, a, b)
			}
			if !pair[0].Equal(pair[1]) {
				t.Fatalf("%s: not Equal", name)
			}
		}
		if a.Equal(b) != cmp.Equal(a, b, cmpopts.EquateEmpty()) {
			t.Fatalf("Equal disagrees on %+v and %+v", a, b)
		}
		if n := a.Minus(b).Len() + b.Len(); n != a.Union(b).Len() {
			t.Fatalf("%d entries in a-b and b, %d in the union", n, a.Union(b).Len())
		}
	}
}

func TestNormalChangesNothingInPlace(t *testing.T) {
	c := pool.Content{Items: []string{"b", "a"}, Tags: []pool.Selector{{Required: []pool.Tag{{Type: "z"}, {Type: "a"}}}}}
	c.Normal()
	want := pool.Content{Items: []string{"b", "a"}, Tags: []pool.Selector{{Required: []pool.Tag{{Type: "z"}, {Type: "a"}}}}}
	if d := cmp.Diff(want, c); d != "" {
		t.Error(d)
	}
}

func TestHasAdditional(t *testing.T) {
	wide := pool.Selector{Required: []pool.Tag{{Type: "a"}}, Additional: []pool.Tag{{Type: "b"}}}
	for _, c := range []pool.Content{{Tags: []pool.Selector{{Type: "x"}, wide}}, {ItemTags: []pool.Selector{wide}}, {ActivityTags: []pool.Selector{wide}}} {
		if !c.HasAdditional() {
			t.Errorf("%+v has additional_tags", c)
		}
	}
	if (pool.Content{Items: []string{"i"}, Tags: []pool.Selector{{Type: "x"}, {Required: wide.Required}}}).HasAdditional() {
		t.Error("required_tags alone are not additional_tags")
	}
}
