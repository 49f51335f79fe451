package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/source"
)

// file is a manifest that was found: name is what the user calls it, path its
// place within the root, real what it is on the disk.
type file struct {
	name string
	root *os.Root
	path string
	real string
	// named reports that the user named the file itself: it was not found in a folder.
	named bool
}

// read gives the file's bytes, or a few more than are allowed.
func (f file) read() ([]byte, error) {
	r, err := f.root.Open(filepath.FromSlash(f.path))
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // only read
	return readAll(r)
}

// readAll reads a file, at most a few bytes more than are allowed.
func readAll(r *os.File) ([]byte, error) {
	size := 0
	if info, err := r.Stat(); err == nil {
		size = int(min(info.Size(), maxFile))
	}
	data := make([]byte, 0, size+512)
	for len(data) <= maxFile+len("\ufeff") {
		if len(data) == cap(data) {
			data = slices.Grow(data, len(data))
		}
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return data, nil
}

// finder collects manifests. Every file is opened through an os.Root, so that no
// symbolic link leads out of the folder that the user named, not even one that
// is put there between the look and the read. Of a file that the user named the
// root is the folder that it lies in.
type finder struct {
	dir    string              // absolute, links resolved
	within string              // absolute, links resolved; empty: no limit
	config string              // the real path of the configuration file
	roots  map[string]*os.Root // by folder
	list   []file
	known  map[string]bool // real paths of files and folders that were taken
	named  map[string]bool // real paths of files that the user named
	// configs are the names of the configuration files that were passed over.
	configs []string
	found   source.Diagnostics
}

func (f *finder) close() {
	for _, r := range f.roots {
		_ = r.Close() // nothing was written
	}
}

// reopen gives the text of a manifest once more, for an excerpt, or nil.
func (f *finder) reopen(name string) *text {
	i := slices.IndexFunc(f.list, func(x file) bool { return x.name == name })
	if i < 0 || !quotable(f.list[i].real) {
		return nil
	}
	data, err := f.list[i].read()
	if err != nil {
		return nil
	}
	return newText(name, data)
}

// find lists the manifests that the options name, sorted by name.
func find(opts Options) (*finder, error) {
	f := &finder{known: make(map[string]bool), named: make(map[string]bool), roots: make(map[string]*os.Root)}
	dir, err := filepath.Abs(opts.Dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return f, fmt.Errorf("find manifests: %w", err)
	}
	f.dir = dir
	if opts.Root != "" {
		f.within = real(f.absolute(opts.Root))
	}
	if opts.Config != "" {
		f.config = real(f.absolute(opts.Config))
	}
	for _, p := range opts.Paths {
		if err := f.given(p); err != nil {
			return f, fmt.Errorf("find manifests: %w", err)
		}
	}
	for i := range f.list {
		f.list[i].named = f.named[f.list[i].real]
	}
	slices.SortFunc(f.list, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	return f, nil
}

// none reports that nothing is left to read.
func (f *finder) none(paths []string) {
	f.report(ruleNoFiles, f.display(strings.Join(paths, ", ")),
		"name files or folders with *.yaml or *.yml; hidden ones and configuration files are skipped", "no manifest found")
}

func (f *finder) report(rule, name, hint, message string) {
	f.found = append(f.found, source.Diagnostic{
		Position: source.Position{File: name}, Severity: source.Error, Rule: rule, Hint: hint, Message: message,
	})
}

func (f *finder) absolute(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(f.dir, p)
}

// real resolves symbolic links as far as it can.
func real(p string) string {
	if r, err := filepath.EvalSymlinks(p); err == nil {
		return r
	}
	return p
}

// display gives the name of a path as findings show it: relative to the folder
// of the run where it lies inside, with slashes.
func (f *finder) display(p string) string {
	if rel, err := filepath.Rel(f.dir, f.absolute(p)); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(filepath.Clean(p))
}

// open gives the root for a folder. The folder itself may be a link.
func (f *finder) open(dir string) (*os.Root, error) {
	if root := f.roots[dir]; root != nil {
		return root, nil
	}
	root, err := os.OpenRoot(dir)
	if err == nil {
		f.roots[dir] = root
	}
	return root, err
}

// given takes one path of the options: a glob, a folder or a file. What the user
// names is trusted, be it a link, unless it is written as a place below the root:
// whoever writes to the root must not lead a run out of it.
func (f *finder) given(p string) error {
	if p == "" {
		f.report(rulePath, ".", "name a file or a folder", "an empty path")
		return nil
	}
	abs := f.absolute(p)
	if f.leaves(abs) {
		f.report(ruleSymlink, f.display(p), "put the files themselves there", "a symbolic link that leaves the folder of the configuration or the repository is not followed")
		return nil
	}
	info, err := os.Stat(abs)
	switch {
	case err != nil && strings.ContainsAny(p, globSigns): // some systems have another error for such names
		return f.glob(p)
	case err != nil:
		return f.missing(p, err)
	}
	target := real(abs)
	if info.IsDir() {
		root, err := f.open(target)
		if err != nil {
			return err
		}
		return f.walk(root, ".", f.display(p), target)
	}
	if IsConfig(abs) || target == f.config {
		f.report(ruleNoFiles, f.display(p), "name the files or folders of manifests", "the configuration file is not a manifest")
		return nil
	}
	f.named[target] = true
	root, err := f.open(filepath.Dir(target))
	if err != nil {
		return err
	}
	f.take(file{name: f.display(p), root: root, path: filepath.Base(target), real: target}, info)
	return nil
}

// leaves reports whether a path that is written as one below the root leads out
// of it.
func (f *finder) leaves(abs string) bool {
	if f.within == "" {
		return false
	}
	fixed := BeforeGlob(abs)
	return below(f.within, fixed) && !below(f.within, real(fixed))
}

// missing reports a path that was given and is not there.
func (f *finder) missing(p string, err error) error {
	if info, e := os.Lstat(f.absolute(p)); e == nil && info.Mode()&fs.ModeSymlink != 0 {
		return f.unreachable(f.display(p), err)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f.absent(p)
	return nil
}

func (f *finder) absent(p string) {
	if strings.ContainsAny(p, globSigns) {
		f.report(ruleGlob, filepath.ToSlash(p), "quote the glob for the shell, or name a folder", "the glob matches no manifest")
		return
	}
	f.report(rulePath, f.display(p), "paths are relative to the working directory, those of poolsync.yaml to its folder", "no such file or folder")
}

// unreachable reports a link that leads nowhere or out of the root; anything
// else is an error of input.
func (f *finder) unreachable(name string, err error) error {
	if errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "escapes") && !isLoop(err) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f.report(ruleSymlink, name, "put the file itself there, or name the folder that it lies in",
		"a symbolic link that leaves the folder, or leads nowhere, is not followed")
	return nil
}

func isLoop(err error) bool { return strings.Contains(err.Error(), "too many") }

// glob takes the folders, and the *.yaml and *.yml files, that a pattern
// matches. The folder that the user named is what comes before the first sign.
func (f *finder) glob(p string) error {
	name := filepath.ToSlash(p)
	if strings.Contains(name, "**") {
		f.report(ruleGlob, name, "name the folder; folders are read recursively", "** is not supported in a glob")
		return nil
	}
	matches, err := filepath.Glob(f.absolute(p))
	if err != nil {
		f.report(ruleGlob, name, "close the brackets", "the glob is not well-formed")
		return nil
	}
	base := BeforeGlob(filepath.Clean(p))
	matched := false
	for _, m := range matches {
		taken, err := f.match(f.absolute(base), m)
		if err != nil {
			return err
		}
		matched = matched || taken
	}
	if !matched {
		f.absent(p)
	}
	return nil
}

// match takes what a glob matches in a folder, unless it is nothing that a scan
// of the folder would take.
func (f *finder) match(base, m string) (bool, error) {
	info, err := os.Stat(m)
	name := filepath.Base(m)
	if strings.HasPrefix(name, ".") || err == nil && !info.IsDir() && !isManifest(name) || IsConfig(name) || real(m) == f.config {
		return false, nil
	}
	root, err := f.open(base)
	if err != nil {
		return false, err
	}
	rel, err := filepath.Rel(base, m)
	if err != nil {
		return false, err
	}
	info, err = root.Lstat(rel)
	if err != nil {
		return true, f.unreachable(f.display(m), err)
	}
	place := filepath.Join(real(filepath.Dir(m)), name)
	return true, f.entry(root, filepath.ToSlash(rel), f.display(m), place, fs.FileInfoToDirEntry(info))
}

// walk reads one folder. realDir is what it is on the disk; a folder that was
// seen is not read again.
func (f *finder) walk(root *os.Root, rel, name, realDir string) error {
	if f.known[realDir] {
		return nil
	}
	f.known[realDir] = true
	entries, err := fs.ReadDir(root.FS(), rel)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := f.entry(root, path.Join(rel, e.Name()), path.Join(name, e.Name()), filepath.Join(realDir, e.Name()), e); err != nil {
			return err
		}
	}
	return nil
}

func (f *finder) entry(root *os.Root, rel, name, realPath string, e fs.DirEntry) error {
	if e.IsDir() {
		return f.walk(root, rel, name, realPath)
	}
	isFile := isManifest(e.Name()) && !IsConfig(e.Name())
	if IsConfig(e.Name()) {
		f.configs = append(f.configs, name)
	}
	link := e.Type()&fs.ModeSymlink != 0
	if !isFile && !link {
		return nil
	}
	info, err := root.Stat(filepath.FromSlash(rel))
	if err != nil {
		if target, outside := os.Stat(realPath); !isFile && (outside != nil || !target.IsDir()) {
			return nil // a link to something that would not be read anyway
		}
		return f.unreachable(name, err)
	}
	if link {
		realPath = real(realPath)
	}
	switch {
	case info.IsDir():
		return f.walk(root, rel, name, realPath)
	case isFile && realPath != f.config:
		f.take(file{name: name, root: root, path: rel, real: realPath}, info)
	}
	return nil
}

// take adds a file, once.
func (f *finder) take(x file, info fs.FileInfo) {
	switch {
	case f.known[x.real]:
	case !info.Mode().IsRegular():
		f.report(ruleNotAFile, x.name, "", "not a regular file; want a file of YAML")
	default:
		f.known[x.real] = true
		f.list = append(f.list, x)
	}
}
