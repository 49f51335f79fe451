//go:build linux

package actstory_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/sandbox"
)

// The page for users, word by word: its files in an empty repository.
func TestPage(t *testing.T) {
	t.Parallel()
	files := workflows(t, "preview.yml", "merge.yml", "drift.yml")
	for _, name := range []string{"poolsync.yaml", "pools/ela.yaml"} {
		data, err := os.ReadFile(filepath.Join("../../examples/github/project", name))
		require.NoError(t, err)
		files[name] = string(data)
	}
	w := newWorld(t, files)
	main := w.sh(w.clone, "git", "rev-parse", "HEAD")
	require.True(t, w.run("merge.yml", "push", push(main)).ok)
	w.write(map[string]string{"pools/ela.yaml": strings.Replace(files["pools/ela.yaml"], "name: ELA District A", "name: ELA District A, 2026", 1)})
	head := w.commit("a name")
	require.True(t, w.run("preview.yml", "pull_request", pullRequest(1, head, repository, "ann")).ok)
	require.Contains(t, w.platform.On(1)[0].Body, "### 1 change to item bank 505, nothing blocked")
	w.platform.Do(func() { w.platform.Pulls[head] = []int{1} })
	require.True(t, w.run("merge.yml", "push", push(head)).ok)
	require.Equal(t, "ELA District A, 2026", w.pool("ela-district-a").Name)
	require.Contains(t, w.platform.On(1)[0].Body, "**Applied**")
}

func (w *world) pool(reference string) sandbox.PoolRecord {
	w.t.Helper()
	for _, p := range w.bank.Pools(505) {
		if p.Reference == reference {
			return p
		}
	}
	w.t.Fatalf("the bank has no pool %s", reference)
	return sandbox.PoolRecord{}
}

// A fork's and Dependabot's runs have no secrets and a token that may only read:
// the plan is made without the bank, and says so.
func TestForeignPullRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project(t, "preview.yml"))
	w.write(map[string]string{"pools/ela.yaml": onePool})
	head := w.commit("from elsewhere")
	w.platform.ReadOnly = true
	for actor, from := range map[string]string{"eve": "eve/pools", "dependabot[bot]": repository} {
		r := w.run("preview.yml", "pull_request", pullRequest(3, head, from, actor), without, as(actor))
		require.True(t, r.ok, r.log)
		require.Contains(t, r.summary(), "### 1 change, as recorded")
		require.Contains(t, r.summary(), "the bank was not asked")
		require.Contains(t, strings.Join(r.annotations(), "\n"), "no comment: the token of a pull request from a fork or from Dependabot may not write one")
	}
	require.Empty(t, w.bank.Log())
	require.Empty(t, w.platform.On(3))
}

// What others wrote stays text, in however large a plan; what is not allowed to
// us is one notice.
func TestHostileAndLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project(t, "preview.yml"))
	var b strings.Builder
	b.WriteString("version: 1\npools:\n")
	for i := range 2500 {
		fmt.Fprintf(&b, "  - reference: '::error::pwned-%04d'\n    name: '##[error]pwned ::set-output name=x::y ```` @everyone <!-- --> </details> %s'\n"+
			"    description: \"\\u202epwned\"\n    content: {item_references: [dataapi_test_001]}\n", i, strings.Repeat("long ", 60))
	}
	w.write(map[string]string{"pools/ela.yaml": onePool, "pools/::warning::pwned.yaml": b.String()})
	head := w.commit("hostile")
	w.platform.AddComment(5, "mallory", `<!-- poolsync {"kind":"plan","target":"production","digest":"sha256:0"} -->`)
	r := w.run("preview.yml", "pull_request", pullRequest(5, head, repository, "ann"))
	require.True(t, r.ok, r.annotations())
	comments := w.platform.On(5)
	require.Len(t, comments, 2)
	require.Zero(t, comments[0].Edits)
	require.LessOrEqual(t, len(comments[1].Body), 60_000)
	require.Contains(t, comments[1].Body, "Cut here: ")
	for _, e := range r.entries {
		require.LessOrEqual(t, len(e.Content), 1<<20, "the runner drops a larger summary")
	}
	for _, a := range r.annotations() {
		require.Regexp(t, `^::(notice|warning|error) (file=[^:]*,)?title=[^:]*poolsync`, a)
	}
	require.NotContains(t, comments[1].Body, "\u202e")

	w.platform.ReadOnly = true
	r = w.run("preview.yml", "pull_request", pullRequest(5, w.commit("again"), repository, "ann"))
	require.True(t, r.ok, "the plan counts all the same")
	require.Contains(t, strings.Join(r.annotations(), "\n"), "no comment: the token may not write one")
}

// A manifest that is not valid fails the run beside its line, and the comment
// says that its plan is out of date.
func TestInvalidManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project(t, "preview.yml"))
	w.write(map[string]string{"pools/ela.yaml": onePool})
	require.True(t, w.run("preview.yml", "pull_request", pullRequest(4, w.commit("good"), repository, "ann")).ok)
	w.write(map[string]string{"pools/ela.yaml": strings.Replace(onePool, "name:", "nam:", 1)})
	r := w.run("preview.yml", "pull_request", pullRequest(4, w.commit("bad"), repository, "ann"))
	require.False(t, r.ok)
	require.Equal(t, "invalid-manifests", r.output("failure-reason"))
	require.Contains(t, strings.Join(r.annotations(), "\n"), "::error file=pools/ela.yaml,line=4,col=5,")
	require.Contains(t, w.platform.On(4)[0].Body, "**Out of date:**")
}

// A job that halts fails the run, which says so; the other pool is applied.
func TestHaltedJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project(t, "merge.yml"))
	w.write(map[string]string{"pools/ela.yaml": onePool + secondPool})
	head := w.commit("two pools")
	fault, err := sandbox.ParseFault("set itembank/pools=job-halt@ela-b")
	require.NoError(t, err)
	require.NoError(t, w.bank.AddFault(fault))
	r := w.run("merge.yml", "push", push(head))
	require.False(t, r.ok)
	require.Equal(t, "partly-applied", r.output("failure-reason"))
	require.Contains(t, strings.Join(r.annotations(), "\n"), "::error file=pools/ela.yaml,line=7,")
	w.bank.ClearFaults()
	require.True(t, w.run("merge.yml", "push", push(head)).ok)
}

// A run that is cancelled in the middle leaves nothing that the next one does not
// settle: no pool is written to twice.
func TestCancelled(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, project(t, "merge.yml"))
			w.write(map[string]string{"pools/ela.yaml": onePool})
			head := w.commit("a pool")
			begun := w.start("merge.yml", "push", push(head))
			w.awaitWrite()
			kill(t, begun.cmd.Process.Pid, signal)
			r := begun.done()
			require.False(t, r.ok)
			if signal != syscall.SIGKILL {
				require.Equal(t, "interrupted", r.output("failure-reason"), r.log)
			}
			r = w.run("merge.yml", "push", push(head))
			if signal == syscall.SIGKILL && !r.ok { // its lease stands until it runs out
				require.Equal(t, "state-held", r.output("failure-reason"), r.log)
			} else {
				require.True(t, r.ok, r.log)
			}
			writes := 0
			for _, c := range w.bank.Log() {
				if c.Action != "get" {
					writes++
				}
			}
			require.Equal(t, 1, writes, "the pool was written to once")
		})
	}
}

// awaitWrite waits until the bank was written to.
func (w *world) awaitWrite() {
	w.t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for _, c := range w.bank.Log() {
			if c.Action != "get" {
				return
			}
		}
	}
	w.t.Fatal("nothing was written")
}

// kill signals the step's process below the runner, as the platform's runner does.
func kill(t *testing.T, runner int, signal syscall.Signal) {
	t.Helper()
	for _, pid := range below(runner) {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && strings.HasSuffix(string(line), "poolsync\x00action\x00") {
			require.NoError(t, syscall.Kill(pid, signal))
			return
		}
	}
	t.Fatal("no step is running")
}

// below lists the processes that a process started, and those that they did.
func below(pid int) []int {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil
	}
	var out []int
	for _, file := range tasks {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for field := range strings.FieldsSeq(string(data)) {
			if child, err := strconv.Atoi(field); err == nil {
				out = append(append(out, child), below(child)...)
			}
		}
	}
	return out
}

// Two merges side by side, as if nothing kept them apart: no pool is created
// twice, and a run afterwards has nothing left to do.
func TestTwoMergesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project(t, "merge.yml"))
	w.write(map[string]string{"pools/ela.yaml": onePool + secondPool})
	head := w.commit("two pools")
	one, two := w.start("merge.yml", "push", push(head)), w.start("merge.yml", "push", push(head))
	for _, r := range []result{one.done(), two.done()} {
		if !r.ok {
			require.Contains(t, []string{"state-held", "plan-stale", "partly-applied"}, r.output("failure-reason"), r.log)
		}
	}
	r := w.run("merge.yml", "push", push(head))
	require.True(t, r.ok, r.log)
	seen := map[string]int{}
	for _, c := range w.bank.Log() {
		if c.Action == "set" && c.Status == 200 {
			seen["ela-a"] += strings.Count(string(c.Request), `"reference":"ela-a"`)
		}
	}
	require.Equal(t, 1, seen["ela-a"])
}

// Three banks in a matrix: each its own state branch and its own comment.
func TestMatrix(t *testing.T) {
	t.Parallel()
	files := workflows(t, "matrix.yml")
	banks := map[string]int{"staging": 505, "district-east": 606, "district-west": 505}
	for name, bank := range banks {
		maps.Copy(files, map[string]string{
			"banks/" + name + ".yaml": fmt.Sprintf("version: 1\nset: %s\norganisation_id: %d\nmanifests: [%s]\nstate: git:poolsync-state-%s\n", name, bank, name, name),
			"banks/" + name + "/pools.yaml": fmt.Sprintf("version: 1\npools:\n  - reference: pool-of-%s\n    name: Pool\n    content: {item_references: [%s]}\n",
				name, map[int]string{505: "dataapi_test_001", 606: "frac-anchor-01"}[bank]),
		})
	}
	w := newWorld(t, files)
	head := w.sh(w.clone, "git", "rev-parse", "HEAD")
	r := w.run("matrix.yml", "pull_request", pullRequest(8, head, repository, "ann"))
	require.True(t, r.ok, r.log)
	require.Len(t, w.platform.On(8), 3)
	r = w.run("matrix.yml", "push", push(head))
	require.True(t, r.ok, r.log)
	for name, bank := range banks {
		_, there := w.bank.PoolContent(int64(bank), "pool-of-"+name)
		require.True(t, there, name)
		require.NotEmpty(t, w.stateBranch("poolsync-state-"+name))
	}
}
