package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/settings"
)

const pool = "version: 1\norganisation_id: 505\npools:\n  - {reference: a, name: A, content: {item_references: [a1]}}\n"

// tree makes files below a new folder; a name that ends in "/" is a folder, and a
// content that starts with "->" a symbolic link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
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

func input(dir string, paths ...string) settings.Input {
	return settings.Input{
		Dir: dir, Paths: paths, Manifests: true, Flags: map[string]string{},
		Endpoint: "https://data.learnosity.com", APIVersion: "v2026.2.LTS", MaxChange: 30,
	}
}

// TestPrecedence: flag, variable, file, default, and each says where it is from.
func TestPrecedence(t *testing.T) {
	dir := tree(t, map[string]string{"poolsync.yaml": `version: 1
set: assessments
organisation_id: 606
api_version: v2026.1.LTS
endpoint: {read: https://data-au.learnosity.com, write: https://data-or.learnosity.com}
state: file:kept/state.json
guards: {max_change_percent: 10}
`, "bare/a.yaml": pool, "bare/.git/HEAD": ""})
	at := func(place string) string { return filepath.Join(dir, "poolsync.yaml") + place }
	file := input(filepath.Join(dir, "bare"))
	file.Flags["config"] = filepath.Join(dir, "poolsync.yaml")
	variables := file
	variables.Environ = []string{
		"POOLSYNC_ORGANISATION_ID=505", "POOLSYNC_API_VERSION=v3", "POOLSYNC_ENDPOINT=http://127.0.0.1:1", "POOLSYNC_STATE=none",
		"POOLSYNC_ONLY=a*, b", "POOLSYNC_TIMEOUT=90",
	}
	flags := variables
	flags.Flags = map[string]string{
		"config": file.Flags["config"], "organisation-id": "707", "api-version": "v4", "endpoint": "read=https://r,write=https://w",
		"state": "file:here.json", "only": "c", "timeout": "5m", "max-change-percent": "0",
	}
	type row struct{ value, from string }
	for name, test := range map[string]struct {
		in   settings.Input
		want map[string]row
	}{
		"default": {input(filepath.Join(dir, "bare")), map[string]row{
			"config": {"", "default"}, "organisation-id": {"", "default"}, "endpoint": {"https://data.learnosity.com", "default"},
			"api-version": {"v2026.2.LTS", "default"}, "state": {"file:.poolsync/state.json", "default"}, "set": {"default", "default"},
			"only": {"", "default"}, "timeout": {"60m", "default"}, "max-change-percent": {"30", "default"},
		}},
		"file": {file, map[string]row{
			"config": {file.Flags["config"], "--config"}, "organisation-id": {"606", at(":3:18")},
			"endpoint":    {"read=https://data-au.learnosity.com,write=https://data-or.learnosity.com", at(":5:18")},
			"api-version": {"v2026.1.LTS", at(":4:14")}, "state": {"file:../kept/state.json", at(":6:8")},
			"set": {"assessments", at(":2:6")}, "only": {"", "default"}, "timeout": {"60m", "default"}, "max-change-percent": {"10", at(":7:30")},
		}},
		"variables": {variables, map[string]row{
			"config": {file.Flags["config"], "--config"}, "organisation-id": {"505", "POOLSYNC_ORGANISATION_ID"},
			"endpoint": {"http://127.0.0.1:1", "POOLSYNC_ENDPOINT"}, "api-version": {"v3", "POOLSYNC_API_VERSION"},
			"state": {"none", "POOLSYNC_STATE"}, "set": {"assessments", at(":2:6")}, "only": {"a*, b", "POOLSYNC_ONLY"},
			"timeout": {"90", "POOLSYNC_TIMEOUT"}, "max-change-percent": {"10", at(":7:30")},
		}},
		"flags": {flags, map[string]row{
			"config": {file.Flags["config"], "--config"}, "organisation-id": {"707", "--organisation-id"},
			"endpoint": {"read=https://r,write=https://w", "--endpoint"}, "api-version": {"v4", "--api-version"},
			"state": {"file:here.json", "--state"}, "set": {"assessments", at(":2:6")}, "only": {"c", "--only"},
			"timeout": {"5m", "--timeout"}, "max-change-percent": {"0", "--max-change-percent"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s, found, err := settings.Resolve(test.in)
			require.NoError(t, err)
			require.Empty(t, found)
			got := map[string]row{}
			for _, x := range s.All {
				got[x.Name] = row{x.Value, x.From}
			}
			if d := cmp.Diff(test.want, got, cmp.AllowUnexported(row{})); d != "" {
				t.Error(d)
			}
		})
	}
	s, _, err := settings.Resolve(flags)
	require.NoError(t, err)
	require.Equal(t, []settings.Origin{
		{From: "POOLSYNC_ORGANISATION_ID", Value: "505"}, {From: at(":3:18"), Value: "606"}, {From: "default"},
	}, s.All[1].Overridden)
	require.Equal(t, "https://r https://w", s.Read+" "+s.Write)
	require.Equal(t, 5*time.Minute, s.Timeout)
	s, _, err = settings.Resolve(variables)
	require.NoError(t, err)
	require.Equal(t, []string{"a*", "b"}, s.Only)
	require.Equal(t, 90*time.Second, s.Timeout)
}

// TestRefused: an empty or unusable value never leaves the word to the next one.
func TestRefused(t *testing.T) {
	dir := tree(t, map[string]string{"a.yaml": pool})
	for _, test := range []struct{ flag, value, variable, want string }{
		{"organisation-id", "", "", "--organisation-id is empty"},
		{"endpoint", " ", "", "--endpoint is empty"},
		{"config", "", "", "--config is empty"},
		{"", "", "POOLSYNC_ENDPOINT=", "POOLSYNC_ENDPOINT is empty"},
		{"", "", "POOLSYNC_CONFIG=\t", "POOLSYNC_CONFIG is empty"},
		{"organisation-id", "505", "POOLSYNC_ORGANISATION_ID=", "POOLSYNC_ORGANISATION_ID is empty"},
		{"organisation-id", "0", "", `--organisation-id "0": want the number`},
		{"organisation-id", "9007199254740992", "", `want the number`},
		{"", "", "POOLSYNC_ORGANISATION_ID=505 ", `POOLSYNC_ORGANISATION_ID "505 ": want the number`},
		{"endpoint", "read=https://a", "", "want both read=URL and write=URL"},
		{"endpoint", "read=https://a,wriet=https://b", "", "want a URL, or read=URL,write=URL"},
		{"only", "a,,b", "", `--only "a,,b": a glob is empty`},
		{"timeout", "0", "", `--timeout "0": want a time greater than zero`},
		{"timeout", "-5s", "", "want a time greater than zero"},
		{"timeout", "99999999999999999999", "", "want a time greater than zero"},
		{"", "", "POOLSYNC_TIMEOUT=soon", `POOLSYNC_TIMEOUT "soon": want a time`},
		{"max-change-percent", "101", "", "want a number from 0 to 100"},
	} {
		in := input(dir, "a.yaml")
		if test.flag != "" {
			in.Flags[test.flag] = test.value
		}
		in.Environ = []string{"HOME=/", test.variable}
		_, _, err := settings.Resolve(in)
		require.ErrorContains(t, err, test.want)
		require.ErrorAs(t, err, new(*settings.UsageError))
	}
}

// TestUnknownVariables: a misspelt name is told with the nearest one, and its
// value is not.
func TestUnknownVariables(t *testing.T) {
	in := input(tree(t, map[string]string{"a.yaml": pool}))
	in.Environ = []string{"POOLSYNC_ORGANIZATION_ID=s3cret", "POOLSYNC_TOKEN_OF_MINE=s3cret", "poolsync_state=none", "POOLSYNCER=1", "POOLSYNC_ONLY=a"}
	s, _, err := settings.Resolve(in)
	require.NoError(t, err)
	require.Equal(t, []string{
		"warning: the variable POOLSYNC_ORGANIZATION_ID is not known and does nothing; did you mean POOLSYNC_ORGANISATION_ID?",
		"warning: the variable POOLSYNC_TOKEN_OF_MINE is not known and does nothing",
		"warning: the variable poolsync_state is not known and does nothing; did you mean POOLSYNC_STATE?",
	}, s.Warnings)
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"300": 5 * time.Minute, "5": 5 * time.Second, "0": 0, "1h30m": 90 * time.Minute, "250ms": 250 * time.Millisecond} {
		got, err := settings.Duration(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "-1", "-1s", "five", "5 m", "9223372037", "1e3"} {
		_, err := settings.Duration(text)
		require.Error(t, err, text)
	}
}
