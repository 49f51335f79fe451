package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// File is what a commit does to a file of the branch: nil data deletes it.
type File struct {
	Path string
	Data []byte
}

// Write makes a commit whose parent is another, in the object store alone. It
// carries git's own identity, where there is one.
func (b Branch) Write(ctx context.Context, parent, message string, at time.Time, files []File) (string, error) {
	var in bytes.Buffer
	when := strconv.FormatInt(at.Unix(), 10) + " +0000"
	fmt.Fprintf(&in, "commit %s/work\nmark :1\nauthor %s %s\ncommitter %s %s\n", b.run, b.identity("author"), when, b.identity("committer"), when)
	data := func(p []byte) { fmt.Fprintf(&in, "data %d\n%s\n", len(p), p) }
	data([]byte(strings.ReplaceAll(message, "\x00", "")))
	if parent != "" {
		fmt.Fprintf(&in, "from %s\n", parent)
	}
	for _, f := range files {
		if f.Data == nil {
			fmt.Fprintf(&in, "D %s\n", f.Path)
			continue
		}
		fmt.Fprintf(&in, "M 100644 inline %s\n", f.Path)
		data(f.Data)
	}
	in.WriteString("get-mark :1\ndone\n")
	out, err := b.Run(ctx, &in, "fast-import", "--quiet", "--force", "--done", "--date-format=raw")
	return strings.TrimSpace(string(out)), err
}

// ErrMoved says that the branch is not where it was when it was read.
var ErrMoved = errors.New("the branch was moved by someone else")

// pushTries is how often a push is tried that found nobody to talk to.
const pushTries = 4

// Push moves the branch from one commit to the next, if it still is where it was:
// ErrMoved if not. A push whose answer was lost may have happened, so the branch
// is looked at after every failure: that it is at our commit tells, since no other
// run makes the same one.
func (b Branch) Push(ctx context.Context, from, to string) error {
	for try, pause := 1, b.Pause; ; try, pause = try+1, 2*pause {
		err := b.pushOnce(ctx, from, to)
		if err == nil {
			return nil
		}
		tip, lookErr := b.tip(ctx)
		failure := b.refusal(err)
		failure.reached = lookErr == nil
		switch {
		case lookErr == nil && tip == to:
			b.Log.LogAttrs(ctx, slog.LevelInfo, "a push that failed has happened", slog.String("error", err.Error()))
			return nil
		case lookErr == nil && tip != from:
			return ErrMoved
		case failure.Refused || failure.Local || try == pushTries || ctx.Err() != nil:
			return failure
		}
		b.Log.LogAttrs(ctx, slog.LevelWarn, "push failed", slog.Int("attempt", try), slog.String("error", err.Error()))
		if !wait(ctx, pause) {
			return failure
		}
	}
}

func (b Branch) pushOnce(ctx context.Context, from, to string) error {
	if b.Remote == "" {
		_, err := b.Run(ctx, nil, "update-ref", b.Ref(), to, from)
		return err
	}
	_, err := b.remote(ctx, "", "push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no", "--no-progress",
		b.Remote, to+":"+b.Ref())
	return err
}

// wait reports whether the time passed before the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// RemoteError says that a branch could not be read, or not be written.
type RemoteError struct {
	Branch, Remote string
	Refused        bool // the remote answered, and does not take the push from us
	Rule           bool // since a commit is not as a rule of it wants commits
	Local          bool // it is the repository here that is in trouble
	reached        bool
	Err            error
}

// Error names the remote and gives git's words, which may be the remote's.
func (e *RemoteError) Error() string {
	remote := "remote " + Harmless(e.Remote)
	switch {
	case errors.Is(e.Err, context.Canceled):
		return fmt.Sprintf("the answer of %s was not waited for: %v", remote, e.Err)
	case e.Rule:
		return fmt.Sprintf("a rule of %s refuses the push: %v", remote, e.Err)
	case e.Refused:
		return fmt.Sprintf("%s refuses the push: %v", remote, e.Err)
	case e.Local && e.Remote == "":
		return fmt.Sprintf("the repository here is in trouble: %v", e.Err)
	case e.Local:
		return fmt.Sprintf("the repository here is in trouble, not %s: %v", remote, e.Err)
	case e.reached:
		return fmt.Sprintf("%s can be read, and the push to it fails: %v", remote, e.Err)
	default:
		return fmt.Sprintf("%s cannot be reached: %v", remote, e.Err)
	}
}

// Unwrap gives the cause.
func (e *RemoteError) Unwrap() error { return e.Err }

// Hint says what to do next; nothing where it was us who did not wait.
func (e *RemoteError) Hint() string {
	switch {
	case errors.Is(e.Err, context.Canceled):
		return ""
	case e.Rule:
		return fmt.Sprintf("exempt the branch %s from that rule (its commits are records of poolsync, which nobody reviews or signs): on GitHub, exclude it in the ruleset's target branches; "+
			"on GitLab and others, take it out of the push rule, or keep the state in a repository without one; if it is about the author alone: git config user.name NAME, git config user.email ADDRESS", e.Branch)
	case e.Refused:
		return "give this identity the right to push, without review and without force, to the branch " + e.Branch
	case e.Local:
		return "see what git says of it: git fsck; and whether there is space, and a right to write: df . ; ls -ld .git"
	default:
		return "check the remote's address, and the credentials that git has for it: git ls-remote " + Harmless(e.Remote)
	}
}

var (
	// aboutUs are words of a remote that does not want our credentials: trying
	// again would not help, and may lock the account.
	aboutUs = regexp.MustCompile(`Authentication failed|could not read (Username|Password)|Permission denied|returned error: 40[13]|not allowed to push|[Aa]ccess denied`)
	// aboutCommits are words of a remote that wants other commits.
	aboutCommits = regexp.MustCompile(`(?i)\b(authors?|authored|committers?|e-?mails?|signed|unsigned|signatures?|signing|verified|unverified|gpg|commit messages?|push rules?|rule violations?)\b`)
	// aboutHere are words of our own git about the repository that it runs in.
	aboutHere = regexp.MustCompile(`(?i)no space left|read-only file system|unable to (create|write|append)|insufficient permission|bad object|bad tree|loose object|corrupt|pack-objects died|could not (lock|write)|cannot lock|disk quota|does not point to a valid object`)
	// fromRemote is a line that the remote wrote.
	fromRemote = regexp.MustCompile(`(?m)remote: [^\n;]*`)
)

// failed words the failure of a command that talks to the remote.
func (b Branch) failed(err error) *RemoteError {
	e := &RemoteError{Branch: b.Name, Remote: b.Remote, Err: err}
	var failed *Error
	if errors.As(err, &failed) {
		e.Local = b.Remote == "" || aboutHere.MatchString(fromRemote.ReplaceAllString(failed.Stderr, ""))
	}
	return e
}

// refusal tells the failures of a push apart.
func (b Branch) refusal(err error) *RemoteError {
	e := b.failed(err)
	var failed *Error
	if !errors.As(err, &failed) {
		return e
	}
	// What stands behind the branch in git's report is the remote's word, too. A
	// lock that someone else had for a moment is no refusal.
	_, why, rejected := strings.Cut(failed.Stdout, "[remote rejected]")
	why, _, _ = strings.Cut(why, "\n")
	why = Harmless(strings.Trim(why, " ()"))
	rejected = rejected && !strings.Contains(why, "lock") && !strings.Contains(why, "failed to update ref")
	if e.Refused = rejected || aboutUs.MatchString(failed.Stderr); e.Refused {
		e.Local = false
	}
	if rejected {
		e.Rule = aboutCommits.MatchString(strings.Join(fromRemote.FindAllString(failed.Stderr, -1), "\n") + "\n" + why)
		if !strings.Contains(failed.Stderr, why) {
			failed.Stderr = Harmless(failed.Stderr + "\n" + why)
		}
	}
	return e
}
