package annotate

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/page"
	"github.com/poolsync/poolsync/internal/source"
)

func TestCommand(t *testing.T) {
	at := source.Position{File: "a,b:c%.yaml", Line: 12, Column: 5}
	c := command{"error", at, "x, y: 100 %\n", []string{"one % \r\n::warning::x", "two"}}
	want := `::error file=a%2Cb%3Ac%25.yaml,line=12,col=5,title=x%2C y%3A 100 %25\n::one %25 \u000d\n::warning::x%0Atwo`
	require.Equal(t, want, c.String())
	require.Equal(t, "::notice::m", command{kind: "notice", message: []string{"m"}}.String())
}

func TestUnder(t *testing.T) {
	var b bytes.Buffer
	found := source.Diagnostics{{Position: source.Position{File: "pools/ela.yaml", Line: 12, Column: 13}, Severity: source.Error, Rule: "status", Message: "m"}}
	require.NoError(t, Options{Tree: source.Tree{Dir: "/w/assessments", Root: "/w"}}.Write(&b, page.Page{Findings: found}))
	require.Contains(t, b.String(), "::error file=assessments/pools/ela.yaml,line=12,col=13,")
}

var commandLine = regexp.MustCompile(`^::(error|warning|notice)( [a-z]+=[^,:\r\n]*(,[a-z]+=[^,:\r\n]*)*)?::([^\r\n]*)$`)

func FuzzCommand(f *testing.F) {
	for _, s := range []string{"", "a,b:c", "%0A::error::x", "\r\n::error::x", "##[error]x", "\x1b]0;t\x07"} {
		f.Add(s, s)
	}
	back := strings.NewReplacer("%25", "%", "%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",")
	f.Fuzz(func(t *testing.T, a, b string) {
		c := command{"warning", source.Position{File: a, Line: 1, Column: 2}, b, []string{b, a, "end"}}.String()
		m := commandLine.FindStringSubmatch(c)
		if m == nil {
			t.Fatalf("%q is no command", c)
		}
		if got, want := back.Replace(m[4]), message.Safe(b)+"\n"+message.Safe(a)+"\nend"; got != want {
			t.Errorf("the message reads %q, want %q", got, want)
		}
	})
}
