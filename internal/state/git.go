package state

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	// Confirm makes sure that Now can be trusted; nil is that it can. Where it
	// cannot, nobody takes a lease over, and nobody begins to write.
	Confirm func(context.Context) error
	// Tell hears what whoever reads this state has to know, once for each thing;
	// it may be nil.
	Tell func(string)
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

// tell tells of a state that was seen here before and is lost.
func (g Git) tell(st branchState) {
	for _, l := range st.Losses {
		if g.Tell != nil {
			g.Tell(l.String())
		}
	}
	if g.Tell != nil && len(st.foreign) > 0 && !st.ours {
		g.Tell(fmt.Sprintf("branch %s holds no state, and files that are not poolsync's: %s", g.branchName(), list(st.foreign)))
	}
}

// confirm makes sure that the time can be trusted.
func (g Git) confirm(ctx context.Context) error {
	if g.Confirm == nil || g.LocalClock { // there is nobody to ask, and nothing is taken over
		return nil
	}
	return g.Confirm(ctx)
}

// Read gives the state as the remote has it now.
func (g Git) Read(ctx context.Context) (Snapshot, error) {
	b, err := g.open(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	defer b.Close()
	st, err := b.read(ctx)
	if err != nil {
		return Snapshot{}, err
	}
	b.Tidy(ctx, st.commit)
	g.tell(st)
	if st.lease != nil && (g.LocalClock || g.confirm(ctx) != nil) {
		st.Holder = st.lease
	} else {
		st.Holder = st.heldAt(g.now())
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
	s, err := g.session(ctx, b, h)
	if err != nil {
		b.Close()
		return nil, err
	}
	return s, nil
}

func (g Git) session(ctx context.Context, b branch, h Holder) (Session, error) {
	st, err := b.read(ctx)
	if err != nil {
		return nil, err
	}
	g.tell(st)
	h.Nonce = rand.Text() // so that no two runs make the same commit
	s := &gitSession{branch: b, now: g.now, confirm: g.confirm, localClock: g.LocalClock, holder: h, tip: st.commit, head: st.head, stored: st.Snapshot}
	if err = st.writable(g.Name()); err == nil {
		err = g.confirm(ctx)
	}
	if err == nil {
		err = s.begin(st)
	}
	if err != nil {
		b.Tidy(ctx, st.commit)
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
	defer b.Close()
	st, err := b.read(ctx)
	if err != nil {
		return nil, err
	}
	defer b.Tidy(context.WithoutCancel(ctx), "")
	g.tell(st)
	damaged := slices.ContainsFunc(st.faults, isLeaseFault)
	if st.lease == nil && !damaged {
		return nil, nil
	}
	message := "unlock: a damaged lease is taken off\n"
	if damaged {
		st.lease = &Holder{}
	} else {
		message = "unlock: the lease of " + st.lease.String() + " is taken off\n"
	}
	id, err := b.write(ctx, st.commit, message, g.now(), []git.File{{Path: leaseFile}})
	if err != nil {
		return nil, err
	}
	return st.lease, b.push(ctx, st.commit, id)
}

// write makes a commit that is not pushed yet.
func (b branch) write(ctx context.Context, parent, message string, at time.Time, files []git.File) (string, error) {
	id, err := b.Write(ctx, parent, message, at, files)
	if err != nil {
		return "", fmt.Errorf("write state %s: %w", b.store, err)
	}
	return id, nil
}

// push moves the branch: ErrMoved if it is not where it was.
func (b branch) push(ctx context.Context, from, to string) error {
	switch err := b.Push(ctx, from, to); {
	case errors.Is(err, git.ErrMoved):
		return fmt.Errorf("state %s: %w", b.store, ErrMoved)
	case err != nil:
		return fmt.Errorf("state %s: %w", b.store, err)
	default:
		return nil
	}
}

// branch is the branch of a state.
type branch struct {
	git.Branch
	store string // its name in messages
}

// open finds git, the repository and the remote.
func (g Git) open(ctx context.Context) (branch, error) {
	r, err := git.Open(ctx, g.Dir, g.Timeout, g.Log)
	if err != nil {
		return branch{}, fmt.Errorf("state %s: %w; the state lies on a branch of the repository that the manifests are in; to keep it in a file: --state file:PATH", g.Name(), err)
	}
	b, err := r.Branch(ctx, g.branchName(), g.Remote)
	if err != nil {
		r.Close()
		return branch{}, fmt.Errorf("state %s: %w", g.Name(), err)
	}
	b.Pause = cmp.Or(g.Pause, time.Second)
	return branch{b, g.Name()}, nil
}

// read gives the branch as it is now.
func (b branch) read(ctx context.Context) (branchState, error) {
	tip, lost, err := b.Fetch(ctx)
	if err != nil {
		return branchState{}, fmt.Errorf("state %s: %w", b.store, err)
	}
	st, err := b.load(ctx, tip)
	if err != nil {
		return st, fmt.Errorf("read state %s: %w", b.store, err)
	}
	for _, l := range lost {
		st.Losses = append(st.Losses, b.loss(l))
	}
	return st, nil
}

// Loss is a state that was seen here before, and that the branch has no more.
type Loss struct {
	What    string   // a sentence
	Restore []string // the command that brings it back
	Forget  []string // the command after which it is not told any more
}

// loss words what a branch has lost, with what to type.
func (b branch) loss(l git.Lost) Loss {
	in := []string{"git"}
	if b.Path != "." {
		in = append(in, "-C", b.Path)
	}
	where, remote := "remote "+git.Harmless(b.Remote), b.Remote
	if remote == "" {
		where, remote = "this repository", "."
	}
	push := append(slices.Clone(in), "push")
	kept := fmt.Sprintf("what was seen here before, %.12s, is kept as %s", l.Commit, l.Ref)
	var what string
	switch l.How {
	case git.Gone:
		what = fmt.Sprintf("the state is lost: %s has no branch %s any more; %s", where, b.Name, kept)
	case git.Rewound:
		what = fmt.Sprintf("the state is not the newest: branch %s of %s was set back to %.12s; %s", b.Name, where, l.Tip, kept)
	default:
		what = fmt.Sprintf("the state was begun anew: branch %s of %s does not go on from what was seen here before; %s", b.Name, where, kept)
		push = append(push, "--force-with-lease="+b.Name+":"+l.Tip)
	}
	return Loss{What: what, Restore: append(push, remote, l.Commit+":"+b.Ref()), Forget: append(in, "update-ref", "-d", l.Ref)}
}

// String tells of the loss, with both commands.
func (l Loss) String() string {
	return l.What + "; to bring it back: " + shellLine(l.Restore) + " ; if the branch is right as it is: " + shellLine(l.Forget)
}

func shellLine(args []string) string {
	var words []string
	for _, a := range args {
		words = append(words, shellQuote(a))
	}
	return strings.Join(words, " ")
}

// shellQuote makes one word of a text for a shell.
func shellQuote(text string) string {
	if strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,") == "" && text != "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
