package ghactions_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/ghactions"
)

var update = flag.Bool("update", false, "rewrite the workflows in the pages")

func getenv(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestInputs(t *testing.T) {
	t.Parallel()
	in, err := ghactions.ReadInputs(getenv(nil))
	require.NoError(t, err)
	want := ghactions.Inputs{Command: "plan", WorkingDir: ".", Comment: "auto", Summary: true, Annotate: true, FailOnDrift: true}
	if d := cmp.Diff(want, in); d != "" {
		t.Errorf("defaults (-want +got):\n%s", d)
	}
	in, err = ghactions.ReadInputs(getenv(map[string]string{
		"INPUT_COMMAND": "apply", "INPUT_PATHS": "pools\n\n more pools \n", "INPUT_ONLY": "ela-*\nwin?", "INPUT_CONFIG": "a.yaml",
		"INPUT_ARGS": "--allow-replace win-22; rm -rf $HOME\n--max-change-percent=40\n--skip-blocked", "INPUT_PLAN_FILE": "plan.json",
		"INPUT_EXPECT_PLAN": digest("a"),
	}))
	require.NoError(t, err)
	line := []string{
		"apply", "--config=a.yaml", "--only=ela-*", "--only=win?", "--auto-approve", "--plan=plan.json", "--expect-plan=" + digest("a"),
		"--allow-replace", "win-22; rm -rf $HOME", "--max-change-percent=40", "--skip-blocked", "-o", "json=r.json", "--", "pools", "more pools",
	}
	if d := cmp.Diff(line, in.CommandLine("r.json", false)); d != "" {
		t.Errorf("command line (-want +got):\n%s", d)
	}
	in = ghactions.Inputs{Command: "plan", FailOnChanges: true, ExpectPlan: digest("a")}
	if d := cmp.Diff([]string{"plan", "--detailed-exitcode", "--offline", "-o", "json=r.json"}, in.CommandLine("r.json", true)); d != "" {
		t.Errorf("offline (-want +got):\n%s", d)
	}
}

func TestInputsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	_, err := ghactions.ReadInputs(getenv(map[string]string{
		"INPUT_COMMAND": "aply", "INPUT_COMMENT": "always", "INPUT_ISSUE": "yes", "INPUT_EXPECT_PLAN": "latest", "INPUT_LABEL": "two\nlines",
	}))
	want := strings.Join([]string{
		`input command is "aply": want validate, plan, apply or drift`,
		`input comment is "always": want auto, changes or never`,
		`input issue is "yes": want true or false`,
		`input expect-plan is "latest": want the digest of a plan, or reviewed`,
		`input label is "two\nlines": want one line of at most 100 bytes`,
	}, "\n")
	require.EqualError(t, err, want)
}

func TestRun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		event, payload string
		actor          string
		want           *ghactions.Pull
		err            string
	}{
		"own":        {event: "pull_request", payload: `{"pull_request":{"number":12,"head":{"sha":"ab","repo":{"full_name":"Octo/Pools"}},"user":{"login":"ann"}}}`, want: &ghactions.Pull{Number: 12, Head: "ab"}},
		"fork":       {event: "pull_request", payload: `{"pull_request":{"number":12,"head":{"sha":"ab","repo":{"full_name":"eve/pools"}}}}`, want: &ghactions.Pull{Number: 12, Head: "ab", Foreign: true}},
		"gone fork":  {event: "pull_request", payload: `{"number":12,"pull_request":{"head":{"sha":"ab","repo":null}}}`, want: &ghactions.Pull{Number: 12, Head: "ab", Foreign: true}},
		"dependabot": {event: "pull_request", actor: "dependabot[bot]", payload: `{"pull_request":{"number":12,"head":{"sha":"ab","repo":{"full_name":"octo/pools"}}}}`, want: &ghactions.Pull{Number: 12, Head: "ab", Foreign: true}},
		"queue":      {event: "merge_group", payload: `{"merge_group":{"head_ref":"refs/heads/gh-readonly-queue/main/pr-12-0a1b","head_sha":"ab"}}`, want: &ghactions.Pull{Number: 12, Head: "ab", Queued: true}},
		"push":       {event: "push", payload: `{"commits":[{"id":"ab"}]}`},
		"target":     {event: "pull_request_target", payload: `{}`, err: "poolsync does not run on pull_request_target, which hands secrets to what a fork wrote: use pull_request"},
		"broken":     {event: "push", payload: `{`, err: "read the event: unexpected end of JSON input"},
		"nowhere":    {err: "this is no step of a GitHub Actions workflow"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "event.json")
			require.NoError(t, os.WriteFile(file, []byte(test.payload), 0o600))
			r, err := ghactions.ReadRun(getenv(map[string]string{
				"GITHUB_EVENT_NAME": test.event, "GITHUB_EVENT_PATH": file, "GITHUB_REPOSITORY": "octo/pools", "GITHUB_ACTOR": test.actor,
			}))
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			if d := cmp.Diff(test.want, r.Pull); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// No value ends itself, whatever it holds.
func TestOutputs(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "output")
	values := []ghactions.Output{{Name: "a", Value: "1"}, {Name: "b", Value: "x\ny<<EOF\nEOF\nevil=1"}, {Name: "c", Value: ""}}
	require.NoError(t, ghactions.WriteOutputs(file, values))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	if d := cmp.Diff(values, parse(t, string(text))); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// parse reads outputs as the runner does.
func parse(t *testing.T, text string) (out []ghactions.Output) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		name, word, ok := strings.Cut(lines[i], "<<")
		require.True(t, ok, lines[i])
		var value []string
		for i++; lines[i] != word; i++ {
			value = append(value, lines[i])
		}
		out = append(out, ghactions.Output{Name: name, Value: strings.Join(value, "\n")})
	}
	return out
}
