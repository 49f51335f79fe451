package state

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/git"
	"github.com/poolsync/poolsync/internal/pool"
)

// TestEscape: one safe file name for every reference, and never the same for two.
func TestEscape(t *testing.T) {
	refs := []string{
		"a", "A", ".", "..", ".git", "a.b", "a/b", "a%2Fb", "-rf", " ", "a b", "~", "con", "a\\b", `"`, "a:b", "a~", "_",
		strings.Repeat("x", 150), strings.Repeat("/", 150), strings.Repeat("/", 149) + ".", strings.Repeat(".", 150),
	}
	for c := ' '; c <= '~'; c++ {
		refs = append(refs, "1"+string(c), string(c)+"1")
	}
	seen := map[string]string{}
	for _, ref := range refs {
		path := entryPath(pool.Key{Bank: 505, Reference: pool.Reference(ref)})
		name := strings.TrimPrefix(path, "505/")
		if other, twice := seen[name]; twice && other != ref {
			t.Errorf("%q and %q are both %s", ref, other, name)
		}
		seen[name] = ref
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.%~") != "" || name[0] == '.' || len(name) > 255 || !isEntryPath(path) {
			t.Errorf("%q gives the name %q", ref, name)
		}
	}
	require.Equal(t, "primary/ela-district-a.json", entryPath(pool.Key{Reference: "ela-district-a"}))
}

// TestRemainingOnASleepingMachine: the local clock went on while the server's, as
// it is counted on, stood still.
func TestRemainingOnASleepingMachine(t *testing.T) {
	now := time.Now()
	h := hold{deadline: now.Add(leaseTime), renewed: now.Round(0).Add(-4 * time.Minute)}
	require.LessOrEqual(t, h.remaining(now), time.Minute)
}

// FuzzDecode: whatever lies on the branch or in the recovery file is refused, or
// is the same after it was written again.
func FuzzDecode(f *testing.F) {
	entry := `{"format":1,"organisation_id":505,"reference":"a","set":"s","file":"f"}`
	for _, seed := range []string{
		entry, strings.TrimSuffix(entry, "}") + string(checksumMember(checksum([]byte(entry)))), `{"format":1,"primary_key_sha256":"h"}`, `{"format":1,"who":"a","where":"b","run":"c","since":"2026-11-21T12:00:00Z","until":"2026-11-21T12:05:00Z"}`,
		`{"format":1,"organisation_id":null,"reference":"a","sent":{"name":"n","content":{"items":["i"]}},"pending":{"run":"r","operation":"create","verb":"set","request":{},"at":"2026-11-21T12:00:00Z","after":` + entry + `}}`,
		`{"format":1,"records":[{"key":{"organisation_id":505,"reference":"a"},"call":{"run":"r","operation":"edit","at":1},"entry":` + entry + `},{"key":{"organisation_id":1,"reference":"b"},"entry":null}]}`,
		`{"format":2,"x":1}`, `{"format":1}{}`, `{"format":1,"unknown":1}`, `null`, `[]`, `{`, "", "\xff\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, err := decodeEntry(data); err == nil {
			first, err := seal(e)
			require.NoError(t, err)
			back, err := decodeEntry(first)
			require.NoError(t, err)
			second, err := seal(back)
			require.NoError(t, err)
			require.Equal(t, string(first), string(second))
			require.True(t, isEntryPath(entryPath(e.Key)))
		}
		if h, err := decodeHead(data); err == nil {
			again(t, h, decodeHead)
		}
		if h, err := decodeLease(data); err == nil {
			again(t, lease{gitFormat, h}, func(data []byte) (lease, error) { h, err := decodeLease(data); return lease{gitFormat, h}, err })
		}
		var r recovery
		if decodeRecovery(data, &r) == nil {
			again(t, r, func(data []byte) (recovery, error) { var r recovery; return r, decodeRecovery(data, &r) })
		}
	})
}

// again writes and decodes a value until it stays the same: the second text has
// to be the first.
func again[T any](t *testing.T, v T, decode func([]byte) (T, error)) {
	t.Helper()
	first, err := encode(v)
	require.NoError(t, err)
	back, err := decode(first)
	require.NoError(t, err)
	second, err := encode(back)
	require.NoError(t, err)
	require.Equal(t, string(first), string(second))
}

// FuzzBranch: no file of a branch is too strange.
func FuzzBranch(f *testing.F) {
	f.Add("505/a.json", []byte("{}"))
	f.Add("README.md", []byte(""))
	f.Fuzz(func(_ *testing.T, path string, data []byte) {
		b := branchState{Snapshot: Snapshot{Entries: map[pool.Key]pool.Entry{}}}
		for _, o := range b.sort([]git.Object{{Mode: "100644", Kind: "blob", ID: "abc", Path: path}}) {
			b.take(o.Path, data)
		}
		b.judge()
		_ = b.corrupt("git:x")
	})
}
