package learnosity

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
)

// Trap 1: the endpoint's documented default hides every job under way.
func TestTrap01AllStatuses(t *testing.T) {
	s := answers(t, success("[]"))
	_, err := s.reader().Jobs(t.Context(), JobsQuery{References: []pool.JobReference{"j1"}})
	require.NoError(t, err)
	_, err = s.reader().Jobs(t.Context(), JobsQuery{Status: []pool.JobStatus{pool.JobHalted}})
	require.NoError(t, err)
	want := []string{
		`{"references":["j1"],"status":["queued","running","halted","completed"],"limit":50}`,
		`{"status":["halted"],"limit":50}`,
	}
	if diff := cmp.Diff(want, []string{s.calls[0].text, s.calls[1].text}); diff != "" {
		t.Error(diff)
	}
}

// Trap 2: at most 50 records come back whatever was asked for, and there are
// no pages.
func TestTrap02MoreThanFiftyJobs(t *testing.T) {
	s := &stub{t: t, answer: func(_ int, s sent) (*http.Response, error) {
		var records []string
		for _, r := range s.list("references") {
			if len(records) < 50 {
				records = append(records, fmt.Sprintf(`{"reference":%q,"status":"running"}`, r))
			}
		}
		return success("[" + strings.Join(records, ",") + "]").response()
	}}
	asked := numbered("j", 120)
	references := make([]pool.JobReference, len(asked))
	for i, r := range asked {
		references[i] = pool.JobReference(r)
	}
	found, err := s.reader().Jobs(t.Context(), JobsQuery{References: references})
	require.NoError(t, err)
	require.Len(t, found, 120)
	require.Len(t, s.calls, 3)
}

// history answers jobs by time, as the endpoint does: no more than 50 of them.
// The ends of a window count in or do not.
func history(t *testing.T, created []int64, openFrom, openTo bool) *stub {
	return &stub{t: t, answer: func(_ int, s sent) (*http.Response, error) {
		from, _ := s.request["mintime"].(float64)
		to, ok := s.request["maxtime"].(float64)
		if !ok {
			to = 1e12
		}
		var records []string
		for i, at := range created {
			status := pool.JobStatuses[i%4]
			inside := int64(from) <= at && at <= int64(to) &&
				(!openFrom || at != int64(from)) && (!openTo || at != int64(to))
			if inside && len(records) < 50 && strings.Contains(strings.Join(s.list("status"), " "), string(status)) {
				records = append(records, fmt.Sprintf(`{"reference":"j%04d","status":%q,"dt_created":%q}`,
					i, status, time.Unix(at, 0).UTC().Format(time.DateTime)))
			}
		}
		return success("["+strings.Join(records, ",")+"]", `"timestamp":1800000500`).response()
	}}
}

// Trap 2 again: a window with more than 50 jobs is cut until none is lost.
func TestTrap02WindowsAreCut(t *testing.T) {
	const start = 1_800_000_000
	var created []int64
	for i := range 400 {
		created = append(created, start+1+int64(i))
	}
	for range 120 { // a burst within a second
		created = append(created, start+77)
	}
	for _, ends := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
		t.Run(fmt.Sprint(ends), func(t *testing.T) {
			s := history(t, created, ends[0], ends[1])
			found, err := s.reader().Jobs(t.Context(), JobsQuery{Since: time.Unix(start, 0)})
			require.NoError(t, err)
			require.Len(t, found, len(created))
			require.Less(t, len(s.calls), 100)
			for i := range found[1:] {
				require.LessOrEqual(t, found[i].Created, found[i+1].Created)
			}
		})
	}
}

func TestWindowsThatCannotBeCut(t *testing.T) {
	var created []int64
	for range 400 {
		created = append(created, 1_800_000_077)
	}
	found, err := history(t, created, false, false).reader().Jobs(t.Context(), JobsQuery{Since: time.Unix(1_800_000_000, 0)})
	require.ErrorIs(t, err, ErrHiddenJobs)
	require.NotEmpty(t, found, "what can be listed is")
}

// A server that ignores the times must not keep us busy for ever.
func TestWindowsOfAServerThatIgnoresThem(t *testing.T) {
	var records []string
	for i := range 50 {
		records = append(records, fmt.Sprintf(`{"reference":"j%d"}`, i))
	}
	s := answers(t, success("["+strings.Join(records, ",")+"]"))
	_, err := s.reader().Jobs(t.Context(), JobsQuery{Since: time.Unix(1_700_000_000, 0)})
	require.ErrorIs(t, err, ErrHiddenJobs)
	require.Less(t, len(s.calls), 200)
}

func TestWindowsAreRoundedOutwards(t *testing.T) {
	s := answers(t, success("[]"))
	since := time.Unix(1_800_000_000, 900_000_000)
	_, err := s.reader().Jobs(t.Context(), JobsQuery{Bank: 505, Since: since, Until: since.Add(time.Second)})
	require.NoError(t, err)
	require.Equal(t, `{"organisation_id":505,"status":["queued","running","halted","completed"],`+
		`"mintime":1800000000,"maxtime":1800000002,"limit":50}`, s.calls[0].text)
}

// Trap 16: no organisation_id means the primary bank for pools, and no filter
// for jobs; pool.Primary is sent as neither.
func TestTrap16Banks(t *testing.T) {
	s := answers(t, success("[]"))
	for _, bank := range []pool.Bank{pool.Primary, 505} {
		_, err := s.reader().Jobs(t.Context(), JobsQuery{Bank: bank})
		require.NoError(t, err)
		_, err = s.reader().Pools(t.Context(), PoolsQuery{Bank: bank})
		require.NoError(t, err)
	}
	var got []any
	for _, call := range s.calls {
		got = append(got, call.request["organisation_id"])
	}
	if diff := cmp.Diff([]any{nil, nil, 505.0, 505.0}, got); diff != "" {
		t.Error(diff)
	}
}

func TestJobsNotAskedForAreDropped(t *testing.T) {
	s := answers(t, success(`[{"reference":"J1"},{"reference":"j1"},{"reference":"j2"}]`))
	found, err := s.reader().Jobs(t.Context(), JobsQuery{References: []pool.JobReference{"j1"}})
	require.NoError(t, err)
	if diff := cmp.Diff([]pool.Job{{Reference: "j1"}}, found); diff != "" {
		t.Error(diff)
	}
}

// Trap 23 for jobs, and what a halted one may say.
func TestTrap23JobRecord(t *testing.T) {
	const known = `"reference":"9fd443d0","type":"pools","status":"halted",` +
		`"dt_created":"2015-04-24 01:30:02","dt_completed":"2015-04-24 01:30:03"`
	tests := []struct {
		name, more, want string
		code             int
	}{
		{"nothing", `"results":[],"data":null,"message":"","errors":{}`, "", 0},
		{"text", `"message":"no\nsuch\u001b[31m item"`, "message: no such [31m item", 0},
		{"list of objects", `"results":[{"code":20013,"message":"Item not found","reference":"item-9"},` +
			`{"code":"20014","message":"Tag not found"}]`, "results: 20013 Item not found (item-9); 20014 Tag not found", 20013},
		{
			"message and more", `"errors":[{"message":"Foreign items","items":["a","b"],"fatal":true}]`,
			"errors: Foreign items, fatal: true, items: a; b", 0,
		},
		{"several members", `"results":{"failed":["i1","i2"]},"data":7.5`, "data: 7.5; results: failed: i1; i2", 0},
		{"deeper", `"data":{"code":7,"errors":[{"code":"E1"},{"code":"30001"}]}`, "data: code: 7, errors: code: E1; code: 30001", 30001},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, _, err := decodeJob(json.RawMessage("{" + known + "," + test.more + "}"))
			require.NoError(t, err)
			want := pool.Job{
				Reference: "9fd443d0", Type: "pools", Status: pool.JobHalted,
				Created: "2015-04-24 01:30:02", Completed: "2015-04-24 01:30:03", Code: test.code, Detail: test.want,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestJobDetailIsBounded(t *testing.T) {
	deep := strings.Repeat(`{"a":[`, 3000) + `"x"` + strings.Repeat(`]}`, 3000)
	long := `"` + strings.Repeat("é ", 100_000) + `"`
	wide := `[` + strings.Repeat(`{"message":"m"},`, 100_000) + `0]`
	for _, text := range []string{deep, long, wide} {
		j, _, err := decodeJob(json.RawMessage(`{"reference":"j","results":` + text + `}`))
		require.NoError(t, err)
		require.LessOrEqual(t, len([]rune(j.Detail)), maxDetail+1)
		require.Contains(t, j.Detail, "…")
	}
}
