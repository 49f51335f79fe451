package report

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/report/annotate"
	"github.com/poolsync/poolsync/internal/report/markdown"
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/page"
	"github.com/poolsync/poolsync/internal/report/text"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// paged are documents that people read.
type paged interface{ Page(full bool) page.Page }

// writers are every way in which a document is written, by the end of the golden
// file's name.
func writers(doc paged) map[string]func(io.Writer) error {
	write := func(o text.Options) func(io.Writer) error {
		return func(w io.Writer) error { return o.Write(w, doc.Page(o.Full)) }
	}
	out := map[string]func(io.Writer) error{
		"80.txt": write(text.Options{Width: 80}), "120.txt": write(text.Options{Width: 120}),
	}
	switch doc.(type) {
	case Plan, Result, Drift, Validation:
		out["full.txt"] = write(text.Options{Full: true})
		out["md"] = func(w io.Writer) error { return markdown.Options{Links: links}.Write(w, doc.Page(false)) }
		out["github"] = func(w io.Writer) error { return annotate.Options{}.Write(w, doc.Page(false)) }
	}
	return out
}

// links are those of a workflow of GitHub.
var links = message.Links{Base: "https://github.com/acme/pools/blob/0123456789abcdef0123456789abcdef01234567/"}

// once are documents whose size is what is looked at: one width is enough.
var once = map[string]string{"plan-200": "80.txt md github", "plan-hostile": "80.txt md github", "result-hostile": "80.txt md github"}

// TestGolden compares every document in every format with testdata/NAME.FORMAT.
func TestGolden(t *testing.T) {
	for name, doc := range documents() {
		for format, write := range writers(doc) {
			if only := once[name]; only != "" && !strings.Contains(" "+only+" ", " "+format+" ") {
				continue
			}
			t.Run(name+"."+format, func(t *testing.T) {
				var b bytes.Buffer
				require.NoError(t, write(&b))
				path := filepath.Join("testdata", name+"."+format)
				if *update {
					require.NoError(t, os.MkdirAll("testdata", 0o755))
					require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
				}
				want, err := os.ReadFile(path)
				require.NoError(t, err)
				if d := cmp.Diff(string(want), b.String()); d != "" {
					t.Errorf("%s (-want +got); rewrite it with -update:\n%s", path, d)
				}
				inspect(t, format, b.String())
			})
		}
	}
}

// inspect checks what holds for every document of a format.
func inspect(t *testing.T, format, out string) {
	t.Helper()
	require.Equal(t, out, strings.ReplaceAll(message.Safe(strings.ReplaceAll(out, "\n", "\v")), `\u000b`, "\n"), "no character acts")
	switch format {
	case "md":
		checkMarkdown(t, out)
	case "github":
		checkCommands(t, out)
	default:
		for line := range strings.Lines(out) {
			require.Equal(t, strings.TrimRight(line, " \n"), strings.TrimRight(line, "\n"), "no spaces at the end")
		}
	}
}

// TestWriteErrors: what could not be written is told, whatever the format.
func TestWriteErrors(t *testing.T) {
	for name, doc := range documents() {
		for format, write := range writers(doc) {
			require.ErrorContains(t, write(broken{}), "no space left", "%s.%s", name, format)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestMarkdownIsCut: whatever the limit, the page stays below it, is closed and
// says how many pools are missing.
func TestMarkdownIsCut(t *testing.T) {
	for _, name := range []string{"plan-200", "result-groups", "drift"} {
		for _, limit := range []int{1500, 3000, 6000, 20000} {
			var b bytes.Buffer
			require.NoError(t, markdown.Options{Limit: limit, Links: links}.Write(&b, documents()[name].Page(true)))
			require.LessOrEqual(t, b.Len(), limit, name)
			checkMarkdown(t, b.String())
			if name == "plan-200" {
				require.Contains(t, b.String(), "Cut here: ")
			}
		}
	}
}

// TestTextInColor: colour adds nothing but colour, at any width.
func TestTextInColor(t *testing.T) {
	for name, doc := range documents() {
		for _, width := range []int{0, 40, 80, 200} {
			var plain, colored bytes.Buffer
			require.NoError(t, text.Options{Width: width}.Write(&plain, doc.Page(false)))
			require.NoError(t, text.Options{Color: true, Width: width}.Write(&colored, doc.Page(false)))
			require.Equal(t, plain.String(), escapes.ReplaceAllString(colored.String(), ""), name)
		}
	}
}

// TestTextKeepsToItsWidth: a line is wider than the terminal only where one word,
// path or command is.
func TestTextKeepsToItsWidth(t *testing.T) {
	for name, doc := range documents() {
		if strings.Contains(name, "hostile") {
			continue
		}
		for _, width := range []int{80, 100, 120} {
			p := doc.Page(false)
			if p.Table != nil || p.Paste != nil { // tables and pasted lines are as wide as they are
				continue
			}
			var b bytes.Buffer
			require.NoError(t, text.Options{Width: width}.Write(&b, p))
			for line := range strings.Lines(b.String()) {
				line = strings.TrimRight(line, "\n")
				if message.Width(line) > width {
					require.Less(t, len(strings.Fields(line)), 8, "%s at %d: %q", name, width, line)
				}
			}
		}
	}
}
