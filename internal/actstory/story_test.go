//go:build linux

package actstory_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/sandbox"
)

const config = "version: 1\norganisation_id: 505\nmanifests: [pools]\nstate: git:poolsync-state\n"

const onePool = `version: 1
pools:
  - reference: ela-a
    name: ELA
    content:
      item_references: [dataapi_test_001]
`

const secondPool = `  - reference: ela-b
    name: ELA, second
    content:
      item_references: [dataapi_test_002]
`

func project(t *testing.T, names ...string) map[string]string {
	t.Helper()
	files := workflows(t, names...)
	maps.Copy(files, map[string]string{"poolsync.yaml": config, "pools/ela.yaml": "version: 1\npools: []\n"})
	return files
}

// The story of a change: pull request, second push, merge, an edit by hand, and
// the issue about it from its first line to its end.
func TestStory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, project(t, "preview.yml", "merge.yml", "drift.yml"))

	w.write(map[string]string{"pools/ela.yaml": onePool})
	first := w.commit("a pool")
	r := w.run("preview.yml", "pull_request", pullRequest(12, first, repository, "ann"))
	require.True(t, r.ok, r.log)
	require.Len(t, w.platform.On(12), 1)
	require.Contains(t, w.platform.On(12)[0].Body, "### 1 change to item bank 505, nothing blocked")
	require.Contains(t, r.summary(), "ela-a")

	w.write(map[string]string{"pools/ela.yaml": onePool + secondPool})
	second := w.commit("another pool")
	r = w.run("preview.yml", "pull_request", pullRequest(12, second, repository, "ann"))
	require.True(t, r.ok, r.log)
	comments := w.platform.On(12)
	require.Len(t, comments, 1)
	require.Equal(t, 1, comments[0].Edits)
	require.Contains(t, comments[0].Body, "### 2 changes")
	require.Contains(t, comments[0].Body, second[:8])

	w.platform.Do(func() { w.platform.Pulls[second] = []int{12} })
	r = w.run("merge.yml", "push", push(second))
	require.True(t, r.ok, r.log)
	require.Contains(t, r.summary(), "> As reviewed in #12.")
	for _, ref := range []string{"ela-a", "ela-b"} {
		_, there := w.bank.PoolContent(505, ref)
		require.True(t, there, ref)
	}
	require.Contains(t, w.platform.On(12)[0].Body, "**Applied** by [run 4711]")
	require.NotEmpty(t, w.stateBranch("poolsync-state"))

	r = w.run("merge.yml", "push", push(second))
	require.True(t, r.ok, r.log)
	require.Equal(t, "false", r.output("has-changes"), "a second merge run has nothing to do")

	drift := map[string]any{"schedule": "17 5 * * *", "repository": repositoryPayload()}
	r = w.run("drift.yml", "schedule", drift)
	require.True(t, r.ok, r.log)
	require.Empty(t, w.platform.Issues)
	require.NoError(t, w.bank.EditPool(505, "ela-a", func(p *sandbox.PoolRecord) { p.Name = "by hand @everyone" }))
	r = w.run("drift.yml", "schedule", drift)
	require.False(t, r.ok, "drift fails the run")
	require.Len(t, w.platform.Issues, 1)
	issue := w.platform.Issues[0]
	require.Equal(t, []string{"open", "Item pools drifted: production"}, []string{issue.State, issue.Title})
	require.Contains(t, issue.Body, "by hand")
	require.NoError(t, w.bank.EditPool(505, "ela-b", func(p *sandbox.PoolRecord) { p.Status = "unpublished" }))
	require.False(t, w.run("drift.yml", "schedule", drift).ok)
	require.Len(t, w.platform.On(issue.Number), 1, "more drift is news")

	w.write(map[string]string{"pools/ela.yaml": strings.NewReplacer("name: ELA\n", "name: by hand @everyone\n", "name: ELA, second\n", "name: ELA, second\n    status: unpublished\n").Replace(onePool + secondPool)})
	third := w.commit("as it is")
	r = w.run("merge.yml", "push", push(third))
	require.True(t, r.ok, r.log)
	r = w.run("drift.yml", "schedule", drift)
	if !r.ok { // the pools were written to by hand: somebody looks, and vouches for them
		require.Contains(t, r.log, "adopt")
	}
}
