package state

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/poolsync/poolsync/internal/git"
)

// DefaultBranch is the branch that keeps the state unless another is named.
const DefaultBranch = "poolsync-state"

// Git is a state on a branch of its own in a git repository: one file a pool,
// one commit a step, pushed plainly, so that a refused push is the
// compare-and-swap. The system's git does the work; work tree, index and the
// branch that is checked out are never touched.
type Git struct {
	// Dir is a folder inside the repository, "" for the working folder.
	Dir string
	// Remote is a remote's name or URL; "" is the branch's remote, or origin. In
	// a repository without remotes the state is a local branch.
	Remote string
	// Branch is where the state lies; "" is DefaultBranch.
	Branch string
	// Now is the server's time; nil is the local clock.
	Now func() time.Time
	// LocalClock says that Now is not the server's time: a lease that has run out
	// by it may still hold, and is neither taken over nor overlooked.
	LocalClock bool
	// Log hears of git commands and of pushes that were repeated; it may be nil.
	Log *slog.Logger
	// Timeout bounds each git command that talks to the remote; 0 is a minute.
	Timeout time.Duration
	// Pause is how long to wait before a push that failed is tried again,
	// doubled each time; 0 is a second.
	Pause time.Duration
}

const gitPrefix = "git:"

// Name is "git:BRANCH".
func (g Git) Name() string { return gitPrefix + g.branchName() }

func (g Git) branchName() string {
	if g.Branch == "" {
		return DefaultBranch
	}
	return g.Branch
}

func (g Git) now() time.Time {
	if g.Now == nil {
		return time.Now()
	}
	return g.Now()
}

// Read gives the state as the remote has it now.
func (g Git) Read(ctx context.Context) (Snapshot, error) {
	b, err := g.open(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	st, err := b.read(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	b.tidy(ctx, st.commit)
	if st.Holder = st.heldAt(g.now()); g.LocalClock {
		st.Holder = st.lease
	}
	return st.Snapshot, st.corrupt(g.Name())
}

// Acquire reads the state for writing. The lease is taken with the session's
// first commit, which is refused if the branch has moved until then: so a run
// that changes nothing writes nothing. Records that an earlier run here could
// not push are part of the state that is given, and of the first commit.
func (g Git) Acquire(ctx context.Context, h Holder) (Session, error) {
	b, err := g.open(ctx)
	if err != nil {
		return nil, err
	}
	st, err := b.read(ctx)
	if err != nil {
		return nil, err
	}
	s := &gitSession{branch: b, now: g.now, localClock: g.LocalClock, holder: h, tip: st.commit, head: st.head, stored: st.Snapshot}
	if err := s.begin(st); err != nil {
		b.tidy(ctx, st.commit)
		return nil, err
	}
	return s, nil
}

// Unlock takes the lease off the branch, whoever holds it. The run that held it
// is refused at its next push.
func (g Git) Unlock(ctx context.Context) (*Holder, error) {
	b, err := g.open(ctx)
	if err != nil {
		return nil, err
	}
	st, err := b.read(ctx)
	if err != nil {
		return nil, err
	}
	defer b.tidy(context.WithoutCancel(ctx), "")
	damaged := slices.ContainsFunc(st.faults, func(err error) bool { return strings.HasPrefix(err.Error(), leaseFile+": ") })
	if st.lease == nil && !damaged {
		return nil, nil
	}
	message := "unlock: a damaged lease is taken off\n"
	if damaged {
		st.lease = &Holder{}
	} else {
		message = "unlock: the lease of " + st.lease.String() + " is taken off\n"
	}
	id, err := b.write(ctx, st.commit, message, g.now(), []file{{path: leaseFile}})
	if err != nil {
		return nil, err
	}
	if err := b.push(ctx, st.commit, id); err != nil {
		return nil, err
	}
	return st.lease, nil
}

// open finds git, the repository and the remote.
func (g Git) open(ctx context.Context) (branch, error) {
	dir, err := openGit(ctx, g.Dir, g.Timeout, g.Log)
	if err != nil {
		return branch{}, err
	}
	b := branch{
		gitDir: dir, store: g.Name(), ref: "refs/heads/" + g.branchName(), run: privateRefs + strconv.FormatInt(time.Now().Unix(), 10) + "-" + strings.ToLower(rand.Text()), pause: g.Pause,
	}
	if b.pause == 0 {
		b.pause = time.Second
	}
	if _, err := b.Run(ctx, nil, "check-ref-format", b.ref); err != nil {
		return b, fmt.Errorf("--state %s: %q is no name of a branch", g.Name(), g.branchName())
	}
	if b.remote, err = g.remote(ctx, b); err != nil {
		return b, err
	}
	if b.remote != "" {
		return b, nil
	}
	return b, b.checkedOut(ctx)
}

// checkedOut refuses a local branch that a work tree of the repository has checked
// out: moving it would make all of its files look changed there.
func (b branch) checkedOut(ctx context.Context) error {
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
		case word == "branch" && value == b.ref:
			return fmt.Errorf("branch %s is checked out in %s, and poolsync never changes a branch that is; switch to another one there, or name another branch: --state git:BRANCH",
				strings.TrimPrefix(b.ref, "refs/heads/"), git.Harmless(dir))
		}
	}
	return nil
}

// remote decides where the branch is kept.
func (g Git) remote(ctx context.Context, b branch) (string, error) {
	if g.Remote != "" {
		if strings.HasPrefix(g.Remote, "-") {
			return "", fmt.Errorf("%q is no remote", g.Remote)
		}
		return g.Remote, nil
	}
	out, err := b.Run(ctx, nil, "config", "-z", "--get-regexp", `^(remote\..*\.url|branch\..*\.remote)$`)
	var failed *git.Error
	if errors.As(err, &failed) && failed.Code() == 1 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var names []string
	for item := range strings.SplitSeq(string(out), "\x00") {
		name, value, _ := strings.Cut(item, "\n")
		if name == "branch."+g.branchName()+".remote" && value != "." {
			return value, nil
		}
		if name, ok := strings.CutPrefix(name, "remote."); ok {
			names = append(names, strings.TrimSuffix(name, ".url"))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	switch {
	case len(names) == 0:
		return "", nil
	case len(names) == 1:
		return names[0], nil
	case slices.Contains(names, "origin"):
		return "origin", nil
	}
	return "", fmt.Errorf("which of the remotes %s keeps the state? say so once: git config branch.%s.remote NAME", strings.Join(names, ", "), g.branchName())
}

// read gives the branch as it is now.
func (b branch) read(ctx context.Context) (branchState, error) {
	tip, err := b.fetch(ctx)
	if err != nil {
		return branchState{}, err
	}
	st, err := b.load(ctx, tip)
	if err != nil {
		err = fmt.Errorf("read state %s: %w", b.store, err)
	}
	return st, err
}
