package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/poolsync/poolsync/internal/source"
)

// decode returns the documents in data, without those that hold nothing. None at all is io.EOF.
func decode(r io.Reader) (roots []*yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil { // yaml.v3 panics on some input that it cannot take
			roots, err = nil, fmt.Errorf("yaml: %v", p)
		}
	}()
	for d := yaml.NewDecoder(r); ; {
		var document yaml.Node
		switch err := d.Decode(&document); {
		case errors.Is(err, io.EOF) && len(roots) > 0:
			return roots, nil
		case err != nil:
			return nil, err
		case len(document.Content) > 0 && (len(roots) == 0 || !isNothing(&document)):
			if len(roots) == 1 && isNothing(roots[0]) {
				roots = nil
			}
			roots = append(roots, &document)
		}
	}
}

// isNothing reports whether a document holds nothing, as one between two marks.
func isNothing(document *yaml.Node) bool {
	return document.Content[0].Tag == "!!null" && document.Content[0].Value == ""
}

// decodeOne returns the root node of a part of a file that is one document, or nil.
func decodeOne(r io.Reader) *yaml.Node {
	roots, err := decode(r)
	if err != nil || len(roots) != 1 {
		return nil
	}
	return roots[0].Content[0]
}

// roots decodes the whole file, or says why it cannot be. A file of several
// documents is refused, and all of them are checked all the same.
func (t *text) roots() ([]*yaml.Node, *source.Diagnostic) {
	if at := directive(t.data); at >= 0 {
		d := t.diagnostic(source.Error, ruleDirective, t.place(at), "%TAG", "remove the line", "%TAG directives are not supported")
		return nil, &d
	}
	if d := t.crowded(); d != nil {
		return nil, d
	}
	roots, err := decode(bytes.NewReader(t.parsable()))
	switch {
	case errors.Is(err, io.EOF), err == nil && isNothing(roots[0]):
		d := t.diagnostic(source.Error, ruleEmptyFile, source.Place{}, "", "declare a pool, or remove the file", "the file holds nothing")
		return nil, &d
	case err != nil:
		d := t.syntax(err)
		return nil, &d
	case len(roots) > 1:
		later := source.Place{Line: int32(roots[1].Line), Column: int32(roots[1].Column)}
		d := t.diagnostic(source.Error, ruleDocuments, later, "", "put each document into a file of its own; a folder is read as one set",
			"a second document starts here; want one document a file")
		return roots, &d
	}
	return roots, nil
}

// maxEntries bounds how much the parser is given at once: it makes a node of some
// 200 bytes of each entry, and a file of 16 MiB may have millions.
const maxEntries = 500_000

func entries(data []byte) int {
	return bytes.Count(data, []byte("\n")) + bytes.Count(data, []byte(","))
}

// crowded refuses a file that has too many entries to be read as a whole.
func (t *text) crowded() *source.Diagnostic {
	if entries(t.data) <= maxEntries {
		return nil
	}
	d := t.diagnostic(source.Error, ruleFileSize, source.Place{}, "", "split the file: a folder of manifests is read as one set",
		fmt.Sprintf("the file has more than %d lines or entries, the most that is read from one that is not a plain list of pools", maxEntries))
	return &d
}

// parsable returns the text as the parser takes it: it refuses a version that it
// does not know, though nothing in a manifest depends on it.
func (t *text) parsable() []byte {
	at := bytes.Index(t.data, []byte("%YAML"))
	if at < 0 || at > 0 && t.data[at-1] != '\n' {
		return t.data
	}
	data := bytes.Clone(t.data)
	for ; at < len(data) && data[at] != '\n' && data[at] != '\r'; at++ {
		data[at] = '#'
	}
	return data
}

// directive finds a %TAG line. The parser takes quadratic time over many of
// them, and no manifest needs one.
func directive(data []byte) int {
	if bytes.HasPrefix(data, []byte("%TAG")) {
		return 0
	}
	if i := bytes.Index(data, []byte("\n%TAG")); i >= 0 {
		return i + 1
	}
	return -1
}

// problem is how one of the parser's messages is worded here. find gives the
// byte of the line that it is about, or -1 for the start of its text.
type problem struct {
	match   string // what the parser's message contains
	context bool   // the parser's line is where the unclosed thing starts, else the last line read
	find    func(line string) int
	message string
	hint    string
}

var problems = []problem{
	{
		"mapping values are not allowed", true, secondColon, `unexpected ":"`,
		`quote the text if it holds ": "; otherwise check the indentation`,
	},
	{"did not find expected ',' or ']'", true, unclosed('[', ']'), `the "[" is not closed`, `close it with "]", with "," between the entries`},
	{"did not find expected ',' or '}'", true, unclosed('{', '}'), `the "{" is not closed`, `close it with "}", with "," between the fields`},
	{"did not find expected node content", false, nil, "a value is missing", "close the brackets and put a value between the commas"},
	{
		"did not find expected '-' indicator", false, nil, `the line stands in a list but does not start with "- "`,
		"indent it like the fields of the entry that it belongs to",
	},
	{
		"did not find expected key", false, afterQuote, `unexpected text; want "field: value"`,
		"check the quotes and the indentation of the line",
	},
	{"could not find expected ':'", true, nil, `no ":" after the name of a field`, `write "field: value"`},
	{"found unexpected end of stream", true, openQuote, "the quote is not closed", "close it, or quote the text with the other kind of quotes"},
	{"found a tab character", true, tab, "a tab in the indentation; want spaces", "indent with spaces"},
	{"found character that cannot start any token", true, badStart, "a text cannot start with this character", "quote the text"},
	{"found unknown escape character", true, badEscape, "unknown escape in a text in double quotes", `write \\ for a backslash, or use single quotes`},
	{"block sequence entries are not allowed", true, dash, "a list cannot start here", "put the entries on the lines below the field's name"},
	{"did not find expected comment or line break", true, blockMark, `text after "|" or ">"`, `start the text on the next line`},
	{"did not find expected alphabetic or numeric character", true, anchorMark, `"&" and "*" start the name of an anchor`, "quote the text"},
	{"did not find expected <document start>", false, nil, "text after the end of the document", "check the indentation and the brackets before it"},
}

var (
	parserLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)
	anchorName = regexp.MustCompile(`unknown anchor '(.*)' referenced`)

	// What is looked for in a line that the parser refuses.
	colon     = regexp.MustCompile(`:( |$)`)
	quoted    = regexp.MustCompile(`(?:^|: |- )["']`)
	blockText = regexp.MustCompile(`[:-] [|>][-+0-9]* *`)
	reserved  = regexp.MustCompile("(?:^|[ \\[{,])[@`%]")
	anchor    = regexp.MustCompile(`(?:^|[ \[{,])[&*]`)
)

// syntax words an error of the parser and finds its place. The parser gives at
// most a line: that of the problem or, counted from 0, that of the list or
// mapping around it. So the file is parsed once more, watching how far it reads.
func (t *text) syntax(err error) source.Diagnostic {
	if at, name := t.oddIndent(); at.Known() {
		return t.diagnostic(source.Error, ruleSyntax, at, "", "indent with plain spaces", name+" in the indentation; want spaces")
	}
	parts := parserLine.FindStringSubmatch(err.Error())
	if parts == nil {
		parts = []string{"", "", strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if strings.Contains(parts[2], "exceeded max depth") {
		if d, found := t.deep(); found {
			return d
		}
		return t.diagnostic(source.Error, ruleDepth, t.at(t.reached(err), nil), "", "",
			fmt.Sprintf("lists and mappings are nested deeper than %d levels", maxDepth))
	}
	p := problem{message: parts[2]}
	for _, known := range problems {
		if strings.Contains(parts[2], known.match) {
			p = known
			break
		}
	}
	if name := anchorName.FindStringSubmatch(parts[2]); name != nil {
		p = problem{message: "unknown anchor " + quote(name[1]), hint: fmt.Sprintf("mark the value with &%s first, or quote the text if it is none", shorten(name[1]))}
		p.find = func(line string) int { return strings.Index(line, "*"+name[1]) }
	}
	line := 1
	switch {
	case !p.context:
		line = t.reached(err)
	case parts[1] != "":
		line, _ = strconv.Atoi(parts[1])
		if strings.HasPrefix(parts[2], "did not find expected ',' or") {
			line++
		}
	}
	return t.syntaxAt(p, line)
}

// syntaxAt looks for the problem in the line, or in the one before: in a file's
// first lines the parser gives another line than in the rest.
func (t *text) syntaxAt(p problem, line int) source.Diagnostic {
	if strings.Contains(p.match, "tab character") {
		line = t.tabbed(line)
	}
	if p.context && p.find != nil && line > 1 && p.find(t.line(int32(line))) < 0 && p.find(t.line(int32(line-1))) >= 0 {
		line--
	}
	at := t.at(line, p.find)
	rest := t.line(at.Line)
	rest = rest[characters([]byte(rest), int(at.Column)-1):]
	switch {
	case len(rest) > 0 && rest[0] == '\t':
		p.message, p.hint = "a tab in the indentation; want spaces", "indent with spaces"
	case strings.HasPrefix(p.match, "found character that cannot start") && len(rest) > 0:
		first, _ := utf8.DecodeRuneInString(rest)
		p.message = fmt.Sprintf("a text cannot start with %q", string(first))
	case strings.HasPrefix(p.match, "did not find expected key") && afterQuote(t.line(at.Line)) >= 0:
		p.message, p.hint = "text after the closing quote", "quote the whole text, or write a quote inside it twice"
	}
	return t.diagnostic(source.Error, ruleSyntax, at, "", p.hint, p.message)
}

// at gives a place in a line.
func (t *text) at(line int, find func(string) int) source.Place {
	line = min(max(line, 1), len(t.lines()))
	s := t.line(int32(line))
	at := -1
	if find != nil {
		at = find(s)
	}
	if at < 0 {
		at = len(s) - len(strings.TrimLeft(s, " "))
	}
	return source.Place{Line: int32(line), Column: int32(utf8.RuneCountInString(s[:at]) + 1)}
}

// tabbed gives the first line from n on that has a tab in its indentation.
func (t *text) tabbed(n int) int {
	for line := n; line <= len(t.lines()); line++ {
		if tab(t.line(int32(line))) >= 0 {
			return line
		}
	}
	return n
}

// oddIndent finds the first line that is indented by a character that looks like
// a space and is none.
func (t *text) oddIndent() (source.Place, string) {
	for n := range t.lines() {
		line := t.line(int32(n + 1))
		rest := strings.TrimLeft(line, " ")
		if r, _ := utf8.DecodeRuneInString(rest); r > 0x7f && unicode.IsSpace(r) {
			return source.Place{Line: int32(n + 1), Column: int32(len(line) - len(rest) + 1)}, fmt.Sprintf("%U, which looks like a space,", r)
		}
	}
	return source.Place{}, ""
}

// slow hands out one byte a read, so that it shows how far a parser has come.
type slow struct {
	data []byte
	read int
}

func (s *slow) Read(p []byte) (int, error) {
	if s.read == len(s.data) || len(p) == 0 {
		return 0, io.EOF
	}
	p[0] = s.data[s.read]
	s.read++
	return 1, nil
}

// reached gives the line that the parser cannot get past: the last one that it
// read, or an earlier one if the same error comes without those after it.
func (t *text) reached(err error) int {
	const lookahead = 16 // lines that the parser may have read too far
	r := &slow{data: t.parsable()}
	_, _ = decode(r)
	line := int(t.place(max(r.read-1, 0)).Line)
	for range lookahead {
		if line == 1 {
			break
		}
		_, earlier := decode(bytes.NewReader(t.parsable()[:t.lines()[line-1]]))
		if earlier == nil || earlier.Error() != err.Error() {
			break
		}
		line--
	}
	return line
}

func secondColon(line string) int {
	at := colon.FindAllStringIndex(line, 2)
	if len(at) == 0 {
		return -1
	}
	return at[len(at)-1][0]
}

// unclosed finds the last opening bracket that is not closed on its line.
func unclosed(open, shut byte) func(string) int {
	return func(line string) int {
		depth := 0
		for i := len(line) - 1; i >= 0; i-- {
			switch line[i] {
			case shut:
				depth++
			case open:
				if depth == 0 {
					return i
				}
				depth--
			}
		}
		return -1
	}
}

// openQuote finds the quote that is opened and not closed on its line.
func openQuote(line string) int {
	for i := 0; i < len(line); i++ {
		if line[i] != '"' && line[i] != '\'' || i > 0 && !strings.ContainsRune(" [{,:-", rune(line[i-1])) {
			continue
		}
		end := closing(line[i:], line[i])
		if end == 0 {
			return i
		}
		i += end - 1
	}
	return -1
}

// afterQuote finds text that follows a closed quote.
func afterQuote(line string) int {
	start := quoted.FindStringIndex(line)
	if start == nil {
		return -1
	}
	end := start[1] - 1 + closing(line[start[1]-1:], line[start[1]-1])
	rest := strings.TrimLeft(line[end:], " ")
	if end < start[1] || rest == "" || rest[0] == '#' || rest[0] == ':' {
		return -1
	}
	return len(line) - len(rest)
}

// blockMark finds the text after the mark of a block text.
func blockMark(line string) int {
	if at := blockText.FindStringIndex(line); at != nil {
		return at[1]
	}
	return -1
}

func tab(line string) int {
	rest := strings.TrimLeft(line, " ")
	if strings.HasPrefix(rest, "\t") {
		return len(line) - len(rest)
	}
	return -1
}

func badStart(line string) int {
	if at := tab(line); at >= 0 {
		return at
	}
	if at := reserved.FindStringIndex(line); at != nil {
		return at[1] - 1
	}
	return -1
}

func badEscape(line string) int {
	for i := 0; i+1 < len(line); i++ {
		if line[i] == '\\' {
			if !strings.ContainsRune("0abt\tnvfre \"'/\\N_LPxuU", rune(line[i+1])) {
				return i
			}
			i++
		}
	}
	return -1
}

func dash(line string) int {
	if at := strings.Index(line, ": - "); at >= 0 {
		return at + 2
	}
	return -1
}

func anchorMark(line string) int {
	if at := anchor.FindStringIndex(line); at != nil {
		return at[1] - 1
	}
	return -1
}
