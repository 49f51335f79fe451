package source_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/source"
)

// TestTreeName: a name from the root does not depend on the working directory.
func TestTreeName(t *testing.T) {
	for _, test := range []struct {
		dir, root, file, want string
		ok                    bool
	}{
		{"", "", "pools/a.yaml", "pools/a.yaml", true},
		{"", "", "../a.yaml", "../a.yaml", false},
		{"", "", "/etc/a.yaml", "/etc/a.yaml", false},
		{"/w/repo", "/w/repo", "pools/a.yaml", "pools/a.yaml", true},
		{"/w/repo/pools", "/w/repo", "a.yaml", "pools/a.yaml", true},
		{"/w/repo/pools", "/w/repo", "../more/b.yaml", "more/b.yaml", true},
		{"/w", "/w/repo", "repo/pools/a.yaml", "pools/a.yaml", true},
		{"/w/elsewhere", "/w/repo", "../repo/a.yaml", "a.yaml", true},
		{"/w", "/w/repo", "/w/repo/a.yaml", "a.yaml", true},
		{"/w", "/w/repo", "repository/a.yaml", "repository/a.yaml", false},
		{"/w", "/", "a.yaml", "w/a.yaml", true},
	} {
		got, ok := source.Tree{Dir: test.dir, Root: test.root}.Name(test.file)
		require.Equal(t, test.want, got, test)
		require.Equal(t, test.ok, ok, test)
	}
}
