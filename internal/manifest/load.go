// Package manifest finds, decodes and checks the YAML files that declare item
// pools, and poolsync's own configuration file. What comes in are paths; what
// goes out are declared pools with the places of all their parts, and findings
// that point at lines of the files. It is the only package that knows YAML and
// JSON Schema, and it knows nothing of the API: it calls nothing, writes
// nothing and logs nothing.
package manifest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// Options say what to load.
type Options struct {
	// Paths are files, folders and globs, relative to Dir or absolute. Folders are
	// read recursively for *.yaml and *.yml; hidden files and folders are skipped.
	Paths []string
	// Dir is the folder that relative paths start from; empty means the working
	// directory. Names in positions are relative to it.
	Dir string
	// Root is a folder that paths which are written as places below it must not
	// lead out of, as by a symbolic link; empty: there is none. What is below it may
	// have been written by others than who names the paths.
	Root string
	// Configs is set where a configuration file of any name that is named is to be
	// checked as such. Otherwise it is a faulty manifest.
	Configs bool
	// Config is the path of the configuration file in use, if any: it is no
	// manifest, wherever it lies. Files named poolsync.yaml never are; other ones
	// that can only be such a file are passed over where a folder is read.
	Config string
	// foreign is set where files that evidently declare no pool are passed over,
	// whatever else is in them.
	foreign bool
}

// Set is what a number of manifests declare together.
type Set struct {
	// Pools are the declared pools, sorted by key. A file that does not state
	// organisation_id leaves the key's bank at zero.
	Pools []pool.Declared
	// Files are the names of the manifests, sorted.
	Files []string
	// Configs are the names of the configuration files that were checked.
	Configs []string
	// Banks gives, for each organisation_id that a manifest states, the first
	// place that states it.
	Banks map[pool.Bank]source.Position
}

// Load finds and checks manifests. The findings are sorted and complete: of all
// files, not of the first bad one. If any of them is an error, the pools are
// what could be understood and must not be acted upon. The error is for input
// and output, and for a context that ended.
func Load(ctx context.Context, opts Options) (Set, source.Diagnostics, error) {
	files, err := find(opts)
	defer files.close()
	if err != nil {
		return Set{}, nil, err
	}
	results, err := parseAll(ctx, files.list, opts)
	if err != nil {
		return Set{}, nil, err
	}
	manifests := slices.DeleteFunc(slices.Clone(results), func(p parsed) bool { return p.config })
	set, found := assemble(manifests)
	for _, p := range results {
		if p.config && p.checked {
			set.Configs = append(set.Configs, p.name)
			found = append(found, p.found...)
		}
	}
	if len(manifests)+len(set.Configs) == 0 && !files.found.HasErrors() {
		files.none(opts.Paths)
	}
	found = append(found, files.found...)
	results = manifests
	found = cut(append(found, across(results, files.reopen)...), maxTotal)
	if !found.HasErrors() && len(set.Pools)+len(set.Configs) == 0 { // no way leads here; an empty set must never pass for "nothing to do"
		found = append(found, source.Diagnostic{Severity: source.Error, Rule: ruleNoPools, Message: "no pool is declared at all"})
	}
	return set, found.Sort(), nil
}

// assemble puts the results of all files together.
func assemble(results []parsed) (Set, source.Diagnostics) {
	set := Set{Banks: make(map[pool.Bank]source.Position)}
	var found source.Diagnostics
	for _, p := range results {
		set.Files = append(set.Files, p.name)
		set.Pools = append(set.Pools, p.pools...)
		found = append(found, p.found...)
		if _, known := set.Banks[p.bank]; p.bankAt.Known() && !known {
			set.Banks[p.bank] = p.bankAt.In(p.name)
		}
	}
	sortPools(set.Pools)
	return set, found
}

// largeFile is the size from which a file, if it is not the only one, is read
// by all workers together, one such file at a time: that bounds the memory.
const largeFile = 1 << 20

// parseAll reads and checks files side by side, one worker a core. The results
// are in the order of the files.
func parseAll(ctx context.Context, files []file, opts Options) ([]parsed, error) {
	results := make([]parsed, len(files))
	group, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	group.SetLimit(workers)
	enough := newEnough(len(files), maxTotal)
	var large sync.Mutex
	for i, f := range files {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if enough.before(i) {
				results[i].name = f.name
				return nil
			}
			data, err := f.read()
			if err != nil {
				return fmt.Errorf("read manifest: %w", err)
			}
			if len(data) < largeFile && len(files) > 1 {
				results[i] = parse(f.name, data, 1)
			} else {
				large.Lock()
				defer large.Unlock()
				results[i] = parse(f.name, data, workers)
			}
			if !quotable(f.real) {
				results[i].found = withhold(results[i].found)
			}
			switch r := &results[i]; {
			case r.config && f.named && opts.Configs:
				_, r.found = ParseConfig(f.name, data)
				if !quotable(f.real) {
					r.found = withhold(r.found)
				}
				r.checked = true
			case opts.foreign && r.found.HasErrors() && !mayDeclare(data):
				r.config = true
			default:
				r.config = r.config && !f.named
			}
			enough.add(i, len(results[i].found))
			return nil
		})
	}
	return results, group.Wait()
}
