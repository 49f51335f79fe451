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
var ours = regexp.MustCompile(`^(</?details>|<details><summary>[A-Za-z0-9 ():]+</summary>|<!-- poolsync (plan|result) [a-z0-9:]* -->)$`)

// checkMarkdown checks that outside of code spans there is nothing but our own
// markup and plain words, and that what was opened is closed.
func checkMarkdown(t *testing.T, doc string) {
	t.Helper()
	require.NotContains(t, doc, runnerCommand)
	open := 0
	for line := range strings.Lines(doc) {
		line = strings.TrimSuffix(line, "\n")
		if ours.MatchString(line) {
			open += strings.Count(line, "<details>") - strings.Count(line, "</details>")
			continue
		}
		text, _ := spans(line)
		body := strings.TrimPrefix(text, "### ")
		require.NotRegexp(t, "[<>`@\\[\\]\\\\!#&_~]|://|www\\.", body, "line %q", line)
		require.NotRegexp(t, `[0-9a-f]{7}|GH-\d`, body, "line %q", line)
		if strings.Contains(body, "|") {
			require.Regexp(t, `^\| \x00? ?\| \d+ \| [a-z* 0-9()]+ \|$|^\| \| pools \| \|$|^\|---\|---:\|---\|$`, body)
		}
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
		require.LessOrEqual(t, n, maxAnnotations+3, kind)
	}
	require.LessOrEqual(t, max(counts[kindError], counts[kindWarning]), maxAnnotations)
}

var hostileTexts = []string{
	"", " ", "`", "``", "```go", "a`b``c```d", "\\`", "</details>", "<script>alert(1)</script>", "![x](http://e.vil/i.png)", "[x]: y",
	"@octocat", "org/team#123", "#123", "GH-123", "deadbeef", "0123456", "--> x", "| a | b |", "\n# head", "\r\n::error::x", "%0A::error::x",
	"a,b:c", "\x1b]0;t\x07", "\u202eabc\u2066", "\xff\xfe", ":tada:", "&lt;", "##[error]x", "###[stop-commands]", "1. x", "- x", "---", "www.e.vil", "é 日本 👩‍🚀", hostile,
}

func TestCode(t *testing.T) {
	for _, s := range hostileTexts {
		text, got := spans("x " + code(s) + " y")
		require.Equal(t, "x \x00 y", text, "%q", s)
		if strings.Trim(s, " ") != "" {
			require.Equal(t, []string{Safe(s)}, got)
		}
	}
}

func TestProse(t *testing.T) {
	for in, want := range map[string]string{
		"content leaves a live pool":                  "content leaves a live pool",
		"12 of 20 pools would change (60 %), no more": "12 of 20 pools would change (60 %), no more",
		"if that is meant: --allow-replace math-5":    "if that is meant: `--allow-replace math-5`",
		"see @octocat, #12 and GH-7; re-run it.":      "see `@octocat, #12` and `GH-7`; re-run it.",
		"wrong key, bank or endpoint?":                "wrong key, bank or endpoint?",
		"commit deadbee1 of 20261121":                 "commit `deadbee1` of `20261121`",
		"":                                            "`\"\"`",
	} {
		require.Equal(t, want, prose(in))
	}
	for _, s := range hostileTexts {
		checkMarkdown(t, "- x: "+prose(s)+"\n")
	}
}

func TestPaste(t *testing.T) {
	for _, s := range hostileTexts {
		var b bytes.Buffer
		(&printer{w: &b}).paste([]pool.Live{{Reference: pool.Reference(s), Name: s, Status: pool.Halted}})
		require.NotContains(t, b.String(), runnerCommand)
		require.False(t, strings.ContainsFunc(strings.ReplaceAll(b.String(), "\n", ""), unsafe), "%q", b.String())
		require.Equal(t, 4, strings.Count(b.String(), "\n"), "%q", b.String())
	}
}

func TestCommand(t *testing.T) {
	c := command{"error", in("a,b:c%.yaml", 12, 5), "x, y: 100 %\n", []string{"one % \r\n::warning::x", "two"}}
	want := `::error file=a%2Cb%3Ac%25.yaml,line=12,col=5,title=x%2C y%3A 100 %25\n::one %25 \u000d\n::warning::x%0Atwo`
	require.Equal(t, want, c.String())
	require.Equal(t, "::notice::m", command{kind: "notice", message: []string{"m"}}.String())
}

func TestUnder(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Annotations{Under: "assessments"}.WriteDiagnostics(&b, invalid(1).Diagnostics))
	require.Contains(t, b.String(), "::error file=assessments/pools/ela.yaml,line=12,col=13,")
}

func FuzzSafe(f *testing.F) {
	for _, s := range hostileTexts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Safe(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, unsafe) || Safe(got) != got || strings.Contains(got, runnerCommand) {
			t.Errorf("Safe(%q) = %q", s, got)
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
		text, got := spans(code(s))
		if text != "\x00" || (strings.Trim(s, " ") != "" && got[0] != Safe(s)) {
			t.Errorf("code(%q) = %q is %q, %q", s, code(s), text, got)
		}
		var b bytes.Buffer
		require.NoError(t, Markdown{}.WritePlan(&b, hostilePlan(s)))
		require.NoError(t, Markdown{}.WriteDrift(&b, driftDoc(s)))
		checkMarkdown(t, b.String())
	})
}

func FuzzAnnotations(f *testing.F) {
	for _, s := range hostileTexts {
		f.Add(s, s)
	}
	back := strings.NewReplacer("%25", "%", "%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",")
	f.Fuzz(func(t *testing.T, a, b string) {
		c := command{"warning", in(a, 1, 2), b, []string{b, a, "end"}}.String()
		m := commandLine.FindStringSubmatch(c)
		if m == nil {
			t.Fatalf("%q is no command", c)
		}
		if got, want := back.Replace(m[4]), Safe(b)+"\n"+Safe(a)+"\nend"; got != want {
			t.Errorf("the message reads %q, want %q", got, want)
		}
		var out bytes.Buffer
		require.NoError(t, Annotations{}.WritePlan(&out, hostilePlan(a)))
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
		if strings.ContainsFunc(strings.ReplaceAll(b.String(), "\n", ""), unsafe) || strings.Contains(b.String(), runnerCommand) {
			t.Errorf("%q acts", b.String())
		}
	})
}
