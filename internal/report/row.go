package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/page"
	"github.com/poolsync/poolsync/internal/source"
)

// row is a change, or several that one line of the manifests makes alike. Words
// about several name none of them.
type row struct {
	diff.Change
	keys   []pool.Key
	many   bool
	words  []refusal   // those that are told here
	shared []diff.Rule // the rules of those that are told once for all pools
	notes  []message.Message
	why    []message.Message // evidence
}

// refusal is why a change is not carried out, in words.
type refusal struct {
	rule            diff.Rule
	own             bool
	message, remedy message.Message
}

// sign is equal for refusals that say the same.
func (r refusal) sign() string {
	return string(r.rule) + "\x00" + r.message.Text() + "\x00" + r.remedy.Text()
}

// guard is a refusal that hits many pools for the same reason, told once.
type guard struct {
	refusal
	keys []pool.Key
}

const (
	// groupOf is how many pools changed alike are told as one.
	groupOf = 3
	// anyReference stands for each pool's own reference in text about many.
	anyReference = pool.Reference("REF")
)

// planGuards are the rules that look at a whole bank, and may hit many pools.
var planGuards = map[diff.Rule]bool{
	diff.RuleVolume: true, diff.RuleVanished: true, diff.RuleFreeze: true, diff.RuleOlder: true, diff.RuleDiverged: true, diff.RuleExternalChange: true,
}

// rowsOf puts changes into rows, in the order of the changes, and takes out what
// is to be told once. Pools that are changed alike are one row.
func (w wording) rowsOf(changes []diff.Change) ([]row, []guard) {
	guards := w.commonGuards(changes)
	var rows []row
	at, counts := map[string]int{}, map[string]int{}
	signs := make([]string, len(changes))
	places := map[source.Position]int{}
	for _, ch := range changes {
		places[ch.Source]++
	}
	for i, ch := range changes {
		if signs[i] = ch.Key.String(); places[ch.Source] >= groupOf || onlyDeferred(ch) {
			signs[i] = w.signature(ch)
		}
		counts[signs[i]]++
	}
	for i, ch := range changes {
		n, seen := at[signs[i]]
		switch {
		case counts[signs[i]] < groupOf:
			rows = append(rows, w.rowOf(ch, guards, false))
		case !seen:
			at[signs[i]] = len(rows)
			rows = append(rows, w.rowOf(ch, guards, true))
		default:
			rows[n].keys = append(rows[n].keys, ch.Key)
			same := w.rowOf(ch, guards, true).why
			rows[n].why = slices.DeleteFunc(rows[n].why, func(e message.Message) bool {
				return !slices.ContainsFunc(same, func(s message.Message) bool { return s.Text() == e.Text() })
			})
		}
	}
	return rows, guards
}

// onlyDeferred reports changes that are told by their number: what differs is
// the description, and nothing is to be done about it now.
func onlyDeferred(ch diff.Change) bool {
	return len(ch.Actions) == 1 && ch.Has(diff.Deferred) && len(ch.Blocked) == 0
}

// signature is equal for changes that one row can tell. Unmanaged pools were
// asked for one by one.
func (w wording) signature(ch diff.Change) string {
	if ch.Has(diff.Unmanaged) || ch.Source.File == "" {
		return ch.Key.String()
	}
	if onlyDeferred(ch) {
		return string(diff.Deferred)
	}
	var said []string
	for _, b := range w.refusals(ch, true) {
		said = append(said, b.sign())
	}
	for _, n := range w.notes(ch, true) {
		said = append(said, n.Text())
	}
	live := pool.Status("")
	if ch.Evidence.Live != nil {
		live = ch.Evidence.Live.Status
	}
	var brings []page.Line
	if ch.Resolved != nil {
		brings = w.resolved(ch.Resolved)
	}
	return fmt.Sprintf("%q %v %#v %#v %#v %q %t %q %q", ch.Actions, ch.Source, ch.Fields, ch.Content, brings, said, ch.Dangerous, effect(ch), live)
}

// commonGuards finds the refusals that hit many pools for the same reason, in
// the order of their first pool.
func (w wording) commonGuards(changes []diff.Change) []guard {
	var all []guard
	at := map[string]int{}
	for _, ch := range changes {
		for _, b := range w.refusals(ch, true) {
			if !planGuards[b.rule] {
				continue
			}
			i, known := at[b.sign()]
			if !known {
				i, all = len(all), append(all, guard{refusal: b})
				at[b.sign()] = i
			}
			all[i].keys = append(all[i].keys, ch.Key)
		}
	}
	return slices.DeleteFunc(all, func(g guard) bool { return len(g.keys) < groupOf })
}

func (w wording) rowOf(ch diff.Change, guards []guard, many bool) row {
	r := row{Change: ch, keys: []pool.Key{ch.Key}, many: many, notes: w.notes(ch, many)}
	common := w.refusals(ch, true)
	for i, b := range w.refusals(ch, many) {
		if slices.ContainsFunc(guards, func(g guard) bool { return g.sign() == common[i].sign() }) {
			r.shared = append(r.shared, b.rule)
			continue
		}
		r.words = append(r.words, b)
	}
	r.why = evidence(ch, w.full)
	return r
}

// effect says what people at work in the pool will see, where the action does
// not say it.
func effect(ch diff.Change) message.Message {
	if !ch.Dangerous {
		return message.Message{}
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
	var words []message.Message
	switch {
	case !ch.Has(diff.Replace) || live == pool.Unpublished:
	case live == pool.Published:
		words = append(words, message.New("rebuilds a published pool"))
	default:
		words = append(words, message.New("rebuilds a pool that may be published"))
	}
	if ch.Has(diff.Correct) && live == pool.Published {
		words = append(words, message.New("copies into a published pool"))
	}
	switch {
	case last == pool.Published && live != pool.Published:
		words = append(words, message.New("publishes"))
	case last == pool.Unpublished && live == pool.Published:
		words = append(words, message.New("unpublishes a published pool"))
	case last == pool.Unpublished && live != pool.Unpublished:
		words = append(words, message.New("unpublishes"))
	}
	return message.Join(", ", words...)
}

func keyName(k pool.Key, withBank bool) string {
	if withBank {
		return k.String()
	}
	return string(k.Reference)
}

func keysOf(changes []diff.Change) []pool.Key {
	keys := make([]pool.Key, len(changes))
	for i, ch := range changes {
		keys[i] = ch.Key
	}
	return keys
}

// general replaces a pool's reference, where it stands as a word.
func general(text string, ref pool.Reference) string {
	words := strings.Split(text, " ")
	for i, w := range words {
		if core := strings.TrimRight(w, ",;.:?"); core == string(ref) {
			words[i] = string(anyReference) + w[len(core):]
		}
	}
	return strings.Join(words, " ")
}
