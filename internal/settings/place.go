package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/source"
)

// Place is where a run takes place: the configuration that counts, the folder
// that state and recorded names start from, what is read, and how far the
// manifest set extends.
//
// The same manifests must come to the same place wherever the command is
// started, or pools would be taken for unknown or orphaned. So nothing here
// depends on the working directory but the meaning of relative paths.
type Place struct {
	// Config is the configuration file, "" if there is none.
	Config string
	// Configs are other configuration files that were given as arguments.
	Configs []string
	// Base is the folder of the configuration; without one the root of the
	// repository that holds the manifests, else a folder that all paths lie in.
	Base string
	// Paths are the manifests of the run: the arguments, else what is configured,
	// else the working directory.
	Paths []string
	// Extent is what the whole set may be declared in; see Whole.
	Extent []string
	// Part reports that Paths may be less than the Extent.
	Part bool

	dir  string // the working directory, absolute, links resolved
	read bool   // manifests are read
	// loose reports that there is neither a configuration nor a repository, so that
	// nothing says how far the set extends.
	loose bool
	base  string // Base, absolute, links resolved
}

// locate finds the place of a run. config is the file that was named, or "".
func locate(in Input, config string) (Place, error) {
	p := Place{Config: config, read: in.Manifests}
	var err error
	if p.dir, err = filepath.Abs(in.Dir); err == nil {
		p.dir, err = filepath.EvalSymlinks(p.dir)
	}
	if err != nil {
		return p, fmt.Errorf("find the working directory: %w", err)
	}
	p.takeConfigs(in.Paths)
	if p.Config == "" {
		if p.Config, err = p.search(); err != nil {
			return p, err
		}
	}
	if p.Config != "" {
		p.settle(filepath.Dir(p.absolute(p.Config)))
		return p, nil
	}
	base, err := p.home()
	if err == nil {
		p.settle(base)
	}
	return p, err
}

// takeConfigs tells configuration files among the arguments from manifests. The
// first one counts for the run, unless another one was named.
func (p *Place) takeConfigs(paths []string) {
	for _, path := range paths {
		info, err := os.Stat(p.absolute(path))
		named := p.Config != "" && real(p.absolute(p.Config)) == real(p.absolute(path))
		switch {
		case err != nil || info.IsDir() || !named && !manifest.IsConfig(path):
			p.Paths = append(p.Paths, path)
		case named:
		case p.Config == "" && len(p.Paths) == 0:
			p.Config = path
		default:
			p.Configs = append(p.Configs, path)
		}
	}
}

// search finds the configuration from the arguments or, without any, from the
// working directory.
func (p *Place) search() (string, error) {
	if len(p.Paths) == 0 {
		return p.upwards(p.dir)
	}
	first, err := p.configOf(p.Paths[0])
	if err != nil {
		return "", err
	}
	for _, path := range p.Paths[1:] {
		other, err := p.configOf(path)
		if err != nil {
			return "", err
		}
		if other != "" && other != first {
			return "", refuse("run them one after the other, or name the one that counts: --config "+other,
				"%s belongs to the configuration %s, and %s to %s", path, other, p.Paths[0], orNone(first))
		}
	}
	return first, nil
}

func orNone(config string) string {
	if config == "" {
		return "none"
	}
	return config
}

// configOf finds the configuration of one argument: the nearest upwards from
// where it is written to lie, else from where it really lies. One that only the
// working directory has, around a repository that has none, would count from there
// and from nowhere else: then it has to be named.
func (p *Place) configOf(path string) (string, error) {
	for _, start := range p.starts(path) {
		if found, err := p.upwards(start); found != "" || err != nil {
			return found, err
		}
	}
	found, err := p.upwards(p.dir)
	if err != nil || found == "" || !below(filepath.Dir(real(p.absolute(found))), real(p.folder(path))) {
		return "", err
	}
	return "", refuse("name it: --config "+found+", or start inside of the repository to go without",
		"%s lies outside of the repository that holds %s", found, path)
}

// starts are the folders in which to look for what an argument belongs to.
func (p *Place) starts(path string) []string {
	lexical := p.folder(path)
	return slices.Compact([]string{lexical, real(lexical)})
}

// folder returns the folder of an argument, absolute, as far as it exists.
func (p *Place) folder(path string) string {
	abs := manifest.BeforeGlob(p.absolute(path))
	for {
		if info, err := os.Stat(abs); err == nil && info.IsDir() || abs == filepath.Dir(abs) {
			return abs
		}
		abs = filepath.Dir(abs)
	}
}

// upwards finds the nearest configuration from a folder up to the root of its
// repository. Outside of a repository it looks into no folder above that anyone
// may write to, such as the one for temporary files.
func (p *Place) upwards(start string) (string, error) {
	for dir := start; ; dir = filepath.Dir(dir) {
		if dir != start && open(dir) {
			return "", nil
		}
		found, err := manifest.FindConfig(dir)
		if err != nil || found != "" {
			return p.shown(found), err
		}
		if isRepository(dir) || dir == filepath.Dir(dir) {
			return "", nil
		}
	}
}

func open(dir string) bool {
	info, err := os.Stat(dir)
	return err != nil || runtime.GOOS != "windows" && info.Mode().Perm()&0o002 != 0
}

// isRepository reports whether a folder is the root of a git work tree.
func isRepository(dir string) bool {
	git := filepath.Join(dir, ".git")
	info, err := os.Stat(git)
	if err != nil {
		return false
	}
	if info.IsDir() {
		_, err = os.Stat(filepath.Join(git, "HEAD"))
	}
	return err == nil
}

// Repository returns the root of the git work tree that a folder lies in, or "".
func Repository(dir string) string {
	for {
		if isRepository(dir) {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
		dir = filepath.Dir(dir)
	}
}

// home finds the base of a run without a configuration.
func (p *Place) home() (string, error) {
	paths := p.Paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	if !p.read {
		return p.common(paths), nil
	}
	files, configs, err := manifest.Names(manifest.Options{Paths: paths, Dir: p.dir})
	if err != nil {
		return "", err
	}
	if len(configs) > 0 {
		return "", refuse("start there, or name it: --config "+configs[0],
			"%s is the configuration of manifests in %s, and would not count for them", configs[0], strings.Join(paths, ", "))
	}
	roots := map[string]string{} // an example of a file, by repository
	for _, file := range files {
		roots[Repository(filepath.Dir(file))] = file
	}
	if len(roots) > 1 {
		return "", p.severalRepositories(roots)
	}
	for root := range roots {
		if root != "" {
			return root, nil
		}
	}
	return p.common(paths), nil
}

// common returns the root of the repository that all paths lie in. Outside of one
// it is the nearest folder upwards that has a state already, else the working
// directory if it holds them all, else the nearest folder that does.
func (p *Place) common(paths []string) string {
	common := real(p.folder(paths[0]))
	for _, path := range paths[1:] {
		for folder := real(p.folder(path)); !below(common, folder); {
			common = filepath.Dir(common)
		}
	}
	if root := Repository(common); root != "" {
		return root
	}
	for dir := common; dir != filepath.Dir(dir) && (dir == common || !open(dir)); dir = filepath.Dir(dir) {
		if info, err := os.Stat(filepath.Join(dir, stateFolder)); err == nil && info.IsDir() {
			return dir
		}
	}
	if below(p.dir, common) {
		return p.dir
	}
	return common
}

func (p *Place) severalRepositories(roots map[string]string) error {
	var words []string
	for root, file := range roots {
		where := "no repository"
		if root != "" {
			where = "the repository " + p.shown(root)
		}
		words = append(words, p.shown(file)+" lies in "+where)
	}
	slices.Sort(words)
	return refuse("plan and apply the manifests of each repository by themselves", "the manifests are not of one repository: %s", strings.Join(words, ", "))
}

// settle sets what follows from the base.
func (p *Place) settle(base string) {
	p.Base, p.base = p.shown(base), real(base)
	p.loose = p.Config == "" && Repository(p.base) == ""
	p.Part = len(p.Paths) > 0 || p.Config == "" && p.base != p.dir
	p.Extent = []string{p.Base}
	if len(p.Paths) == 0 && p.Config == "" {
		p.Paths = []string{"."}
	}
}

// cover makes what the configuration names the extent of the set, and the paths
// of a run without arguments.
func (p *Place) cover(manifests []manifest.Stated[string]) {
	if len(manifests) > 0 {
		p.Extent = nil
	}
	for _, m := range manifests {
		p.Extent = append(p.Extent, filepath.Join(p.Base, m.Value))
	}
	if len(p.Paths) == 0 {
		p.Paths = p.Extent
	}
}

// Outside warns of manifests that were read and lie outside of the extent.
func (p *Place) Outside(files []string) source.Diagnostics {
	if !p.Part {
		return nil
	}
	outside := slices.DeleteFunc(slices.Clone(files), p.covers)
	if len(outside) == 0 {
		return nil
	}
	what := "this manifest is"
	if n := len(outside) - 1; n > 0 {
		what = fmt.Sprintf("this manifest and %d more are", n)
	}
	return source.Diagnostics{{
		Position: source.Position{File: outside[0]}, Severity: source.Warning, Rule: "outside-manifests",
		Message: fmt.Sprintf("%s not among the manifests of %s: a run without PATHs takes its pools for no longer declared", what, p.Config),
		Hint:    "add it to manifests in " + p.Config + ", or apply it by a configuration of its own",
	}}
}

// Whole returns the extent of the set, given the names of the manifests that the
// state has entries of. Where nothing else says how far the set extends, it is the
// folder that those and the paths of the run lie in.
func (p *Place) Whole(recorded []string) []string {
	if !p.loose {
		return p.Extent
	}
	common := real(p.folder(p.Paths[0]))
	widen := func(folder string) {
		for !below(common, folder) {
			common = filepath.Dir(common)
		}
	}
	for _, path := range p.Paths[1:] {
		widen(real(p.folder(path)))
	}
	for _, name := range recorded {
		widen(filepath.Dir(filepath.Join(p.base, filepath.FromSlash(name))))
	}
	return []string{p.shown(common)}
}

// covers reports whether a manifest lies in the extent.
func (p *Place) covers(file string) bool {
	abs := real(p.absolute(file))
	return slices.ContainsFunc(p.Extent, func(e string) bool {
		e = filepath.Join(p.base, strings.TrimPrefix(p.absolute(e), p.absolute(p.Base)))
		if fixed := manifest.BeforeGlob(e); fixed == e {
			return below(real(e), abs)
		}
		for parent := abs; parent != filepath.Dir(parent); parent = filepath.Dir(parent) {
			if ok, err := filepath.Match(e, parent); err == nil && ok {
				return true
			}
		}
		return false
	})
}

// Recorded returns a manifest's name as the state records it: relative to the
// base, so that runs from different folders agree.
func (p *Place) Recorded(name string) string {
	abs := p.absolute(name)
	if !below(p.base, abs) {
		abs = real(abs)
	}
	rel, err := filepath.Rel(p.base, abs)
	if err != nil {
		return name
	}
	return filepath.ToSlash(rel)
}

func (p *Place) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(p.dir, path)
}

// shown returns a path as it is told: relative where it lies in the working
// directory or above it.
func (p *Place) shown(path string) string {
	rel, err := filepath.Rel(p.dir, path)
	if err != nil || path == "" || !below(p.dir, path) && !below(filepath.Dir(path), p.dir) {
		return path
	}
	return rel
}

// below reports whether a path is a folder or lies in it.
func below(dir, p string) bool {
	rel, err := filepath.Rel(dir, p)
	return err == nil && filepath.IsLocal(rel)
}

// real resolves symbolic links as far as the path exists.
func real(p string) string {
	r, err := filepath.EvalSymlinks(p)
	if errors.Is(err, fs.ErrNotExist) && p != filepath.Dir(p) {
		return filepath.Join(real(filepath.Dir(p)), filepath.Base(p))
	}
	if err != nil {
		return p
	}
	return r
}
