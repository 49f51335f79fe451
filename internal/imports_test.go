// Package internal_test holds the import table of ARCHITECTURE.md.
package internal_test

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

const module = "github.com/poolsync/poolsync/"

// allowed says which of our packages each may import. What is missing here may
// import none.
var allowed = map[string][]string{
	"internal/pool":       {"internal/source"},
	"internal/diff":       {"internal/pool", "internal/source"},
	"internal/manifest":   {"internal/pool", "internal/source", "internal/suggest", "schemas"},
	"internal/learnosity": {"internal/pool"},
	"internal/settings":   {"internal/manifest", "internal/pool", "internal/source", "internal/suggest"},
	"internal/state":      {"internal/git", "internal/pool"},
	"internal/bank":       {"internal/diff", "internal/learnosity", "internal/pool", "internal/source", "internal/suggest"},
	"internal/outcome":    {"internal/bank", "internal/learnosity", "internal/pool"},
	"internal/apply":      {"internal/bank", "internal/diff", "internal/learnosity", "internal/outcome", "internal/pool", "internal/state"},
	"internal/report": {
		"internal/apply", "internal/diff", "internal/pool", "internal/report/message", "internal/report/page", "internal/source",
	},
	"internal/report/message":  {"internal/source"},
	"internal/report/page":     {"internal/report/message", "internal/source"},
	"internal/report/text":     {"internal/report/message", "internal/report/page", "internal/source"},
	"internal/report/markdown": {"internal/report/message", "internal/report/page", "internal/source"},
	"internal/report/annotate": {"internal/report/message", "internal/report/page", "internal/source"},
	"internal/export":          {"internal/bank", "internal/learnosity", "internal/manifest", "internal/manifest/write", "internal/pool"},
	"internal/manifest/write":  {"internal/pool"},
	"internal/cli": {
		"internal/apply", "internal/bank", "internal/diff", "internal/ghactions", "internal/git", "internal/learnosity", "internal/manifest", "internal/manifest/format", "internal/outcome",
		"internal/pool", "internal/report", "internal/report/annotate", "internal/report/markdown", "internal/report/message", "internal/report/page", "internal/report/text", "internal/sandbox", "internal/settings", "internal/source", "internal/state", "internal/suggest", "schemas",
		"internal/export", "internal/manifest/write",
	},
	"internal/demo": {"internal/sandbox"},

	"internal/manifest/format": {"internal/source"},

	"cmd/poolsync": {"internal/cli"},
}

// only says which packages may import a library.
var only = map[string][]string{
	"gopkg.in/yaml.v3":                           {"internal/manifest", "internal/manifest/format"},
	"github.com/santhosh-tekuri/jsonschema/v5":   {"internal/manifest"},
	"github.com/urfave/cli/v2":                   {"internal/cli"},
	"github.com/google/go-github/v84/github":     {"internal/ghactions"},
	"net/http":                                   {"internal/cli", "internal/demo", "internal/ghactions", "internal/ghactions/stub", "internal/learnosity", "internal/sandbox"},
	"log/slog":                                   {"internal/apply", "internal/cli", "internal/git", "internal/learnosity", "internal/outcome", "internal/state"},
	"golang.org/x/net/http/httpproxy":            {"internal/learnosity"},
	"os/exec":                                    {"internal/demo", "internal/git"},
	"github.com/google/go-cmp/cmp":               {},
	"github.com/stretchr/testify/require":        {},
	"github.com/rogpeppe/go-internal/testscript": {},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	require.NoError(t, err)
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			return all
		} else {
			require.NoError(t, err)
		}
		all = append(all, p)
	}
}

func TestImportTable(t *testing.T) {
	all := packages(t)
	require.NotEmpty(t, all)
	for _, p := range all {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range p.Imports {
			ours, isOurs := strings.CutPrefix(imported, module)
			if isOurs && !slices.Contains(allowed[name], ours) {
				t.Errorf("%s imports %s, which the table does not allow", name, ours)
			}
			if users, limited := only[imported]; limited && !slices.Contains(users, name) {
				t.Errorf("%s imports %s, which is for %s alone", name, imported, strings.Join(users, ", "))
			}
		}
	}
}

// The comparison is pure: nothing that it reaches reads a file, a network or
// a clock of its own.
func TestDiffIsPure(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != module+"internal/diff" {
			continue
		}
		var std []string
		for _, imported := range p.Imports {
			if !strings.HasPrefix(imported, module) {
				std = append(std, imported)
			}
		}
		want := []string{"crypto/sha256", "encoding/hex", "encoding/json", "maps", "path", "slices", "strings", "time"}
		if d := cmp.Diff(want, std); d != "" {
			t.Errorf("imports of internal/diff (-want +got):\n%s", d)
		}
	}
}
