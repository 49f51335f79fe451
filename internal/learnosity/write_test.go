package learnosity

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
)

// Trap 15: organisation_id stands at the top, the flags in each pool. Trap 14:
// the status is always sent. Trap 16: the primary bank is not named.
func TestTrap14To16WriteRequest(t *testing.T) {
	s := answers(t, success(`[{"pool_reference":"a","job_reference":"j1"}]`))
	description, ignore := "", true
	full := request("a")
	full.Description, full.IgnoreEmpty, full.Overwrite, full.Status = &description, &ignore, true, pool.Unpublished
	_, err := s.client().Write(t.Context(), pool.Set, 505, []pool.Request{full})
	require.NoError(t, err)
	_, err = s.client().Write(t.Context(), pool.Update, pool.Primary, []pool.Request{request("a")})
	require.NoError(t, err)
	want := []string{
		`{"organisation_id":505,"pools":[{"reference":"a","name":"Name of a","description":"","status":"unpublished",` +
			`"overwrite":true,"ignore_empty_additional_tags":true,"set_unpublished_to_published":false,` +
			`"content":{"item_references":["item-1"]}}]}`,
		`{"pools":[{"reference":"a","name":"Name of a","status":"published","overwrite":false,` +
			`"set_unpublished_to_published":false,"content":{"item_references":["item-1"]}}]}`,
	}
	if diff := cmp.Diff(want, []string{s.calls[0].text, s.calls[1].text}); diff != "" {
		t.Error(diff)
	}
}

func TestWritesThatAreNotSent(t *testing.T) {
	text, flag := "d", false
	many := make([]pool.Request, 51)
	for i, r := range numbered("p", 51) {
		many[i] = request(r)
	}
	change := func(f func(*pool.Request)) []pool.Request {
		p := request("p")
		f(&p)
		return []pool.Request{p}
	}
	tests := []struct {
		name  string
		verb  pool.Verb
		pools []pool.Request
		want  string
	}{
		{"no pools", pool.Set, nil, "a call takes 1 to 50 pools, not 0"},
		{"51 pools", pool.Set, many, "a call takes 1 to 50 pools, not 51"},
		{"no write", "get", many[:1], `"get" is no write`},
		{"delete", "delete", many[:1], `"delete" is no write`},
		{"twice", pool.Set, []pool.Request{request("p"), request("p")}, `pool "p" is in the call twice`},
		{"no reference", pool.Set, change(func(p *pool.Request) { p.Reference = "" }), `pool "" has no reference`},
		{"no content", pool.Set, change(func(p *pool.Request) { p.Content = pool.Content{} }), "has no content"},
		{"no status (trap 14)", pool.Update, change(func(p *pool.Request) { p.Status = "" }), `has the status ""`},
		{"live status", pool.Update, change(func(p *pool.Request) { p.Status = pool.Halted }), `has the status "halted"`},
		{"description (trap 12)", pool.Update, change(func(p *pool.Request) { p.Description = &text }), "has a description"},
		{"flag (trap 12)", pool.Update, change(func(p *pool.Request) { p.IgnoreEmpty = &flag }), "has ignore_empty_additional_tags"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := answers(t, success("[]"))
			_, err := s.client().Write(t.Context(), test.verb, 505, test.pools)
			require.ErrorContains(t, err, test.want)
			require.Equal(t, NotSent, OutcomeOf(err))
			require.Empty(t, s.calls)
		})
	}
}

// Trap 11: the answer to a write may be an array or an object. What it does
// not name is missing, for the caller to settle.
func TestTrap11Accepted(t *testing.T) {
	tests := []struct {
		name, data string
		pools      []string
		want       map[pool.Reference]pool.JobReference
	}{
		{
			"array", `[{"pool_reference":"b","job_reference":"j2"},{"pool_reference":"a","job_reference":"j1"}]`,
			[]string{"a", "b"},
			map[pool.Reference]pool.JobReference{"a": "j1", "b": "j2"},
		},
		{"object", `{"pool_reference":"a","job_reference":"j1"}`, []string{"a"}, map[pool.Reference]pool.JobReference{"a": "j1"}},
		{"job alone", `{"job_reference":"j1"}`, []string{"a"}, map[pool.Reference]pool.JobReference{"a": "j1"}},
		{"job alone for two", `{"job_reference":"j1"}`, []string{"a", "b"}, map[pool.Reference]pool.JobReference{}},
		{
			"one job for two", `[{"pool_reference":"a","job_reference":"j"},{"pool_reference":"b","job_reference":"j"}]`,
			[]string{"a", "b"},
			map[pool.Reference]pool.JobReference{"a": "j", "b": "j"},
		},
		{
			"one missing", `[{"pool_reference":"a","job_reference":"j1"}]`,
			[]string{"a", "b"},
			map[pool.Reference]pool.JobReference{"a": "j1"},
		},
		{"a stranger", `[{"pool_reference":"A","job_reference":"j1"}]`, []string{"a"}, map[pool.Reference]pool.JobReference{}},
		{"no job", `[{"pool_reference":"a"},null,7]`, []string{"a"}, map[pool.Reference]pool.JobReference{}},
		{"two jobs", `[{"pool_reference":"a","job_reference":"j1"},{"pool_reference":"a","job_reference":"j2"},` +
			`{"pool_reference":"a","job_reference":"j1"}]`, []string{"a"}, map[pool.Reference]pool.JobReference{}},
		{"nothing", `[]`, []string{"a"}, map[pool.Reference]pool.JobReference{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := answers(t, success(test.data, `"timestamp":1440467404`, `"request_uuid":"u-1"`))
			var pools []pool.Request
			for _, r := range test.pools {
				pools = append(pools, request(r))
			}
			got, err := s.client().Write(t.Context(), pool.Set, 505, pools)
			require.NoError(t, err)
			want := Accepted{Jobs: test.want, At: time.Unix(1440467404, 0).UTC(), RequestUUID: "u-1"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAcceptedWithoutDataIsInDoubt(t *testing.T) {
	for _, data := range []string{`null`, `"ok"`, `true`} {
		_, err := answers(t, success(data)).client().Write(t.Context(), pool.Set, 505, []pool.Request{request("a")})
		require.ErrorIs(t, err, errNoData)
		require.Equal(t, InDoubt, OutcomeOf(err))
	}
}

// The time of acceptance falls back to the server's clock as last seen.
func TestAcceptedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := answers(t, success("[]", `"timestamp":1800000000`), success("[]"))
		c := s.client()
		_, err := c.Pools(t.Context(), PoolsQuery{})
		require.NoError(t, err)
		<-time.After(90 * time.Second)
		got, err := c.Write(t.Context(), pool.Set, 505, []pool.Request{request("a")})
		require.NoError(t, err)
		require.Equal(t, time.Unix(1800000090, 0).UTC(), got.At)
	})
}

func TestWriteTakesFiftyPools(t *testing.T) {
	s := answers(t, success("[]"))
	var pools []pool.Request
	for i := range 50 {
		pools = append(pools, request(fmt.Sprint("p", i)))
	}
	_, err := s.client().Write(t.Context(), pool.Set, 505, pools)
	require.NoError(t, err)
	require.Len(t, s.calls, 1)
}
