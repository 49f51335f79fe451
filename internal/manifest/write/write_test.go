package write_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/manifest/format"
	"github.com/poolsync/poolsync/internal/manifest/write"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

const whole = `# exported
version: 1
organisation_id: 505
pools:
  # a comment "in quotes"\nand a break
  - reference: ela/district a
    name: "Name: #1, 2026-01-01"
    description: "no\n"
    status: unpublished
    content:
      item_references:
        # beside the items
        - "001"
        - i-1
        - "no"
      activity_references:
        - "[a]"
      tags:
        - {type: subject}
        - required_tags: [{type: foo, name: "1e3"}]
          additional_tags: [{type: qux}]
    ignore_empty_additional_tags: true
    snapshot: 2026-fall
    corrections:
      - id: "2026-11"
        item_references:
          - i-1
        note: why
`

func sample() write.Pool {
	return write.Pool{
		Declared: pool.Declared{
			Key: pool.Key{Bank: 505, Reference: "ela/district a"},
			Spec: pool.Spec{
				Fields: pool.Fields{Name: "Name: #1, 2026-01-01", Description: "no\n", Status: pool.Unpublished, IgnoreEmpty: true},
				Content: pool.Content{
					Items: []string{"001", "i-1", "no"}, Activities: []string{"[a]"},
					Tags: []pool.Selector{{Type: "subject"}, {Required: []pool.Tag{{Type: "foo", Name: "1e3"}}, Additional: []pool.Tag{{Type: "qux"}}}},
				},
			},
			Snapshot:    "2026-fall",
			Corrections: []pool.Correction{{ID: "2026-11", Items: []string{"i-1"}, Note: "why"}},
		},
		Comment: []string{"a comment \"in quotes\"\nand a break"}, Items: []string{"beside the items"},
	}
}

// TestWrite: the form is fixed, since fmt must find nothing to change in it.
func TestWrite(t *testing.T) {
	t.Parallel()
	p := sample()
	got := string(write.Head(505, "exported")) + string(p.Bytes())
	want := whole
	// A label that begins with a digit is written in quotes.
	want = string(bytes.Replace([]byte(want), []byte("snapshot: 2026-fall"), []byte(`snapshot: "2026-fall"`), 1))
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	canonical, err := format.Source([]byte(got), format.Options{})
	require.NoError(t, err)
	require.Equal(t, string(canonical), got)
	require.Equal(t, `{required_tags: [{type: foo, name: "1e3"}], additional_tags: [{type: qux}]}`, write.Selector(p.Content.Tags[1]))
}

// FuzzWrite: whatever a text is, the manifest reads as what was written.
func FuzzWrite(f *testing.F) {
	for _, s := range []string{"a", "no", "~", "2026-01-01", "a: b", "a #b", "- a", "[a]", "\x00", "é\u2028\ufeff", "\"'\\", " a ", "1e3", "=", "<<", "a\tb", "😀", "0x1f", "*a", "&a", "!a", "%a", "@a", "a,b", "a:", "?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = string(bytes.ToValidUTF8([]byte(s), []byte("?")))
		if s == "" || len(s) > 200 {
			return
		}
		p := sample()
		p.Name, p.Description, p.Comment = s, s, []string{s}
		p.Content.Tags = []pool.Selector{{Type: s, Name: s}}
		pools, found := manifest.Parse("a.yaml", append(write.Head(505, s), p.Bytes()...))
		for _, f := range found {
			if f.Severity == source.Error && f.Rule != "character" { // what no manifest may hold
				t.Errorf("%q: %s", s, f)
			}
		}
		require.Len(t, pools, 1)
		if d := cmp.Diff(p.Spec, pools[0].Spec, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%q (-want +got):\n%s", s, d)
		}
	})
}
