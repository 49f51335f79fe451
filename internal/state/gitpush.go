package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/poolsync/poolsync/internal/git"
)

// branch is a branch of a remote, or of the repository itself where the remote
// is "".
type branch struct {
	gitDir
	store  string // its name in messages
	remote string
	ref    string // refs/heads/...
	run    string // where our private references are: refs/poolsync/...
	pause  time.Duration
}

// seen is the private reference of the last state that was read from or written
// to the remote: what it reaches need not be fetched again.
func (b branch) seen() string {
	return "refs/poolsync/seen/" + strings.TrimPrefix(b.ref, "refs/heads/")
}

// tip gives the commit that the branch is at, "" if it does not exist.
func (b branch) tip(ctx context.Context) (string, error) {
	if b.remote == "" {
		return b.resolve(ctx, b.ref)
	}
	out, err := b.gitDir.remote(ctx, "ls-remote", "--quiet", b.remote, b.ref)
	if err != nil {
		return "", &RemoteError{Store: b.store, Remote: b.remoteName(), Err: err}
	}
	for line := range strings.Lines(string(out)) {
		if id, name, _ := strings.Cut(strings.TrimSpace(line), "\t"); name == b.ref {
			return id, nil
		}
	}
	return "", nil
}

// remoteName names the remote in a message.
func (b branch) remoteName() string { return "remote " + git.Harmless(b.remote) }

// resolve gives the commit of a local reference, "" if it does not exist.
func (b branch) resolve(ctx context.Context, ref string) (string, error) {
	id, err := b.Line(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", ref)
	var failed *git.Error
	if errors.As(err, &failed) && failed.Code() == 1 {
		return "", nil
	}
	return id, err
}

// fetch gives the commit that the branch is at and makes sure that its content
// is here. It makes no repository shallow that is not, and fetches no history
// into one that is.
func (b branch) fetch(ctx context.Context) (string, error) {
	tip, err := b.tip(ctx)
	if err != nil || tip == "" || b.remote == "" {
		return tip, err
	}
	if here, err := b.resolve(ctx, b.seen()); err != nil || here == tip {
		return tip, err
	}
	args := []string{
		"fetch", "--quiet", "--no-tags", "--no-prune", "--no-write-fetch-head", "--no-recurse-submodules", "--no-filter", "--refmap=",
	}
	if b.shallow {
		args = append(args, "--depth=1")
	}
	if _, err := b.gitDir.remote(ctx, append(args, b.remote, "+"+b.ref+":"+b.run+"/tip")...); err != nil {
		return "", &RemoteError{Store: b.store, Remote: b.remoteName(), Err: err}
	}
	return b.resolve(ctx, b.run+"/tip")
}

// privateRefs is where the references of runs at work are, named by their start.
const privateRefs = "refs/poolsync/run/"

// strayAge is when the private references of a run are those of one that died.
const strayAge = 24 * time.Hour

// tidy notes the commit that is known to be the remote's and drops the private
// references, also those of runs that died. A failure costs a later run a fetch,
// and no more.
func (b branch) tidy(ctx context.Context, tip string) {
	var cmds strings.Builder
	refs, _ := b.Line(ctx, "for-each-ref", "--format=%(refname)", privateRefs)
	for ref := range strings.FieldsSeq(refs) {
		begun, _, _ := strings.Cut(strings.TrimPrefix(ref, privateRefs), "-")
		at, err := strconv.ParseInt(begun, 10, 64)
		if strings.HasPrefix(ref, b.run+"/") || err != nil || time.Since(time.Unix(at, 0)) > strayAge {
			fmt.Fprintf(&cmds, "option no-deref\ndelete %s\n", ref)
		}
	}
	if tip != "" && b.remote != "" {
		fmt.Fprintf(&cmds, "update %s %s\n", b.seen(), tip)
	}
	if _, err := b.Run(ctx, strings.NewReader(cmds.String()), "update-ref", "--stdin"); err != nil {
		b.Log.LogAttrs(ctx, slog.LevelDebug, "private references stay", slog.String("error", err.Error()))
	}
}

// file is what a commit does to a file of the branch: nil data deletes it.
type file struct {
	path string
	data []byte
}

// write makes a commit whose parent is another, in the object store alone.
func (b branch) write(ctx context.Context, parent, message string, at time.Time, files []file) (string, error) {
	var in bytes.Buffer
	who := "poolsync <poolsync@localhost> " + strconv.FormatInt(at.Unix(), 10) + " +0000"
	fmt.Fprintf(&in, "commit %s/work\nmark :1\nauthor %s\ncommitter %s\n", b.run, who, who)
	data := func(p []byte) { fmt.Fprintf(&in, "data %d\n%s\n", len(p), p) }
	data([]byte(strings.ReplaceAll(message, "\x00", "")))
	if parent != "" {
		fmt.Fprintf(&in, "from %s\n", parent)
	}
	for _, f := range files {
		if f.data == nil {
			fmt.Fprintf(&in, "D %s\n", f.path)
			continue
		}
		fmt.Fprintf(&in, "M 100644 inline %s\n", f.path)
		data(f.data)
	}
	in.WriteString("get-mark :1\ndone\n")
	out, err := b.Run(ctx, &in, "fast-import", "--quiet", "--force", "--done", "--date-format=raw")
	if err != nil {
		return "", fmt.Errorf("write state: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// pushTries is how often a push is tried that found nobody to talk to.
const pushTries = 4

// push moves the branch from one commit to the next, if it still is where it
// was: ErrMoved if not. A push whose answer was lost may have happened, so the
// branch is looked at after every failure.
func (b branch) push(ctx context.Context, from, to string) error {
	for try, pause := 1, b.pause; ; try, pause = try+1, 2*pause {
		err := b.pushOnce(ctx, from, to)
		if err == nil {
			return nil
		}
		tip, lookErr := b.tip(ctx)
		switch {
		case lookErr == nil && tip == to:
			b.Log.LogAttrs(ctx, slog.LevelInfo, "a push that failed has happened", slog.String("error", err.Error()))
			return nil
		case lookErr == nil && tip != from:
			return fmt.Errorf("state %s: %w", b.store, ErrMoved)
		case refused(err) || denied(err):
			return &RemoteError{Store: b.store, Remote: b.remoteName(), Refused: true, Err: err}
		case try == pushTries || ctx.Err() != nil:
			return &RemoteError{Store: b.store, Remote: b.remoteName(), Err: err}
		}
		b.Log.LogAttrs(ctx, slog.LevelWarn, "push failed", slog.Int("attempt", try), slog.String("error", err.Error()))
		if wait(ctx, pause) != nil {
			return &RemoteError{Store: b.store, Remote: b.remoteName(), Err: err}
		}
	}
}

func (b branch) pushOnce(ctx context.Context, from, to string) error {
	if b.remote == "" {
		_, err := b.Run(ctx, nil, "update-ref", b.ref, to, from)
		return err
	}
	_, err := b.gitDir.remote(ctx, "push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no", "--no-progress",
		b.remote, to+":"+b.ref)
	return err
}

// denied reports whether it is our credentials that the remote does not want:
// trying again would not help, and may lock the account.
func denied(err error) bool {
	var failed *git.Error
	if !errors.As(err, &failed) {
		return false
	}
	return strings.Contains(failed.Stderr, "Authentication failed") || strings.Contains(failed.Stderr, "could not read Username") ||
		strings.Contains(failed.Stderr, "could not read Password") || strings.Contains(failed.Stderr, "Permission denied") ||
		strings.Contains(failed.Stderr, "returned error: 403")
}

// refused reports whether the remote took the push in and said no, other than
// for a lock that someone else had for a moment.
func refused(err error) bool {
	var failed *git.Error
	if !errors.As(err, &failed) || !strings.Contains(failed.Stdout, "[remote rejected]") {
		return false
	}
	return !strings.Contains(failed.Stdout, "lock") && !strings.Contains(failed.Stdout, "failed to update ref")
}
