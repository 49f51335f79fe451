package manifest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/manifest"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

func TestLoadConfig(t *testing.T) {
	dir := write(t, map[string]string{"poolsync.yaml": `version: 1
set: assessments
manifests: [pools, "more/*.yaml"]
organisation_id: 505
api_version: v2026.2.LTS
endpoint: {read: https://data-au.learnosity.com, write: https://data-or.learnosity.com}
state: git:poolsync-state
guards:
  max_change_percent: 0
  freeze:
    - {from: 2026-12-01T00:00:00Z, to: 2026-12-20T00:00:00+02:00, pools: ["ela-*"], reason: finals}
    - {from: "2027-01-01T00:00:00Z", to: 2027-01-02T00:00:00Z}
`})
	file, err := manifest.FindConfig(dir)
	require.NoError(t, err)
	got, found, err := manifest.LoadConfig("", file)
	require.NoError(t, err)
	require.Empty(t, found)
	name := filepath.ToSlash(file)
	at := func(line, column int) source.Position { return source.Position{File: name, Line: line, Column: column} }
	want := manifest.Config{
		File:          name,
		Set:           manifest.Stated[string]{Value: "assessments", At: at(2, 6)},
		Manifests:     []manifest.Stated[string]{{Value: "pools", At: at(3, 13)}, {Value: "more/*.yaml", At: at(3, 20)}},
		Organisation:  manifest.Stated[pool.Bank]{Value: 505, At: at(4, 18)},
		APIVersion:    manifest.Stated[string]{Value: "v2026.2.LTS", At: at(5, 14)},
		ReadEndpoint:  manifest.Stated[string]{Value: "https://data-au.learnosity.com", At: at(6, 18)},
		WriteEndpoint: manifest.Stated[string]{Value: "https://data-or.learnosity.com", At: at(6, 57)},
		State:         manifest.Stated[string]{Value: "git:poolsync-state", At: at(7, 8)},
		MaxChange:     manifest.Stated[int]{Value: 0, At: at(9, 23)},
		FreezeWindows: []manifest.Freeze{
			{
				From: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 12, 19, 22, 0, 0, 0, time.UTC),
				Pools: []string{"ela-*"}, Reason: "finals", At: at(11, 7),
			},
			{From: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC), At: at(12, 7)},
		},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Error(diff)
	}
	require.True(t, got.MaxChange.Known())
}

func TestConfigOneEndpoint(t *testing.T) {
	c, found := manifest.ParseConfig("poolsync.yaml", []byte("version: 1\nendpoint: https://data.learnosity.com\n"))
	require.Empty(t, found)
	require.Equal(t, c.ReadEndpoint, c.WriteEndpoint)
	require.Equal(t, "poolsync.yaml:2:11", c.ReadEndpoint.At.String())
	require.False(t, c.Set.Known())
}

func TestFindConfig(t *testing.T) {
	dir := t.TempDir()
	file, err := manifest.FindConfig(dir)
	require.NoError(t, err)
	require.Empty(t, file)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "poolsync.yml"), []byte("version: 1\n"), 0o600))
	file, err = manifest.FindConfig(dir)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "poolsync.yml"), file)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "poolsync.yaml"), []byte("version: 1\n"), 0o600))
	_, err = manifest.FindConfig(dir)
	require.ErrorContains(t, err, "both")
	_, err = manifest.FindConfig(filepath.Join(dir, "poolsync.yaml", "x"))
	require.Error(t, err)
}

func TestLoadConfigMissing(t *testing.T) {
	_, found, err := manifest.LoadConfig("", "no/such.yaml")
	require.NoError(t, err)
	require.Equal(t, "no/such.yaml: no such configuration file [path-not-found]", found[0].String())
	_, _, err = manifest.LoadConfig("", t.TempDir())
	require.Error(t, err)
}

// A secret in a file comes out nowhere: not in a message, hint or excerpt.
func TestSecretsAreNotShown(t *testing.T) {
	const secret = "74c5fd430cf1242a527f6223aebd42d30464be22"
	for _, data := range []string{
		"version: 1\nconsumer_secret: @@\n", "{consumer_secret: @@, version: x}", "consumer_secret: \"@@\n",
		"version: 1\nguards: {LEARNOSITY_CONSUMER_SECRET: @@, x: y}\n", "version: 1\npools:\n- {password: @@, reference: 'it''s'}\n",
		"version: 1\n\"api-key\" : [@@, @@]\nconsumer_secret: @@\n\"api-key\": @@\n", "version: 1\ntoken:\n  @@\nset: &x [\n",
		"version: 1\nendpoint: https://me:@@@data.learnosity.com\n", "version: 1\nendpoint: data://me:@@@data.learnosity.com\n",
	} {
		data = strings.ReplaceAll(data, "@@", secret)
		_, one := manifest.ParseConfig("poolsync.yaml", []byte(data))
		_, two := manifest.Parse("pools.yaml", []byte(data))
		require.NotEmpty(t, one)
		require.NotContains(t, written(t, append(one, two...)), secret, data)
	}
}
