package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/git"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// origin is where the manifests of a run come from.
type origin struct {
	top   string   // root of the repository that holds them, "" outside of one
	head  git.Head // the commit that is checked out there
	err   error    // why head is not known although there is one
	dirty []string // manifests and configurations that are not as in their commit
}

// at is the committer time of the commit, nil where there is none.
func (o *origin) at() *time.Time {
	if o.head.Commit == "" {
		return nil
	}
	return &o.head.At
}

// originError says that there is a repository and its commit cannot be told.
type originError struct{ err error }

// Error says what follows from it, with git's words.
func (e *originError) Error() string {
	return fmt.Sprintf("the commit of the manifests cannot be told, so whether this checkout is older than what was applied cannot be judged: %v", e.err)
}

// Unwrap returns the cause.
func (e *originError) Unwrap() error { return e.err }

// Hint says what to do next.
func (e *originError) Hint() string {
	return "see what git says here: git log -1; if this checkout is certainly the newest one: --allow-older"
}

// findOrigin finds the repository that holds the manifests, its commit, and which
// of the files that were read are not as in it. Manifests may lie anywhere: without
// git, a repository or a commit there is none, which is no error.
func (s *session) findOrigin(ctx context.Context) error {
	files := map[string][]string{} // by repository
	for _, f := range s.manifest.Files {
		top := git.Top(filepath.Dir(f))
		files[top] = append(files[top], f)
	}
	if len(files) > 1 {
		return severalRepositories(files)
	}
	s.origin = origin{top: git.Top(s.Base)}
	for top := range files {
		s.origin.top = top
	}
	if s.Config != "" {
		top := git.Top(filepath.Dir(s.Config))
		files[top] = append(files[top], s.Config)
	}
	for top, names := range files {
		if err := s.origin.look(ctx, s.gitDir(top), names); err != nil {
			s.origin.err = &originError{err}
			return nil
		}
	}
	if err := s.origin.lookForDeleted(ctx, s.gitDir(s.origin.top), s.Paths); err != nil {
		s.origin.err = &originError{err}
	}
	return nil
}

func (s *session) gitDir(top string) git.Dir { return git.Dir{Path: top, Log: s.p.log} }

func severalRepositories(files map[string][]string) error {
	var words []string
	for top, names := range files {
		if top == "" {
			top = "no repository"
		}
		words = append(words, fmt.Sprintf("%s lies in %s", names[0], top))
	}
	slices.Sort(words)
	return &adviceError{
		"the manifests are not of one repository: " + strings.Join(words, ", "),
		"plan and apply the manifests of each repository by themselves",
	}
}

// look finds the commit of a repository, and which of the files are not as in it.
func (o *origin) look(ctx context.Context, d git.Dir, names []string) error {
	if d.Path == "" {
		return nil
	}
	head, err := d.Head(ctx)
	if err != nil {
		return err
	}
	if d.Path == o.top {
		o.head = head
	}
	if head.Commit == "" {
		return nil
	}
	byPath := make(map[string]string, len(names))
	var paths []string
	for _, name := range names {
		path := within(d.Path, name)
		byPath[path] = name
		paths = append(paths, path)
	}
	changed, err := d.Changed(ctx, head.Commit, paths)
	for _, path := range changed {
		o.dirty = append(o.dirty, byPath[path])
	}
	return err
}

// lookForDeleted finds manifests of the commit that are not there any more: what
// they declared is not declared by this run.
func (o *origin) lookForDeleted(ctx context.Context, d git.Dir, paths []string) error {
	var folders []string
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.IsDir() && git.Top(path) == o.top {
			folders = append(folders, within(d.Path, path))
		}
	}
	if o.top == "" || o.head.Commit == "" || len(folders) == 0 {
		return nil
	}
	gone, err := d.Deleted(ctx, o.head.Commit, folders)
	for _, path := range gone {
		if ext := strings.ToLower(filepath.Ext(path)); ext == ".yaml" || ext == ".yml" {
			o.dirty = append(o.dirty, path)
		}
	}
	return err
}

// within returns the path of a file in a repository as git writes it.
func within(top, name string) string {
	abs, err := filepath.Abs(name)
	if err != nil {
		return name
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	rel, err := filepath.Rel(top, abs)
	if err != nil {
		return name
	}
	return filepath.ToSlash(rel)
}

// maxDirty bounds the files that are told one by one.
const maxDirty = 10

// tellOrigin says what of the manifests' commit is not known, or not so.
func (s *session) tellOrigin() {
	if s.origin.err != nil {
		s.p.say("%v", s.origin.err)
	}
	slices.Sort(s.origin.dirty)
	for i, name := range s.origin.dirty {
		d := source.Diagnostic{
			Position: source.Position{File: name}, Severity: source.Warning, Rule: "dirty",
			Message: fmt.Sprintf("it is not as in commit %.12s, so what is applied is in no commit", s.origin.head.Commit),
			Hint:    "commit it first; it is recorded as not committed",
		}
		if i == maxDirty {
			d.Message = fmt.Sprintf("this and %d more files are not as in commit %.12s", len(s.origin.dirty)-i-1, s.origin.head.Commit)
		}
		if i <= maxDirty {
			s.found = append(s.found, d)
			s.p.say("warning: %s: %s [dirty]", d.Position.File, d.Message)
		}
	}
}

// refuseDirty refuses to apply in a pipeline what nobody committed.
func (s *session) refuseDirty(allowed bool) error {
	if len(s.origin.dirty) == 0 || allowed || s.p.Getenv("CI") != "true" {
		return nil
	}
	return &guardError{
		message: fmt.Sprintf("%s not as in commit %.12s, and a pipeline (CI=true) applies what is committed", isNot(s.origin.dirty), s.origin.head.Commit),
		hint:    "commit it; if a step of the pipeline makes it: --" + flagAllowDirty,
	}
}

func isNot(names []string) string {
	if len(names) == 1 {
		return names[0] + " is"
	}
	return fmt.Sprintf("%s and %s are", names[0], plural(len(names)-1, "more file"))
}

// isDirty reports whether the manifest of a pool, or the configuration, is not as
// in the commit that is recorded with it.
func (s *session) isDirty(file string) bool {
	return slices.ContainsFunc(s.origin.dirty, func(name string) bool { return name == file || name == s.Config })
}

// history tells how the commits that the state has stand to that of the manifests.
func (s *session) history(ctx context.Context, entries map[pool.Key]pool.Entry) (map[string]diff.History, error) {
	if s.origin.head.Commit == "" {
		return nil, nil
	}
	seen := map[string]bool{}
	var commits []string
	for _, e := range entries {
		if e.Set == s.Set && e.Commit != "" && !seen[e.Commit] {
			seen[e.Commit] = true
			commits = append(commits, e.Commit)
		}
	}
	slices.Sort(commits)
	related, err := s.gitDir(s.origin.top).Relate(ctx, s.origin.head.Commit, commits)
	if err != nil {
		return nil, &originError{err}
	}
	out := make(map[string]diff.History, len(related))
	for c, r := range related {
		out[c] = histories[r]
	}
	return out, nil
}

var histories = map[git.Relation]diff.History{
	git.Untold: diff.Untold, git.Ancestor: diff.Past, git.Descendant: diff.Future, git.Apart: diff.Apart, git.Absent: diff.Absent,
}
