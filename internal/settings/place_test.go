package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/settings"
)

// TestPlace: the same manifests come to the same place from wherever the command
// is started.
func TestPlace(t *testing.T) {
	config := "version: 1\nmanifests: [pools]\n"
	dir := tree(t, map[string]string{
		"repo/.git/HEAD": "", "repo/poolsync.yaml": config, "repo/pools/deep/a.yaml": pool, "repo/other/b.yaml": pool,
		"repo/content/.git/HEAD": "", "repo/content/pools/c.yaml": pool,
		"repo/team/POOLSYNC.YML": "version: 1\n", "repo/team/d.yaml": pool,
		"bare/.git/HEAD": "", "bare/pools/e.yaml": pool, "bare/more/f.yaml": pool,
		"tree/.git": "gitdir: elsewhere\n", "tree/pools/g.yaml": pool,
		"plain/x/h.yaml": pool, "plain/y/i.yaml": pool, "empty/": "",
		"link": "->repo/pools", "known/.poolsync/": "", "known/z/j.yaml": pool,
	})
	for name, test := range map[string]struct {
		cwd    string
		paths  []string
		config string // relative to dir, as everything below
		base   string
		extent []string
		part   bool
	}{
		"root":                            {"repo", nil, "repo/poolsync.yaml", "repo", []string{"repo/pools"}, false},
		"manifests' folder":               {"repo/pools", nil, "repo/poolsync.yaml", "repo", []string{"repo/pools"}, false},
		"deep":                            {"repo/pools/deep", nil, "repo/poolsync.yaml", "repo", []string{"repo/pools"}, false},
		"above":                           {".", []string{"repo/pools"}, "repo/poolsync.yaml", "repo", []string{"repo/pools"}, true},
		"above, a file":                   {".", []string{"repo/pools/deep/a.yaml"}, "repo/poolsync.yaml", "repo", []string{"repo/pools"}, true},
		"above, a glob":                   {".", []string{"repo/pools/*"}, "repo/poolsync.yaml", "repo", []string{"repo/pools"}, true},
		"above, the file itself":          {".", []string{"repo/poolsync.yaml"}, "repo/poolsync.yaml", "repo", []string{"repo/pools"}, false},
		"another repository":              {"bare", []string{"../repo/pools"}, "repo/poolsync.yaml", "repo", []string{"repo/pools"}, true},
		"a path that is not there":        {".", []string{"repo/pools/gone/x.yaml"}, "repo/poolsync.yaml", "repo", []string{"repo/pools"}, true},
		"through a link":                  {".", []string{"link"}, "repo/poolsync.yaml", "repo", []string{"repo/pools"}, true},
		"inside the inner one":            {"repo/content", nil, "", "repo/content", []string{"repo/content"}, false},
		"nested, other case":              {"repo", []string{"team"}, "repo/team/POOLSYNC.YML", "repo/team", []string{"repo/team"}, true},
		"no configuration":                {"bare", []string{"pools"}, "", "bare", []string{"bare"}, true},
		"no configuration, inside":        {"bare/pools", nil, "", "bare", []string{"bare"}, true},
		"no configuration, above":         {".", []string{"bare/pools", "bare/more"}, "", "bare", []string{"bare"}, true},
		"no configuration, elsewhere":     {"empty", []string{"../bare/pools"}, "", "bare", []string{"bare"}, true},
		"configuration not for the path":  {"repo", []string{"../bare/pools"}, "", "bare", []string{"bare"}, true},
		"a worktree":                      {"tree/pools", nil, "", "tree", []string{"tree"}, true},
		"no repository":                   {"plain", []string{"x"}, "", "plain", []string{"plain"}, true},
		"no repository, elsewhere":        {"empty", []string{"../plain/x", "../plain/y"}, "", "plain", []string{"plain"}, true},
		"no repository, where a state is": {"known/z", nil, "", "known", []string{"known"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, found, err := settings.Resolve(input(filepath.Join(dir, filepath.FromSlash(test.cwd)), test.paths...))
			require.NoError(t, err)
			require.Empty(t, found)
			within := func(path string) string {
				if path == "" {
					return ""
				}
				if !filepath.IsAbs(path) {
					path = filepath.Join(dir, test.cwd, path)
				}
				rel, err := filepath.Rel(dir, path)
				require.NoError(t, err)
				return filepath.ToSlash(rel)
			}
			var extent []string
			for _, e := range s.Extent {
				extent = append(extent, within(e))
			}
			type place struct {
				Config, Base, State string
				Extent              []string
				Part                bool
			}
			want := place{test.config, test.base, test.base + "/.poolsync/state.json", test.extent, test.part}
			got := place{within(s.Config), within(s.Base), within(strings.TrimPrefix(s.State, "file:")), extent, s.Part}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestPlaceRefused: what would leave a configuration out of account is refused.
func TestPlaceRefused(t *testing.T) {
	dir := tree(t, map[string]string{
		"repo/.git/HEAD": "", "repo/poolsync.yaml": "version: 1\n", "repo/a.yaml": pool, "repo/content/.git/HEAD": "", "repo/content/pools/c.yaml": pool,
		"bare/.git/HEAD": "", "bare/b.yaml": pool, "bare/poolsync.yamlx": "", "plain/c.yaml": pool,
		"both/poolsync.yaml": "version: 1\n", "both/poolsync.yml": "version: 1\n", "both/pools/d.yaml": pool,
	})
	for _, test := range []struct {
		cwd   string
		paths []string
		want  string
	}{
		{".", []string{"bare", "repo"}, "repo belongs to the configuration repo/poolsync.yaml, and bare to none"},
		{".", []string{"both/pools"}, "both"},
		{"both/pools", nil, "remove one of them"},
		{"repo", []string{"content/pools"}, "poolsync.yaml lies outside of the repository that holds content/pools"},
		{".", nil, "both/poolsync.yaml is the configuration of manifests in ."},
		{".", []string{"bare", "plain"}, "bare/b.yaml lies in the repository bare, plain/c.yaml lies in no repository"},
	} {
		_, _, err := settings.Resolve(input(filepath.Join(dir, test.cwd), test.paths...))
		require.ErrorContains(t, err, test.want)
	}
}

// TestRecorded: names in the state do not depend on the working directory.
func TestRecorded(t *testing.T) {
	dir := tree(t, map[string]string{"repo/.git/HEAD": "", "repo/poolsync.yaml": "version: 1\n", "repo/pools/a.yaml": pool, "link": "->repo/pools"})
	for cwd, name := range map[string]string{"repo": "pools/a.yaml", "repo/pools": "a.yaml", ".": "link/a.yaml", "link": filepath.Join(dir, "repo/pools/a.yaml")} {
		s, _, err := settings.Resolve(input(filepath.Join(dir, cwd), name))
		require.NoError(t, err)
		require.Equal(t, "pools/a.yaml", s.Recorded(name), cwd)
	}
}

// TestWhole: without a configuration or a repository the set extends over what
// was applied before, and not over whatever else lies in the working directory.
func TestWhole(t *testing.T) {
	dir := tree(t, map[string]string{"a/p.yaml": pool, "b/c/q.yaml": pool})
	s, _, err := settings.Resolve(input(dir, "b/c/q.yaml"))
	require.NoError(t, err)
	require.Equal(t, []string{"b/c"}, s.Whole(nil))
	require.Equal(t, []string{"b"}, s.Whole([]string{"b/d/r.yaml", "b/c/q.yaml"}))
	require.Equal(t, []string{"."}, s.Whole([]string{"a/p.yaml"}))
}

// TestOutside warns of a manifest that a run without PATHs would not read.
func TestOutside(t *testing.T) {
	dir := tree(t, map[string]string{"poolsync.yaml": "version: 1\nmanifests: [pools, 'more/*.yaml']\n", "pools/a.yaml": pool, "more/b.yaml": pool, "other/c.yaml": pool})
	s, _, err := settings.Resolve(input(dir, "."))
	require.NoError(t, err)
	found := s.Outside([]string{"more/b.yaml", "other/c.yaml", "pools/a.yaml"})
	require.Len(t, found, 1)
	require.Equal(t, "other/c.yaml: this manifest is not among the manifests of poolsync.yaml: a run without PATHs takes its pools for no longer declared [outside-manifests]", found[0].String())
	require.Empty(t, s.Outside([]string{"more/b.yaml", "pools/a.yaml"}))
}

// TestOpenFolder: a configuration in a folder in which anyone may write does not
// count for what lies below it.
func TestOpenFolder(t *testing.T) {
	dir := tree(t, map[string]string{"tmp/poolsync.yaml": "version: 1\nset: theirs\n", "tmp/mine/a.yaml": pool})
	require.NoError(t, os.Chmod(filepath.Join(dir, "tmp"), 0o777|os.ModeSticky))
	s, _, err := settings.Resolve(input(filepath.Join(dir, "tmp/mine")))
	require.NoError(t, err)
	require.Empty(t, s.Config)
	s, _, err = settings.Resolve(input(filepath.Join(dir, "tmp")))
	require.NoError(t, err)
	require.Equal(t, "theirs", s.Set)
}
