package manifest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// manifestOf gives a manifest that declares one small pool for each reference.
func manifestOf(references ...string) string {
	var b strings.Builder
	b.WriteString("version: 1\npools:\n")
	for _, r := range references {
		fmt.Fprintf(&b, "  - reference: %s\n    name: Pool\n    content: {item_references: [a1]}\n", r)
	}
	return b.String()
}

// write makes files below a new folder; a name that ends in "/" is a folder, a
// content that starts with "->" a symbolic link.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(p), 0o750))
		switch target, link := strings.CutPrefix(content, "->"); {
		case strings.HasSuffix(name, "/"):
			require.NoError(t, os.MkdirAll(p, 0o750))
		case link:
			require.NoError(t, os.Symlink(target, p))
		default:
			require.NoError(t, os.WriteFile(p, []byte(content), 0o600))
		}
	}
	return dir
}

func lines(found source.Diagnostics) []string {
	out := []string{}
	for _, d := range found {
		out = append(out, d.String())
	}
	return out
}

func TestLoadFinds(t *testing.T) {
	dir := write(t, map[string]string{
		"pools/ela.yaml":        manifestOf("ela"),
		"pools/deep/maths.yml":  manifestOf("maths"),
		"pools/.hidden.yaml":    "not read",
		"pools/.git/x.yaml":     "not read",
		"pools/README.md":       "not read",
		"pools/poolsync.yaml":   "version: 1\n",
		"pools/staging.yaml":    "version: 1\n",
		"pools/again.yaml":      "->ela.yaml",
		"pools/loop":            "->.",
		"pools/outside":         "->/etc/passwd",
		"pools/named.json":      manifestOf("json"),
		"poolsync.yaml":         "version: 1\n",
		"other/science.yaml":    manifestOf("science"),
		"odd/a[b].yaml":         manifestOf("bracket"),
		"..pools/dots.yaml":     manifestOf("dots"),
		"links/linked.yaml":     "->data/real.yaml",
		"links/data/real.yaml":  manifestOf("real"),
		"folders/to":            "->../pools/deep",
		"folders/own/arts.yaml": manifestOf("arts"),
	})
	tests := map[string]struct {
		paths []string
		files []string
		found []string
	}{
		"folder":               {paths: []string{"pools"}, files: []string{"pools/again.yaml", "pools/deep/maths.yml"}},
		"dot and slash":        {paths: []string{"./other/"}, files: []string{"other/science.yaml"}},
		"twice":                {paths: []string{"other", "other/science.yaml", "other/*.yaml", filepath.Join(dir, "other")}, files: []string{"other/science.yaml"}},
		"absolute":             {paths: []string{filepath.Join(dir, "other")}, files: []string{"other/science.yaml"}},
		"glob":                 {paths: []string{"pools/*"}, files: []string{"pools/again.yaml", "pools/deep/maths.yml"}},
		"any extension":        {paths: []string{"pools/named.json"}, files: []string{"pools/named.json"}},
		"brackets in the name": {paths: []string{"odd/a[b].yaml"}, files: []string{"odd/a[b].yaml"}},
		"dots in the name":     {paths: []string{"..pools"}, files: []string{"..pools/dots.yaml"}},
		"links inside":         {paths: []string{"links"}, files: []string{"links/data/real.yaml"}},
		"missing":              {paths: []string{"nowhere", "other"}, files: []string{"other/science.yaml"}, found: []string{"nowhere: no such file or folder [path-not-found]"}},
		"missing outside":      {paths: []string{"/no/such/folder"}, found: []string{"/no/such/folder: no such file or folder [path-not-found]"}},
		"empty name":           {paths: []string{""}, found: []string{".: an empty path [path-not-found]"}},
		"glob without match":   {paths: []string{"pools/*.yml"}, found: []string{"pools/*.yml: the glob matches no manifest [glob-no-match]"}},
		"glob malformed":       {paths: []string{"pools/[a"}, found: []string{"pools/[a: the glob is not well-formed [glob-no-match]"}},
		"glob with two stars":  {paths: []string{"pools/**/*.yaml"}, found: []string{"pools/**/*.yaml: ** is not supported in a glob [glob-no-match]"}},
		"nothing given":        {found: []string{".: no manifest found [no-manifests]"}},
		"the configuration":    {paths: []string{"poolsync.yaml"}, found: []string{"poolsync.yaml: the configuration file is not a manifest [no-manifests]"}},
		"link to a folder out": {
			paths: []string{"folders"}, files: []string{"folders/own/arts.yaml"},
			found: []string{"folders/to: a symbolic link that leaves the folder, or leads nowhere, is not followed [symlink]"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			set, found, err := manifest.Load(t.Context(), manifest.Options{Dir: dir, Paths: test.paths, Config: "pools/staging.yaml"})
			require.NoError(t, err)
			if test.found == nil {
				test.found = []string{}
			}
			if diff := cmp.Diff(test.found, lines(found)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.files, set.Files); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

const refused = ": a symbolic link that leaves the folder, or leads nowhere, is not followed [symlink]"

func TestLoadRefusesLinks(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret.yaml")
	require.NoError(t, os.WriteFile(secret, []byte("hunter2: x\n"), 0o600))
	dir := write(t, map[string]string{
		"pools/ela.yaml":    manifestOf("ela"),
		"pools/out.yaml":    "->" + secret,
		"pools/up.yaml":     "->../above.yaml",
		"pools/dead.yaml":   "->nowhere.yaml",
		"pools/self.yaml":   "->self.yaml",
		"pools/away":        "->" + filepath.Dir(secret),
		"above.yaml":        manifestOf("above"),
		"folder.yaml/x.yml": manifestOf("x"),
	})
	want := []string{
		"pools/away" + refused, "pools/dead.yaml" + refused, "pools/out.yaml" + refused, "pools/self.yaml" + refused, "pools/up.yaml" + refused,
	}
	for _, paths := range [][]string{{"pools", "folder.yaml"}, {"pools/*"}, {"pools/*", "pools", "folder*"}, {filepath.Join(dir, "pools")}} {
		_, found, err := manifest.Load(t.Context(), manifest.Options{Dir: dir, Paths: paths})
		require.NoError(t, err)
		if diff := cmp.Diff(want, lines(found)); diff != "" {
			t.Error(paths, diff)
		}
	}
	_, found, err := manifest.Load(t.Context(), manifest.Options{Dir: dir, Paths: []string{"pool*/*/*.yaml"}})
	require.NoError(t, err)
	if diff := cmp.Diff([]string{"pools/away/secret.yaml" + refused}, lines(found)); diff != "" {
		t.Error(diff)
	}
}

// The folder that is named is the root, and what is named may be a link itself:
// whatever the working directory.
func TestLoadFollowsNamedLinks(t *testing.T) {
	away := write(t, map[string]string{"real.yaml": manifestOf("real"), "up.yaml": "->../above.yaml"})
	dir := write(t, map[string]string{
		"repo/pools/ela.yaml": manifestOf("ela"),
		"repo/out.yaml":       "->" + filepath.Join(away, "real.yaml"),
		"repo/up.yaml":        "->../above.yaml",
		"repo/away":           "->" + away,
		"repo/dead.yaml":      "->nowhere.yaml",
		"repo/self.yaml":      "->self.yaml",
		"repo/chain.yaml":     "->out.yaml",
		"above.yaml":          manifestOf("above"),
		"elsewhere/":          "",
	})
	for name, want := range map[string]string{
		"out.yaml": "real", "up.yaml": "above", "chain.yaml": "real", "away/real.yaml": "real", "pools/ela.yaml": "ela", "pools/../up.yaml": "above",
		"away": refused, "dead.yaml": refused, "self.yaml": refused,
	} {
		for _, cwd := range []string{"repo", ".", "elsewhere", "repo/pools"} {
			folder := filepath.Join(dir, cwd)
			p := filepath.Join(dir, "repo", filepath.FromSlash(name))
			relative, err := filepath.Rel(folder, p)
			require.NoError(t, err)
			for _, p := range []string{p, relative} {
				set, found, err := manifest.Load(t.Context(), manifest.Options{Dir: folder, Paths: []string{p}})
				require.NoError(t, err)
				if want == refused {
					require.Len(t, found, 1, "%s in %s", p, cwd)
					require.Contains(t, found[0].String(), refused)
				} else {
					require.Empty(t, lines(found), "%s in %s", p, cwd)
				}
				if want != refused || name == "away" {
					require.Len(t, set.Pools, 1, "%s in %s", p, cwd)
				}
			}
		}
	}
}

// The configuration of another environment may lie among the manifests: a scan
// passes over what can be nothing else.
func TestLoadSkipsOtherConfigurations(t *testing.T) {
	staging := "version: 1\nset: staging\norganisation_id: 505\nmanifests: [pools]\nstate: none\nguards: {max_change_percent: 200}\n"
	dir := write(t, map[string]string{
		"pools/ela.yaml":      manifestOf("ela"),
		"pools/staging.yaml":  staging,
		"pools/de/prod.yml":   "endpoint: {read: https://a}\n",
		"both/staging.yaml":   staging + "pools: []\n",
		"more/staging.yaml":   staging + "gaurds: {}\n",
		"shared/version.yaml": "version: 1\norganisation_id: 505\n",
		"list/staging.yaml":   "[set]\n",
		"alone/staging.yaml":  staging,
	})
	const here = ": the file has no \"pools\" [missing-field]"
	for _, test := range []struct {
		paths []string
		files []string
		found string // the start of the first finding
	}{
		{[]string{"pools"}, []string{"pools/ela.yaml"}, ""},
		{[]string{"pools/*"}, []string{"pools/ela.yaml"}, ""},
		{[]string{"pools", "pools/staging.yaml"}, []string{"pools/ela.yaml", "pools/staging.yaml"}, "pools/staging.yaml:1:1" + here},
		{[]string{"pools/staging.yaml"}, []string{"pools/staging.yaml"}, "pools/staging.yaml:1:1" + here},
		{[]string{"both"}, []string{"both/staging.yaml"}, `both/staging.yaml:2:1: unknown field "set"`},
		{[]string{"more"}, []string{"more/staging.yaml"}, "more/staging.yaml:1:1" + here},
		{[]string{"shared"}, []string{"shared/version.yaml"}, "shared/version.yaml:1:1" + here},
		{[]string{"list"}, []string{"list/staging.yaml"}, "list/staging.yaml:1:1: the file is a list"},
		{[]string{"alone"}, nil, "alone: no manifest found [no-manifests]"},
	} {
		set, found, err := manifest.Load(t.Context(), manifest.Options{Dir: dir, Paths: test.paths})
		require.NoError(t, err)
		if diff := cmp.Diff(test.files, set.Files); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.paths, diff)
		}
		require.Equal(t, test.found == "", len(found) == 0, "%s: %s", test.paths, lines(found))
		if test.found != "" {
			require.Contains(t, lines(found)[0], test.found)
		}
	}
}

func TestLoadTogether(t *testing.T) {
	dir := write(t, map[string]string{
		"a.yaml": "organisation_id: 505\n" + manifestOf("ela", "maths"),
		"b.yaml": "organisation_id: 505\n" + manifestOf("ELA", "maths"),
		"c.yaml": manifestOf("ela", "Maths"),
		"d.yaml": "organisation_id: 606\n" + manifestOf("ela", "MATHS"),
		"e.yaml": "version: 1\n",
	})
	set, found, err := manifest.Load(t.Context(), manifest.Options{Dir: dir, Paths: []string{"."}})
	require.NoError(t, err)
	want := []string{
		`b.yaml:4:16: the reference "ELA" differs only in letter case from "ela" at a.yaml:4:16 [reference-case]`,
		`b.yaml:7:16: the pool "maths" is declared twice; first at a.yaml:7:16 [duplicate-pool]`,
		`c.yaml:3:16: the reference "ela" differs only in letter case from "ELA" at b.yaml:4:16 [reference-case]`,
		`c.yaml:6:16: the reference "Maths" differs only in letter case from "maths" at a.yaml:7:16 [reference-case]`,
		`d.yaml:7:16: the reference "MATHS" differs only in letter case from "Maths" at c.yaml:6:16 [reference-case]`,
		`e.yaml:1:1: the file has no "pools" [missing-field]`,
	}
	if diff := cmp.Diff(want, lines(found)); diff != "" {
		t.Error(diff)
	}
	for _, d := range found {
		inOneBank := d.File == "b.yaml" || d.File == "e.yaml"
		require.Equal(t, inOneBank, d.Severity == source.Error, d.String())
		require.NotEmpty(t, d.Excerpt)
	}
	var keys []string
	for _, p := range set.Pools {
		keys = append(keys, p.Key.String())
	}
	if diff := cmp.Diff([]string{
		"primary/Maths", "primary/ela", "505/ELA", "505/ela", "505/maths", "505/maths", "606/MATHS", "606/ela",
	}, keys); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[pool.Bank]source.Position{
		505: {File: "a.yaml", Line: 1, Column: 18}, 606: {File: "d.yaml", Line: 1, Column: 18},
	}, set.Banks); diff != "" {
		t.Error(diff)
	}
}

// What is in other files of the machine comes out nowhere, however they are named.
func TestLoadWithholds(t *testing.T) {
	const secret = "hunter2-of-the-machine"
	dir := write(t, map[string]string{
		"home/.netrc": "machine " + secret + ": x\n", "repo/.git/config": secret + ": [\n", "repo/env": "KEY=" + secret + "\n",
		"repo/pools/a.yaml": "->../.git/config", "repo/all.yaml": "->.git/config", "repo/b.yaml": "->env", "repo/away": "->../home",
	})
	for _, paths := range [][]string{{"../home/.netrc"}, {"."}, {"pools"}, {"env"}, {"away"}, {"away/.netrc"}, {".git/config"}, {"*.yaml"}, {"pools/a.yaml"}} {
		_, found, err := manifest.Load(t.Context(), manifest.Options{Dir: filepath.Join(dir, "repo"), Paths: paths, Root: "."})
		require.NoError(t, err)
		require.True(t, found.HasErrors(), paths)
		require.NotContains(t, written(t, found), secret, paths)
	}
	_, found, err := manifest.LoadConfig(dir, "home/.netrc")
	require.NoError(t, err)
	require.True(t, found.HasErrors())
	require.NotContains(t, written(t, found), secret)
	_, found, err = manifest.Load(t.Context(), manifest.Options{Dir: filepath.Join(dir, "repo"), Paths: []string{"away"}, Root: "."})
	require.NoError(t, err)
	require.Equal(t, []string{"away: a symbolic link that leaves the folder of the configuration or the repository is not followed [symlink]"}, lines(found))
}

// Once the run knows the bank of the files that state none, the pools are
// compared again.
func TestDuplicates(t *testing.T) {
	one, _ := manifest.Parse("a.yaml", []byte(manifestOf("ela")))
	two, _ := manifest.Parse("b.yaml", []byte("organisation_id: 505\n"+manifestOf("ela")))
	both := append(one, two...)
	require.Empty(t, manifest.Duplicates(both))
	both[0].Bank = 505
	found := manifest.Duplicates(both)
	if diff := cmp.Diff([]string{`b.yaml:4:16: the pool "ela" is declared twice; first at a.yaml:3:16 [duplicate-pool]`}, lines(found)); diff != "" {
		t.Error(diff)
	}
	require.Equal(t, source.Position{File: "a.yaml", Line: 3, Column: 16}, *found[0].Related)
}

func TestLoadEnds(t *testing.T) {
	dir := write(t, map[string]string{"a.yaml": manifestOf("ela")})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := manifest.Load(ctx, manifest.Options{Dir: dir, Paths: []string{"."}})
	require.ErrorIs(t, err, context.Canceled)

	_, _, err = manifest.Load(t.Context(), manifest.Options{Dir: filepath.Join(dir, "gone"), Paths: []string{"."}})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Findings do not depend on which file is read first.
func TestLoadIsStable(t *testing.T) {
	files := map[string]string{}
	for i := range 40 {
		files[fmt.Sprintf("%02d.yaml", i)] = manifestOf(fmt.Sprintf("p%d", i%7), "x") + "status: live\n"
	}
	dir := write(t, files)
	var first string
	for range 5 {
		_, found, err := manifest.Load(t.Context(), manifest.Options{Dir: dir, Paths: []string{"."}})
		require.NoError(t, err)
		got := written(t, found)
		if first == "" {
			first = got
		}
		require.Equal(t, first, got)
	}
}

// The examples of the repository draw no finding.
func TestExamples(t *testing.T) {
	c, found, err := manifest.LoadConfig("", "../../examples/poolsync.yaml")
	require.NoError(t, err)
	require.Empty(t, lines(found))
	opts := manifest.Options{Dir: "../../examples"}
	for _, p := range c.Manifests {
		opts.Paths = append(opts.Paths, p.Value)
	}
	set, found, err := manifest.Load(t.Context(), opts)
	require.NoError(t, err)
	require.Empty(t, lines(found))
	require.Len(t, set.Pools, 6)
	require.Equal(t, []string{"pools/ela.yaml", "pools/maths.yaml", "pools/science.yaml"}, set.Files)
}
