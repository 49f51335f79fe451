package manifest_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/report/text"
	"github.com/poolsync/poolsync/internal/source"
)

var update = flag.Bool("update", false, "rewrite the expected output of the tests")

// TestGolden checks each bad manifest and configuration against the exact text
// of its findings.
func TestGolden(t *testing.T) {
	for _, folder := range []string{"bad", "config"} {
		files, err := filepath.Glob(filepath.Join("testdata", folder, "*.yaml"))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			t.Run(folder+"/"+filepath.Base(file), func(t *testing.T) {
				data, err := os.ReadFile(file)
				require.NoError(t, err)
				var found source.Diagnostics
				if folder == "config" {
					_, found = manifest.ParseConfig("poolsync.yaml", data)
				} else {
					_, found = manifest.Parse("pools.yaml", data)
				}
				golden(t, strings.TrimSuffix(file, ".yaml")+".out", written(t, found))
			})
		}
	}
}

// TestSilent makes sure that good manifests draw no finding at all.
func TestSilent(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "ok", "*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			pools, found := manifest.Parse("pools.yaml", data)
			if strings.HasPrefix(filepath.Base(file), "config") {
				_, found = manifest.ParseConfig("poolsync.yaml", data)
			} else {
				require.NotEmpty(t, pools)
			}
			if diff := cmp.Diff("", written(t, found)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func written(t *testing.T, found source.Diagnostics) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, text.WriteDiagnostics(&b, found, false))
	return b.String()
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
		return
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
