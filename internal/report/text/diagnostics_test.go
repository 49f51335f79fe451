package text

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/source"
)

func at(line, column int) source.Position {
	return source.Position{File: "pools/ela.yaml", Line: line, Column: column}
}

func TestWriteDiagnostics(t *testing.T) {
	long := strings.Repeat("a", 200) + "HERE" + strings.Repeat("b", 200)
	tests := map[string]struct {
		d    source.Diagnostic
		want string
	}{
		"all": {
			source.Diagnostic{
				Position: at(12, 13), Severity: source.Error, Rule: "status", Message: `unknown status "live"; want "published" or "unpublished"`,
				Hint: "did you mean published?", Excerpt: "    status: live  ", Width: 4,
			},
			"pools/ela.yaml:12:13: unknown status \"live\"; want \"published\" or \"unpublished\" [status]\n" +
				"   12 |     status: live\n      |             ^~~~\nhint: did you mean published?\n",
		},
		"warning without place": {
			source.Diagnostic{Position: source.Position{File: "a"}, Severity: source.Warning, Rule: "r", Message: "m", Excerpt: "x"},
			"a: warning: m [r]\n",
		},
		"wide characters": {
			source.Diagnostic{Position: at(1, 7), Rule: "r", Message: "m", Excerpt: `"日本語" 日本 x`, Width: 2},
			"pools/ela.yaml:1:7: m [r]\n    1 | \"日本語\" 日本 x\n      |          ^~~~\n",
		},
		"long line": {
			source.Diagnostic{Position: at(123456, 201), Rule: "r", Message: "m", Excerpt: long, Width: 4},
			"pools/ela.yaml:123456:201: m [r]\n123456 | ..." + strings.Repeat("a", 60) + "HERE" + strings.Repeat("b", 60) + "...\n" +
				"       | " + strings.Repeat(" ", 63) + "^~~~\n",
		},
		"all of a long line": {
			source.Diagnostic{Position: at(1, 1), Rule: "r", Message: "m", Excerpt: long, Width: len(long)},
			"pools/ela.yaml:1:1: m [r]\n    1 | " + strings.Repeat("a", 120) + "...\n      | ^" + strings.Repeat("~", 59) + "\n",
		},
		"part of a longer line": {
			source.Diagnostic{Position: at(1, 5001), Rule: "r", Message: "m", Excerpt: long, Width: 4, Skipped: 4800},
			"pools/ela.yaml:1:5001: m [r]\n    1 | ..." + strings.Repeat("a", 60) + "HERE" + strings.Repeat("b", 60) + "...\n" +
				"      | " + strings.Repeat(" ", 63) + "^~~~\n",
		},
		"end of the line": {
			source.Diagnostic{Position: at(1, 4), Rule: "r", Message: "m", Excerpt: "abc", Width: 1},
			"pools/ela.yaml:1:4: m [r]\n    1 | abc\n      |    ^\n",
		},
		"column beyond the line": {
			source.Diagnostic{Position: at(1, 9), Rule: "r", Message: "m", Excerpt: "abc", Width: 1}, "pools/ela.yaml:1:9: m [r]\n",
		},
		"unsafe": {
			source.Diagnostic{
				Position: source.Position{File: "a\x1b[2J", Line: 1, Column: 3}, Rule: "r", Message: "m\u202en", Hint: "h\ni", Excerpt: "\t\x1b[31mx\x9b\xff", Width: 1,
			},
			"a\\u001b[2J:1:3: m\\u202en [r]\n    1 | \\t\\u001b[31mx\uFFFD\uFFFD\n      |         ^\nhint: h\\ni\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			require.NoError(t, WriteDiagnostics(&b, source.Diagnostics{test.d}, false))
			if diff := cmp.Diff(test.want, b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWriteDiagnosticsInColor(t *testing.T) {
	var b bytes.Buffer
	d := source.Diagnostic{Position: at(1, 1), Severity: source.Warning, Rule: "r", Message: "m", Hint: "h", Excerpt: "abc", Width: 3}
	require.NoError(t, WriteDiagnostics(&b, source.Diagnostics{d}, true))
	require.Contains(t, b.String(), "\x1b[")
	var plain strings.Builder
	for rest := b.String(); rest != ""; {
		before, after, _ := strings.Cut(rest, "\x1b[")
		plain.WriteString(before)
		_, rest, _ = strings.Cut(after, "m")
	}
	require.Equal(t, "pools/ela.yaml:1:1: warning: m [r]\n    1 | abc\n      | ^~~\nhint: h\n", plain.String())
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWriteDiagnosticsFails(t *testing.T) {
	require.ErrorContains(t, WriteDiagnostics(broken{}, source.Diagnostics{{Rule: "r"}}, false), "no space left")
}
