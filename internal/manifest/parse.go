package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// Parse checks one manifest and gives the pools that it declares, sorted by
// key. name is used in positions. Nothing outside its arguments is read.
func Parse(name string, data []byte) ([]pool.Declared, source.Diagnostics) {
	p := parse(name, data, 1)
	p.found = append(p.found, across([]parsed{p}, func(string) *text { return newText(name, data) })...)
	sortPools(p.pools)
	return p.pools, p.found.Sort()
}

// parsed is what one file declares, and what is wrong with it.
type parsed struct {
	name    string
	pools   []pool.Declared
	bank    pool.Bank
	bankAt  source.Place
	entries int  // of the list of pools, faulty ones included
	config  bool // it can only be a configuration file, or is of no concern
	checked bool // its findings are those of a configuration file
	found   source.Diagnostics
}

// splitFrom is the size from which a file is worth being cut into pieces, and
// pieceSize that of the pieces. A piece bounds the memory that nodes take.
const (
	splitFrom = 128 << 10
	pieceSize = 64 << 10
)

// parse checks a file, with several workers if it is large.
func parse(name string, data []byte, workers int) parsed {
	t := newText(name, data)
	if d := t.limits(); d != nil {
		return parsed{name: name, found: source.Diagnostics{*d}}
	}
	if len(t.data) >= splitFrom {
		if p, ok := parsePieces(t, pieceSize, workers); ok {
			return p
		}
	}
	return parseWhole(t)
}

// parseWhole decodes the file in one go.
func parseWhole(t *text) parsed {
	roots, d := t.roots()
	if len(roots) == 0 {
		return parsed{name: t.name, found: source.Diagnostics{*d}}
	}
	p := parseDocument(t, roots[0].Content[0])
	if d != nil {
		p.found = append(p.found, *d)
		p.config = false
		for _, root := range roots[1:] {
			more := parseDocument(t, root.Content[0])
			p.pools, p.found = append(p.pools, more.pools...), append(p.found, more.found...)
		}
	}
	return p
}

// parseDocument checks one document.
func parseDocument(t *text, root *yaml.Node) parsed {
	r := &reader{text: t, schema: poolsSchema()}
	c := &converter{text: t, fields: r.schema.fields}
	if c.multiplied(root, maxDepth) {
		return r.parsed(c)
	}
	root, pools := apart(root)
	head := c.convert(root, field{}, 1)
	if pools == nil {
		r.header(&head, nil, c)
		p := r.parsed(c)
		p.config = !c.halted && onlyConfig(&head)
		return p
	}
	r.header(&head, pools, c)
	for _, item := range pools.Content {
		v := c.convert(item, field{kind: "object"}, 3)
		if c.halted {
			break
		}
		c.hold(&v)
		r.pool(&v)
		if full(r.found, c.found) {
			break
		}
	}
	return r.parsed(c)
}

func (r *reader) parsed(c *converter) parsed {
	p := parsed{name: r.text.name, pools: r.pools, bank: r.head.bank, bankAt: r.head.bankAt, entries: r.seen}
	p.found = cut(append(r.found, c.found...), maxFindings)
	if c.halted { // what was understood up to the limit says nothing
		p.pools, p.found = nil, c.found
	}
	return p
}

// apart takes the list of pools out of a manifest's root, so that its entries
// can be converted and dropped one by one. It gives a nil list where pools is
// anything but a list written in place.
func apart(root *yaml.Node) (head, pools *yaml.Node) {
	if root.Kind != yaml.MappingNode {
		return root, nil
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, list := root.Content[i], root.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Value != "pools" {
			continue
		}
		if list.Kind != yaml.SequenceNode {
			return root, nil
		}
		copied, empty := *root, *list
		empty.Content = nil
		copied.Content = slices.Clone(root.Content)
		copied.Content[i+1] = &empty
		return &copied, list
	}
	return root, nil
}

// aPool stands for the entries of the list in the check of what is around it.
var aPool = map[string]any{"reference": "a", "name": "a", "content": map[string]any{"item_references": []any{"a"}}}

// header checks all of a manifest but the entries of pools. A list that was not
// taken apart is read at once.
func (r *reader) header(v *value, pools *yaml.Node, c *converter) {
	if c.halted {
		return
	}
	c.hold(v)
	instance := v.json()
	list := v.get("pools")
	if m, ok := instance.(map[string]any); ok && (pools != nil && len(pools.Content) > 0 || list != nil && len(list.items) > 0) {
		m = maps.Clone(m)
		m["pools"] = []any{aPool}
		instance = m
	}
	for _, b := range r.schema.validate(r.schema.root, v, instance) {
		for _, f := range r.schema.word(b) {
			r.add(f)
		}
	}
	if bank := v.get("organisation_id"); bank != nil && bank.kind == kindInt {
		r.head.bank, r.head.bankAt = pool.Bank(bank.whole()), bank.at
	}
	if d := v.get("defaults"); d != nil && d.kind == kindObject {
		r.head.defaults = d
		r.long(d.get("description"), "description")
	}
	if list != nil && list.kind == kindList {
		for i := range list.items {
			if r.pool(&list.items[i]); full(r.found) {
				break
			}
		}
	}
}

func sortPools(pools []pool.Declared) {
	slices.SortStableFunc(pools, func(a, b pool.Declared) int { return a.Compare(b.Key) })
}

// Duplicates finds pools that are declared more than once, and pools whose
// references differ in letter case only. Load has looked already; look again
// once pools without a stated bank have been given one.
func Duplicates(pools []pool.Declared) source.Diagnostics {
	return duplicates(pools, func(string) *text { return nil })
}

// across checks what no single file shows. reopen gives a file's text for the
// excerpts of the few findings there are, or nil.
func across(results []parsed, reopen func(name string) *text) source.Diagnostics {
	var all []pool.Declared
	for _, p := range results {
		all = append(all, p.pools...)
	}
	return duplicates(all, reopen)
}

// duplicates compares in the order of the pools: the later one is at fault.
func duplicates(pools []pool.Declared, reopen func(string) *text) source.Diagnostics {
	var found source.Diagnostics
	reopen = remember(reopen)
	exact := make(map[pool.Key]int, len(pools))
	folded := make(map[string][]int, len(pools))
	for i := range pools {
		d := &pools[i]
		if d.Reference == "" {
			continue
		}
		if first, twice := exact[d.Key]; twice {
			found = append(found, clash(&pools[first], d, reopen, source.Error, ruleDuplicatePool, "remove one of them",
				fmt.Sprintf("the pool %s is declared twice; first at %s", quote(string(d.Reference)), pools[first].Position(pools[first].At.Reference))))
			continue
		}
		exact[d.Key] = i
		fold := strings.ToLower(string(d.Reference))
		for _, j := range folded[fold] {
			if f, clashes := caseClash(&pools[j], d, reopen); clashes {
				found = append(found, f)
				break
			}
		}
		folded[fold] = append(folded[fold], i)
	}
	return found
}

// remember keeps the last text: many findings in a row are of one file.
func remember(reopen func(string) *text) func(string) *text {
	var name string
	var last *text
	return func(wanted string) *text {
		if last == nil || name != wanted {
			name, last = wanted, reopen(wanted)
		}
		return last
	}
}

// caseClash compares two pools whose references are equal but for letter case.
// Whether the API tells them apart is not documented; people do not.
func caseClash(first, second *pool.Declared, reopen func(string) *text) (source.Diagnostic, bool) {
	severity := source.Error
	switch {
	case first.Bank == second.Bank:
	case first.Bank == pool.Primary || second.Bank == pool.Primary:
		severity = source.Warning // perhaps of one bank, once the run knows it
	default:
		return source.Diagnostic{}, false
	}
	if first.Reference == second.Reference {
		return source.Diagnostic{}, false
	}
	return clash(first, second, reopen, severity, ruleReferenceCase, "use one spelling, or two references that differ in more than case",
		fmt.Sprintf("the reference %s differs only in letter case from %s at %s", quote(string(second.Reference)), quote(string(first.Reference)),
			first.Position(first.At.Reference))), true
}

func clash(first, second *pool.Declared, reopen func(string) *text, severity source.Severity, rule, hint, message string) source.Diagnostic {
	related := first.Position(first.At.Reference)
	at := second.At.Reference
	d := source.Diagnostic{Position: second.Position(at), Severity: severity, Rule: rule, Message: message, Hint: hint}
	if t := reopen(second.File); t != nil {
		d = t.diagnostic(severity, rule, at, string(second.Reference), hint, message)
	}
	d.Related = &related
	return d
}
