package cli

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/report/message"
)

var update = flag.Bool("update", false, "rewrite the reference of the command line")

// TestReference: the reference and the man page are what the program says.
func TestReference(t *testing.T) {
	app := (&program{}).app()
	for file, got := range map[string]string{"../../docs/commands.md": referencePage(app), "../../docs/poolsync.1": manPage(app)} {
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("%s is not what the program says (-want +got); rewrite it with: go test ./internal/cli -run TestReference -update\n%s", file, d)
		}
	}
}

// TestHelp: every command says its flags in groups, its exit codes and examples,
// in lines that fit a terminal.
func TestHelp(t *testing.T) {
	app := (&program{}).app()
	for _, p := range pagesOf(app) {
		t.Run(p.name, func(t *testing.T) {
			require.Contains(t, p.text, "\nExit codes:\n")
			_, examples, _ := strings.Cut(p.text, "\nExamples:\n")
			require.GreaterOrEqual(t, strings.Count(examples, "  poolsync "), 2, "two examples")
			for line := range strings.Lines(p.text) {
				require.LessOrEqual(t, message.Width(strings.TrimRight(line, "\n")), 110, line)
				require.Equal(t, strings.TrimRight(line, " \n"), strings.TrimRight(line, "\n"))
			}
		})
	}
}
