package manifest

import "github.com/poolsync/poolsync/internal/source"

// File is a manifest that was found: Name is what findings call it, Path what it
// is on the disk, with links resolved.
type File struct{ Name, Path string }

// Files returns the manifests that Load would read, sorted by name, and what is
// wrong with the paths that were given.
func Files(opts Options) ([]File, source.Diagnostics, error) {
	found, err := find(opts)
	defer found.close()
	if err != nil {
		return nil, nil, err
	}
	if len(found.list) == 0 && !found.found.HasErrors() {
		found.none(opts.Paths)
	}
	files := make([]File, len(found.list))
	for i, f := range found.list {
		files[i] = File{f.name, f.real}
	}
	return files, found.found.Sort(), nil
}
