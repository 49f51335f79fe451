package manifest

import (
	"bytes"
	"context"
	"slices"
	"unicode/utf8"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// Declared returns the keys of all pools that the manifests of a whole set
// declare. A pool in whose file nothing is stated has the bank zero. The set may
// be a whole repository: YAML that evidently declares no pool is passed over. If
// any finding is an error the keys are not all.
func Declared(ctx context.Context, opts Options) (map[pool.Key]bool, source.Diagnostics, error) {
	opts.foreign = true
	set, found, err := Load(ctx, opts)
	if err != nil {
		return nil, nil, err
	}
	found = slices.DeleteFunc(found, func(d source.Diagnostic) bool { return d.Rule == ruleNoFiles || d.Rule == ruleNoPools })
	keys := make(map[pool.Key]bool, len(set.Pools))
	for _, d := range set.Pools {
		keys[d.Key] = true
	}
	return keys, found, nil
}

// mayDeclare reports whether a file that is not valid may be meant to declare
// pools.
func mayDeclare(data []byte) bool {
	return bytes.Contains(data, []byte("pools")) || !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0
}

// Names finds manifests without reading them. It returns their real paths and
// those of the configuration files that lie among them.
func Names(opts Options) (manifests, configs []string, err error) {
	f, err := find(opts)
	defer f.close()
	if err != nil {
		return nil, nil, err
	}
	for _, x := range f.list {
		manifests = append(manifests, x.real)
	}
	return manifests, f.configs, nil
}
