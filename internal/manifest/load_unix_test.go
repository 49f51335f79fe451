//go:build unix

package manifest_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/manifest"
)

// Reading a pipe would wait for ever.
func TestLoadRefusesPipes(t *testing.T) {
	dir := write(t, map[string]string{"pools/": ""})
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pools/pipe.yaml"), 0o600))
	for _, paths := range [][]string{{"pools"}, {"pools/pipe.yaml"}} {
		_, found, err := manifest.Load(t.Context(), manifest.Options{Dir: dir, Paths: paths})
		require.NoError(t, err)
		if diff := cmp.Diff([]string{"pools/pipe.yaml: not a regular file; want a file of YAML [not-a-file]"}, lines(found)); diff != "" {
			t.Error(diff)
		}
	}
}
