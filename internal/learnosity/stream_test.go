package learnosity

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
)

func TestStreamGoesPageByPage(t *testing.T) {
	s := answers(t, success(`[{"reference":"a","status":"published"},{"reference":"b","status":"archived"}]`, `"next":"t1"`),
		success("[]", `"next":"t2"`), success(`[{"reference":"a","status":"published"}]`))
	q := ItemsQuery{Bank: 505, Status: []pool.Status{pool.Published}, AllTags: []pool.Tag{{Type: "course"}}}
	var got []string
	for item, err := range s.reader().EachItem(t.Context(), q) {
		require.NoError(t, err)
		got = append(got, fmt.Sprintf("%s after %d", item.Reference, len(s.calls)))
	}
	require.Equal(t, []string{"a after 1", "a after 3"}, got)
	require.Equal(t, `{"organisation_id":505,"status":["published"],"advanced_tags":{"all":[{"type":"course"}]},"limit":50,"next":"t2"}`, s.calls[2].text)
	for _, err := range s.reader().EachItem(t.Context(), q) {
		require.NoError(t, err)
		break
	}
	require.Len(t, s.calls, 4, "whoever stops reading stops the calls")
}

func TestStreamTellsErrors(t *testing.T) {
	var got []string
	s := answers(t, success(`[{"reference":"a"}]`, `"next":"t1"`), failure(400, 20004))
	for p, err := range s.reader().EachPool(t.Context(), PoolsQuery{Bank: 505}) {
		got = append(got, fmt.Sprint(p.Reference, " ", WasRefused(err)))
	}
	require.Equal(t, []string{"a false", " true"}, got)
	s = answers(t, success(`[{"reference":"a"}]`, `"next":"t1"`), success(`[{"reference":"b"}]`, `"next":"t1"`))
	got = nil
	for a, err := range s.reader().EachActivity(t.Context(), ActivitiesQuery{}) {
		got = append(got, fmt.Sprint(a.Reference, " ", err))
	}
	require.Len(t, got, 3)
	require.Contains(t, got[2], "the server repeats a page")
}

func TestStreamOfReferences(t *testing.T) {
	s := &stub{t: t, answer: func(_ int, got sent) (*http.Response, error) {
		return success(poolRecords(got.list("references")...)).response()
	}}
	n := 0
	for _, err := range s.reader().EachItem(t.Context(), ItemsQuery{References: numbered("i", 120)}) {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 120, n)
	require.Len(t, s.calls, 3)
}

// The server may call a page too large in the middle of a listing. What was read by
// then comes again.
func TestStreamAsksForLessWhenTooMuch(t *testing.T) {
	s := answers(t, success(`[{"reference":"a"}]`, `"next":"t1"`), failure(400, 20027),
		success(`[{"reference":"a"}]`, `"next":"t1"`), success(`[{"reference":"b"}]`))
	var got []string
	for item, err := range s.reader().EachItem(t.Context(), ItemsQuery{}) {
		require.NoError(t, err)
		got = append(got, item.Reference)
	}
	require.Equal(t, []string{"a", "a", "b"}, got)
	require.Equal(t, `{"limit":25,"next":"t1"}`, s.calls[3].text)
	s = answers(t, failure(400, 20027))
	for _, err := range s.reader().EachItem(t.Context(), ItemsQuery{}) {
		require.ErrorContains(t, err, "20027")
	}
	require.Equal(t, `{"limit":1}`, s.calls[len(s.calls)-1].text)
}

// What is collected is bounded as a whole; what is streamed is not, since it is not kept.
func TestListingIsBoundedInSize(t *testing.T) {
	s := &stub{t: t, answer: func(n int, _ sent) (*http.Response, error) {
		return success(fmt.Sprintf(`[{"reference":"%d","name":"%s"}]`, n, strings.Repeat("x", 1<<18)), fmt.Sprintf(`"next":"t%d"`, n)).response()
	}}
	r := s.reader()
	r.conn.maxListing = 1 << 20
	_, err := r.Pools(t.Context(), PoolsQuery{})
	require.EqualError(t, err, "get pools (bank primary): the listing is larger than 1 MiB")
	require.Len(t, s.calls, 4)
	n := 0
	for _, err := range r.EachPool(t.Context(), PoolsQuery{}) {
		require.NoError(t, err)
		if n++; n == 10 {
			break
		}
	}
}
