package manifest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/genpools"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

const designManifest = `version: 1
organisation_id: 505
defaults:
  status: unpublished
  description: shared
pools:
  - reference: ela-district-a
    name: ELA 2015 District A
    status: published
    content:
      item_references: [b2, a1, b2]
      activity_references: [CCASWinter14G06AVE]
      tags:
        - {type: subject}
        - {type: course, name: commoncore}
        - required_tags: [{type: foo, name: bar}, {type: baz}]
          additional_tags: [{type: qux, name: quux}, {type: corge}]
      item_tags: [{type: grade, name: "6"}]
      activity_tags: [{type: season, name: winter}]
    set_unpublished_to_published: true
    snapshot: 2026-fall
    corrections:
      - id: 2026-11-typo-q4
        item_references: [b2, a1]
        note: answer key
    lifecycle:
      replace: deny
      ignore: [description, name, status]
`

func TestParseTakesEverything(t *testing.T) {
	pools, found := Parse("pools/ela.yaml", []byte(designManifest))
	require.Len(t, found, 1) // b2 twice
	at := func(line, column int32) source.Place { return source.Place{Line: line, Column: column} }
	want := []pool.Declared{{
		Key: pool.Key{Bank: 505, Reference: "ela-district-a"},
		Spec: pool.Spec{
			Fields: pool.Fields{Name: "ELA 2015 District A", Description: "shared", Status: pool.Published, UnpublishedPublished: true},
			Content: pool.Content{
				Items: []string{"a1", "b2"}, Activities: []string{"CCASWinter14G06AVE"},
				Tags: []pool.Selector{
					{Required: []pool.Tag{{Type: "baz"}, {Type: "foo", Name: "bar"}}, Additional: []pool.Tag{{Type: "corge"}, {Type: "qux", Name: "quux"}}},
					{Type: "course", Name: "commoncore"},
					{Type: "subject"},
				},
				ItemTags:     []pool.Selector{{Type: "grade", Name: "6"}},
				ActivityTags: []pool.Selector{{Type: "season", Name: "winter"}},
			},
		},
		Snapshot:    "2026-fall",
		Corrections: []pool.Correction{{ID: "2026-11-typo-q4", Items: []string{"a1", "b2"}, Note: "answer key", At: at(23, 9)}},
		Lifecycle:   pool.Lifecycle{Replace: pool.ReplaceDeny, IgnoreName: true, IgnoreDescription: true, IgnoreStatus: true},
		File:        "pools/ela.yaml",
		At: pool.Places{
			Pool: at(7, 5), Reference: at(7, 16), Name: at(8, 11), Description: at(5, 16), Status: at(9, 13),
			Content: at(11, 7), UnpublishedPublished: at(20, 35), Snapshot: at(21, 15), Replace: at(27, 16),
			Items: []source.Place{at(11, 29), at(11, 25)}, Activities: []source.Place{at(12, 29)},
			Tags:     []source.Place{at(16, 11), at(15, 11), at(14, 11)},
			ItemTags: []source.Place{at(18, 19)}, ActivityTags: []source.Place{at(19, 23)},
		},
	}}
	if diff := cmp.Diff(want, pools); diff != "" {
		t.Error(diff)
	}
}

func TestParseDefaults(t *testing.T) {
	pools, found := Parse("a.yaml", []byte("version: 1\npools:\n  - {reference: a, name: A, content: {item_references: [x]}}\n"))
	require.Empty(t, found)
	require.Equal(t, pool.Fields{Name: "A", Status: pool.Published}, pools[0].Fields)
	require.Equal(t, pool.Lifecycle{Replace: pool.ReplaceGuarded}, pools[0].Lifecycle)
	require.Equal(t, "a.yaml:3:5", pools[0].Position(pools[0].At.Status).String())
}

func TestParseNormalForm(t *testing.T) {
	for _, file := range seeds(t) {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		pools, _ := Parse(file, data)
		for _, p := range pools {
			checkNormal(t, p)
		}
	}
}

// checkNormal makes sure that the content is in the form that pool.Content
// defines, with a place for each entry.
func checkNormal(t *testing.T, p pool.Declared) {
	t.Helper()
	if diff := cmp.Diff(p.Content.Normal(), p.Content); diff != "" {
		t.Errorf("%s is not in normal form: %s", p.Key, diff)
	}
	got := []int{len(p.At.Items), len(p.At.Activities), len(p.At.Tags), len(p.At.ItemTags), len(p.At.ActivityTags)}
	c := p.Content
	want := []int{len(c.Items), len(c.Activities), len(c.Tags), len(c.ItemTags), len(c.ActivityTags)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places of %s: %s", p.Key, diff)
	}
}

// seeds are all manifests of the tests.
func seeds(tb testing.TB) []string {
	tb.Helper()
	var all []string
	for _, folder := range []string{"bad", "ok", "config"} {
		files, err := filepath.Glob(filepath.Join("testdata", folder, "*.yaml"))
		require.NoError(tb, err)
		all = append(all, files...)
	}
	require.NotEmpty(tb, all)
	return all
}

// bothWays decodes a file in one go and in pieces, and compares.
func bothWays(t *testing.T, data []byte) (split bool) {
	t.Helper()
	whole := parseWhole(newText("x.yaml", data))
	for _, size := range []int{1, 200, pieceSize} {
		pieces, ok := parsePieces(newText("x.yaml", data), size, 2)
		if !ok {
			continue
		}
		split = true
		whole.found, pieces.found = whole.found.Sort(), pieces.found.Sort()
		if diff := cmp.Diff(whole, pieces, cmp.AllowUnexported(parsed{})); diff != "" {
			t.Errorf("pieces of %d bytes differ from the whole (-whole +pieces):\n%s\nof\n%s", size, diff, data)
		}
	}
	return split
}

func TestPiecesAreTheWhole(t *testing.T) {
	for _, file := range seeds(t) {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		if newText(file, data).limits() == nil {
			bothWays(t, newText(file, data).data)
		}
	}
	var b bytes.Buffer
	b.WriteString("version: 1\npools:\n")
	for i := range 50 {
		genpools.Pool(&b, i, false)
	}
	good := b.String()
	const entry = "- {reference: a, name: A, content: {item_references: [x]}}\n"
	tests := map[string]struct {
		data  string
		split bool
	}{
		"plain":                 {good, true},
		"no last line break":    {strings.TrimRight(good, "\n"), true},
		"comments":              {strings.ReplaceAll(good, "    content", "# here\n  # there\n\n    # and here\n    content"), true},
		"faults":                {strings.ReplaceAll(good, "published\n", "live\n"), true},
		"unindented":            {"version: 1\npools:\n" + entry + entry, true},
		"comment after pools":   {"version: 1\npools:   # all\n" + entry, true},
		"defaults":              {"version: 1\ndefaults: {status: unpublished}\npools:\n  " + entry, true},
		"dash alone":            {"version: 1\npools:\n  -\n    reference: a\n  -\n", true},
		"no version":            {"pools:\n  " + entry, true},
		"block text with dash":  {good + "    description: |\n      - one\n      - two\n", true},
		"something after":       {good + "organisation_id: 5\n", false},
		"pools twice":           {"pools: []\n" + good, false},
		"quoted over lines":     {strings.Replace(good, "name: ", "name: \"\n  - x", 1), false},
		"bracket over lines":    {strings.Replace(good, "item_references:\n", "item_references: [\n  - x,", 1), false},
		"anchor":                {strings.Replace(good, "content:\n", "content: &c\n", 1), false},
		"alias":                 {good + "    snapshot: *c\n", false},
		"anchor above":          {"version: &v 1\npools:\n" + entry, false},
		"documents":             {good + "---\n" + good, false},
		"documents, unindented": {"version: 1\npools:\n" + entry + "---\n" + entry, false},
		"document end":          {"version: 1\npools:\n" + entry + "...\n", false},
		"tab":                   {strings.Replace(good, "name: ", "name:\t", 1), false},
		"carriage returns":      {strings.ReplaceAll(good, "\n", "\r\n"), true},
		"old carriage returns":  {strings.ReplaceAll(good, "\n    status", "\r    status"), false},
		"flow":                  {"{version: 1,\npools:\n [" + entry[2:] + "]}", false},
		"quoted key":            {strings.Replace(good, "pools:", "\"pools\":", 1), false},
		"anchored list":         {strings.Replace(good, "pools:", "pools: &p", 1), false},
		"less indented":         {good + " - x\n", false},
		"not an entry":          {good + "  x: y\n", false},
		"no entries":            {"version: 1\npools:\n# none\n", false},
		"deep":                  {good + "    snapshot: " + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "\n", false},
		"in a quoted text":      {"description: \"\npools:\n  " + entry + "\"\n", false},
		"in a block text":       {"description: |\n pools:\n  " + entry, false},
		"complex key":           {"? version\n: 1\n? pools\n:\n  " + entry, false},
		"key with an alias":     {"&v version: 1\npools:\n" + entry, false},
		"directive":             {"%TAG ! x:\n---\npools:\n" + entry, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.split, bothWays(t, []byte(test.data)), "cut into pieces")
		})
	}
}

// A large file takes the way in pieces, with the same result.
func TestParseLarge(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("version: 1\norganisation_id: 505\npools:\n")
	for i := range 400 {
		genpools.Pool(&b, i, false)
	}
	require.Greater(t, b.Len(), splitFrom)
	pools, found := Parse("x.yaml", b.Bytes())
	require.Empty(t, found)
	require.Len(t, pools, 400)
	require.Equal(t, pool.Bank(505), pools[399].Bank)
	line := strings.Split(b.String(), "\n")[pools[399].At.Reference.Line-1]
	require.Equal(t, "  - reference: pool-000399", line)
}

// What is built to be expensive is refused early. The tests have no clock: they
// would not end otherwise.
func TestParseLimits(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("version: 1\npools:\n  - &a [x,x,x,x,x,x,x,x,x,x]\n")
	for c := 'b'; c < 'k'; c++ {
		bomb.WriteString(fmt.Sprintf("  - &%c [%s]\n", c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", c-1), 10), ",")))
	}
	var merges strings.Builder
	merges.WriteString("version: 1\nx-a: &a {" + strings.ReplaceAll(manyKeys(200), "\n", ", ") + "description: x}\npools:\n")
	for range 5000 {
		merges.WriteString("- {<<: [*a, *a, *a, *a]}\n")
	}
	tests := map[string]struct {
		data string
		rule string
	}{
		"brackets":          {strings.Repeat("[", 100_000), ruleDepth},
		"closed brackets":   {strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000), ruleDepth},
		"braces":            {strings.Repeat("{a: ", 100_000), ruleDepth},
		"dashes":            {strings.Repeat("- ", 100_000), ruleDepth},
		"keys":              {strings.Repeat("? ", 100_000), ruleDepth},
		"bomb":              {bomb.String(), ruleExpansion},
		"merge bomb":        {merges.String(), ruleExpansion},
		"cycle":             {"version: 1\npools: &p [{reference: *p}]\n", ruleExpansion},
		"cycle of a merge":  {"version: 1\npools:\n  - &p\n    <<: *p\n", ruleExpansion},
		"size":              {strings.Repeat("#", maxFile+1), ruleFileSize},
		"tag directives":    {strings.Repeat("%TAG !a! tag:x\n", 30_000) + "--- a\n", ruleDirective},
		"later directives":  {"a\n---\nb\n...\n" + strings.Repeat("%TAG !a! tag:x\n", 30_000) + "--- a\n", ruleDirective},
		"repeated keys":     {strings.Repeat("a: b\n", 20_000), ruleDuplicateKey},
		"different keys":    {manyKeys(10_000), ruleUnknownField},
		"a long number":     {"version: " + strings.Repeat("9", 1_000_000) + "\npools: []\n", ruleType},
		"errors in a line":  {"{é: b, " + strings.Repeat("a: b, ", 50_000) + "}", ruleDuplicateKey},
		"errors everywhere": {"version: 1\npools:\n" + strings.Repeat("- {reference: \"\\u0001\"}\n", 5000), ruleCharacter},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, found := Parse("x.yaml", []byte(test.data))
			require.NotEmpty(t, found)
			require.True(t, slices.ContainsFunc(found, func(d source.Diagnostic) bool { return d.Rule == test.rule }), found[0].String())
			for _, d := range found {
				require.Less(t, len(d.Message)+len(d.Excerpt)+len(d.Hint), 4000)
			}
		})
	}
}

// What the parser gives up on is placed where it goes too deep for us, wherever
// that can be told.
func TestParseDepthPlace(t *testing.T) {
	many := func(s string) string { return strings.Repeat(s, 100_000) }
	for name, test := range map[string]struct{ data, want string }{
		"brackets":        {many("["), "x.yaml:1:65"},
		"braces":          {many("{a: "), "x.yaml:1:257"},
		"mixed":           {many("[{a: "), "x.yaml:1:161"},
		"dashes":          {many("- "), "x.yaml:1:129"},
		"in pools":        {"version: 1\npools: " + many("["), "x.yaml:2:71"},
		"in a pool":       {"version: 1 # [\npools:\n  - reference: '[['\n    name: it's\n    content: {tags: " + many("["), "x.yaml:5:81"},
		"after dashes":    {"pools:\n- - - " + many("["), "x.yaml:2:67"},
		"a line a level":  {"version: 1\npools:\n" + many(" [\n"), "x.yaml:66:2"},
		"cannot be told":  {many("? "), "x.yaml:1:1"},
		"an open quote":   {"a: [x 'y]\nb: " + many("["), "x.yaml:2:1"},
		"not a bracket":   {"a: x [y\nb: " + many("["), "x.yaml:2:1"},
		"other documents": {"a\n---\n" + many("["), "x.yaml:3:1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, found := Parse("x.yaml", []byte(test.data))
			require.Len(t, found, 1)
			require.Equal(t, test.want+": lists and mappings are nested deeper than 64 levels [nesting-depth]", found[0].String())
			require.NotEmpty(t, found[0].Excerpt)
		})
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d: b\n", i)
	}
	return b.String()
}

// A field's name has one type in the whole schema, and no two words differ in
// the tables that know the schema's names.
func TestSchemaNames(t *testing.T) {
	for _, s := range []*schema{poolsSchema(), configSchema()} {
		definitions, _ := s.raw["definitions"].(map[string]any)
		for name, d := range definitions {
			definition, _ := d.(map[string]any)
			describe(t, name, definition)
			properties, _ := definition["properties"].(map[string]any)
			for key, property := range properties {
				resolved := s.resolve(property)
				if kind, _ := resolved["type"].(string); kind != "" {
					require.Equal(t, kind, s.fields[key].kind, "%s.%s", name, key)
				}
				if name != "entry" {
					describe(t, name+"."+key, resolved)
				}
			}
			if len(properties) > 0 {
				require.NotEmpty(t, nouns[name], name)
			}
		}
		properties, _ := s.raw["properties"].(map[string]any)
		for key, property := range properties {
			describe(t, key, s.resolve(property))
		}
	}
}

// describe makes sure that editors have something to show.
func describe(t *testing.T, name string, schema map[string]any) {
	t.Helper()
	require.NotEmpty(t, schema["title"], "title of %s", name)
	require.NotEmpty(t, schema["description"], "description of %s", name)
}

func TestNearest(t *testing.T) {
	fields := []string{"name", "reference", "status", "item_references", "item_tags", "type"}
	for word, want := range map[string]string{
		"refrence": "reference", "Status": "status", "stauts": "status", "nmae": "name", "tpye": "type", "items": "item_references",
		"item-tags": "item_tags", "item_references_": "item_references", "id": "reference", "overwrite": "", "x": "",
		strings.Repeat("n", 1000): "",
	} {
		if got := nearest(word, fields); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

// One list of references in a thousand pools is honest use, and what multiplies is
// refused before it is made.
func TestParseShared(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: 1\nx-core: &core\n")
	for i := range 500 {
		fmt.Fprintf(&b, "  - item-%03d\n", i)
	}
	b.WriteString("pools:\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "  - {reference: p%d, name: P, content: {item_references: *core}}\n", i)
	}
	pools, found := Parse("x.yaml", []byte(b.String()))
	require.Empty(t, found)
	require.Len(t, pools, 1000)
	require.Len(t, pools[999].Content.Items, 500)
}

// What nobody would read is not made: a file of 16 MiB may be wrong every three
// bytes, in lists of every kind.
func TestParseFindings(t *testing.T) {
	pool := "version: 1\npools:\n  - reference: a\n    name: A\n    content:\n      item_references:\n"
	for name, data := range map[string]string{
		"root":       strings.Repeat("- 1\n", 4<<20),
		"flow":       "[" + strings.Repeat("1,", 8<<20-1) + "1]",
		"pools":      "version: 1\npools:\n" + strings.Repeat("- 1\n", 4<<20-8),
		"references": pool + strings.Repeat("        - {}\n", 30_000),
		"texts":      pool + strings.Repeat("        - 'a\"'\n", 30_000),
		"tags":       strings.Replace(pool, "item_references", "tags", 1) + strings.Repeat("        - 1\n", 30_000),
		"keys":       "version: 1\n" + strings.Repeat("a: b\n", 50_000),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, found := Parse("x.yaml", []byte(data))
		runtime.ReadMemStats(&after)
		require.True(t, found.HasErrors(), name)
		require.LessOrEqual(t, len(found), maxFindings+1, name)
		require.Less(t, (after.TotalAlloc-before.TotalAlloc)>>20, uint64(300), "%s: MiB in all", name)
	}
}
