package main

import (
	"bytes"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	itembank "github.com/poolsync/poolsync/internal/bank"
	"github.com/poolsync/poolsync/internal/sandbox"
)

// TestDocuments re-runs the pages: every "$ poolsync" line of a console block is
// run against a sandbox and what it prints is compared with what stands below
// it; with -update the page is rewritten. A yaml block whose first line is a
// comment "# FILE" writes that file; a comment of HTML changes something out of
// the reader's sight:
//
//	<!-- file FILE: OLD => NEW -->       in a manifest
//	<!-- pool 505 REF FIELD=VALUE -->    by hand in the bank
//	<!-- switch NAME=VALUE -->           of the sandbox
//	<!-- fault FAULT -->                 of the sandbox
//	<!-- git ARG... -->                  in the folder of the manifests
//	<!-- quiet COMMAND... -->            runs a line and does not show it
func TestDocuments(t *testing.T) {
	for _, page := range []string{"README.md", "docs/adopting.md", "docs/content.md", "docs/changes.md", "docs/rules.md", "docs/state.md"} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath("git"); err != nil && page == "docs/state.md" {
				t.Skip("git is not installed")
			}
			path := filepath.Join("..", "..", page)
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			got := newPage(t).run(string(text))
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
			}
			if d := cmp.Diff(string(text), got); d != "" && !*update {
				t.Errorf("%s is not what poolsync prints (-page +now); rewrite it with -update:\n%s", page, d)
			}
		})
	}
}

// TestRulesOfARun: the page of rules has those that compare manifests with the run
// and with the bank.
func TestRulesOfARun(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "rules.md"))
	require.NoError(t, err)
	for _, rule := range []string{"bank-conflict", "bank-unstated", itembank.RuleUnknownReference, itembank.RuleNotPublished, itembank.RuleForeignItems, itembank.RuleUnknownTag, itembank.RuleTagSelects, itembank.RuleEmptyPool} {
		_, section, found := strings.Cut(string(page), "\n### "+rule+"\n")
		require.True(t, found, rule)
		section, _, _ = strings.Cut(section, "\n### ")
		require.Contains(t, section, "["+rule+"]")
	}
}

// page is a document at work.
type page struct {
	t      *testing.T
	dir    string
	url    string
	server *sandbox.Server
}

func newPage(t *testing.T) *page {
	server, err := newServer()
	require.NoError(t, err)
	h := httptest.NewServer(server)
	t.Cleanup(h.Close)
	return &page{t: t, dir: t.TempDir(), url: h.URL, server: server}
}

var (
	fence     = regexp.MustCompile("^```(\\w*)(?: .*)?$")
	directive = regexp.MustCompile(`^<!-- (\w+) (.*) -->$`)
)

// run works through a page and gives it with the output of now.
func (p *page) run(text string) string {
	var out []string
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		out = append(out, lines[i])
		if m := directive.FindStringSubmatch(lines[i]); m != nil {
			p.direct(m[1], m[2])
			continue
		}
		m := fence.FindStringSubmatch(lines[i])
		if m == nil {
			continue
		}
		end := i + 1
		for end < len(lines) && lines[end] != "```" {
			end++
		}
		out = append(out, p.block(m[1], lines[i+1:end])...)
		out = append(out, "```")
		i = end
	}
	return strings.Join(out, "\n")
}

// block carries out a fenced block and gives its lines.
func (p *page) block(language string, lines []string) []string {
	switch language {
	case "yaml":
		if name, ok := strings.CutPrefix(lines[0], "# "); ok && strings.HasSuffix(name, ".yaml") {
			path := filepath.Join(p.dir, name)
			require.NoError(p.t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(p.t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
		}
		return lines
	case "console":
		var out []string
		for _, line := range lines {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				out = append(out, line)
				out = append(out, p.command(command)...)
			}
		}
		return out
	default:
		return lines
	}
}

// command runs a line and gives what it printed, standard output first.
func (p *page) command(line string) []string {
	args := strings.Fields(line)
	require.Contains(p.t, []string{"poolsync", "git"}, args[0], line)
	program, err := exec.LookPath(args[0])
	require.NoError(p.t, err)
	cmd := exec.Command(program, args[1:]...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "POOLSYNC_ENDPOINT="+p.url, "LEARNOSITY_CONSUMER_KEY="+key, "LEARNOSITY_CONSUMER_SECRET="+secret,
		"GIT_CEILING_DIRECTORIES="+filepath.Dir(p.dir), "GIT_CONFIG_GLOBAL=/dev/null", "USER=you")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the last line says how it ended
	text := strings.ReplaceAll(stdout.String()+stderr.String(), p.url, "https://data.learnosity.com")
	require.NotContains(p.t, text, secret)
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, shown[v.name])
	}
	return strings.Split(strings.TrimRight(text, "\n"), "\n")
}

// shown is what a page shows for what differs from run to run.
var shown = map[string]string{
	"RUN": "20261121T090000-k3m9", "TIME": "2026-11-21T09:00:00Z", "UUID": "8f49db43-0d54-4fc5-8154-a721b0334898",
	"DIGEST": "sha256:...", `"fingerprint": "FINGERPRINT"`: `"fingerprint": "..."`, "SANDBOX": "data.learnosity.com",
}

func (p *page) direct(what, how string) {
	words := strings.Fields(how)
	switch what {
	case "file":
		name, change, _ := strings.Cut(how, ": ")
		before, after, ok := strings.Cut(change, " => ")
		require.True(p.t, ok, how)
		path := filepath.Join(p.dir, name)
		data, err := os.ReadFile(path)
		require.NoError(p.t, err)
		require.Contains(p.t, string(data), before)
		text := strings.Replace(string(data), before, strings.ReplaceAll(after, `\n`, "\n"), 1)
		require.NoError(p.t, os.WriteFile(path, []byte(text), 0o600))
	case "pool":
		require.NoError(p.t, p.server.EditPool(505, words[1], func(r *sandbox.PoolRecord) {
			field, value, _ := strings.Cut(strings.Join(words[2:], " "), "=")
			switch field {
			case "name":
				r.Name = value
			case "status":
				r.Status = value
			}
		}))
	case "items": // all that a pool holds
		held, ok := p.server.PoolContent(505, words[1])
		require.True(p.t, ok, how)
		for _, it := range held.Items {
			require.NoError(p.t, p.server.EditItem(505, it.Reference, func(it *sandbox.Item) { it.Title += " (edited)" }))
		}
	case "quiet":
		p.command(how)
	case "git":
		cmd := exec.Command("git", append([]string{"-c", "user.name=you", "-c", "user.email=you@example.test"}, words...)...)
		cmd.Dir = p.dir
		out, err := cmd.CombinedOutput()
		require.NoError(p.t, err, string(out))
	case "fault":
		f, err := sandbox.ParseFault(how)
		require.NoError(p.t, err)
		require.NoError(p.t, p.server.AddFault(f))
	case "switch":
		sw := p.server.Switches()
		name, value, _ := strings.Cut(words[0], "=")
		require.NoError(p.t, sw.Set(name, value))
		require.NoError(p.t, p.server.SetSwitches(sw))
	default:
		p.t.Fatalf("unknown directive %s", what)
	}
}
