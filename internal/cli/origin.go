package cli

import (
	"context"
	"os/exec"
	"strings"
	"time"
)

// commit is the commit that the manifests are of; zero outside a repository.
type commit struct {
	hash string
	at   *time.Time
}

// headCommit asks git for the commit that is checked out in a folder. Without
// git or a repository there is none, which is no error: manifests may lie
// anywhere.
func headCommit(ctx context.Context, dir string) commit {
	cmd := exec.CommandContext(ctx, "git", "-C", dir, "log", "-1", "--format=%H %cI")
	out, err := cmd.Output()
	if err != nil {
		return commit{}
	}
	hash, date, ok := strings.Cut(strings.TrimSpace(string(out)), " ")
	at, err := time.Parse(time.RFC3339, date)
	if !ok || err != nil {
		return commit{}
	}
	return commit{hash: hash, at: &at}
}
