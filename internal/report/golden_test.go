package report

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// writers are every way in which a document is written, by the end of the
// golden file's name.
func writers(doc any) map[string]func(io.Writer) error {
	text, full, md, notes := Text{}, Text{Full: true}, Markdown{}, Annotations{}
	switch d := doc.(type) {
	case Plan:
		return map[string]func(io.Writer) error{
			"txt": func(w io.Writer) error { return text.WritePlan(w, d) }, "full.txt": func(w io.Writer) error { return full.WritePlan(w, d) },
			"md": func(w io.Writer) error { return md.WritePlan(w, d) }, "github": func(w io.Writer) error { return notes.WritePlan(w, d) },
		}
	case Result:
		return map[string]func(io.Writer) error{
			"txt": func(w io.Writer) error { return text.WriteResult(w, d) }, "full.txt": func(w io.Writer) error { return full.WriteResult(w, d) },
			"md": func(w io.Writer) error { return md.WriteResult(w, d) }, "github": func(w io.Writer) error { return notes.WriteResult(w, d) },
		}
	case Drift:
		return map[string]func(io.Writer) error{
			"txt": func(w io.Writer) error { return text.WriteDrift(w, d) }, "md": func(w io.Writer) error { return md.WriteDrift(w, d) },
			"github": func(w io.Writer) error { return notes.WriteDrift(w, d) },
		}
	case Validation:
		return map[string]func(io.Writer) error{
			"txt": func(w io.Writer) error { return text.WriteValidation(w, d) }, "md": func(w io.Writer) error { return md.WriteValidation(w, d) },
			"github": func(w io.Writer) error { return notes.WriteValidation(w, d) },
		}
	case List:
		return map[string]func(io.Writer) error{"txt": func(w io.Writer) error { return text.WriteList(w, d) }}
	case Jobs:
		return map[string]func(io.Writer) error{"txt": func(w io.Writer) error { return text.WriteJobs(w, d) }}
	case Adoption:
		return map[string]func(io.Writer) error{"txt": func(w io.Writer) error { return text.WriteAdoption(w, d) }}
	case State:
		return map[string]func(io.Writer) error{"txt": func(w io.Writer) error { return text.WriteState(w, d) }}
	default:
		return nil
	}
}

// once are documents whose size is what is looked at: one format is enough.
var once = map[string]string{"plan-200": "txt md github", "plan-hostile": "txt md github", "result-hostile": "txt md github"}

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
	require.Equal(t, out, strings.ReplaceAll(Safe(strings.ReplaceAll(out, "\n", "\v")), `\u000b`, "\n"), "no character acts")
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

// TestMarkdownIsCut: whatever the limit, the page stays below it, is closed and
// says how many pools are missing.
func TestMarkdownIsCut(t *testing.T) {
	for _, name := range []string{"plan-200", "result-groups", "drift"} {
		for _, limit := range []int{1500, 3000, 6000, 20000} {
			m := Markdown{Limit: limit, Full: true}
			var b bytes.Buffer
			var err error
			switch d := documents()[name].(type) {
			case Plan:
				err = m.WritePlan(&b, d)
			case Result:
				err = m.WriteResult(&b, d)
			case Drift:
				err = m.WriteDrift(&b, d)
			}
			require.NoError(t, err)
			require.LessOrEqual(t, b.Len(), limit, name)
			checkMarkdown(t, b.String())
			if name == "plan-200" {
				require.Contains(t, b.String(), "Cut here: ")
			}
		}
	}
}

// TestTextInColor: colour adds nothing but colour.
func TestTextInColor(t *testing.T) {
	for _, name := range []string{"plan-actions", "plan-blocked"} {
		var plain, colored bytes.Buffer
		doc := documents()[name].(Plan)
		require.NoError(t, Text{}.WritePlan(&plain, doc))
		require.NoError(t, Text{Color: true}.WritePlan(&colored, doc))
		require.Contains(t, colored.String(), "\x1b[")
		require.Equal(t, plain.String(), escapes.ReplaceAllString(colored.String(), ""))
	}
}
