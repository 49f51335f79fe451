package manifest

import (
	"bytes"
	"slices"

	"golang.org/x/sync/errgroup"
	"gopkg.in/yaml.v3"
)

// piece is a run of entries of the list of pools, as text.
type piece struct {
	data  []byte
	shift int32 // lines of the file before it
}

// pieces is a manifest cut at the entries of its list of pools.
type pieces struct {
	head   []byte // up to and with the line "pools:"
	indent int    // columns before the dash of each entry
	list   []piece
}

// parsePieces decodes a file piece by piece, several at a time. It gives up,
// with false, whenever the pieces might not mean what the whole does; the whole
// is then decoded as any other file.
//
// What makes it safe: a boundary is a line that starts with the list's own
// indentation and a dash. In block style such a line ends whatever was open but
// for quoted texts and brackets, and a piece that ends inside one of those is a
// syntax error of its own. A test and a fuzz target compare both ways.
func parsePieces(t *text, size, workers int) (parsed, bool) {
	if bytes.IndexByte(t.data, '\t') >= 0 || directive(t.data) >= 0 || bytes.Count(t.data, []byte("\r")) != bytes.Count(t.data, []byte("\r\n")) {
		return parsed{}, false
	}
	p, ok := divide(t.data, size)
	if !ok {
		return parsed{}, false
	}
	head := &reader{text: t, schema: poolsSchema()}
	c := &converter{text: t, fields: head.schema.fields}
	if !head.skeleton(p, c) {
		return parsed{}, false
	}
	readers := make([]*reader, len(p.list))
	enough := newEnough(len(p.list), maxFindings)
	var group errgroup.Group
	group.SetLimit(max(workers, 1))
	for i, one := range p.list {
		group.Go(func() error {
			if enough.before(i) {
				readers[i] = &reader{}
				return nil
			}
			if readers[i] = one.read(head, p.indent); readers[i] != nil {
				enough.add(i, len(readers[i].found))
			}
			return nil
		})
	}
	_ = group.Wait() // no worker gives an error
	if slices.Contains(readers, nil) {
		return parsed{}, false
	}
	all := head.parsed(c)
	for _, r := range readers {
		all.pools = append(all.pools, r.pools...)
		all.found = append(all.found, r.found...)
		all.entries += r.seen
		if full(all.found) {
			break
		}
	}
	all.found = cut(all.found, maxFindings)
	return all, true
}

// divide cuts a manifest whose last field is a list of pools in block style
// into pieces of about the given size.
func divide(data []byte, size int) (pieces, bool) {
	start, line := listStart(data)
	if start < 0 {
		return pieces{}, false
	}
	p := pieces{head: data[:start], indent: -1}
	from, shift := start, line
	for at := start; at < len(data); line++ {
		end := at + 1 + bytes.IndexByte(data[at:], '\n')
		if end == at {
			end = len(data)
		}
		text := bytes.TrimRight(data[at:end], "\r\n")
		indent := len(text) - len(bytes.TrimLeft(text, " "))
		if rest := text[indent:]; len(rest) > 0 && rest[0] != '#' {
			if p.indent < 0 {
				p.indent = indent
			}
			entry := rest[0] == '-' && (len(rest) == 1 || rest[1] == ' ')
			if indent < p.indent || indent == p.indent && !entry {
				return pieces{}, false
			}
			if indent == p.indent && at-from >= size {
				p.list = append(p.list, piece{data[from:at], shift})
				from, shift = at, line
			}
		}
		at = end
	}
	p.list = append(p.list, piece{data[from:], shift})
	return p, p.indent >= 0
}

// listStart finds the end of the line "pools:" and counts the lines up to there.
func listStart(data []byte) (offset int, line int32) {
	for at := 0; at < len(data); {
		n := bytes.IndexByte(data[at:], '\n')
		if n < 0 {
			return -1, 0
		}
		line++
		if rest, ok := bytes.CutPrefix(data[at:at+n], []byte("pools:")); ok {
			rest = bytes.TrimLeft(bytes.TrimSuffix(rest, []byte("\r")), " ")
			if len(rest) == 0 || rest[0] == '#' && data[at+len("pools:")] == ' ' {
				return at + n + 1, line
			}
		}
		at += n + 1
	}
	return -1, 0
}

// skeleton reads what precedes the list.
func (r *reader) skeleton(p pieces, c *converter) bool {
	root := decodeOne(bytes.NewReader(p.head))
	if root == nil || root.Kind != yaml.MappingNode || len(root.Content) < 2 {
		return false
	}
	last := len(root.Content) - 1
	if list := root.Content[last]; list.Tag != "!!null" || list.Value != "" || list.Anchor != "" {
		return false
	}
	for i := 0; i < last; i += 2 {
		if key := root.Content[i]; key.Value == "pools" != (i == last-1) || key.Anchor != "" {
			return false
		}
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: root.Content[last].Line, Column: root.Content[last].Column}
	root.Content[last] = list
	v := c.convert(root, field{}, 1)
	if c.anchor || c.halted {
		return false
	}
	r.header(&v, &yaml.Node{Content: []*yaml.Node{root}}, c)
	return true
}

// read decodes a piece. It gives nil if anything about it is unusual.
func (p piece) read(head *reader, indent int) *reader {
	if entries(p.data) > maxEntries {
		return nil
	}
	root := decodeOne(bytes.NewReader(p.data))
	if root == nil || root.Kind != yaml.SequenceNode || root.Style&yaml.FlowStyle != 0 || root.Column != indent+1 {
		return nil
	}
	r := &reader{text: head.text, schema: head.schema, head: head.head}
	c := &converter{text: head.text, fields: head.schema.fields, shift: p.shift}
	for i, item := range root.Content {
		v := c.convert(item, field{kind: "object"}, 3)
		root.Content[i] = nil
		if c.anchor || c.halted {
			return nil
		}
		c.hold(&v)
		if r.pool(&v); full(r.found, c.found) {
			break
		}
	}
	r.found = append(r.found, c.found...)
	return r
}
