// Package format writes YAML files in their one canonical form. A file's bytes
// come in, and its bytes go out with other white space: every other character
// stays as it is and where it is, so comments, anchors, quotes and the order of
// fields are kept. With Options.Sort, lists of references are put in order
// before that. It reads no file and never changes what a file means: the result
// is decoded again, and what differs in any value is refused.
//
// The form: two columns for each level, lists indented below their field, one
// space after a dash and after a colon, brackets on one line where they fit,
// one empty line at most, none at either end, and a line break after the last
// line. The line ends of the file are kept.
package format

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"github.com/poolsync/poolsync/internal/source"
)

// Width is the number of columns up to which a list in brackets is written on
// one line.
const Width = 100

// Options say what is changed beside white space.
type Options struct {
	// Sort puts item_references and activity_references in order, each run
	// between empty lines by itself. A comment moves with the line below it.
	Sort bool
}

// RefusedError is a file that has no canonical form, or one that would not mean
// the same.
type RefusedError struct {
	source.Place
	Message string
}

// Error says what stands in the way.
func (e *RefusedError) Error() string { return e.Message }

func refused(n *yaml.Node, format string, args ...any) error {
	return &RefusedError{source.Place{Line: int32(n.Line), Column: int32(n.Column)}, fmt.Sprintf(format, args...)}
}

// Source returns the canonical form of a YAML file of one document.
func Source(data []byte, opts Options) ([]byte, error) {
	body, mark := bytes.CutPrefix(data, []byte("\ufeff"))
	end := "\n"
	if i := bytes.IndexByte(body, '\n'); i > 0 && body[i-1] == '\r' {
		end = "\r\n"
	}
	before := strings.ReplaceAll(string(body), "\r\n", "\n")
	if head, _, cut := strings.Cut(before, "\r"); cut {
		line := int32(strings.Count(head, "\n") + 1)
		return nil, &RefusedError{source.Place{Line: line}, "a carriage return that ends no line; save the file with LF or CR LF"}
	}
	root, err := decode(before)
	if err != nil {
		return nil, err
	}
	text := before
	if opts.Sort {
		if text, err = sorted(before, root); err != nil {
			return nil, err
		}
		if root, err = decode(text); err != nil {
			return nil, err
		}
	}
	after, err := layOut(text, root, opts.Sort)
	if err != nil {
		return nil, err
	}
	if err := verify(before, after, opts.Sort); err != nil {
		return nil, err
	}
	if end != "\n" {
		after = strings.ReplaceAll(after, "\n", end)
	}
	if mark {
		after = "\ufeff" + after
	}
	return []byte(after), nil
}

// decode returns the document of a text.
func decode(text string) (root *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil { // yaml.v3 panics on some input that it cannot take
			root, err = nil, &RefusedError{Message: fmt.Sprintf("not YAML: %v", p)}
		}
	}()
	d := yaml.NewDecoder(strings.NewReader(text))
	var first, second yaml.Node
	switch err := d.Decode(&first); {
	case errors.Is(err, io.EOF):
		return nil, &RefusedError{Message: "the file holds nothing"}
	case err != nil:
		return nil, &RefusedError{Message: "not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if d.Decode(&second) == nil {
		return nil, refused(&second, "a second document starts here; want one document a file")
	}
	if len(first.Content) == 0 {
		return nil, &RefusedError{Message: "the file holds nothing"}
	}
	return first.Content[0], nil
}

// verify compares a file with its new form: the same characters but for white
// space, and the same values.
func verify(before, after string, sorts bool) error {
	if !sorts && squeeze(before) != squeeze(after) {
		return &RefusedError{Message: "the canonical form would lose a character; the file is left as it is"}
	}
	was, err := decode(before)
	if err != nil {
		return err
	}
	is, err := decode(after)
	if err != nil {
		return refused(was, "the canonical form would not be YAML (%v); the file is left as it is", err)
	}
	if n := differs(was, is, "", sorts); n != nil {
		return refused(n, "this value would not mean the same in canonical form; write it in a simpler way, in quotes perhaps")
	}
	return nil
}

func squeeze(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, text)
}

// differs returns the first node of a that b has otherwise, or nil. With sorts,
// the order of a list of references does not count. Anchors are compared by
// name: what an alias stands for is compared where it is written.
func differs(a, b *yaml.Node, field string, sorts bool) *yaml.Node {
	if a.Kind != b.Kind || a.Tag != b.Tag || a.Value != b.Value || a.Anchor != b.Anchor || len(a.Content) != len(b.Content) {
		return a
	}
	left, right := a.Content, b.Content
	if sorts && sortable(a, field) {
		left, right = inOrder(left), inOrder(right)
	}
	for i := range left {
		name := ""
		if a.Kind == yaml.MappingNode && i%2 == 1 {
			name = left[i-1].Value
		}
		if n := differs(left[i], right[i], name, sorts); n != nil {
			return n
		}
	}
	return nil
}
