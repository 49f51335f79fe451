package ghactions_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/poolsync/poolsync/internal/ghactions"
)

const root = "../.."

// knownActions are the actions that may be used, each at the commit of a release
// that somebody compared. A commit that is not here is of no release that we know.
var knownActions = map[string]string{
	"actions/checkout":                  "3d3c42e5aac5ba805825da76410c181273ba90b1", // v7.0.1
	"actions/setup-go":                  "b7ad1dad31e06c5925ef5d2fc7ad053ef454303e", // v7.0.0
	"actions/upload-artifact":           "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a", // v7.0.1
	"actions/download-artifact":         "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", // v8.0.1
	"goreleaser/goreleaser-action":      "f06c13b6b1a9625abc9e6e439d9c05a8f2190e94", // v7.2.3
	"actions/attest":                    "1e69f48acb82d1966a394da916b4c1698aa569d6", // v4.2.2
	"actions/dependency-review-action":  "a1d282b36b6f3519aa1f3fc636f609c47dddb294", // v5.0.0
	"github/codeql-action/init":         "ff2f1c621b7f889edc0d3c761ac2e6a3f8cdb0dd", // v4.37.7
	"github/codeql-action/analyze":      "ff2f1c621b7f889edc0d3c761ac2e6a3f8cdb0dd",
	"github/codeql-action/upload-sarif": "ff2f1c621b7f889edc0d3c761ac2e6a3f8cdb0dd",
	"ossf/scorecard-action":             "2d1146689b8cda280b9bc96326124645441f03bc", // v2.4.4
	"anchore/sbom-action/download-syft": "e22c389904149dbc22b58101806040fa8d37a610", // v0.24.0
	"docker/login-action":               "dbcb813823bdd20940b903addbd779551569679f", // v4.6.0
	"docker/setup-buildx-action":        "37fe631027851001ddb9b187196cc803df7f5f0e", // v4.3.0
	"docker/setup-qemu-action":          "96fe6ef7f33517b61c61be40b68a1882f3264fb8", // v4.2.0
	// Stands for the commit of the release that the reader pins.
	"poolsync/poolsync": "0000000000000000000000000000000000000000",
}

// writes are the permissions to write that a job may have, by workflow and job.
var writes = map[string][]string{
	"preview.yml/plan":       {"pull-requests"},
	"merge.yml/apply":        {"contents", "pull-requests"},
	"drift.yml/drift":        {"issues"},
	"matrix.yml/preview":     {"pull-requests"},
	"matrix.yml/merge":       {"contents", "pull-requests"},
	"release.yml/build":      {"attestations", "contents", "id-token", "packages"},
	"codeql.yml/analyze":     {"security-events"},
	"scorecard.yml/analysis": {"id-token", "security-events"},
}

type workflow struct {
	On          yaml.Node            `yaml:"on"`
	Permissions *map[string]string   `yaml:"permissions"`
	Jobs        map[string]policyJob `yaml:"jobs"`
}

type policyJob struct {
	Permissions map[string]string `yaml:"permissions"`
	Timeout     int               `yaml:"timeout-minutes"`
	Secrets     any               `yaml:"secrets"`
	Uses        string            `yaml:"uses"`
	Steps       []policyStep      `yaml:"steps"`
}

type policyStep struct {
	ID    string            `yaml:"id"`
	Uses  string            `yaml:"uses"`
	Run   string            `yaml:"run"`
	Shell string            `yaml:"shell"`
	Env   map[string]string `yaml:"env"`
	With  map[string]string `yaml:"with"`
}

type metadata struct {
	Name, Description string
	Branding          struct{ Icon, Color string }
	Inputs            map[string]struct {
		Description string
		Default     *string
	}
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using string
		Steps []policyStep
	}
}

var pinned = regexp.MustCompile(`^([\w.-]+/[\w./-]+)@([0-9a-f]{40})$`)

// breaches are the rules that a workflow breaks.
func breaches(name, text string) (out []string) {
	var w workflow
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		return []string{err.Error()}
	}
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, event := range []string{"pull_request_target", "workflow_run", "issue_comment"} {
		if regexp.MustCompile(`(?m)\b` + event + `\b`).MatchString(textOf(w.On)) {
			say("dangerous-triggers: %s", event)
		}
	}
	if w.Permissions == nil || len(*w.Permissions) > 0 {
		say("excessive-permissions: want permissions: {} on top")
	}
	for id, j := range w.Jobs {
		if j.Timeout == 0 {
			say("no-timeout: %s", id)
		}
		if j.Permissions == nil {
			say("excessive-permissions: %s states none", id)
		}
		for what, level := range j.Permissions {
			if level == "write" && !slices.Contains(writes[name+"/"+id], what) {
				say("excessive-permissions: %s may write %s", id, what)
			}
		}
		if j.Secrets != nil {
			say("secrets-inherit: %s", id)
		}
		out = append(out, stepBreaches(text, j.Steps)...)
	}
	slices.Sort(out)
	return out
}

func textOf(n yaml.Node) string {
	text, _ := yaml.Marshal(&n)
	return string(text)
}

func stepBreaches(text string, steps []policyStep) (out []string) {
	for _, s := range steps {
		if strings.Contains(s.Run, "${{") {
			out = append(out, "template-injection: "+s.Run)
		}
		if s.Uses == "" || strings.HasPrefix(s.Uses, "./") {
			continue
		}
		m := pinned.FindStringSubmatch(s.Uses)
		switch {
		case m == nil:
			out = append(out, "unpinned-uses: "+s.Uses)
		case knownActions[m[1]] != m[2]:
			out = append(out, "unknown-commit: "+s.Uses)
		case !regexp.MustCompile(regexp.QuoteMeta(s.Uses) + ` # v\d+\.\d+\.\d+\b`).MatchString(text):
			out = append(out, "no-version: "+s.Uses)
		case m[1] == "actions/checkout" && s.With["persist-credentials"] != "false":
			out = append(out, "artipacked: "+s.Uses)
		}
	}
	return out
}

func workflowFiles(t *testing.T) []string {
	var all []string
	for _, pattern := range []string{".github/workflows/*.yml", "examples/github/*.yml"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		all = append(all, found...)
	}
	return all
}

// What actionlint does not look for, in every workflow that we have or advise.
func TestWorkflowPolicy(t *testing.T) {
	t.Parallel()
	for _, file := range workflowFiles(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, b := range breaches(filepath.Base(file), string(text)) {
			t.Errorf("%s: %s", file, b)
		}
	}
}

// The rules find what they are for.
func TestWorkflowPolicyFinds(t *testing.T) {
	t.Parallel()
	got := breaches("x.yml", `
on: {pull_request_target: {}, workflow_run: {}}
permissions: {contents: write}
jobs:
  a:
    secrets: inherit
    permissions: {issues: write}
    steps:
      - uses: actions/checkout@v7
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
      - uses: actions/setup-go@0123456789012345678901234567890123456789 # v7.0.0
      - uses: actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c
      - run: echo ${{ github.event.pull_request.title }}
  b: {timeout-minutes: 5}
`)
	want := []string{
		"artipacked: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1",
		"dangerous-triggers: pull_request_target",
		"dangerous-triggers: workflow_run",
		"excessive-permissions: a may write issues",
		"excessive-permissions: b states none",
		"excessive-permissions: want permissions: {} on top",
		"no-timeout: a",
		"no-version: actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c",
		"secrets-inherit: a",
		"template-injection: echo ${{ github.event.pull_request.title }}",
		"unknown-commit: actions/setup-go@0123456789012345678901234567890123456789",
		"unpinned-uses: actions/checkout@v7",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func readMetadata(t *testing.T) metadata {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "action.yml"))
	require.NoError(t, err)
	var m metadata
	require.NoError(t, yaml.Unmarshal(text, &m))
	return m
}

// action.yml hands every input over by the environment, and every output on; the
// page for users has them all.
func TestActionMetadata(t *testing.T) {
	t.Parallel()
	m := readMetadata(t)
	require.LessOrEqual(t, len(m.Description), 125, "the marketplace takes no longer description")
	require.NotEmpty(t, m.Branding.Icon)
	require.NotEmpty(t, m.Branding.Color)
	require.Equal(t, "composite", m.Runs.Using)
	page, err := os.ReadFile(filepath.Join(root, "docs/github.md"))
	require.NoError(t, err)
	env := map[string]string{}
	for _, s := range m.Runs.Steps {
		require.NotContains(t, s.Run, "${{")
		require.Equal(t, "bash", s.Shell)
		maps.Copy(env, s.Env)
	}
	for name, in := range m.Inputs {
		require.NotEmpty(t, in.Description, name)
		require.NotNil(t, in.Default, name)
		want := ghactions.Variable(name)
		if name == "version" {
			want = "VERSION"
		}
		require.Equal(t, "${{ inputs."+name+" }}", env[want], name)
		require.Contains(t, string(page), "| `"+name+"` |", "docs/github.md describes the input")
	}
	for name, out := range m.Outputs {
		require.NotEmpty(t, out.Description, name)
		require.Equal(t, "${{ steps.run.outputs."+name+" }}", out.Value)
		require.Contains(t, string(page), "`"+name+"`", "docs/github.md describes the output")
	}
}

// The release that action.yml installs is the newest one of the changelog, and the
// one that the examples name.
func TestRelease(t *testing.T) {
	t.Parallel()
	version := *readMetadata(t).Inputs["version"].Default
	require.Regexp(t, `^v\d+\.\d+\.\d+$`, version)
	changes, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
	require.NoError(t, err)
	if m := regexp.MustCompile(`(?m)^## (v\d+\.\d+\.\d+)`).FindSubmatch(changes); m != nil {
		require.Equal(t, string(m[1]), version)
	}
	for _, file := range workflowFiles(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`poolsync/poolsync@[0-9a-f]{40} # (v[\d.]+)`).FindAllSubmatch(text, -1) {
			require.Equal(t, version, string(m[1]), file)
		}
	}
	release, err := os.ReadFile(filepath.Join(root, ".goreleaser.yaml"))
	require.NoError(t, err)
	install, err := os.ReadFile(filepath.Join(root, "scripts/action/install.sh"))
	require.NoError(t, err)
	require.Contains(t, string(release), "poolsync_{{ .Version }}_{{ .Os }}_{{ .Arch }}", "the name that install.sh asks for")
	require.Contains(t, string(install), "archive=poolsync_${VERSION#v}_${os}_$arch.$ext")
}

var quotedFile = regexp.MustCompile("(?s)<!-- file: ([^ ]+) -->\n```yaml\n(.*?)```\n")

// Every workflow that a page shows is the file that is tested, word by word.
func TestPagesShowTheFiles(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"docs/github.md", "docs/ci.md"} {
		text, err := os.ReadFile(filepath.Join(root, page))
		require.NoError(t, err)
		blocks := quotedFile.FindAllSubmatch(text, -1)
		require.Equal(t, strings.Count(string(text), "```yaml"), len(blocks), "%s has YAML that no file holds", page)
		if *update {
			text = quotedFile.ReplaceAllFunc(text, func(b []byte) []byte {
				name := quotedFile.FindSubmatch(b)[1]
				file, err := os.ReadFile(filepath.Join(root, string(name)))
				require.NoError(t, err)
				return []byte("<!-- file: " + string(name) + " -->\n```yaml\n" + string(file) + "```\n")
			})
			require.NoError(t, os.WriteFile(filepath.Join(root, page), text, 0o600))
			continue
		}
		for _, b := range blocks {
			file, err := os.ReadFile(filepath.Join(root, string(b[1])))
			require.NoError(t, err)
			if d := cmp.Diff(string(file), string(b[2])); d != "" {
				t.Errorf("%s shows another %s; rewrite it with -update (-file +page):\n%s", page, b[1], d)
			}
		}
	}
}
