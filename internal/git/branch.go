package git

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Branch is a branch of a remote, or of the repository itself where the remote is
// "", that is read and moved without being checked out.
type Branch struct {
	Repository
	Name   string // without refs/heads/
	Remote string
	Pause  time.Duration // before a push that failed is tried again, doubled each time
	run    string        // where our private references are
}

// Branch finds a branch, which need not exist yet. The remote is decided by git's
// configuration where it is "".
func (r Repository) Branch(ctx context.Context, name, remote string) (Branch, error) {
	b := Branch{Repository: r, Name: name, Remote: remote, run: privateRefs + strconv.FormatInt(time.Now().Unix(), 10) + "-" + strings.ToLower(rand.Text())}
	if _, err := b.Run(ctx, nil, "check-ref-format", b.Ref()); err != nil || name == "HEAD" {
		return b, fmt.Errorf("%q is no name of a branch", name)
	}
	err := plainRemote(remote)
	if remote == "" {
		b.Remote, err = r.remoteOf(name)
	}
	if err != nil || b.Remote != "" {
		return b, err
	}
	return b, b.checkedOut(ctx)
}

// Ref is the branch's full name.
func (b Branch) Ref() string { return "refs/heads/" + b.Name }

// checkedOut refuses a local branch that a work tree of the repository has checked
// out: moving it would make all of its files look changed there.
func (b Branch) checkedOut(ctx context.Context) error {
	trees, err := b.Line(ctx, "worktree", "list", "--porcelain")
	if err != nil {
		return fmt.Errorf("see which branches are checked out: %w", err)
	}
	dir := ""
	for line := range strings.Lines(trees) {
		word, value, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		switch {
		case word == "worktree":
			dir = value
		case word == "branch" && value == b.Ref():
			return fmt.Errorf("branch %s is checked out in %s, and poolsync never changes a branch that is; switch to another one there, or name another branch: --state git:BRANCH",
				b.Name, Harmless(dir))
		}
	}
	return nil
}

// tip gives the commit that the branch is at, "" if it does not exist.
func (b Branch) tip(ctx context.Context) (string, error) {
	if b.Remote == "" {
		return b.resolve(ctx, b.Ref())
	}
	out, err := b.remote(ctx, "", "ls-remote", "--quiet", b.Remote, b.Ref())
	if err != nil {
		return "", b.failed(err)
	}
	for line := range strings.Lines(string(out)) {
		if id, name, _ := strings.Cut(strings.TrimSpace(line), "\t"); name == b.Ref() {
			return id, nil
		}
	}
	return "", nil
}

// resolve gives the commit of a local reference, "" if it does not exist.
func (b Branch) resolve(ctx context.Context, ref string) (string, error) {
	id, err := b.Line(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", ref)
	var failed *Error
	if errors.As(err, &failed) && failed.Code() == 1 {
		return "", nil
	}
	return id, err
}

// fetchArgs begin every fetch: nothing but what is asked for, and no reference
// but our own.
var fetchArgs = []string{
	"fetch", "--quiet", "--no-tags", "--no-prune", "--no-write-fetch-head", "--no-recurse-submodules", "--no-filter", "--no-auto-gc",
}

// Fetch gives the commit that the branch is at, "" if it does not exist, and
// makes sure that its content is here. What was seen of the branch before and is
// not part of it any more comes back as lost. It makes no repository shallow that
// is not, and fetches no more history into one that is than what is new.
func (b Branch) Fetch(ctx context.Context) (tip string, lost []Lost, err error) {
	if tip, err = b.tip(ctx); err != nil {
		return "", nil, err
	}
	past, err := b.past(ctx)
	if err != nil {
		return "", nil, err
	}
	if tip != "" && tip != past.seen && b.Remote != "" {
		if tip, err = b.fetch(ctx, tip, past.seen); err != nil {
			return "", nil, err
		}
	}
	lost, err = b.lost(ctx, tip, past)
	return tip, lost, err
}

// fetch fetches the branch. A clone in which an object is missing that our
// reference claims is repaired first: git would not fetch into it.
func (b Branch) fetch(ctx context.Context, tip, seen string) (string, error) {
	got, err := b.fetchOnce(ctx, tip, seen)
	if err != nil && seen != "" && ctx.Err() == nil {
		if came, _ := b.complete(ctx, seen); came {
			got, err = b.fetchOnce(ctx, tip, seen)
		}
	}
	if err == nil && b.partial {
		_, err = b.complete(ctx, got)
	}
	return got, err
}

func (b Branch) fetchOnce(ctx context.Context, tip, seen string) (string, error) {
	args := append([]string{}, fetchArgs...)
	if b.Shallow && seen == "" {
		args = append(args, "--depth=1")
	}
	from := "+" + b.Ref() + ":" + b.run + "/tip"
	if b.sealed {
		from = b.Ref() // no reference can be made
	}
	if _, err := b.remote(ctx, "", append(args, "--refmap=", b.Remote, from)...); err != nil {
		return "", b.failed(err)
	}
	if b.sealed {
		return tip, nil
	}
	return b.resolve(ctx, b.run+"/tip")
}

// privateRefs is where the references of runs at work are, named by their start.
const privateRefs = "refs/poolsync/run/"

// strayAge is when the private references of a run are those of one that died.
const strayAge = 24 * time.Hour

// Tidy notes the commit that is known to be the branch's and drops the private
// references, also those of runs that died. A failure costs a later run a fetch,
// and no more.
func (b Branch) Tidy(ctx context.Context, tip string) {
	if b.sealed {
		return
	}
	var cmds strings.Builder
	refs, _ := b.Line(ctx, "for-each-ref", "--format=%(refname)", privateRefs)
	for ref := range strings.FieldsSeq(refs) {
		begun, _, _ := strings.Cut(strings.TrimPrefix(ref, privateRefs), "-")
		at, err := strconv.ParseInt(begun, 10, 64)
		if strings.HasPrefix(ref, b.run+"/") || err != nil || time.Since(time.Unix(at, 0)) > strayAge {
			fmt.Fprintf(&cmds, "option no-deref\ndelete %s\n", ref)
		}
	}
	if tip != "" {
		fmt.Fprintf(&cmds, "update %s %s\n", b.seenRef(), tip)
	}
	if _, err := b.Run(ctx, strings.NewReader(cmds.String()), "update-ref", "--stdin"); err != nil {
		b.Log.LogAttrs(ctx, slog.LevelDebug, "private references stay", slog.String("error", err.Error()))
	}
}
