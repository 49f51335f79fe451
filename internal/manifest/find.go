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

// ConfigName is the name of the configuration file.
const ConfigName = "poolsync.yaml"

// file is a manifest that was found: name is what the user calls it, path its
// place within the root, real what it is on the disk.
type file struct {
	name string
	root *os.Root
	path string
	real string
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
// is put there between the look and the read.
type finder struct {
	dir    string // absolute, links resolved
	config string // the real path of the configuration file
	roots  []*os.Root
	list   []file
	known  map[string]bool // real paths of files and folders that were taken
	found  source.Diagnostics
}

func (f *finder) close() {
	for _, r := range f.roots {
		_ = r.Close() // nothing was written
	}
}

// reopen gives the text of a manifest once more, for an excerpt, or nil.
func (f *finder) reopen(name string) *text {
	i := slices.IndexFunc(f.list, func(x file) bool { return x.name == name })
	if i < 0 {
		return nil
	}
	data, err := f.list[i].read()
	if err != nil {
		return nil
	}
	return newText(name, data)
}

// find lists the manifests that the options name, sorted by name.
func find(opts Options) (*finder, source.Diagnostics, error) {
	f := &finder{known: make(map[string]bool)}
	dir, err := filepath.Abs(opts.Dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return f, nil, fmt.Errorf("find manifests: %w", err)
	}
	f.dir = dir
	if opts.Config != "" {
		f.config = real(f.absolute(opts.Config))
	}
	for _, p := range opts.Paths {
		if err := f.given(p); err != nil {
			return f, nil, fmt.Errorf("find manifests: %w", err)
		}
	}
	if len(f.list) == 0 && !f.found.HasErrors() {
		f.report(ruleNoFiles, f.display(strings.Join(opts.Paths, ", ")), "name files or folders with *.yaml or *.yml; hidden ones are skipped", "no manifest found")
	}
	slices.SortFunc(f.list, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	return f, f.found, nil
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

// open gives the root that a given path must not leave, and its path within:
// the folder of the run, or else the folder that the path lies in.
func (f *finder) open(p string) (*os.Root, string, error) {
	abs := f.absolute(p)
	base, rel := f.dir, "."
	if r, err := filepath.Rel(f.dir, abs); err == nil && filepath.IsLocal(r) {
		rel = filepath.ToSlash(r)
	} else if info, err := os.Stat(abs); err == nil && info.IsDir() {
		base = abs
	} else {
		base, rel = filepath.Dir(abs), filepath.Base(abs)
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		return nil, "", err
	}
	f.roots = append(f.roots, root)
	return root, rel, nil
}

// given takes one path of the options: a glob, a folder or a file.
func (f *finder) given(p string) error {
	if p == "" {
		f.report(rulePath, ".", "name a file or a folder", "an empty path")
		return nil
	}
	root, rel, err := f.open(p)
	if errors.Is(err, fs.ErrNotExist) {
		f.absent(p)
		return nil
	} else if err != nil {
		return err
	}
	info, err := root.Stat(filepath.FromSlash(rel))
	switch {
	case errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(p, "*?["):
		return f.glob(p)
	case errors.Is(err, fs.ErrNotExist):
		f.absent(p)
		return nil
	case err != nil:
		return f.unreachable(f.display(p), err)
	case info.IsDir():
		return f.folder(root, rel, f.display(p))
	}
	if isConfig(rel) || f.config != "" && real(f.absolute(p)) == f.config {
		f.report(ruleNoFiles, f.display(p), "name the files or folders of manifests", "the configuration file is not a manifest")
		return nil
	}
	f.take(file{name: f.display(p), root: root, path: rel, real: real(f.absolute(p))}, info)
	return nil
}

func (f *finder) absent(p string) {
	if strings.ContainsAny(p, "*?[") {
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
// matches.
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
	matched := false
	for _, m := range matches {
		info, err := os.Stat(m)
		base := filepath.Base(m)
		if strings.HasPrefix(base, ".") || err == nil && !info.IsDir() && !isManifest(base) || isConfig(base) || real(m) == f.config {
			continue
		}
		matched = true
		if err := f.given(f.display(m)); err != nil {
			return err
		}
	}
	if !matched {
		f.absent(p)
	}
	return nil
}

// folder takes every manifest in a folder of a root. Links are followed as far
// as they stay inside the folder.
func (f *finder) folder(root *os.Root, rel, name string) error {
	if rel != "." {
		sub, err := root.OpenRoot(filepath.FromSlash(rel))
		if err != nil {
			return f.unreachable(name, err)
		}
		f.roots = append(f.roots, sub)
		root = sub
	}
	return f.walk(root, ".", name, real(root.Name()))
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
	isFile := isManifest(e.Name()) && !isConfig(e.Name())
	if e.IsDir() {
		return f.walk(root, rel, name, realPath)
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

func isManifest(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

func isConfig(name string) bool {
	base := path.Base(name)
	return base == ConfigName || base == "poolsync.yml"
}
