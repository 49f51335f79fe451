package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/poolsync/poolsync/internal/git"
)

// commit is the commit that the manifests are of; zero outside a repository.
type commit struct {
	hash string
	at   *time.Time
}

// originError says that there is a repository and its commit cannot be told.
type originError struct{ err error }

// Error says what follows from it, with git's words.
func (e *originError) Error() string {
	return fmt.Sprintf("the commit of the manifests cannot be told, so whether this checkout is older than what was applied cannot be judged: %v", e.err)
}

// Unwrap gives the cause.
func (e *originError) Unwrap() error { return e.err }

// Hint says what to do next.
func (e *originError) Hint() string {
	return "see what git says here: git log -1; if this checkout is certainly the newest one: --allow-older"
}

// headCommit asks git for the commit that is checked out in a folder. Without
// git, a repository or a commit there is none, which is no error: manifests may
// lie anywhere.
func headCommit(ctx context.Context, dir string, log *slog.Logger) (commit, error) {
	g := git.Dir{Path: dir, Log: log}
	head, err := g.Line(ctx, "rev-parse", "--verify", "--quiet", "HEAD")
	var failed *git.Error
	switch {
	case errors.Is(err, git.ErrNotInstalled):
		return commit{}, nil
	case errors.As(err, &failed) && (failed.Code() == 1 || strings.Contains(failed.Stderr, "not a git repository (or any")):
		return commit{}, nil
	case err != nil:
		return commit{}, &originError{err}
	}
	date, err := g.Line(ctx, "log", "-1", "--no-show-signature", "--format=%cI", head)
	if err != nil {
		return commit{}, &originError{err}
	}
	at, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return commit{}, &originError{fmt.Errorf("git log: %w", err)}
	}
	return commit{hash: head, at: &at}, nil
}

// tellOrigin says that the guard against older checkouts cannot judge.
func (s *session) tellOrigin() {
	if s.originErr != nil {
		s.p.say("%v", s.originErr)
	}
}
