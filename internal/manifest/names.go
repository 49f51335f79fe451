package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/poolsync/poolsync/internal/source"
)

// ConfigName is the name of the configuration file.
const ConfigName = "poolsync.yaml"

// isManifest reports whether a name is that of a file of YAML, in any letter case.
func isManifest(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".yaml" || ext == ".yml"
}

// quotable reports whether findings may show what is in a file, given its real
// path: a link, an argument or a configuration may name any file of the machine,
// and a hidden one, or one of another kind, may hold credentials.
func quotable(real string) bool {
	return isManifest(filepath.Base(real)) && !strings.HasPrefix(filepath.Base(real), ".") &&
		!strings.Contains(filepath.ToSlash(real), "/.git/")
}

// withhold takes from findings everything that the text of the file may be in.
func withhold(found source.Diagnostics) source.Diagnostics {
	for i, d := range found {
		found[i] = source.Diagnostic{
			Position: d.Position, Severity: d.Severity, Rule: d.Rule,
			Message: "a finding of this rule, without details: only what is in files named *.yaml or *.yml is shown",
			Hint:    "name the file so, if it is a manifest",
		}
	}
	return found
}

// IsConfig reports whether a path's last part is the name of a configuration file.
func IsConfig(name string) bool {
	base := strings.ToLower(filepath.Base(name))
	return base == ConfigName || base == "poolsync.yml"
}

// FindConfig returns the path of the configuration file of a folder, or "" if it
// has none. Two of them side by side are an error: which one counts must not
// depend on a rule that nobody remembers.
func FindConfig(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrPermission) { // a folder above that may be passed through and not listed
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find configuration: %w", err)
	}
	found := ""
	for _, e := range entries {
		switch {
		case e.IsDir() || !IsConfig(e.Name()):
		case found != "":
			return "", fmt.Errorf("find configuration: both %s and %s exist; remove one of them", found, filepath.Join(dir, e.Name()))
		default:
			found = filepath.Join(dir, e.Name())
		}
	}
	return found, nil
}

// below reports whether a path is a folder or lies in it.
func below(dir, p string) bool {
	rel, err := filepath.Rel(dir, p)
	return err == nil && filepath.IsLocal(rel)
}

const globSigns = "*?["

// BeforeGlob returns the part of a path that precedes its first glob sign, or the
// path itself if it exists as it stands.
func BeforeGlob(p string) string {
	for strings.ContainsAny(p, globSigns) {
		if _, err := os.Lstat(p); err == nil {
			break
		}
		p = filepath.Dir(p)
	}
	return p
}
