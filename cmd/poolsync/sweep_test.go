package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// swept is a tree in which commands are started from everywhere.
type swept struct {
	t   *testing.T
	dir string
	env []string
}

// run runs a program in a folder of the tree, and returns its exit code and what
// it wrote.
func (s swept) run(cwd string, args ...string) (int, string, string) {
	program, err := exec.LookPath(args[0])
	require.NoError(s.t, err)
	cmd := exec.Command(program, args[1:]...)
	cmd.Dir, cmd.Env = filepath.Join(s.dir, cwd), s.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err = cmd.Run(); err == nil {
		return 0, stdout.String(), stderr.String()
	}
	x, ok := errors.AsType[*exec.ExitError](err)
	require.True(s.t, ok, err)
	return x.ExitCode(), stdout.String(), stderr.String()
}

func (s swept) write(name, content string) {
	p := filepath.Join(s.dir, filepath.FromSlash(name))
	require.NoError(s.t, os.MkdirAll(filepath.Dir(p), 0o755))
	require.NoError(s.t, os.WriteFile(p, []byte(content), 0o600))
}

// TestSweep starts commands from five folders, with the configuration in five
// places, with and without PATHs: what comes out is what comes out at the root of
// the repository, or a refusal that says what to do. Without -each it is a sample.
func TestSweep(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	configs := map[string]struct {
		file string
		args []string
	}{
		"root":    {"repo/poolsync.yaml", nil},
		"inside":  {"repo/pools/poolsync.yaml", nil},
		"above":   {"poolsync.yaml", nil},
		"named":   {"conf/staging.yaml", []string{"--config", "conf/staging.yaml"}},
		"nowhere": {"", nil},
	}
	for name, config := range configs {
		if !*each && name != "root" && name != "above" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sweep(t, config.file, config.args)
		})
	}
}

func sweep(t *testing.T, config string, named []string) {
	server, err := newServer()
	require.NoError(t, err)
	h := httptest.NewServer(server)
	t.Cleanup(h.Close)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	s := swept{t: t, dir: dir, env: append(os.Environ(), "POOLSYNC_ENDPOINT="+h.URL, "LEARNOSITY_CONSUMER_KEY="+key,
		"LEARNOSITY_CONSUMER_SECRET="+secret, "HOME="+dir, "GIT_CEILING_DIRECTORIES="+dir,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.test", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.test")}
	s.write("repo/pools/a.yaml", "version: 1\norganisation_id: 505\npools:\n  - {reference: one, name: One, content: {item_references: [dataapi_test_001]}}\n"+
		"  - {reference: two, name: Two, content: {item_references: [dataapi_test_001]}}\n")
	if config != "" {
		s.write(config, "version: 1\nset: swept\n")
	}
	for _, words := range []string{"init -q -b main elsewhere", "init -q -b main repo", "-C repo add .", "-C repo commit -q -m one"} {
		code, _, stderr := s.run(".", append([]string{"git"}, strings.Fields(words)...)...)
		require.Zero(t, code, stderr)
	}
	with := func(cwd string, words ...string) []string {
		args := append([]string{"poolsync"}, words...)
		for i, a := range named {
			if i%2 == 1 {
				rel, err := filepath.Rel(filepath.Join(dir, cwd), filepath.Join(dir, a))
				require.NoError(t, err)
				a = rel
			}
			args = append(args, a)
		}
		return args
	}
	code, _, stderr := s.run("repo", with("repo", "apply", "pools", "--auto-approve")...)
	require.Zero(t, code, stderr)
	code, _, stderr = s.run("repo", "git", "worktree", "add", "-q", "../tree")
	require.Zero(t, code, stderr)
	for _, cwd := range []string{"repo", "repo/pools", ".", "elsewhere", "tree"} {
		paths, err := filepath.Rel(filepath.Join(dir, cwd), filepath.Join(dir, "repo/pools"))
		require.NoError(t, err)
		for _, words := range [][]string{{"plan", paths}, {"drift", paths}, {"validate", paths}, {"plan"}} {
			args := with(cwd, words...)
			code, stdout, stderr := s.run(cwd, append(args, "-o", "json")...)
			if code == 64 || code == 1 {
				require.Contains(t, stderr, "hint: ", "%s: %v", cwd, args)
				continue
			}
			require.Zero(t, code, "%s: %v\n%s", cwd, args, stderr)
			var doc struct {
				Set     string
				Pools   int
				Summary map[string]int
			}
			require.NoError(t, json.Unmarshal([]byte(stdout), &doc))
			switch words[0] {
			case "plan":
				require.Equal(t, 2, doc.Summary["unchanged"]+doc.Summary["unknown"], "%s: %v\n%s", cwd, args, stderr)
				require.Equal(t, cwd == "tree" && len(words) == 1, doc.Summary["unknown"] > 0, "%s: %v", cwd, args)
			case "drift":
				require.Equal(t, 2, doc.Summary["managed"], "%s: %v\n%s", cwd, args, stderr)
			case "validate":
				require.Equal(t, 2, doc.Pools)
			}
		}
	}
}
