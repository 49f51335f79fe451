//go:build unix

package manifest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/source"
)

const rulesPage = "../../docs/rules.md"

var block = regexp.MustCompile("(?ms)^```(yaml|sh|text)(?: ([^\n]+))?\n(.*?)^```$")

// TestRulesPage runs the examples of docs/rules.md and compares what comes out
// with the page; -update rewrites it. Each rule has a section, and each section
// a rule. Sections with a console are of rules that this package does not have:
// the program's tests run them.
func TestRulesPage(t *testing.T) {
	data, err := os.ReadFile(rulesPage)
	require.NoError(t, err)
	var names []string
	var page strings.Builder
	for _, part := range sections(string(data)) {
		if name, body, ok := strings.Cut(strings.TrimPrefix(part, "### "), "\n"); ok && strings.HasPrefix(part, "### ") && !strings.Contains(body, "```console\n") {
			names = append(names, name)
			part = "### " + name + "\n" + runExample(t, name, body)
		}
		page.WriteString(part)
	}
	if diff := cmp.Diff(manifest.Rules, names); diff != "" {
		t.Errorf("rules and sections differ (-rules +sections):\n%s", diff)
	}
	if *update {
		require.NoError(t, os.WriteFile(rulesPage, []byte(page.String()), 0o644))
	} else if diff := cmp.Diff(string(data), page.String()); diff != "" {
		t.Errorf("docs/rules.md (-page +program):\n%s", diff)
	}
}

// sections divides a page before each heading that is not inside a block.
func sections(page string) []string {
	parts := []string{""}
	fenced := false
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if !fenced && strings.HasPrefix(line, "#") {
			parts = append(parts, "")
		}
		parts[len(parts)-1] += line
	}
	return parts
}

// runExample makes the files of a section and puts what poolsync says of them
// into its text block.
func runExample(t *testing.T, rule, body string) string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	config := ""
	for _, m := range block.FindAllStringSubmatch(body, -1) {
		name := m[2]
		switch {
		case m[1] == "sh":
			script, command, _ := strings.Cut(m[3], "poolsync validate ")
			paths = strings.Fields(command)
			sh := exec.CommandContext(t.Context(), "sh", "-e", "-c", script)
			sh.Dir = dir
			out, err := sh.CombinedOutput()
			require.NoError(t, err, string(out))
			continue
		case m[1] == "text":
			continue
		case name == "":
			name = "pools.yaml"
		case name == "poolsync.yaml":
			config = filepath.Join(dir, name)
		}
		p := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o750))
		require.NoError(t, os.WriteFile(p, []byte(m[3]), 0o600))
		paths = append(paths, name)
	}
	out := written(t, exampleFindings(t, dir, config, paths))
	require.Contains(t, out, "["+rule+"]", "the example of %s", rule)
	if lines := strings.SplitAfter(out, "\n"); len(lines) > 100 { // nobody reads it all
		out = "...\n" + strings.Join(lines[len(lines)-4:], "")
	}
	return block.ReplaceAllStringFunc(body, func(s string) string {
		if strings.HasPrefix(s, "```text\n") {
			return "```text\n" + out + "```"
		}
		return s
	})
}

func exampleFindings(t *testing.T, dir, config string, paths []string) source.Diagnostics {
	t.Helper()
	if config == "" {
		_, found, err := manifest.Load(t.Context(), manifest.Options{Dir: dir, Paths: paths})
		require.NoError(t, err)
		return found
	}
	_, found, err := manifest.LoadConfig("", config)
	require.NoError(t, err)
	for i := range found {
		found[i].File = filepath.Base(found[i].File)
	}
	return found
}
