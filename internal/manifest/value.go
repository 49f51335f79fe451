package manifest

import (
	"fmt"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"

	"github.com/poolsync/poolsync/internal/source"
)

// kind is what a value is, as the schema sees it.
type kind uint8

const (
	kindNull kind = iota
	kindText
	kindBool
	kindInt
	kindList
	kindObject
)

// value is a YAML value with aliases and merge keys resolved. at is where it
// stands for the reader: of an aliased value, where the alias is used; origin is
// then where it is written.
type value struct {
	kind    kind
	plain   bool   // a scalar without quotes
	faulty  bool   // the schema refuses it or something in it
	text    string // a scalar as it was written
	at      source.Place
	origin  source.Place
	items   []value
	members []member
}

// member is a key of a mapping with its value.
type member struct {
	key   string
	at    source.Place
	value value
}

// get gives a member's value, or nil.
func (v *value) get(key string) *value {
	for i := range v.members {
		if v.members[i].key == key {
			return &v.members[i].value
		}
	}
	return nil
}

// json gives the value in the form that the schema validator takes.
func (v *value) json() any {
	switch v.kind {
	case kindText:
		return v.text
	case kindBool:
		return v.text == "true"
	case kindInt:
		return v.whole()
	case kindList:
		list := make([]any, len(v.items))
		for i := range v.items {
			list[i] = v.items[i].json()
		}
		return list
	case kindObject:
		object := make(map[string]any, len(v.members))
		for i := range v.members {
			object[v.members[i].key] = v.members[i].value.json()
		}
		return object
	}
	return nil
}

// whole gives the number of a kindInt.
func (v *value) whole() int64 {
	n, _ := strconv.ParseInt(v.text, 10, 64)
	return n
}

// converter turns the nodes of one YAML document, or of a piece of one, into
// values. The type of a scalar is that of the field that it is written for, not
// that which YAML guesses from its looks.
type converter struct {
	text   *text
	fields map[string]field
	shift  int32 // lines of the file before the piece

	found  source.Diagnostics
	anchor bool // an anchor or alias was met
	halted bool // a limit was exceeded; what is left is not looked at

	use    source.Place        // of the outermost alias being followed
	active map[*yaml.Node]bool // anchors being followed
	spent  int                 // values that aliases have stood for
	sizes  map[*yaml.Node]int  // values that an anchor stands for
}

func (c *converter) place(n *yaml.Node) source.Place {
	if c.use.Known() {
		return c.use
	}
	return c.own(n)
}

func (c *converter) own(n *yaml.Node) source.Place {
	return source.Place{Line: int32(n.Line) + c.shift, Column: int32(n.Column)}
}

// report notes a finding about the way that something is written. What an alias
// repeats is reported once, where it is written.
func (c *converter) report(severity source.Severity, rule string, n *yaml.Node, hint, format string, args ...any) {
	if !c.use.Known() {
		c.found = append(c.found, c.text.diagnostic(severity, rule, c.own(n), n.Value, hint, fmt.Sprintf(format, args...)))
	}
}

// halt reports an exceeded limit, once.
func (c *converter) halt(rule string, n *yaml.Node, hint, format string, args ...any) value {
	if !c.halted {
		c.halted = true
		d := c.text.diagnostic(source.Error, rule, c.place(n), "", hint, fmt.Sprintf(format, args...))
		c.found = append(c.found, d)
	}
	return value{}
}

// convert gives the value of a node that is written for a field.
func (c *converter) convert(n *yaml.Node, f field, depth int) value {
	if c.halted {
		return value{}
	}
	if depth > maxDepth {
		return c.halt(ruleDepth, n, "", "lists and mappings are nested deeper than %d levels", maxDepth)
	}
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		c.anchor = true
	}
	switch n.Kind {
	case yaml.AliasNode:
		return c.follow(n, func(target *yaml.Node) value { return c.convert(target, f, depth) })
	case yaml.MappingNode:
		c.tag(n, "!!map")
		return c.object(n, depth)
	case yaml.SequenceNode:
		c.tag(n, "!!seq")
		v := c.blank(n, kindList)
		v.items = make([]value, len(n.Content))
		for i, item := range n.Content {
			if full(c.found) {
				v.items = v.items[:i]
				break
			}
			v.items[i] = c.convert(item, f.entry(), depth+1)
		}
		return v
	default:
		return c.scalar(n, f)
	}
}

func (c *converter) blank(n *yaml.Node, k kind) value {
	v := value{kind: k, at: c.place(n)}
	if c.use.Known() {
		v.origin = c.own(n)
	}
	return v
}

// follow converts what an alias stands for, at the place of the alias.
func (c *converter) follow(n *yaml.Node, convert func(*yaml.Node) value) value {
	if c.active[n.Alias] {
		return c.halt(ruleExpansion, n, "", "the anchor %s contains itself", quote(n.Value))
	}
	if c.active == nil {
		c.active = make(map[*yaml.Node]bool)
	}
	outer := c.use
	if !outer.Known() {
		c.use = c.own(n)
	}
	c.active[n.Alias] = true
	v := convert(n.Alias)
	delete(c.active, n.Alias)
	c.use = outer
	return v
}

// size counts the values that an anchor stands for without making them: aliases
// inside it may multiply. It stops counting beyond the limit.
func (c *converter) size(n *yaml.Node, depth int) int {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if known, ok := c.sizes[n]; ok {
		return known
	}
	total := 1
	if n.Anchor != "" { // an anchor that contains itself is refused where it is followed
		if c.sizes == nil {
			c.sizes = make(map[*yaml.Node]int)
		}
		c.sizes[n] = total
	}
	if depth > 0 {
		for _, part := range n.Content {
			if total > maxExpansion {
				break
			}
			total += c.size(part, depth-1)
		}
	}
	if n.Anchor != "" {
		c.sizes[n] = total
	}
	return total
}

// multiplied refuses a document whose aliases stand for too much, before any of
// them is followed.
func (c *converter) multiplied(n *yaml.Node, depth int) bool {
	if n.Kind == yaml.AliasNode {
		if c.spent += c.size(n.Alias, maxDepth); c.spent > maxExpansion {
			c.halt(ruleExpansion, n, "write the repeated parts out, or fewer of them",
				"the aliases up to here stand for more than %d values", maxExpansion)
			return true
		}
		return false
	}
	return depth > 0 && slices.ContainsFunc(n.Content, func(part *yaml.Node) bool { return c.multiplied(part, depth-1) })
}

// tag refuses explicit tags other than the one that the node has anyway.
func (c *converter) tag(n *yaml.Node, own string) {
	if n.Style&yaml.TaggedStyle != 0 && n.Tag != own {
		d := c.text.diagnostic(source.Error, ruleTag, c.own(n), "", "remove the tag; the field decides what its value is",
			fmt.Sprintf("unknown tag %s; want %s or none", quote(n.Tag), own))
		if !c.use.Known() {
			c.found = append(c.found, d)
		}
	}
}

// object converts a mapping: each key once, merged keys last.
func (c *converter) object(n *yaml.Node, depth int) value {
	v := c.blank(n, kindObject)
	v.members = make([]member, 0, len(n.Content)/2)
	seen := seenKeys{}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content) && !full(c.found); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.Tag == "!!merge" {
			merges = append(merges, val)
			continue
		}
		name, ok := c.key(key)
		if !ok {
			continue
		}
		if first, twice := seen.add(name, c.own(key)); twice {
			c.duplicate(key, name, first)
			continue
		}
		m := member{key: name, at: c.place(key)}
		if _, known := c.fields[name]; !known && isCredential(name) {
			m.value = value{kind: kindNull, at: m.at} // never looked at, so never shown
		} else {
			m.value = c.convert(val, c.fields[name], depth+1)
		}
		v.members = append(v.members, m)
	}
	for _, m := range merges {
		c.merge(&v, m, depth)
	}
	return v
}

// seenKeys finds repeated keys; only long mappings are worth a map.
type seenKeys struct {
	names  []string
	places []source.Place
	index  map[string]int
}

func (s *seenKeys) add(name string, at source.Place) (first source.Place, twice bool) {
	i, found := s.index[name]
	if s.index == nil {
		i = slices.Index(s.names, name)
		found = i >= 0
	}
	if found {
		return s.places[i], true
	}
	s.names, s.places = append(s.names, name), append(s.places, at)
	if s.index != nil {
		s.index[name] = len(s.names) - 1
	} else if len(s.names) > 16 {
		s.index = make(map[string]int, 2*len(s.names))
		for i, n := range s.names {
			s.index[n] = i
		}
	}
	return source.Place{}, false
}

func (c *converter) duplicate(key *yaml.Node, name string, first source.Place) {
	if c.use.Known() {
		return
	}
	d := c.text.diagnostic(source.Error, ruleDuplicateKey, c.own(key), name, "remove one of them",
		fmt.Sprintf("%s is given twice; first in line %d, column %d", quote(name), first.Line, first.Column))
	related := first.In(c.text.name)
	d.Related = &related
	c.found = append(c.found, d)
}

// key gives the text of a mapping's key.
func (c *converter) key(n *yaml.Node) (string, bool) {
	for n.Kind == yaml.AliasNode {
		c.anchor = true
		n = n.Alias
	}
	if n.Anchor != "" {
		c.anchor = true
	}
	if n.Kind != yaml.ScalarNode {
		c.report(source.Error, ruleKey, n, "write the name of a field before the colon", "a key is a list or a mapping; want the name of a field")
		return "", false
	}
	return n.Value, true
}

// merge adds the keys of a merged mapping that are not there yet. All of them
// stand where the mapping is used.
func (c *converter) merge(v *value, n *yaml.Node, depth int) {
	if n.Kind == yaml.SequenceNode {
		for _, entry := range n.Content {
			if entry.Kind == yaml.SequenceNode {
				c.report(source.Error, ruleKey, entry, "", "a merge key holds a list in a list; want mappings")
				continue
			}
			c.merge(v, entry, depth)
		}
		return
	}
	from := c.convert(n, field{}, depth+1)
	if from.kind != kindObject {
		if !c.halted {
			c.report(source.Error, ruleKey, n, "write <<: *name, where &name marks a mapping", "a merge key holds %s; want a mapping", from.describe())
		}
		return
	}
	have := make(map[string]bool, len(v.members))
	for i := range v.members {
		have[v.members[i].key] = true
	}
	for _, m := range from.members {
		if !have[m.key] {
			v.members = append(v.members, m)
		}
	}
}

// scalar converts a scalar for a field: numbers and truth values only where the
// field has them, a text everywhere else.
func (c *converter) scalar(n *yaml.Node, f field) value {
	v := c.blank(n, kindText)
	v.text = n.Value
	v.plain = n.Style&^yaml.TaggedStyle == 0
	explicit := n.Style&yaml.TaggedStyle != 0
	switch {
	case explicit && n.Tag == "!!int" && f.kind == "integer", explicit && n.Tag == "!!bool" && f.kind == "boolean":
	case explicit:
		c.tag(n, "!!str")
		v.plain = false
	}
	switch {
	case v.plain && n.Tag == "!!null" && (f.kind != "string" || n.Value != "Null" && n.Value != "NULL"):
		v.kind = kindNull
	case v.plain && f.kind == "boolean" && (n.Value == "true" || n.Value == "false"):
		v.kind = kindBool
	case v.plain && f.kind == "integer" && digits(n.Value):
		v.kind = kindInt
	case f.kind == "string" || f.kind == "":
		c.checkText(n, f, v)
	}
	return v
}

// describe names a value in a message.
func (v *value) describe() string {
	switch v.kind {
	case kindNull:
		return "empty"
	case kindText:
		return quote(v.text)
	case kindBool, kindInt:
		return shorten(v.text)
	case kindList:
		return "a list"
	case kindObject:
		return "a mapping"
	}
	return "nothing"
}
