package format

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// lists are the fields whose order has no meaning (itembank/pools, set: content).
var lists = []string{"item_references", "activity_references"}

// sortable reports whether a node is a list of references.
func sortable(n *yaml.Node, field string) bool {
	return n.Kind == yaml.SequenceNode && slices.Contains(lists, field)
}

func inOrder(nodes []*yaml.Node) []*yaml.Node {
	return slices.SortedStableFunc(slices.Values(nodes), func(a, b *yaml.Node) int { return strings.Compare(a.Value, b.Value) })
}

// sorted puts the lines of lists of references in order. Lists in brackets are
// put in order when they are laid out.
func sorted(text string, root *yaml.Node) (string, error) {
	lines := strings.Split(text, "\n")
	var err error
	each(root, "", func(n *yaml.Node, field string) {
		if err == nil && sortable(n, field) && n.Style&yaml.FlowStyle == 0 {
			err = sortLines(lines, n)
		}
	})
	return strings.Join(lines, "\n"), err
}

// each calls f for every node, with the field that it is the value of.
func each(n *yaml.Node, field string, f func(n *yaml.Node, field string)) {
	f(n, field)
	for i, c := range n.Content {
		name := ""
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			name = n.Content[i-1].Value
		}
		each(c, name, f)
	}
}

// entry is one line of a list, with the comments above it.
type entry struct {
	value string
	lines []string
}

func sortLines(lines []string, list *yaml.Node) error {
	last := 0
	for _, n := range list.Content {
		if n.Kind != yaml.ScalarNode || n.Anchor != "" || n.Line == last || strings.TrimSpace(dashed(lines[n.Line-1])) == "" {
			return refused(n, "this entry cannot be moved; write each reference on a line of its own, without an anchor")
		}
		last = n.Line
	}
	for from := 0; from < len(list.Content); {
		to := from + 1
		for to < len(list.Content) && together(lines[list.Content[to-1].Line:list.Content[to].Line-1]) {
			to++
		}
		reorder(lines, list.Content[from:to])
		from = to
	}
	return nil
}

// dashed returns what follows the dash of a line, or nothing if there is none.
func dashed(line string) string {
	_, rest, _ := strings.Cut(strings.TrimLeft(line, " "), "- ")
	return rest
}

// together reports whether the lines between two entries are comments alone.
func together(between []string) bool {
	return !slices.ContainsFunc(between, func(l string) bool { return !strings.HasPrefix(strings.TrimSpace(l), "#") })
}

// reorder puts a run of entries in order. Comments above the first one stay
// where they are: they may be about the whole list.
func reorder(lines []string, run []*yaml.Node) {
	entries := make([]entry, len(run))
	start := run[0].Line - 1
	for i, n := range run {
		from := n.Line - 1
		if i > 0 {
			from = run[i-1].Line
		}
		entries[i] = entry{n.Value, slices.Clone(lines[from:n.Line])}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return strings.Compare(a.value, b.value) })
	at := start
	for _, e := range entries {
		at += copy(lines[at:], e.lines)
	}
}
