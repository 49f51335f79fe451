package format_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/manifest/format"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

var update = flag.Bool("update", false, "rewrite what the archives expect")

// Each archive holds a file and its canonical form, or why there is none.
func TestSource(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			require.NoError(t, err)
			require.Len(t, a.Files, 2)
			opts := format.Options{Sort: strings.Contains(string(a.Comment), "--sort")}
			got, err := format.Source(a.Files[0].Data, opts)
			if err != nil {
				got = []byte(describe(err))
			}
			if *update {
				a.Files[1].Data = got
				require.NoError(t, os.WriteFile(name, txtar.Format(a), 0o644))
				return
			}
			if d := cmp.Diff(string(a.Files[1].Data), string(got)); d != "" {
				t.Errorf("canonical form (-want +got):\n%s", d)
			}
		})
	}
}

func describe(err error) string {
	if r, ok := errors.AsType[*format.RefusedError](err); ok {
		return r.In("in.yaml").String() + ": " + r.Message + "\n"
	}
	return err.Error() + "\n"
}

func TestLineEndsAndMarkAreKept(t *testing.T) {
	got, err := format.Source([]byte("\ufeffpools:\r\n- a:   1\r\n\r\n\r\n  b: |\r\n      x\r\n"), format.Options{})
	require.NoError(t, err)
	require.Equal(t, "\ufeffpools:\r\n  - a: 1\r\n\r\n    b: |\r\n      x\r\n", string(got))
}

// check holds the promises for one file: formatting twice changes nothing more,
// nothing but white space changes, and a manifest declares the same pools.
func check(t *testing.T, data []byte, opts format.Options) {
	t.Helper()
	once, err := format.Source(data, opts)
	if err != nil {
		_, ok := errors.AsType[*format.RefusedError](err)
		require.True(t, ok, "every refusal has a place: %v", err)
		return
	}
	twice, err := format.Source(once, opts)
	require.NoError(t, err, "the form of\n%s\nis\n%s", data, once)
	require.Equal(t, string(once), string(twice), "the form of\n%s", data)
	if !opts.Sort {
		require.Equal(t, letters(data), letters(once))
	}
	before, foundBefore := manifest.Parse("in.yaml", data)
	after, foundAfter := manifest.Parse("in.yaml", once)
	if !foundBefore.HasErrors() {
		require.False(t, foundAfter.HasErrors(), "%v", foundAfter)
		ignore := cmp.Options{cmpopts.IgnoreFields(pool.Declared{}, "At"), cmpopts.IgnoreTypes(source.Place{}), cmpopts.EquateEmpty()}
		if d := cmp.Diff(before, after, ignore); d != "" {
			t.Fatalf("fmt changed what is declared (-before +after):\n%s\nfile:\n%s\nform:\n%s", d, data, once)
		}
	}
}

func letters(data []byte) string { return string(bytes.Join(bytes.Fields(data), nil)) }

// corpus calls f with every YAML file of the examples and of all tests.
func corpus(tb testing.TB, f func(data []byte)) {
	tb.Helper()
	n := 0
	for _, root := range []string{"../../../examples", "../testdata", "../../../cmd/poolsync/testdata", "testdata"} {
		err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := os.Stat(path)
			if err != nil || info.Size() > 200_000 {
				return err
			}
			switch filepath.Ext(path) {
			case ".yaml", ".yml":
				data, err := os.ReadFile(path)
				f(data)
				n++
				return err
			case ".txtar":
				a, err := txtar.ParseFile(path)
				if err != nil {
					return err
				}
				for _, file := range a.Files {
					if ext := filepath.Ext(file.Name); ext == ".yaml" || ext == ".yml" {
						f(file.Data)
						n++
					}
				}
			}
			return nil
		})
		require.NoError(tb, err)
	}
	require.Greater(tb, n, 100)
}

func TestCorpus(t *testing.T) {
	corpus(t, func(data []byte) {
		check(t, data, format.Options{})
		check(t, data, format.Options{Sort: true})
	})
}

func FuzzSource(f *testing.F) {
	corpus(f, func(data []byte) {
		if len(data) < 4096 {
			f.Add(data, false)
			f.Add(data, true)
		}
	})
	f.Fuzz(func(t *testing.T, data []byte, sorts bool) {
		if len(data) > 8192 {
			t.Skip()
		}
		check(t, data, format.Options{Sort: sorts})
	})
}
