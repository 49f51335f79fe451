package message

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/source"
)

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "",
		"plain ~ text":          "plain ~ text",
		"é 日本語 👩‍🚀 نص":          "é 日本語 👩‍🚀 نص",
		"a\nb\tc\rd":            `a\nb\tc\u000dd`,
		"\x1b]0;title\x07":      `\u001b]0;title\u0007`,
		"\u009b31m\u0085":       `\u009b31m\u0085`,
		"\u202eabc\u2066\u200f": `\u202eabc\u2066\u200f`,
		"\u2028\ufeff\u00ad":    `\u2028\ufeff\u00ad`,
		"\xff\xfe":              `\xff\xfe`,
		"\U000e0041":            `\U000e0041`,
	} {
		if got := Safe(in); got != want {
			t.Errorf("Safe(%q) = %q, want %q", in, got, want)
		}
		if got := Safe(Safe(in)); got != want {
			t.Errorf("Safe is not stable for %q: %q", in, got)
		}
	}
}

// plainWords are words that mean nothing to Markdown or to its host.
var plainWords = regexp.MustCompile(`^[A-Za-z0-9 ,.;:()?'"%/=-]*$`)

// Every message of the program has as many parts as its words have places for,
// and words that mean nothing to the formats that they are written in.
func TestMessagesOfTheProgram(t *testing.T) {
	n := 0
	walk := func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			fun, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || fun.Sel.Name != "New" && fun.Sel.Name != "Count" && fun.Sel.Name != "Join" {
				return true
			}
			if pkg, ok := fun.X.(*ast.Ident); !ok || pkg.Name != "message" {
				return true
			}
			for i, arg := range call.Args {
				lit, ok := arg.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					continue
				}
				words, err := strconv.Unquote(lit.Value)
				require.NoError(t, err)
				at := files.Position(lit.Pos())
				if !plainWords.MatchString(strings.ReplaceAll(words, "%s", "")) || strings.Contains(words, "www.") || strings.Contains(words, "://") {
					t.Errorf("%s: %q holds more than plain words", at, words)
				}
				if want := strings.Count(words, "%s"); i == 0 && fun.Sel.Name == "New" && !call.Ellipsis.IsValid() && want != len(call.Args)-1 {
					t.Errorf("%s: %q takes %d parts and gets %d", at, words, want, len(call.Args)-1)
				}
				n++
			}
			return true
		})
		return nil
	}
	require.NoError(t, filepath.WalkDir("../..", walk))
	require.Greater(t, n, 100)
}

func example() Message {
	at := source.Position{File: "pools/a b_c.yaml", Line: 12, Column: 3}
	return New("look at %s (%s) or %s, then: %s", Code("`x` @y"), At(at), Count(2, "pool"), Command("poolsync", "adopt", "it's"))
}

func TestMessage(t *testing.T) {
	require.Equal(t, "look at `x` @y (pools/a b_c.yaml:12:3) or 2 pools, then: poolsync adopt 'it'\\''s'", example().Text())
	require.Equal(t, "look at `` `x` @y `` ([`pools/a b_c.yaml:12:3`](https://h/pools/a%20b%5Fc.yaml#L12)) or 2 pools, then: `poolsync adopt 'it'\\''s'`",
		example().Markdown(Links{Base: "https://h/"}))
	require.Equal(t, "`../x.yaml`", At(source.Position{File: "../x.yaml"}).Markdown(Links{Base: "https://h/"}))
	require.True(t, Message{}.Empty())
	require.True(t, New("%s", Message{}).Empty())
	require.Equal(t, "a, b, 3 more", Codes([]string{"a", "b", "c", "d", "e"}, 2).Text())
	require.Equal(t, "a, b, c", Codes([]string{"a", "b", "c"}, 2).Text())
	require.Equal(t, "1 pool; x", Join("; ", Count(1, "pool"), Message{}, Code("x")).Text())
}

// TestLines: words, places and commands are not broken.
func TestLines(t *testing.T) {
	want := []string{"look at `x` @y", "(pools/a b_c.yaml:12:3)", "or 2 pools, then:", "poolsync adopt 'it'\\''s'"}
	if d := cmp.Diff(want, example().Lines(24)); d != "" {
		t.Error(d)
	}
	for width := range 100 {
		require.Equal(t, strings.ReplaceAll(example().Text(), " ", ""), strings.ReplaceAll(strings.Join(example().Lines(width), ""), " ", ""))
	}
}

func TestFence(t *testing.T) {
	require.Equal(t, "```diff\na\n```", Fence("diff", []string{"a"}))
	require.Equal(t, "`````diff\n````\nb\\nc\n`````", Fence("diff", []string{"````", "b\nc"}))
}

func TestApart(t *testing.T) {
	for _, test := range [][4]string{
		{"ELA A", "ELA B", "ELA A", "ELA B"},
		{"ELA A", "ELA\u00a0A", "ELA A", `ELA\u00a0A`},
		{"A", "\u0410", "A", `\u0410`},
		{"e\u0301", "é", `e\u0301`, "é"},
		{"A1", "\uff21\uff11", "A1", `\uff21\uff11`},
		{"a", "a\u200b", "a", `a\u200b`},
		{"Francais", "Français", "Francais", "Français"},
		{"学校", "学院", "学校", "学院"},
		{"it's", "it’s", "it's", `it\u2019s`},
		{"same", "same", "same", "same"},
	} {
		a, b := Apart(test[0], test[1])
		require.Equal(t, []string{test[2], test[3]}, []string{a, b})
		b, a = Apart(test[1], test[0])
		require.Equal(t, []string{test[2], test[3]}, []string{a, b})
	}
}
