package diff

import (
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// content notes a difference of content and, if it is the first difference,
// where the manifest asks for it.
func (ch *Change) content(added, removed pool.Content, at source.Place) {
	if len(ch.Fields)+len(ch.Blocked) == 0 {
		ch.Source = ch.Declared.Position(at)
	}
	ch.Content = Delta{Added: added, Removed: removed}
}

// firstPlace finds where the first of the added entries is written.
func firstPlace(d *pool.Declared, added pool.Content) source.Place {
	first := source.Place{}
	take := func(p source.Place) {
		if p.Known() && (!first.Known() || p.Line < first.Line) {
			first = p
		}
	}
	places(d.Content.Items, added.Items, strings.Compare, d.At.Items, take)
	places(d.Content.Activities, added.Activities, strings.Compare, d.At.Activities, take)
	places(d.Content.Tags, added.Tags, pool.Selector.Compare, d.At.Tags, take)
	places(d.Content.ItemTags, added.ItemTags, pool.Selector.Compare, d.At.ItemTags, take)
	places(d.Content.ActivityTags, added.ActivityTags, pool.Selector.Compare, d.At.ActivityTags, take)
	return first
}

func places[T any](all, some []T, compare func(a, b T) int, at []source.Place, take func(source.Place)) {
	for _, x := range some {
		if i, ok := slices.BinarySearchFunc(all, x, compare); ok && i < len(at) {
			take(at[i])
		}
	}
}
