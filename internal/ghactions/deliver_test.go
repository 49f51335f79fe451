package ghactions_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/ghactions"
	"github.com/poolsync/poolsync/internal/ghactions/stub"
)

// wire carries requests to a handler without a network, so that waiting takes no time.
type wire struct{ http.Handler }

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	resp := rec.Result()
	resp.Request = r
	return resp, nil
}

const bot = "github-actions[bot]"

func platform() *stub.Platform {
	return &stub.Platform{Repository: "octo/pools", Token: "made-up-token", Pulls: map[string][]int{}}
}

func run(t *testing.T, event string) ghactions.Run {
	return ghactions.Run{
		Event: event, Owner: "octo", Repository: "pools", SHA: "c0ffee00aa", Server: "https://github.test", API: "https://api.github.test",
		ID: "77", Output: filepath.Join(t.TempDir(), "output"), SummaryTo: filepath.Join(t.TempDir(), "summary"),
	}
}

func pull(t *testing.T, head string) ghactions.Run {
	r := run(t, "pull_request")
	r.Pull = &ghactions.Pull{Number: 12, Head: head}
	return r
}

func digest(c string) string { return "sha256:" + strings.Repeat(c, 64) }

func report(d string, changes ...ghactions.Change) ghactions.Report {
	return ghactions.Report{
		Planned: true, HasChanges: len(changes) > 0, Digest: d, Changes: changes, Name: "item bank 505",
		Markdown: func(limit int) string { return fmt.Sprintf("### %d changes\n", len(changes)) },
		Span:     func(s string) string { return "`" + s + "`" },
	}
}

// deliver delivers and returns the notices.
func deliver(t *testing.T, p *stub.Platform, command string, r ghactions.Run, rep ghactions.Report, adjust ...func(*ghactions.Inputs)) []ghactions.Notice {
	t.Helper()
	in := ghactions.Inputs{Command: command, Comment: ghactions.CommentAuto, Summary: true, Issue: true, Label: "district", Token: "made-up-token"}
	for _, f := range adjust {
		f(&in)
	}
	var notices []ghactions.Notice
	synctest.Test(t, func(t *testing.T) {
		d := ghactions.Delivery{Inputs: in, Run: r, Report: rep, Transport: wire{p}}
		var err error
		notices, err = d.Deliver(t.Context())
		require.NoError(t, err)
	})
	return notices
}

var (
	ela = ghactions.Change{Name: "505/ela", Words: "append", Print: "aaa"}
	win = ghactions.Change{Name: "505/win", Words: "create", Print: "bbb"}
)

// A comment is made once and edited in place; a plan that cannot be made any more is
// told, and the merge tells what became of it.
func TestCommentOfAPullRequest(t *testing.T) {
	t.Parallel()
	p := platform()
	for i := range 130 { // beyond a page
		p.AddComment(12, "reader", fmt.Sprint("talk ", i))
	}
	require.Empty(t, deliver(t, p, "plan", pull(t, "1111111111"), report(digest("a"), ela)))
	require.Empty(t, deliver(t, p, "plan", pull(t, "2222222222"), report(digest("b"), ela, win)))
	all := p.On(12)
	require.Len(t, all, 131)
	c := all[130]
	require.Equal(t, 1, c.Edits)
	require.True(t, strings.HasPrefix(c.Body, `<!-- poolsync {"kind":"plan","target":"district","digest":"`+digest("b")), c.Body)
	require.Contains(t, c.Body, "### 2 changes\n\n<sub>`district` · commit [`22222222`](https://github.test/octo/pools/commit/2222222222) · digest `"+digest("b")+"` · [run](https://github.test/octo/pools/actions/runs/77)</sub>")

	failed := report("")
	failed.Planned, failed.Code, failed.Failure = false, 1, "invalid-manifests"
	require.Empty(t, deliver(t, p, "validate", pull(t, "3333333333"), failed))
	require.Contains(t, p.On(12)[130].Body, "**Out of date:** the plan that stood here was of `22222222`, and the newest commit cannot be planned.")

	require.Empty(t, deliver(t, p, "plan", pull(t, "4444444444"), report(digest("b"), ela, win)))
	p.Pulls["c0ffee00aa"] = []int{12}
	applied := report(digest("b"))
	applied.Applied = true
	for _, code := range []int{3, 0} {
		applied.Code = code
		require.Empty(t, deliver(t, p, "apply", run(t, "push"), applied))
	}
	body := p.On(12)[130].Body
	require.Contains(t, body, "**Applied** by [run 77](https://github.test/octo/pools/actions/runs/77).\n\n### 2 changes")
	require.NotContains(t, body, "in part")
	require.Contains(t, body, `"state":"applied"`)
	require.Len(t, p.On(12), 131)
}

// Two labels are two comments, and a marker that somebody else wrote is none.
func TestWhoseComment(t *testing.T) {
	t.Parallel()
	p := platform()
	forged := p.AddComment(12, "mallory", `<!-- poolsync {"kind":"plan","target":"district","digest":"`+digest("f")+`"} -->`)
	label := func(l string) func(*ghactions.Inputs) { return func(in *ghactions.Inputs) { in.Label = l } }
	deliver(t, p, "plan", pull(t, "1111111111"), report(digest("a"), ela))
	deliver(t, p, "plan", pull(t, "1111111111"), report(digest("b"), win), label("staging --> </script>"))
	deliver(t, p, "plan", pull(t, "2222222222"), report(digest("b"), win), label("staging --> </script>"))
	all := p.On(12)
	require.Len(t, all, 3)
	require.Equal(t, 0, forged.Edits)
	head, _, _ := strings.Cut(all[2].Body, " -->")
	require.NotContains(t, strings.TrimPrefix(head, "<!--"), "--")
	require.Equal(t, []int{0, 1}, []int{all[1].Edits, all[2].Edits})

	// Another token is another author.
	p.Login, p.KnowsUser = "pool-robot", true
	deliver(t, p, "plan", pull(t, "2222222222"), report(digest("b"), win))
	require.Len(t, p.On(12), 4)
	require.Equal(t, "pool-robot", p.On(12)[3].Author)
}

// comment: changes leaves a pull request without changes alone, but for a comment
// that stands there already.
func TestCommentOnChangesOnly(t *testing.T) {
	t.Parallel()
	p := platform()
	only := func(in *ghactions.Inputs) { in.Comment = ghactions.CommentChanges }
	deliver(t, p, "plan", pull(t, "1111111111"), report(digest("0")), only)
	require.Empty(t, p.On(12))
	deliver(t, p, "plan", pull(t, "2222222222"), report(digest("a"), ela), only)
	deliver(t, p, "plan", pull(t, "3333333333"), report(digest("0")), only)
	require.Contains(t, p.On(12)[0].Body, "### 0 changes")
	deliver(t, p, "plan", pull(t, "3333333333"), report(digest("a"), ela), func(in *ghactions.Inputs) { in.Comment = ghactions.CommentNever })
	require.Equal(t, 1, p.On(12)[0].Edits)
}

// What the platform does not allow or cannot do is one notice; the summary stands.
func TestPlatformSaysNo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		adjust func(*stub.Platform, *ghactions.Run)
		want   string
	}{
		"forbidden":   {func(p *stub.Platform, _ *ghactions.Run) { p.ReadOnly = true }, `no comment: the token may not write one; give the job the permission "pull-requests: write", or the action the input comment: never`},
		"hidden":      {func(p *stub.Platform, _ *ghactions.Run) { p.ReadOnly, p.Hidden = true, true }, `no comment: the token may not write one`},
		"fork":        {func(p *stub.Platform, r *ghactions.Run) { p.ReadOnly, r.Pull.Foreign = true, true }, `no comment: the token of a pull request from a fork or from Dependabot may not write one; the summary of this run has it all`},
		"wrong token": {func(p *stub.Platform, _ *ghactions.Run) { p.Token = "another" }, `no comment: the token may not write one`},
		"down":        {func(p *stub.Platform, _ *ghactions.Run) { p.Down = true }, `no comment: the platform could not be reached: `},
		"no address":  {func(_ *stub.Platform, r *ghactions.Run) { r.API = ":" }, `the pull request and the issue are left alone: GITHUB_API_URL ":" is no address`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, r := platform(), pull(t, "1111111111")
			test.adjust(p, &r)
			notices := deliver(t, p, "plan", r, report(digest("a"), ela))
			require.Len(t, notices, 1)
			require.Contains(t, notices[0].Text, test.want)
			summary, err := os.ReadFile(r.SummaryTo)
			require.NoError(t, err)
			require.Contains(t, string(summary), "### 1 changes")
			require.Empty(t, p.On(12))
		})
	}
}

// A limit is waited out, and an answer that was lost does not make a second comment.
func TestPlatformInTrouble(t *testing.T) {
	t.Parallel()
	p := platform()
	p.Faults = []*stub.Fault{
		{Method: "POST", Path: "/issues/12/comments", Status: 502, Times: 1, Done: true},
		{Method: "GET", Path: "/issues/12/comments", Status: 403, RetryAfter: "30", Times: 2},
		{Method: "GET", Path: "/user", Status: 500, Times: 1},
	}
	require.Empty(t, deliver(t, p, "plan", pull(t, "1111111111"), report(digest("a"), ela)))
	require.Len(t, p.On(12), 1)
	p.Faults = []*stub.Fault{{Method: "GET", Path: "/issues/12/comments", Status: 429, RetryAfter: "3600", Times: 9}}
	notices := deliver(t, p, "plan", pull(t, "1111111111"), report(digest("a"), ela))
	require.Len(t, notices, 1)
}

// The issue's whole life.
func TestIssueAboutDrift(t *testing.T) {
	t.Parallel()
	p := platform()
	p.AddIssue("mallory", "forged", `<!-- poolsync {"kind":"drift","target":"district"} -->`, ghactions.IssueLabel)
	drift := func(d string, code int) {
		t.Helper()
		rep := report(d, ela)
		rep.Code, rep.HasDrift = code, code == 2
		require.Empty(t, deliver(t, p, "drift", run(t, "schedule"), rep))
	}
	open := func() (out []string) {
		for _, i := range p.Issues {
			if i.State == "open" && i.Author == bot {
				out = append(out, i.Title)
			}
		}
		return out
	}
	drift("", 0)
	require.Empty(t, open())
	drift(digest("a"), 2)
	require.Equal(t, []string{"Item pools drifted: district"}, open())
	issue := p.Issues[1]
	require.Equal(t, []string{ghactions.IssueLabel}, issue.Labels)
	drift(digest("a"), 2)
	require.Empty(t, p.On(issue.Number), "the same drift is no news")
	drift(digest("b"), 2)
	require.Len(t, p.On(issue.Number), 1)
	require.Contains(t, issue.Body, digest("b"))
	edits := issue.Edits
	drift("", 1)
	require.Equal(t, edits, issue.Edits, "a run that could not tell leaves the issue alone")
	drift("", 0)
	require.Empty(t, open())
	said := p.On(issue.Number)
	require.Contains(t, said[len(said)-1].Body, "Nothing drifts any more, says [run 77]")
	drift(digest("a"), 2)
	require.Len(t, open(), 1)
	require.Equal(t, "open", p.Issues[0].State, "what somebody else wrote is not ours to close")
}

// On the default branch the summary says whether the plan is the reviewed one.
func TestAsReviewed(t *testing.T) {
	t.Parallel()
	p := platform()
	p.Pulls["c0ffee00aa"] = []int{12}
	p.AddComment(12, "mallory", `<!-- poolsync {"kind":"plan","target":"district","digest":"`+digest("c")+`"} -->`)
	deliver(t, p, "plan", pull(t, "1111111111"), report(digest("a"), ela, win))
	summary := func(rep ghactions.Report) string {
		r := run(t, "push")
		require.Empty(t, deliver(t, p, "plan", r, rep))
		text, err := os.ReadFile(r.SummaryTo)
		require.NoError(t, err)
		return string(text)
	}
	require.Contains(t, summary(report(digest("a"), ela, win)), "> As reviewed in #12.\n\n### 2 changes")
	moved := ela
	moved.Print = "ccc"
	got := summary(report(digest("c"), moved, ghactions.Change{Name: "505/new", Words: "create", Print: "d"}))
	want := "> **Not as reviewed in #12.** Since then:\n>\n> - `505/ela: append rests on something else now`\n> - `505/new: create was not in it`\n> - `505/win: create is not needed any more`\n\n"
	if d := cmp.Diff(want, strings.SplitAfter(got, "\n\n")[0]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	deliver(t, p, "plan", pull(t, "1111111111"), report("", ela))
	require.Contains(t, summary(report(digest("a"), ela, win)), "> **Not reviewed:** the comment of #12 shows no plan")

	in := ghactions.Inputs{Command: "plan", Label: "district", Token: "made-up-token"}
	queue := run(t, "merge_group")
	queue.Pull = &ghactions.Pull{Number: 12, Queued: true}
	deliver(t, p, "plan", pull(t, "1111111111"), report(digest("a"), ela))
	d := ghactions.Delivery{Inputs: in, Run: queue, Transport: wire{p}}
	found, err := d.ReviewedDigest(t.Context())
	require.NoError(t, err)
	require.Equal(t, digest("a"), found)
	d.Inputs.Label = "another"
	_, err = d.ReviewedDigest(t.Context())
	require.ErrorContains(t, err, "no pull request of this run has a comment with a plan of another")
}

// A plan of thousands of changes leaves room for its readers, and bodies are taken.
func TestLargePlan(t *testing.T) {
	t.Parallel()
	p, changes := platform(), []ghactions.Change(nil)
	for i := range 5000 {
		changes = append(changes, ghactions.Change{Name: fmt.Sprintf("505/pool-%04d", i), Words: "create", Print: "0123456789ab"})
	}
	rep := report(digest("a"), changes...)
	rep.Markdown = func(limit int) string { return strings.Repeat("x", limit) }
	r := pull(t, "1111111111")
	require.Empty(t, deliver(t, p, "plan", r, rep))
	require.LessOrEqual(t, len(p.On(12)[0].Body), 60_000)
	info, err := os.Stat(r.SummaryTo)
	require.NoError(t, err)
	require.LessOrEqual(t, info.Size(), int64(1_000_000))
}
