package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/poolsync/poolsync/internal/git"
)

// The oldest git that has all that is used here.
const minMajor, minMinor = 2, 30

// gitDir is a git repository as this package uses it: objects and private
// references. Its work tree, index, HEAD and branches are none of its business.
type gitDir struct {
	git.Dir
	common  string // the git directory that all work trees share
	shallow bool
	timeout time.Duration // of a command that talks to the remote
}

// remote runs a git command that talks to the remote, for a bounded time.
func (g gitDir) remote(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, g.timeout, fmt.Errorf("no answer within %s", g.timeout))
	defer cancel()
	return g.Run(ctx, nil, args...)
}

// openGit checks git and the repository that a folder lies in.
func openGit(ctx context.Context, dir string, timeout time.Duration, log *slog.Logger) (gitDir, error) {
	g := gitDir{Dir: git.Dir{Path: cmp.Or(dir, "."), Log: log}, timeout: cmp.Or(timeout, remoteTimeout)}
	if g.Log == nil {
		g.Log = slog.New(slog.DiscardHandler)
	}
	version, err := g.Line(ctx, "version")
	if errors.Is(err, git.ErrNotInstalled) {
		err = fmt.Errorf("%w; install git %d.%d or newer, or keep the state in a file: --state file:PATH", err, minMajor, minMinor)
	}
	if err != nil {
		return g, err
	}
	var major, minor int
	if n, _ := fmt.Sscanf(version, "git version %d.%d", &major, &minor); n < 2 || major < minMajor || (major == minMajor && minor < minMinor) {
		return g, fmt.Errorf("%s is too old to keep the state on a branch; install git %d.%d or newer, or keep the state in a file: --state file:PATH", git.Harmless(version), minMajor, minMinor)
	}
	out, err := g.Line(ctx, "rev-parse", "--git-common-dir", "--is-shallow-repository")
	if err != nil {
		return g, fmt.Errorf("find the git repository of %s: %w; the state lies on a branch of the repository that the manifests are in; to keep it in a file: --state file:PATH", g.Path, err)
	}
	common, shallow, _ := strings.Cut(out, "\n")
	if !filepath.IsAbs(common) {
		common = filepath.Join(g.Path, common)
	}
	g.common, g.shallow = common, shallow == "true"
	return g, nil
}

// remoteTimeout bounds a command that talks to the remote. It leaves a lease
// time for another attempt.
const remoteTimeout = 60 * time.Second
