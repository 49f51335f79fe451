package manifest

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/source"
)

func addSeeds(f *testing.F) {
	f.Helper()
	for _, file := range seeds(f) {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte(designManifest))
}

// FuzzParse: any input is taken without a panic; findings have a known rule and
// lie inside the file; what is accepted is in normal form; pieces and the whole
// give the same.
func FuzzParse(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		pools, found := Parse("x.yaml", data)
		checkFindings(t, data, found)
		for _, p := range pools {
			checkNormal(t, p)
		}
		if newText("x.yaml", data).limits() == nil {
			bothWays(t, newText("x.yaml", data).data)
		}
		again, _ := Parse("x.yaml", data)
		if diff := cmp.Diff(pools, again); diff != "" {
			t.Error(diff)
		}
	})
}

// FuzzConfig: the same for the configuration file.
func FuzzConfig(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, found := ParseConfig("poolsync.yaml", data)
		checkFindings(t, data, found)
		if !found.HasErrors() && c.Organisation.Value < 0 {
			t.Error(c.Organisation)
		}
	})
}

func checkFindings(t *testing.T, data []byte, found source.Diagnostics) {
	t.Helper()
	text := newText("", data)
	for _, d := range found {
		if !slices.Contains(Rules, d.Rule) || d.Message == "" || d.Severity == "" {
			t.Errorf("incomplete finding: %+v", d)
		}
		if d.Line == 0 {
			continue
		}
		if d.Line > len(text.lines()) {
			t.Errorf("%s lies behind the end of the file", d)
			continue
		}
		starts := append(slices.Clone(text.lines()), int32(len(text.data)))
		line := text.data[starts[d.Line-1]:starts[d.Line]]
		if d.Column < 1 || d.Column > utf8.RuneCount(line)+1 {
			t.Errorf("%s lies outside its line %q", d, line)
		}
		if d.Excerpt == "" {
			continue
		}
		if d.Width < 1 {
			t.Errorf("%s has no width", d)
		}
		if at := d.Column - 1 - d.Skipped; at < 0 || at > utf8.RuneCountInString(d.Excerpt) || !strings.Contains(string(line), d.Excerpt) {
			t.Errorf("%s lies outside its excerpt %q of %q", d, d.Excerpt, line)
		}
	}
}

// TestPiecesOfRandomLines draws manifests from lines that go wrong together in
// many ways, which bytes at random hardly ever do.
func TestPiecesOfRandomLines(t *testing.T) {
	lines := []string{
		"  - reference: a", "  - reference: b", "    name: A", "    name: \"A", "    b\"", "    name: 'x", "    'y'", "    content: {item_references: [x]}",
		"    content:", "      item_references:", "      - x", "        - y", "      tags: [{type: a},", "      {type: b}]", "    description: |", "    description: >-",
		"      text: more", "      - text", "", "# comment", "  # comment", "    # comment", "      # comment", "  -", "  - - reference: a", "  - {reference: q,",
		"  - name: A}", "    status: live", "    name: A # comment", "  x: y", " - x", "- x", "---", "...", "    - x", "    ? x", "    : y", "    snapshot: &a b", "    snapshot: *a",
		"    <<: {status: live}", "  - !!map", "    name: plain", "      goes on", "  - \"quoted\": x", "  -  reference: wide", "     name: A", "    name:", "\tname: x", "  - text", "    text",
	}
	r := rand.New(rand.NewPCG(3, 4))
	split := 0
	for range 4_000 {
		var b strings.Builder
		b.WriteString([]string{"version: 1\npools:\n", "pools:\n", "# x\npools: # y\n", "version: \"1\npools:\n", "defaults: {\npools:\n"}[r.IntN(5)])
		for range 1 + r.IntN(12) {
			if r.IntN(3) == 0 {
				b.WriteString("  - reference: a\n    name: A\n")
			}
			b.WriteString(lines[r.IntN(len(lines))] + "\n")
		}
		s := b.String()
		if r.IntN(8) == 0 {
			s = strings.ReplaceAll(s, "\n", "\r\n")
		}
		if bothWays(t, []byte(s)) {
			split++
		}
		if t.Failed() {
			return
		}
	}
	require.Greater(t, split, 100)
}
