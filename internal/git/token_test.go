package git

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The token reaches git as the only header for the workflow's server, and for no other.
func TestToken(t *testing.T) {
	t.Parallel()
	const header = "Authorization: Basic eC1hY2Nlc3MtdG9rZW46bWFkZS11cA=="
	given := []string{
		"PATH=/bin", "POOLSYNC_GIT_TOKEN=made-up", "GITHUB_SERVER_URL=https://github.example",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.https://github.example/.extraHeader", "GIT_CONFIG_VALUE_0=Authorization: Basic old",
	}
	env := withToken(given)
	for _, v := range env {
		if strings.Contains(v, "made-up") {
			t.Errorf("git's environment has %s", v)
		}
	}
	for url, want := range map[string]string{
		"https://github.example/o/r.git":   header,
		"https://elsewhere.example/o/r":    "",
		"https://github.example.evil/o/r":  "",
		"http://github.example/o/r":        "",
		"https://github.example:444/o/r":   "",
		"https://evil.github.example/o/r/": "",
	} {
		cmd := exec.Command("git", "config", "--get-urlmatch", "http.extraHeader", url)
		cmd.Env, cmd.Dir = append(env, "HOME="+t.TempDir(), "GIT_CONFIG_NOSYSTEM=1"), t.TempDir()
		out, _ := cmd.Output() // 1 where nothing is set
		if d := cmp.Diff(want, strings.TrimSpace(string(out))); d != "" {
			t.Errorf("%s (-want +got):\n%s", url, d)
		}
	}
	plain := []string{"PATH=/bin", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=a.b", "GIT_CONFIG_VALUE_0=c"}
	if d := cmp.Diff(plain, withToken(append([]string{"POOLSYNC_GIT_TOKEN="}, plain...))); d != "" {
		t.Errorf("without a token (-want +got):\n%s", d)
	}
}
