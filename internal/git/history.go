package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Top gives the top folder of the repository that a folder lies in, "" if there
// is none. It looks where git would.
func Top(dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	ceilings := filepath.SplitList(variable("GIT_CEILING_DIRECTORIES"))
	for {
		if info, err := os.Stat(filepath.Join(dir, ".git")); err == nil && (!info.IsDir() || exists(filepath.Join(dir, ".git", "HEAD"))) {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir || slices.Contains(ceilings, up) {
			return ""
		}
		dir = up
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Head is the commit that is checked out.
type Head struct {
	Commit string
	At     time.Time // the committer's
}

// Head gives the commit that is checked out; the zero value where there is none
// yet, no repository, or no git.
func (d Dir) Head(ctx context.Context) (Head, error) {
	id, err := d.Line(ctx, "rev-parse", "--verify", "--quiet", "HEAD")
	var failed *Error
	switch {
	case errors.Is(err, ErrNotInstalled):
		return Head{}, nil
	case errors.As(err, &failed) && (failed.Code() == 1 || strings.Contains(failed.Stderr, "not a git repository (or any")):
		return Head{}, nil
	case err != nil:
		return Head{}, err
	}
	date, err := d.Line(ctx, "log", "-1", "--no-show-signature", "--format=%cI", id)
	if err != nil {
		return Head{}, err
	}
	at, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return Head{}, fmt.Errorf("git log: %w", err)
	}
	return Head{id, at}, nil
}

// Relation is how a commit stands to the one that is checked out.
type Relation int

// The relations.
const (
	Untold     Relation = iota // the history here does not tell
	Ancestor                   // it is in its past, or is it
	Descendant                 // it is in the future of what is checked out
	Apart                      // neither
	Absent                     // not in its past, and not in this repository
)

var commitID = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// Relate tells how commits stand to the one that is checked out. Where history was
// cut off, as in a shallow clone, only what is seen of it counts.
func (d Dir) Relate(ctx context.Context, head string, commits []string) (map[string]Relation, error) {
	out := make(map[string]Relation, len(commits))
	var ask []string
	for _, c := range commits {
		if c == head {
			out[c] = Ancestor
		} else if commitID.MatchString(c) { // the state may have been written by anybody
			ask = append(ask, c)
		}
	}
	if len(ask) == 0 {
		return out, nil
	}
	shallow, err := d.Line(ctx, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return nil, err
	}
	here, err := d.present(ctx, ask)
	if err != nil {
		return nil, err
	}
	revs := strings.Join(here, "\n") + "\n^" + head + "\n"
	listing, err := d.Run(ctx, strings.NewReader(revs), "rev-list", "--stdin")
	if err != nil {
		return nil, err
	}
	outside := map[string]bool{}
	for id := range strings.FieldsSeq(string(listing)) {
		outside[id] = true
	}
	for _, c := range ask {
		out[c] = d.relation(ctx, head, c, slices.Contains(here, c), outside[c], shallow == "true")
	}
	return out, nil
}

func (d Dir) relation(ctx context.Context, head, commit string, here, outside, shallow bool) Relation {
	switch {
	case here && !outside:
		return Ancestor
	case !here && shallow:
		return Untold
	case !here:
		return Absent
	}
	if _, err := d.Run(ctx, nil, "merge-base", "--is-ancestor", head, commit); err == nil {
		return Descendant
	}
	if shallow {
		return Untold
	}
	return Apart
}

// present gives those of the commits that are in this repository.
func (d Dir) present(ctx context.Context, commits []string) ([]string, error) {
	out, err := d.Run(ctx, strings.NewReader(strings.Join(commits, "\n")+"\n"), "cat-file", "--batch-check=%(objectname) %(objecttype)")
	if err != nil {
		return nil, err
	}
	var here []string
	for line := range strings.Lines(string(out)) {
		if id, kind, _ := strings.Cut(strings.TrimSpace(line), " "); kind == "commit" {
			here = append(here, id)
		}
	}
	return here, nil
}

// Changed gives those of the files that are not as in a commit: edited, not part
// of it, or ignored. The files are named relative to the repository's top folder,
// which the Dir has to be.
func (d Dir) Changed(ctx context.Context, commit string, files []string) ([]string, error) {
	var ask, paths strings.Builder
	var told, changed []string
	for _, f := range files {
		if strings.ContainsAny(f, "\n\"") || !filepath.IsLocal(filepath.FromSlash(f)) {
			changed = append(changed, f) // git cannot be asked about it
			continue
		}
		told = append(told, f)
		fmt.Fprintf(&ask, "%s:%s\n", commit, f)
		paths.WriteString(f + "\n")
	}
	if len(told) == 0 {
		return changed, nil
	}
	committed, err := d.Run(ctx, strings.NewReader(ask.String()), "cat-file", "--batch-check=%(objectname)")
	if err != nil {
		return nil, err
	}
	now, err := d.Run(ctx, strings.NewReader(paths.String()), "hash-object", "--stdin-paths")
	if err != nil {
		return nil, err
	}
	was, is := strings.Split(string(committed), "\n"), strings.Split(string(now), "\n")
	for i, f := range told {
		if i >= len(was) || i >= len(is) || was[i] != is[i] {
			changed = append(changed, f)
		}
	}
	return changed, nil
}

// Deleted lists the files of a commit below some folders, named relative to the top
// one, that are not there any more. Files that a sparse checkout leaves out are not among them.
func (d Dir) Deleted(ctx context.Context, commit string, folders []string) ([]string, error) {
	args := []string{"diff-index", "--name-only", "--diff-filter=D", "-z", commit, "--"}
	for _, f := range folders {
		args = append(args, ":(top,literal)"+f)
	}
	out, err := d.Run(ctx, nil, args...)
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 }), nil
}
