// Package git runs the system's git: a branch that is read and moved without being
// checked out, and what the history tells of a commit. Nothing of the environment
// leads git to another repository, nothing that is typed at the terminal reaches
// it, and what it says is fit for a message. The package does not know what lies
// on a branch.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Dir is a folder that git is run in.
type Dir struct {
	Path string
	Env  []string     // variables beside those of the environment
	Log  *slog.Logger // hears of every command; it may be nil
}

// Error is a git command that ended badly.
type Error struct {
	Command string
	Stdout  string
	Stderr  string // without credentials, shortened
	Err     error
}

// Error gives git's own words, unless it was us who ended the command.
func (e *Error) Error() string {
	if errors.Is(e.Err, context.Canceled) {
		return fmt.Sprintf("git %s: broken off because the run was told to stop", e.Command)
	}
	if e.Stderr == "" {
		return fmt.Sprintf("git %s: %v", e.Command, e.Err)
	}
	return fmt.Sprintf("git %s: %s", e.Command, e.Stderr)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Code is the exit status, -1 if git did not exit by itself.
func (e *Error) Code() int {
	var x *exec.ExitError
	if errors.As(e.Err, &x) {
		return x.ExitCode()
	}
	return -1
}

// always precedes every command. Nothing of the user's settings may run a hook,
// sign, collect garbage, follow submodules, or ask the remote for more than to take
// the push (a push option may open a merge request) on our account.
var always = []string{
	"-c", "core.hooksPath=" + os.DevNull, "-c", "core.fsmonitor=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
	"-c", "commit.gpgSign=false", "-c", "push.gpgSign=false", "-c", "submodule.recurse=false", "-c", "advice.pushUpdateRejected=false",
	"-c", "push.pushOption=", "-c", "core.quotePath=false", "-c", "fetch.writeCommitGraph=false", "-c", "protocol.ext.allow=never",
}

// unset are variables that would lead git to another repository than the
// folder's, as they do inside a hook.
var unset = []string{
	"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR",
	"GIT_NAMESPACE", "GIT_PREFIX", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_REPLACE_REF_BASE", "GIT_QUARANTINE_PATH",
	"GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS",
	"LC_ALL", "LANGUAGE", "GIT_PAGER", "GIT_TERMINAL_PROMPT",
}

// environ is what git, and whatever git starts (helpers, ssh), gets to know: not
// the credentials of the Data API.
func environ() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(unset, name) || strings.HasPrefix(strings.ToUpper(name), "LEARNOSITY_")
	})
	return append(withToken(env), "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_PAGER=cat", "GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0")
}

// Run runs git and gives its output.
func (d Dir) Run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", append(slices.Clone(always), args...)...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = d.Path, append(environ(), d.Env...), stdin, &out, &tail{buf: &errs}
	detach(cmd)
	cmd.WaitDelay = time.Second // what a hook left behind may hold the pipes
	begun := time.Now()
	err := cmd.Run()
	if d.Log != nil {
		d.Log.LogAttrs(ctx, slog.LevelDebug, "git", slog.String("command", command(args)), slog.Duration("duration", time.Since(begun)), slog.Bool("ok", err == nil))
	}
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return out.Bytes(), nil
	}
	if errors.Is(err, exec.ErrNotFound) {
		return nil, ErrNotInstalled
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return nil, &Error{Command: command(args), Stdout: out.String(), Stderr: Harmless(errs.String()), Err: err}
}

// command is the name of a command, behind the options that precede it.
func command(args []string) string {
	for len(args) > 2 && args[0] == "-c" {
		args = args[2:]
	}
	return args[0]
}

// Line runs git and gives its output without the line's end.
func (d Dir) Line(ctx context.Context, args ...string) (string, error) {
	out, err := d.Run(ctx, nil, args...)
	return strings.TrimSpace(string(out)), err
}

// ErrNotInstalled says that there is no git.
var ErrNotInstalled = errors.New("git is not installed, or not in PATH")

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

// Harmless makes git's words, which a remote may have written, fit for a message:
// no credentials, no control characters, one paragraph, bounded.
func Harmless(text string) string {
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
