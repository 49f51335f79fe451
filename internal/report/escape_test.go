package report

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/annotate"
	"github.com/poolsync/poolsync/internal/report/markdown"
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/page"
	"github.com/poolsync/poolsync/internal/report/text"
	"github.com/poolsync/poolsync/internal/source"
)

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// spans takes a line of Markdown apart as CommonMark does: text and code spans.
func spans(line string) (text string, codes []string) {
	for i := 0; i < len(line); {
		if line[i] != '`' {
			text += line[i : i+1]
			i++
			continue
		}
		n := run(line[i:])
		end := -1
		for j := i + n; j < len(line); {
			if line[j] != '`' {
				j++
				continue
			}
			m := run(line[j:])
			if m == n {
				end = j
				break
			}
			j += m
		}
		if end < 0 {
			text += line[i : i+n]
			i += n
			continue
		}
		inner := line[i+n : end]
		if strings.HasPrefix(inner, " ") && strings.HasSuffix(inner, " ") && strings.Trim(inner, " ") != "" {
			inner = inner[1 : len(inner)-1]
		}
		codes = append(codes, inner)
		text += "\x00"
		i = end + n
	}
	return text, codes
}

func run(s string) int { return len(s) - len(strings.TrimLeft(s, "`")) }

// ours is the HTML that we write. Nothing of it has anything from elsewhere.
var ours = regexp.MustCompile(`^(</?details>|<details><summary>[A-Za-z0-9 ():,]+</summary>|<!-- poolsync (plan|result) [a-z0-9:]* -->)$`)

// link is a link to a place in a manifest: to the repository, and nowhere else.
var link = regexp.MustCompile(`\[\x00\]\(https://github\.com/acme/pools/blob/[0-9a-f]{40}/[A-Za-z0-9%/.$&+=:,;'-]*(#L\d+)?\)`)

// outside takes the fenced blocks out of a document, as CommonMark does. A block
// that is not closed takes the rest of it.
func outside(t *testing.T, doc string) []string {
	t.Helper()
	var out []string
	fence := 0
	for line := range strings.Lines(doc) {
		line = strings.TrimSuffix(line, "\n")
		n := run(line)
		switch {
		case fence == 0 && n >= 3 && !strings.Contains(line[n:], "`"):
			require.Contains(t, []string{"diff", "text", "yaml"}, line[n:])
			fence = n
		case fence > 0 && n >= fence && strings.Trim(line[n:], " ") == "":
			fence = 0
		case fence == 0:
			out = append(out, line)
		}
	}
	require.Zero(t, fence, "fences are closed")
	return out
}

// checkMarkdown checks that outside of code there is nothing but our own markup
// and plain words, and that what was opened is closed.
func checkMarkdown(t *testing.T, doc string) {
	t.Helper()
	require.NotContains(t, doc, message.RunnerCommand)
	open := 0
	for _, line := range outside(t, doc) {
		if ours.MatchString(line) {
			open += strings.Count(line, "<details>") - strings.Count(line, "</details>")
			continue
		}
		text, _ := spans(line)
		body := link.ReplaceAllString(strings.TrimPrefix(text, "### "), "")
		require.NotRegexp(t, "[<>`@\\[\\]\\\\!#&_~|]|://|www\\.", body, "line %q", line)
		require.NotRegexp(t, `[0-9a-f]{7}|GH-\d`, body, "line %q", line)
	}
	require.Zero(t, open, "details are closed")
}

var commandLine = regexp.MustCompile(`^::(error|warning|notice)( [a-z]+=[^,:\r\n]*(,[a-z]+=[^,:\r\n]*)*)?::([^\r\n]*)$`)

// checkCommands checks that there is one workflow command on every line and not
// more of a kind than are shown.
func checkCommands(t *testing.T, out string) {
	t.Helper()
	counts := map[string]int{}
	for line := range strings.Lines(out) {
		m := commandLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		require.NotNil(t, m, "%q", line)
		require.NotEmpty(t, m[4], "a message: %q", line)
		counts[m[1]]++
	}
	for kind, n := range counts {
		require.LessOrEqual(t, n, 10+3, kind)
	}
	require.LessOrEqual(t, max(counts["error"], counts["warning"]), 10)
}

var hostileTexts = []string{
	"", " ", "`", "``", "```go", "a`b``c```d", "\\`", "</details>", "<script>alert(1)</script>", "![x](http://e.vil/i.png)", "[x]: y",
	"@octocat", "org/team#123", "#123", "GH-123", "deadbeef", "0123456", "--> x", "| a | b |", "\n# head", "\r\n::error::x", "%0A::error::x",
	"a,b:c", "\x1b]0;t\x07", "\u202eabc\u2066", "\xff\xfe", ":tada:", "&lt;", "##[error]x", "###[stop-commands]", "1. x", "- x", "---", "www.e.vil", "é 日本 👩‍🚀", hostile,
}

func TestSpan(t *testing.T) {
	for _, s := range hostileTexts {
		text, got := spans("x " + message.Span(s) + " y")
		require.Equal(t, "x \x00 y", text, "%q", s)
		if strings.Trim(s, " ") != "" {
			require.Equal(t, []string{message.Safe(s)}, got)
		}
	}
}

func TestPaste(t *testing.T) {
	for _, s := range hostileTexts {
		p := pasteOf([]pool.Live{{Reference: pool.Reference(s), Name: s, Status: pool.Halted}}, false, Head{}.wording(false, false))
		var b bytes.Buffer
		require.NoError(t, text.Options{}.Write(&b, page.Page{Paste: p}))
		require.NotContains(t, b.String(), message.RunnerCommand)
		require.False(t, strings.ContainsFunc(strings.ReplaceAll(b.String(), "\n", ""), message.Acts), "%q", b.String())
		require.Equal(t, 4, strings.Count(b.String(), "\n"), "%q", b.String())
	}
}

func FuzzSafe(f *testing.F) {
	for _, s := range hostileTexts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := message.Safe(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, message.Acts) || message.Safe(got) != got || strings.Contains(got, message.RunnerCommand) {
			t.Errorf("message.Safe(%q) = %q", s, got)
		}
	})
}

func FuzzMarkdown(f *testing.F) {
	for _, s := range hostileTexts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 2000 {
			return
		}
		text, got := spans(message.Span(s))
		if text != "\x00" || (strings.Trim(s, " ") != "" && got[0] != message.Safe(s)) {
			t.Errorf("Span(%q) = %q is %q, %q", s, message.Span(s), text, got)
		}
		var b bytes.Buffer
		require.NoError(t, markdown.Options{Links: links}.Write(&b, hostilePlan(s).Page(false)))
		require.NoError(t, markdown.Options{}.Write(&b, driftDoc(s).Page(false)))
		checkMarkdown(t, b.String())
	})
}

func FuzzAnnotations(f *testing.F) {
	for _, s := range hostileTexts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var out bytes.Buffer
		require.NoError(t, annotate.Options{Tree: source.Tree{Dir: "/w/assessments", Root: "/w"}}.Write(&out, hostilePlan(s).Page(false)))
		checkCommands(t, out.String())
	})
}

func FuzzJSON(f *testing.F) {
	for _, s := range hostileTexts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b bytes.Buffer
		require.NoError(t, WriteJSON(&b, map[string]string{"a": s}))
		var got map[string]string
		require.NoError(t, json.Unmarshal(b.Bytes(), &got))
		if d := cmp.Diff(strings.ToValidUTF8(got["a"], "\ufffd"), got["a"]); d != "" || (utf8.ValidString(s) && got["a"] != s) {
			t.Errorf("%q reads back as %q", s, got["a"])
		}
		if strings.ContainsFunc(strings.ReplaceAll(b.String(), "\n", ""), message.Acts) || strings.Contains(b.String(), message.RunnerCommand) {
			t.Errorf("%q acts", b.String())
		}
	})
}
