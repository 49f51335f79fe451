package state_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/state"
)

// sealed gives an entry's text as the stores keep it: its last member is a
// checksum over all that precedes it.
func sealed(entry string) string {
	var text bytes.Buffer
	if err := json.Compact(&text, []byte(entry)); err != nil {
		panic(err)
	}
	sum := sha256.Sum256(text.Bytes())
	return strings.TrimSuffix(text.String(), "}") + `,"checksum":"sha256:` + hex.EncodeToString(sum[:]) + `"}`
}

var checksums = regexp.MustCompile(`,\s*"checksum":\s*"[^"]*"`)

// byHand are changes after which an entry is JSON of the right form still.
var byHand = map[string]func(string) string{
	"another value": func(text string) string { return strings.ReplaceAll(text, "pools/a.yaml", "pools/b.yaml") },
	"a member less": func(text string) string {
		return regexp.MustCompile(`"verified":\s*true,`).ReplaceAllString(text, "")
	},
	"no checksum":      func(text string) string { return checksums.ReplaceAllString(text, "") },
	"another checksum": func(text string) string { return strings.ReplaceAll(text, "sha256:", "sha256:0") },
	"a member behind it": func(text string) string {
		return checksums.ReplaceAllString(text, `$0,"touched":false`)
	},
}

// stored gives a store of every kind that holds two entries, after somebody
// changed its text, and the name of what was changed.
var stored = map[string]func(t *testing.T, change func(string) string, entries ...pool.Entry) (state.Store, string){
	"file": func(t *testing.T, change func(string) string, entries ...pool.Entry) (state.Store, string) {
		f := inFolder(t)
		s := acquire(t, f)
		commit(t, s, state.Change{Put: entries})
		require.NoError(t, s.Close())
		rewrite(t, f.Path, change)
		return f, f.Path + " cannot be read: entry 1: "
	},
	"journal": func(t *testing.T, change func(string) string, entries ...pool.Entry) (state.Store, string) {
		f := inFolder(t)
		s := acquire(t, f)
		commit(t, s, state.Change{Put: entries})
		dead := abandon(t, f)
		require.NoError(t, s.Close())
		rewrite(t, dead.Path+".journal", change)
		return dead, dead.Path + ".journal cannot be read: line 1: "
	},
	"git": func(t *testing.T, change func(string) string, entries ...pool.Entry) (state.Store, string) {
		g, bare := onBranch(t)
		s := take(t, g)
		commit(t, s, state.Change{Put: entries})
		require.NoError(t, s.Close())
		text := git(t, bare, "show", tip+":505/a.json")
		commitByHand(t, bare, state.DefaultBranch, map[string]string{"505/a.json": change(text)})
		return g, "git:poolsync-state cannot be read: 505/a.json: "
	},
}

func rewrite(t *testing.T, path string, change func(string) string) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(change(string(data))), 0o600))
}

// TestChangedByHand: an entry that says something else than poolsync wrote is
// named, refused to whoever writes, and still shown.
func TestChangedByHand(t *testing.T) {
	for name, change := range byHand {
		for kind, make := range stored {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				st, place := make(t, change, full(key(505, "a")), small("b", "s"))
				snap, err := st.Read(t.Context())
				corrupt, ok := errors.AsType[*state.CorruptError](err)
				require.True(t, ok, "%v", err)
				require.ErrorContains(t, err, place)
				require.ErrorContains(t, err, "changed by hand")
				require.Contains(t, corrupt.Hint(), "poolsync adopt")
				if kind != "journal" {
					same(t, "what can be read", 2, len(snap.Entries))
				}
				_, err = st.Acquire(t.Context(), state.Holder{Who: "ann"})
				_, ok = errors.AsType[*state.CorruptError](err)
				same(t, "refused to a writer", true, ok)
			})
		}
	}
}

// TestLaidOutByHand: white space is nobody's business.
func TestLaidOutByHand(t *testing.T) {
	indent := func(text string) string {
		var out bytes.Buffer
		require.NoError(t, json.Indent(&out, []byte(text), "", "\t"))
		return out.String()
	}
	for _, kind := range []string{"file", "git"} {
		a := full(key(505, "a"))
		a.LastError = "not \xff UTF-8 <&> \u2028"
		st, _ := stored[kind](t, indent, a)
		same(t, kind, "not \ufffd UTF-8 <&> \u2028", look(t, st).Entries[a.Key].LastError)
	}
}
