package export

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/manifest/write"
	"github.com/poolsync/poolsync/internal/pool"
)

// Check reads the manifest of a pool as validate does, and says why it cannot stand
// for the pool: a name or a reference may be more than a manifest can hold.
func (x Exported) Check() string {
	data := append(write.Head(x.Bank), x.Pool.Bytes()...)
	pools, found := manifest.Parse("the manifest", data)
	for _, f := range found {
		if f.Severity == "error" {
			return "no manifest can hold it: " + f.Message
		}
	}
	if len(pools) != 1 || pools[0].Key != x.Key || pools[0].Fields != x.Pool.Fields || !pools[0].Content.Equal(x.Pool.Content) {
		return "no manifest can hold it: what is written reads as something else"
	}
	return ""
}

// Folder is where exported pools are written, one file each.
type Folder struct {
	Path  string
	Force bool              // write over files that exist
	taken map[string]string // references by the name of their file in small letters
}

// Put writes a pool's file and returns its name.
func (f *Folder) Put(x Exported) (string, error) {
	name := fileName(x.Reference)
	if f.taken == nil {
		f.taken = map[string]string{}
	}
	if other, taken := f.taken[strings.ToLower(name)]; taken {
		return "", fmt.Errorf("no file name can hold it beside %q: on many systems names that differ in letter case only are one file", other)
	}
	f.taken[strings.ToLower(name)] = string(x.Reference)
	path := filepath.Join(f.Path, name)
	if err := os.MkdirAll(f.Path, 0o755); err != nil {
		return "", err
	}
	data := append(write.Head(x.Bank), x.Pool.Bytes()...)
	if f.Force {
		return path, replaceFile(path, data)
	}
	return path, newFile(path, data)
}

func newFile(path string, data []byte) error {
	w, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // a manifest is for everybody who reads the repository
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already; to write over it: --force", path)
	}
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	if err = errors.Join(err, w.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err
}

// replaceFile leaves the old file whole until the new one is.
func replaceFile(path string, data []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	next := path + ".new"
	_ = os.Remove(next)
	if err := newFile(next, data); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// maxName bounds a file name: file systems take 255 bytes.
const maxName = 200

// reserved are names that Windows gives to devices, with any suffix, and the name
// of the configuration, which is never read as a manifest.
var reserved = []string{"con", "prn", "aux", "nul", "poolsync"}

// fileName makes one file name of any reference. Letters, digits, "-", "_" and a
// "." inside stay; all else is "%" and its number. What would be too long ends in
// "~" and a hash.
func fileName(ref pool.Reference) string {
	var b strings.Builder
	low := strings.ToLower(string(ref))
	device := slices.Contains(reserved, low) || len(low) == 4 && (strings.HasPrefix(low, "com") || strings.HasPrefix(low, "lpt"))
	for i := range len(ref) {
		c := ref[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
		if plain && (i > 0 || c != '.' && !device) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	name := b.String()
	if len(name) > maxName {
		sum := sha256.Sum256([]byte(ref))
		name = name[:maxName-33] + "~" + hex.EncodeToString(sum[:16])
	}
	return name + ".yaml"
}
