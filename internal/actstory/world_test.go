//go:build linux

package actstory_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/ghactions/stub"
	"github.com/poolsync/poolsync/internal/sandbox"
)

var act = flag.String("act", "", "the runner: path of nektos/act")

const (
	repository = "octo/pools"
	token      = "made-up-token-of-the-job"
	key        = "story-consumer-1"
	secret     = "made-up-secret-of-the-story"
	bot        = "github-actions[bot]"
)

// world is a repository, its platform and a bank.
type world struct {
	t        *testing.T
	bank     *sandbox.Server
	platform *stub.Platform
	dir      string // everything of this world
	clone    string // the checkout that runs see
	server   string // address of the platform and its repositories
	endpoint string // address of the bank
}

// built is the program, and a release of it as it would be downloaded.
type built struct{ program, releases, action string }

var build = sync.OnceValues(func() (built, error) {
	dir, err := os.MkdirTemp("", "poolsync-act-")
	if err != nil {
		return built{}, err
	}
	b := built{program: filepath.Join(dir, "poolsync"), releases: filepath.Join(dir, "releases"), action: filepath.Join(dir, "action")}
	cmd := exec.Command("go", "build", "-o", b.program, "./cmd/poolsync")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		return b, fmt.Errorf("%w\n%s", err, out)
	}
	return b, b.release()
})

// version is the release that action.yml names.
func version() (string, error) {
	data, err := os.ReadFile("../../action.yml")
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`default: (v\d+\.\d+\.\d+) # the release`).FindSubmatch(data)
	if m == nil {
		return "", fmt.Errorf("action.yml names no release")
	}
	return string(m[1]), nil
}

// release packs the program as a release does, and the action as it is checked out.
func (b built) release() error {
	v, err := version()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(b.program)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	z := gzip.NewWriter(&archive)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: "poolsync", Mode: 0o755, Size: int64(len(data))}); err != nil {
		return err
	}
	_, _ = w.Write(data)
	_, _ = w.Close(), z.Close()
	name := fmt.Sprintf("poolsync_%s_%s_%s.tar.gz", v[1:], runtime.GOOS, runtime.GOARCH)
	sum := sha256.Sum256(archive.Bytes())
	for file, content := range map[string][]byte{
		filepath.Join(b.releases, v, name):            archive.Bytes(),
		filepath.Join(b.releases, v, "checksums.txt"): []byte(hex.EncodeToString(sum[:]) + "  " + name + "\n"),
		filepath.Join(b.action, "action.yml"):         nil,
	} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return err
		}
	}
	// A checkout of this repository, without what is not committed to it.
	cmd := exec.Command("bash", "-c", `set -e; cp ../../action.yml "$0"; mkdir -p "$0/scripts"; cp -r ../../scripts/action "$0/scripts/"; cp -r ../../cmd ../../internal ../../schemas ../../go.mod ../../go.sum "$0"; cd "$0"; git init -q -b main; git add -A; git -c user.name=a -c user.email=a@example.test commit -q -m action`, b.action)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

func needAct(t *testing.T) built {
	t.Helper()
	if *act == "" {
		t.Skip("run by make action, which installs the runner")
	}
	b, err := build()
	require.NoError(t, err)
	return b
}

// newWorld makes a repository with files on main, and clones it as a checkout.
func newWorld(t *testing.T, files map[string]string) *world {
	t.Helper()
	b := needAct(t)
	bank, err := sandbox.New(sandbox.Options{ConsumerKey: key, ConsumerSecret: secret, Latency: 200 * time.Millisecond, Seed: "story"})
	require.NoError(t, err)
	w := &world{t: t, bank: bank, dir: t.TempDir(), platform: &stub.Platform{Repository: repository, Token: token, Pulls: map[string][]int{}}}
	api := httptest.NewServer(bank)
	t.Cleanup(api.Close)
	w.endpoint = api.URL
	mux := http.NewServeMux()
	mux.Handle("/releases/", http.StripPrefix("/releases/", http.FileServer(http.Dir(b.releases))))
	mux.Handle("/api/", http.StripPrefix("/api", w.platform))
	mux.Handle("/octo/", w.git())
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	w.server = server.URL
	bare := filepath.Join(w.dir, "served", "octo", "pools.git")
	w.sh(w.dir, "git", "init", "-q", "--bare", "-b", "main", bare)
	w.sh(bare, "git", "config", "http.receivepack", "true")
	w.clone = filepath.Join(w.dir, "checkout")
	w.sh(w.dir, "git", "clone", "-q", "file://"+bare, w.clone)
	w.write(files)
	w.commit("first")
	w.sh(w.clone, "git", "push", "-q", "origin", "HEAD:main")
	w.sh(w.clone, "git", "remote", "set-url", "origin", w.server+"/"+repository+".git")
	return w
}

// git serves the repositories to whoever shows the token.
func (w *world) git() http.Handler {
	backend, err := exec.Command("git", "--exec-path").Output()
	require.NoError(w.t, err)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if _, password, ok := r.BasicAuth(); !ok || password != token {
			rw.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(rw, "who are you?", http.StatusUnauthorized)
			return
		}
		(&cgi.Handler{
			Path: filepath.Join(strings.TrimSpace(string(backend)), "git-http-backend"),
			Env:  []string{"GIT_PROJECT_ROOT=" + filepath.Join(w.dir, "served"), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=job"},
		}).ServeHTTP(rw, r)
	})
}

func (w *world) sh(dir string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0")
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		cmd.Env = append(cmd.Env, "GIT_"+who+"_NAME=ann", "GIT_"+who+"_EMAIL=ann@example.test")
	}
	out, err := cmd.CombinedOutput()
	require.NoError(w.t, err, "%s\n%s", strings.Join(args, " "), out)
	return strings.TrimSpace(string(out))
}

func (w *world) write(files map[string]string) {
	w.t.Helper()
	for name, text := range files {
		path := filepath.Join(w.clone, name)
		require.NoError(w.t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(w.t, os.WriteFile(path, []byte(text), 0o600))
	}
}

// commit commits everything and returns the commit.
func (w *world) commit(message string) string {
	w.t.Helper()
	w.sh(w.clone, "git", "add", "-A")
	w.sh(w.clone, "git", "commit", "-q", "--allow-empty", "-m", message)
	return w.sh(w.clone, "git", "rev-parse", "HEAD")
}

// stateBranch lists the commits of the state branch, newest first.
func (w *world) stateBranch(branch string) []string {
	w.t.Helper()
	return strings.Split(w.sh(filepath.Join(w.dir, "served", "octo", "pools.git"), "git", "log", "--format=%s", branch), "\n")
}

// pullRequest is the payload of a pull request's run.
func pullRequest(number int, head, from, actor string) map[string]any {
	return map[string]any{
		"action": "synchronize", "number": number,
		"pull_request": map[string]any{
			"number": number, "user": map[string]any{"login": actor},
			"head": map[string]any{"ref": "change", "sha": head, "repo": map[string]any{"full_name": from}},
			"base": map[string]any{"ref": "main", "repo": map[string]any{"full_name": repository}},
		},
		"repository": repositoryPayload(),
	}
}

func repositoryPayload() map[string]any {
	owner, name, _ := strings.Cut(repository, "/")
	return map[string]any{"full_name": repository, "name": name, "owner": map[string]any{"login": owner}, "default_branch": "main"}
}

func push(commit string) map[string]any {
	return map[string]any{"ref": "refs/heads/main", "after": commit, "commits": []any{map[string]any{"id": commit}}, "repository": repositoryPayload()}
}

// result is what came of a run.
type result struct {
	ok      bool
	log     string
	entries []entry
}

// entry is a line of the runner's log.
type entry struct {
	Msg       string `json:"msg"`
	Command   string `json:"command"`
	Raw       string `json:"raw"`
	Name      string `json:"name"`
	Arg       string `json:"arg"`
	Content   string `json:"content"`
	Job       string `json:"job"`
	JobResult string `json:"jobResult"`
}

// summary is everything that the steps wrote to their summaries.
func (r result) summary() string {
	var out []string
	for _, e := range r.entries {
		if e.Command == "summary" {
			out = append(out, e.Content)
		}
	}
	return strings.Join(out, "\n")
}

// annotations are the raw commands, as the runner has to parse them.
func (r result) annotations() (out []string) {
	for _, e := range r.entries {
		if e.Command == "error" || e.Command == "warning" || e.Command == "notice" {
			out = append(out, strings.TrimSpace(e.Raw))
		}
	}
	return out
}

// output is the last value that was given to an output.
func (r result) output(name string) string {
	last := ""
	for _, e := range r.entries {
		if e.Command == "set-output" && e.Name == name && e.Arg != "" {
			last = e.Arg
		}
	}
	return last
}

// started is a run of a workflow that has begun.
type started struct {
	cmd  *exec.Cmd
	done func() result
}

// option changes a run.
type option func(*settings)

type settings struct {
	bankSecrets bool
	actor       string
}

func without(s *settings)                    { s.bankSecrets = false }
func as(actor string) option                 { return func(s *settings) { s.actor = actor } }
func (w *world) workflow(name string) string { return filepath.Join(".github", "workflows", name) }

// workflows are those of the examples where a repository has them, as they are.
func workflows(t *testing.T, names ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join("../../examples/github", name))
		require.NoError(t, err)
		out[filepath.Join(".github", "workflows", name)] = string(data)
	}
	return out
}

// start starts a workflow of the checkout.
func (w *world) start(name, event string, payload map[string]any, options ...option) *started {
	w.t.Helper()
	b := needAct(w.t)
	s := settings{bankSecrets: true, actor: "ann"}
	for _, o := range options {
		o(&s)
	}
	data, err := json.Marshal(payload)
	require.NoError(w.t, err)
	run := filepath.Join(w.dir, fmt.Sprintf("run-%d", time.Now().UnixNano()))
	require.NoError(w.t, os.MkdirAll(filepath.Join(run, "home"), 0o755))
	require.NoError(w.t, os.WriteFile(filepath.Join(run, "event.json"), data, 0o600))
	args := []string{
		event, "-C", w.clone, "-W", filepath.Join(w.clone, w.workflow(name)), "-e", filepath.Join(run, "event.json"), "-a", s.actor,
		"-P", "ubuntu-latest=-self-hosted", "--no-cache-server", "--json", "--defaultbranch", "main", "--concurrent-jobs", "3",
		"--env", "GITHUB_REPOSITORY=" + repository, "--env", "GITHUB_SERVER_URL=" + w.server, "--env", "GITHUB_API_URL=" + w.server + "/api",
		"--env", "GITHUB_GRAPHQL_URL=" + w.server + "/api/graphql", "--env", "RELEASES_URL=" + w.server + "/releases",
		"--env", "POOLSYNC_ENDPOINT=" + w.endpoint, "--env", "ACT_ARTIFACTS=" + filepath.Join(run, "artifacts"), "--env", "GITHUB_RUN_ID=4711",
		"-s", "GITHUB_TOKEN=" + token,
	}
	if s.bankSecrets {
		args = append(args, "-s", "LEARNOSITY_CONSUMER_KEY="+key, "-s", "LEARNOSITY_CONSUMER_SECRET="+secret)
	}
	stubs, err := filepath.Abs("testdata/stubs")
	require.NoError(w.t, err)
	for used, dir := range map[string]string{
		"poolsync/poolsync@0000000000000000000000000000000000000000":         b.action,
		"actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a":   filepath.Join(stubs, "upload-artifact"),
		"actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c": filepath.Join(stubs, "download-artifact"),
	} {
		args = append(args, "--local-repository", used+"="+dir)
	}
	cmd := exec.Command(*act, args...)
	// The runner hands all of its environment to the job.
	cmd.Env = []string{"HOME=" + filepath.Join(run, "home"), "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "CI=true", "TMPDIR=" + run}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GOFLAGS", "GOTOOLCHAIN"} {
		out, err := exec.Command("go", "env", name).Output()
		require.NoError(w.t, err)
		cmd.Env = append(cmd.Env, name+"="+strings.TrimSpace(string(out)))
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(w.t, cmd.Start())
	return &started{cmd: cmd, done: func() result { return w.end(cmd, &out) }}
}

// end waits for a run and reads its log. No run prints a secret.
func (w *world) end(cmd *exec.Cmd, out *bytes.Buffer) result {
	w.t.Helper()
	err := cmd.Wait()
	r := result{ok: err == nil}
	var log strings.Builder
	for line := range strings.Lines(out.String()) {
		var e entry
		if json.Unmarshal([]byte(line), &e) != nil {
			log.WriteString(line)
			continue
		}
		r.entries = append(r.entries, e)
		if e.Command != "add-mask" {
			log.WriteString(strings.TrimRight(e.Msg, "\n") + "\n")
		}
	}
	r.log = log.String()
	for _, s := range []string{secret, token} {
		require.NotContains(w.t, r.log, s, "a run printed a secret")
	}
	return r
}

// run runs a workflow to its end.
func (w *world) run(name, event string, payload map[string]any, options ...option) result {
	w.t.Helper()
	return w.start(name, event, payload, options...).done()
}
