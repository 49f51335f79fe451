package manifest

import (
	"fmt"
	"sync"

	"github.com/poolsync/poolsync/internal/source"
)

// The most findings that are kept: nobody reads more, and a file of 16 MiB may
// have one for every three bytes.
const (
	maxFindings = 1000   // of a file
	maxTotal    = 10_000 // of a run
)

// full reports that a file has as many findings as are kept, so that the rest of
// it is not looked at.
func full(lists ...source.Diagnostics) bool {
	n := 0
	for _, l := range lists {
		n += len(l)
	}
	return n > maxFindings
}

// cut keeps the first findings, and says that there are more.
func cut(found source.Diagnostics, most int) source.Diagnostics {
	if len(found) <= most {
		return found
	}
	found = found.Sort()
	if len(found) <= most {
		return found
	}
	rest := found[most:]
	more := source.Diagnostic{
		Position: rest[0].Position, Severity: source.Warning, Rule: ruleFindings,
		Message: fmt.Sprintf("and at least %d more; only the first %d findings are shown", len(rest), most),
	}
	if rest.HasErrors() {
		more.Severity = source.Error
	}
	return append(found[:most:most], more)
}

// hold shortens the lists of a value in which more entries are of the wrong kind
// than findings are kept: the check against the schema makes an error of each.
func (c *converter) hold(v *value) {
	for i := range v.members {
		m := &v.members[i]
		c.hold(&m.value)
		if item := c.fields[m.key].item; item != "" && len(m.value.items) > maxFindings {
			m.value.items = firstWrong(m.value.items, item)
		}
	}
	for i := range v.items {
		c.hold(&v.items[i])
	}
}

// firstWrong returns the entries of a list up to the last one whose finding is
// kept.
func firstWrong(items []value, kind string) []value {
	wrong := 0
	for i := range items {
		if !meets(&items[i], kind) {
			if wrong++; wrong > maxFindings {
				return items[:i+1]
			}
		}
	}
	return items
}

// meets reports whether an entry may be what the schema wants.
func meets(v *value, kind string) bool {
	switch kind {
	case "string":
		if v.kind != kindText || v.text == "" || len(v.text) > 150 {
			return false
		}
		for _, r := range v.text {
			if r < ' ' || r > '~' || r == '"' || r == '\'' {
				return false
			}
		}
		return true
	case "object":
		return v.kind == kindObject && len(v.members) > 0
	}
	return true
}

// enough tells workers that what they would find is not kept. Parts of the work
// have an order, in which findings are kept: a part may be left out once those
// before it that have ended found more than is kept. What comes out does not
// depend on which part ended first.
type enough struct {
	most  int
	mutex sync.Mutex
	found []int
}

func newEnough(parts, most int) *enough { return &enough{most: most, found: make([]int, parts)} }

// add notes what a part found.
func (e *enough) add(part, n int) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.found[part] = n
}

// before reports whether the parts before this one found more than is kept.
func (e *enough) before(part int) bool {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	n := 0
	for _, found := range e.found[:part] {
		n += found
	}
	return n > e.most
}
