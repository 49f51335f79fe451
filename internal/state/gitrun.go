package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// The oldest git that has all that is used here.
const minMajor, minMinor = 2, 30

// gitDir is a git repository as this package uses it: objects and private
// references. Its work tree, index, HEAD and branches are none of its business.
type gitDir struct {
	dir     string // where git is run
	common  string // the git directory that all work trees share
	shallow bool
	timeout time.Duration // of a command that talks to the remote
	log     *slog.Logger
}

// gitError is a git command that ended badly.
type gitError struct {
	command string
	stdout  string
	stderr  string // without credentials, shortened
	err     error
}

// Error gives git's own words.
func (e *gitError) Error() string {
	if e.stderr == "" {
		return fmt.Sprintf("git %s: %v", e.command, e.err)
	}
	return fmt.Sprintf("git %s: %s", e.command, e.stderr)
}

// Unwrap gives the cause.
func (e *gitError) Unwrap() error { return e.err }

// code is the exit status, -1 if git did not exit by itself.
func (e *gitError) code() int {
	var x *exec.ExitError
	if errors.As(e.err, &x) {
		return x.ExitCode()
	}
	return -1
}

// always precedes every command. Nothing of the user's settings may run a hook,
// sign, collect garbage, or follow submodules on our account.
var always = []string{
	"-c", "core.hooksPath=" + os.DevNull, "-c", "core.fsmonitor=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
	"-c", "commit.gpgSign=false", "-c", "push.gpgSign=false", "-c", "submodule.recurse=false", "-c", "advice.pushUpdateRejected=false",
	"-c", "core.quotePath=false", "-c", "fetch.writeCommitGraph=false", "-c", "protocol.ext.allow=never",
}

// unset are variables that would lead git to another repository than the
// folder's, as they do inside a hook.
var unset = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR",
	"GIT_NAMESPACE", "GIT_PREFIX", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_REPLACE_REF_BASE", "GIT_QUARANTINE_PATH",
	"GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",
	"LC_ALL", "LANGUAGE", "GIT_PAGER", "GIT_TERMINAL_PROMPT",
}

func gitEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(unset, name)
	})
	return append(env, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_PAGER=cat", "GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0")
}

// run runs git and gives its output.
func (g gitDir) run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", append(slices.Clone(always), args...)...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = g.dir, gitEnv(), stdin, &out, &tail{buf: &errs}
	detach(cmd)
	cmd.WaitDelay = time.Second // what a hook left behind may hold the pipes
	begun := time.Now()
	err := cmd.Run()
	g.log.LogAttrs(ctx, slog.LevelDebug, "git", slog.String("command", args[0]), slog.Duration("duration", time.Since(begun)), slog.Bool("ok", err == nil))
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return out.Bytes(), nil
	}
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errNoGit
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return nil, &gitError{command: args[0], stdout: out.String(), stderr: harmless(errs.String()), err: err}
}

// remote runs a git command that talks to the remote, for a bounded time.
func (g gitDir) remote(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, g.timeout, fmt.Errorf("no answer within %s", g.timeout))
	defer cancel()
	return g.run(ctx, nil, args...)
}

// line runs git and gives its output without the line's end.
func (g gitDir) line(ctx context.Context, args ...string) (string, error) {
	out, err := g.run(ctx, nil, args...)
	return strings.TrimSpace(string(out)), err
}

var errNoGit = fmt.Errorf("git is not installed, or not in PATH; install git %d.%d or newer, or keep the state in a file: --state file:PATH", minMajor, minMinor)

// openGit checks git and the repository that a folder lies in.
func openGit(ctx context.Context, dir string, timeout time.Duration, log *slog.Logger) (gitDir, error) {
	g := gitDir{dir: dir, timeout: timeout, log: log}
	if g.dir == "" {
		g.dir = "."
	}
	if g.timeout == 0 {
		g.timeout = remoteTimeout
	}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	version, err := g.line(ctx, "version")
	if err != nil {
		return g, err
	}
	var major, minor int
	if n, _ := fmt.Sscanf(version, "git version %d.%d", &major, &minor); n < 2 || major < minMajor || (major == minMajor && minor < minMinor) {
		return g, fmt.Errorf("%s is too old to keep the state on a branch; install git %d.%d or newer, or keep the state in a file: --state file:PATH", harmless(version), minMajor, minMinor)
	}
	out, err := g.line(ctx, "rev-parse", "--git-common-dir", "--is-shallow-repository")
	if err != nil {
		return g, fmt.Errorf("find the git repository of %s: %w; the state lies on a branch of the repository that the manifests are in; to keep it in a file: --state file:PATH", g.dir, err)
	}
	common, shallow, _ := strings.Cut(out, "\n")
	if !filepath.IsAbs(common) {
		common = filepath.Join(g.dir, common)
	}
	g.common, g.shallow = common, shallow == "true"
	return g, nil
}

// remoteTimeout bounds a command that talks to the remote. It leaves a lease
// time for another attempt.
const remoteTimeout = 60 * time.Second

// maxStderr bounds what is kept of git's words.
const maxStderr = 2000

// tail keeps the end of what is written to it.
type tail struct{ buf *bytes.Buffer }

// Write keeps at most twice maxStderr.
func (t *tail) Write(p []byte) (int, error) {
	t.buf.Write(p)
	if extra := t.buf.Len() - 2*maxStderr; extra > maxStderr {
		t.buf.Next(extra)
	}
	return len(p), nil
}

var (
	userInfo = regexp.MustCompile(`://[^\s/]*@`)
	header   = regexp.MustCompile(`(?i)(authorization:\s*)[^\n]*`)
)

// harmless makes git's words, which a remote may have written, fit for a message:
// no credentials, no control characters, one paragraph, bounded.
func harmless(text string) string {
	text = userInfo.ReplaceAllString(text, "://***@")
	text = header.ReplaceAllString(text, "${1}***")
	var lines []string
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		line = strings.TrimSpace(strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || r == unicode.ReplacementChar {
				return -1
			}
			return r
		}, line))
		if line != "" && (len(lines) == 0 || lines[len(lines)-1] != line) {
			lines = append(lines, line)
		}
	}
	text = strings.Join(lines, "; ")
	if extra := len(text) - maxStderr; extra > 0 {
		text = "..." + strings.ToValidUTF8(text[extra:], "")
	}
	return text
}
