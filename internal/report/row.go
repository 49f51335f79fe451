package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// row is what a plan says of one pool, or of several that one line of the
// manifests changes alike, before it is written in any format. Its text is as
// others wrote it: whoever writes it makes it safe.
type row struct {
	keys     []pool.Key
	symbol   string
	actions  string
	effect   string       // what people at work in the pool will see of it, in words
	blocks   []diff.Block // those that are told here
	guards   []string     // the rules of those that are told once for all pools
	fields   []diff.Field
	whole    string // a count of the content, where the pool is set as a whole
	delta    []deltaLine
	notes    []string
	evidence []string
	place    source.Position
	danger   bool // a running exam may see it
	stops    bool // a guard refuses it
}

// guard is a refusal that hits many pools for the same reason, told once.
type guard struct {
	diff.Block
	keys []pool.Key
}

const (
	// groupOf is how many pools changed alike are told as one.
	groupOf = 3
	// anyReference stands for each pool's own reference in text about many.
	anyReference = "REF"
)

// planGuards are the rules that look at a whole bank, and may hit many pools.
var planGuards = map[string]bool{"volume": true, "vanished": true, "freeze": true, "older": true, "external-change": true}

// rowsOf puts changes into rows, in the order of the changes, and takes out
// what is to be told once. Pools that are changed alike are one row.
func rowsOf(changes []diff.Change) ([]row, []guard) {
	guards := commonGuards(changes)
	var rows []row
	at := map[string]int{}
	counts := map[string]int{}
	signs := make([]string, len(changes))
	places := map[source.Position]int{}
	for _, ch := range changes {
		places[ch.Source]++
	}
	for i, ch := range changes {
		if signs[i] = ch.Key.String(); places[ch.Source] >= groupOf {
			signs[i] = signature(ch)
		}
		counts[signs[i]]++
	}
	for i, ch := range changes {
		if counts[signs[i]] < groupOf {
			rows = append(rows, rowOf(ch, guards, false))
			continue
		}
		n, seen := at[signs[i]]
		if !seen {
			at[signs[i]] = len(rows)
			rows = append(rows, rowOf(ch, guards, true))
			continue
		}
		rows[n].keys = append(rows[n].keys, ch.Key)
		same := rowOf(ch, guards, true).evidence
		rows[n].evidence = slices.DeleteFunc(rows[n].evidence, func(e string) bool { return !slices.Contains(same, e) })
	}
	return rows, guards
}

// signature is equal for changes that one row can tell. Unmanaged pools were
// asked for one by one.
func signature(ch diff.Change) string {
	if ch.Has(diff.Unmanaged) || ch.Source.File == "" {
		return ch.Key.String()
	}
	var blocks, notes []string
	for _, b := range ch.Blocked {
		blocks = append(blocks, b.Rule, general(b.Message, ch.Reference), general(b.Remedy, ch.Reference))
	}
	for _, n := range ch.Notes {
		notes = append(notes, general(n, ch.Reference))
	}
	live := pool.Status("")
	if ch.Evidence.Live != nil {
		live = ch.Evidence.Live.Status
	}
	notes = append(notes, general(retries(ch), ch.Reference))
	return fmt.Sprintf("%q %q %v %#v %#v %q %q %t %q %q", ch.Actions, ch.Source.File, ch.Source, ch.Fields, ch.Content, blocks, notes, ch.Dangerous, effect(ch), live)
}

// general replaces a pool's reference, where it stands as a word.
func general(text string, ref pool.Reference) string {
	words := strings.Split(text, " ")
	for i, w := range words {
		if core := strings.TrimRight(w, ",;.:?"); core == string(ref) {
			words[i] = anyReference + w[len(core):]
		}
	}
	return strings.Join(words, " ")
}

// commonGuards finds the refusals that hit many pools for the same reason, in
// the order of their first pool.
func commonGuards(changes []diff.Change) []guard {
	var all []guard
	at := map[diff.Block]int{}
	for _, ch := range changes {
		for _, b := range ch.Blocked {
			if !planGuards[b.Rule] {
				continue
			}
			b = common(b, ch.Reference)
			i, known := at[b]
			if !known {
				i, all = len(all), append(all, guard{Block: b})
				at[b] = i
			}
			all[i].keys = append(all[i].keys, ch.Key)
		}
	}
	return slices.DeleteFunc(all, func(g guard) bool { return len(g.keys) < groupOf })
}

// common is a refusal in the words for many pools.
func common(b diff.Block, ref pool.Reference) diff.Block {
	b.Message, b.Remedy = general(b.Message, ref), general(b.Remedy, ref)
	return b
}

func rowOf(ch diff.Change, guards []guard, many bool) row {
	r := row{
		keys: []pool.Key{ch.Key}, symbol: " ", effect: effect(ch), fields: ch.Fields,
		place: ch.Source, danger: ch.Dangerous, stops: ch.Stops(),
	}
	words := make([]string, len(ch.Actions))
	for i, a := range ch.Actions {
		words[i] = string(a)
	}
	r.actions = strings.Join(words, ", ")
	if len(ch.Actions) > 0 {
		r.symbol = symbols[ch.Actions[0]]
	} else if len(ch.Blocked) > 0 {
		r.symbol = "?"
	}
	if ch.Dangerous {
		r.symbol = "!"
	}
	if ch.Has(diff.Unmanaged) && ch.Evidence.Live != nil {
		r.effect = fmt.Sprintf("%s, %s", quoted(ch.Evidence.Live.Name, 0, maxValue/2), ch.Evidence.Live.Status)
	}
	// A pool that is set as a whole is told by its size. What a rebuild of a known
	// pool takes away and brings is told one by one.
	if ch.Has(diff.Create) || (ch.Has(diff.Replace) && ch.Evidence.Recorded == nil) {
		r.whole = counts(ch.Content.Added)
	} else {
		r.delta = deltaLines(ch.Content)
	}
	for _, b := range ch.Blocked {
		shared := common(b, ch.Reference)
		if slices.ContainsFunc(guards, func(g guard) bool { return g.Block == shared }) {
			r.guards = append(r.guards, b.Rule)
			continue
		}
		if many {
			b = shared
		}
		r.blocks = append(r.blocks, unrepeated(b))
	}
	told := ch
	told.Blocked = r.blocks
	r.evidence = evidence(told)
	for _, n := range append(nonEmpty(rebuilds(ch), retries(ch)), ch.Notes...) {
		if many {
			n = general(n, ch.Reference)
		}
		r.notes = append(r.notes, n)
	}
	return r
}

// unrepeated is a refusal whose remedy does not begin with what its reason said.
func unrepeated(b diff.Block) diff.Block {
	_, said, _ := strings.Cut(b.Message, " ")
	if again, rest, ok := strings.Cut(b.Remedy, "; "); ok && said != "" && strings.HasSuffix(again, said) {
		b.Remedy = rest
	}
	return b
}

// rebuilds says why it takes a rebuild to bring a pool what looks like an append
// or an edit.
func rebuilds(ch diff.Change) string {
	if !ch.Has(diff.Replace) || ch.Evidence.Recorded == nil || ch.Content.Removed.Len() > 0 {
		return ""
	}
	changes := func(path string) bool {
		return slices.ContainsFunc(ch.Fields, func(f diff.Field) bool { return f.Path == path })
	}
	switch {
	case changes("snapshot"):
		return ""
	case changes("ignore_empty_additional_tags"), ch.Content.Added.HasAdditional():
		return "it takes a rebuild: an update cannot carry ignore_empty_additional_tags"
	case changes("set_unpublished_to_published"):
		return "it takes a rebuild: set_unpublished_to_published is about what the pool holds already"
	default:
		return ""
	}
}

// effect says what people at work in the pool will see, where the action does
// not say it.
func effect(ch diff.Change) string {
	if !ch.Dangerous {
		return ""
	}
	live, last := pool.Status(""), pool.Status("")
	if ch.Evidence.Live != nil {
		live = ch.Evidence.Live.Status
	}
	if n := len(ch.Calls); n > 0 {
		last = ch.Calls[n-1].Request.Status
	}
	for _, f := range ch.Fields {
		if before, ok := f.Before.(string); ok && f.Path == "status" {
			live, last = pool.Status(before), pool.Status(fmt.Sprint(f.After))
		}
	}
	var words []string
	if ch.Has(diff.Replace) && live != pool.Unpublished {
		words = append(words, "rebuilds a live pool")
	}
	if ch.Has(diff.Correct) && live == pool.Published {
		words = append(words, "copies into a live pool")
	}
	switch {
	case last == pool.Published && live != pool.Published:
		words = append(words, "publishes")
	case last == pool.Unpublished && live != pool.Unpublished:
		words = append(words, "unpublishes a live pool")
	}
	return strings.Join(words, ", ")
}

// name gives the words that stand for a row's pools.
func (r row) name(withBank bool) string {
	if len(r.keys) > 1 {
		return plural(len(r.keys), "pool")
	}
	return keyName(r.keys[0], withBank)
}

func keyName(k pool.Key, withBank bool) string {
	if withBank {
		return k.String()
	}
	return string(k.Reference)
}

func keyNames(keys []pool.Key, withBank bool) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = keyName(k, withBank)
	}
	return out
}

// shortPlace is a place without its column.
func shortPlace(p source.Position) string {
	p.Column = 0
	return p.String()
}

func keysOf(changes []diff.Change) []pool.Key {
	keys := make([]pool.Key, len(changes))
	for i, ch := range changes {
		keys[i] = ch.Key
	}
	return keys
}
