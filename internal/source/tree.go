package source

import (
	"path"
	"strings"
)

// Tree is where file names begin and where others expect them to: the working
// directory and the root of the repository, both absolute, with slashes and with
// links resolved. The zero Tree leaves names as they are.
type Tree struct{ Dir, Root string }

// Name returns a file's name from the root. ok is false if it lies elsewhere: the
// name is then as it was.
func (t Tree) Name(file string) (name string, ok bool) {
	if t.Root == "" || file == "" {
		return file, file != "" && !path.IsAbs(file) && file != ".." && !strings.HasPrefix(file, "../")
	}
	abs := path.Clean(file)
	if !path.IsAbs(abs) {
		abs = path.Join(t.Dir, file)
	}
	if rest, below := strings.CutPrefix(abs, strings.TrimSuffix(t.Root, "/")+"/"); below {
		return rest, true
	}
	return file, false
}
