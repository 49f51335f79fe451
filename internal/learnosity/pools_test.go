package learnosity

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
)

// echo answers a get with a pool for every reference that it names.
func echo(t *testing.T) *stub {
	return &stub{t: t, answer: func(_ int, s sent) (*http.Response, error) {
		return success(poolRecords(s.list("references")...)).response()
	}}
}

func liveReferences(list []pool.Live) []string {
	var out []string
	for _, p := range list {
		out = append(out, string(p.Reference))
	}
	return out
}

// Trap 9: neither the count in meta nor a short or empty page ends a listing.
// Trap 10: the original parameters go along with next.
func TestTrap09And10Paging(t *testing.T) {
	s := answers(t,
		success(poolRecords("a", "b"), `"records":2`, `"next":"t1"`),
		success("[]", `"records":0`, `"next":"t2"`),
		success(poolRecords("c", "b"), `"records":1`, `"next":1786606673.36`),
		success(poolRecords("d"), `"records":99`, `"next":null`))
	found, err := s.reader().Pools(t.Context(), PoolsQuery{
		Bank: 505, Status: []pool.Status{pool.Pending, pool.Halted}, Sort: "desc", SortField: "updated",
	})
	require.NoError(t, err)
	if diff := cmp.Diff([]string{"a", "b", "c", "d"}, liveReferences(found)); diff != "" {
		t.Error(diff)
	}
	var got []string
	for _, call := range s.calls {
		got = append(got, call.text)
	}
	const first = `{"organisation_id":505,"status":["pending","halted"],"sort":"desc","sort_field":"updated","limit":50`
	want := []string{first + "}", first + `,"next":"t1"}`, first + `,"next":"t2"}`, first + `,"next":"1786606673.36"}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPagingEndsWithAnErrorIfTokensRepeat(t *testing.T) {
	s := answers(t, success(poolRecords("a"), `"next":"t1"`), success(poolRecords("b"), `"next":"t2"`),
		success(poolRecords("c"), `"next":"t1"`))
	_, err := s.reader().Pools(t.Context(), PoolsQuery{})
	require.ErrorContains(t, err, "get pools (bank primary): HTTP 200: the server repeats a page")
	require.Len(t, s.calls, 3)
}

func TestPagingIsBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		record func(n int) string
		pages  int
		want   string
	}{
		"in circles": {func(n int) string { return `{"reference":"r` + strconv.Itoa(n%3) + `"}` }, 503, "does not move on: 500 pages in a row held nothing new"},
		"empty":      {func(int) string { return "" }, 500, "does not move on"},
		"ever new":   {func(n int) string { return `{"reference":"r` + strconv.Itoa(n) + `"}` }, 10_000, "does not end after 10000 pages"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stub{t: t, answer: func(n int, _ sent) (*http.Response, error) {
					return success("["+tt.record(n)+"]", fmt.Sprintf(`"next":"t%d"`, n)).response()
				}}
				_, err := s.reader().Pools(t.Context(), PoolsQuery{})
				require.ErrorContains(t, err, tt.want)
				require.Len(t, s.calls, tt.pages)
			})
		})
	}
}

// A record that moves to a later page while the listing is read counts once,
// as it was read last.
func TestPagingKeepsTheLatestRecord(t *testing.T) {
	s := answers(t, success(`[{"reference":"a","status":"pending"},{"reference":"b","status":"published"}]`, `"next":"t1"`),
		success(`[{"reference":"a","status":"published"}]`))
	found, err := s.reader().Pools(t.Context(), PoolsQuery{})
	require.NoError(t, err)
	want := []pool.Live{{Reference: "a", Status: "published"}, {Reference: "b", Status: "published"}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
}

func TestListingGoesFromOldToNew(t *testing.T) {
	s := answers(t, success("[]"))
	found, err := s.reader().Pools(t.Context(), PoolsQuery{Bank: 505})
	require.NoError(t, err)
	require.Empty(t, found)
	require.Equal(t, `{"organisation_id":505,"sort":"asc","sort_field":"created","limit":50}`, s.calls[0].text)
}

// Trap 11: data may be an array or one object. Trap 23: times stay as the
// server wrote them.
func TestTrap11And23Shapes(t *testing.T) {
	record := `{"reference":"ela-district-a","description":"Content pool for ELA District A","name":"ELA 2015 District A",` +
		`"status":"published","dt_created":"2015-01-08T07:34:00Z","dt_updated":"2015-01-08 07:34:00"}`
	want := []pool.Live{{
		Reference: "ela-district-a", Name: "ELA 2015 District A", Description: "Content pool for ELA District A",
		Status: pool.Published, Created: "2015-01-08T07:34:00Z", Updated: "2015-01-08 07:34:00",
	}}
	for name, data := range map[string]string{"object": record, "array": "[" + record + "]"} {
		t.Run(name, func(t *testing.T) {
			s := answers(t, success(data, `"records":1`))
			found, err := s.reader().Pools(t.Context(), PoolsQuery{References: []pool.Reference{"ela-district-a"}})
			require.NoError(t, err)
			if diff := cmp.Diff(want, found); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPoolsUnexpectedTypes(t *testing.T) {
	s := answers(t, success(`[{"reference":12,"name":null,"description":["x"],"status":"new","more":{}}]`))
	found, err := s.reader().Pools(t.Context(), PoolsQuery{})
	require.NoError(t, err)
	if diff := cmp.Diff([]pool.Live{{Reference: "12", Status: "new"}}, found); diff != "" {
		t.Error(diff)
	}
}

// A PHP service writes a list without members as an object or null, and may leave
// it out where it counts no records. Every get takes that for what it is.
func TestNoRecords(t *testing.T) {
	gets := map[string]func(*Reader) (int, error){
		"pools": func(r *Reader) (int, error) { l, err := r.Pools(t.Context(), PoolsQuery{}); return len(l), err },
		"references": func(r *Reader) (int, error) {
			l, err := r.Pools(t.Context(), PoolsQuery{References: []pool.Reference{"a"}})
			return len(l), err
		},
		"items": func(r *Reader) (int, error) { l, err := r.Items(t.Context(), ItemsQuery{}); return len(l), err },
		"a page": func(r *Reader) (int, error) {
			l, _, err := r.ItemsPage(t.Context(), ItemsQuery{}, "")
			return len(l), err
		},
		"activities": func(r *Reader) (int, error) {
			l, err := r.Activities(t.Context(), ActivitiesQuery{})
			return len(l), err
		},
		"jobs": func(r *Reader) (int, error) { l, err := r.Jobs(t.Context(), JobsQuery{}); return len(l), err },
		"tags": func(r *Reader) (int, error) { l, err := r.Tags(t.Context(), TagsQuery{}); return len(l), err },
	}
	for name, get := range gets {
		for _, body := range []string{
			`{"meta":{"status":true},"data":[]}`, `{"meta":{"status":true},"data":{}}`, `{"meta":{"status":true},"data": { } }`,
			`{"meta":{"status":true},"data":null}`, `{"meta":{"status":true,"records":0},"data":{}}`,
			`{"meta":{"status":true,"records":0}}`, `{"meta":{"status":true,"records":"0"}}`,
		} {
			n, err := get(answers(t, jsonReply(200, body)).reader())
			require.NoError(t, err, "%s: %s", name, body)
			require.Zero(t, n, "%s: %s", name, body)
		}
		_, err := get(answers(t, jsonReply(200, `{"meta":{"status":true}}`)).reader())
		require.ErrorIs(t, err, errNoData, name)
	}
	// An empty page is not the last for that.
	s := answers(t, success("{}", `"next":"t1"`), success(`[{"reference":"a"}]`))
	found, err := s.reader().Pools(t.Context(), PoolsQuery{})
	require.NoError(t, err)
	require.Len(t, found, 1)
}

// What cannot be read must never pass for a pool that does not exist.
func TestUnreadableDataIsNotAbsence(t *testing.T) {
	bodies := map[string]string{
		"no data":             `{"meta":{"status":true}}`,
		"no data, one record": `{"meta":{"status":true,"records":1},"data":null}`,
		"odd count":           `{"meta":{"status":true,"records":[]}}`,
		"text":                `{"meta":{"status":true},"data":"none"}`,
		"false":               `{"meta":{"status":true},"data":false}`,
		"empty, two records":  `{"meta":{"status":true,"records":2},"data":{}}`,
		"null record":         `{"meta":{"status":true},"data":[null]}`,
		"text record":         `{"meta":{"status":true},"data":["a"]}`,
		"no reference":        `{"meta":{"status":true},"data":[{"name":"a"}]}`,
		"empty reference":     `{"meta":{"status":true},"data":[{"reference":""}]}`,
		"odd reference":       `{"meta":{"status":true},"data":[{"reference":{"a":1}}]}`,
		"other letter case":   `{"meta":{"status":true},"data":[{"Reference":"a"}]}`,
		"keyed by reference":  `{"meta":{"status":true},"data":{"a":{"reference":"a"}}}`,
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			found, err := answers(t, jsonReply(200, body)).reader().Pools(t.Context(), PoolsQuery{})
			require.ErrorContains(t, err, "get pools (bank primary): HTTP 200: the answer ")
			require.Nil(t, found)
		})
	}
}

// N references take N/50 calls, and each is asked for once.
func TestPoolsByReferenceIsLean(t *testing.T) {
	asked := numbered("p", 120)
	s := echo(t)
	found, err := s.reader().Pools(t.Context(), PoolsQuery{Bank: 505, References: poolReferences(append(asked, asked[:60]...))})
	require.NoError(t, err)
	if diff := cmp.Diff(asked, liveReferences(found)); diff != "" {
		t.Error(diff)
	}
	require.Len(t, s.calls, 3)
	sizes := map[int]int{}
	for _, call := range s.calls {
		sizes[len(call.list("references"))]++
	}
	require.Equal(t, map[int]int{50: 2, 20: 1}, sizes)
}

func TestPoolsReadsChunksSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := &stub{t: t, answer: func(int, sent) (*http.Response, error) {
			<-release
			return success("[]").response()
		}}
		done := make(chan error)
		go func() {
			_, err := s.reader().Pools(t.Context(), PoolsQuery{References: poolReferences(numbered("p", 4000))})
			done <- err
		}()
		synctest.Wait()
		require.Len(t, s.calls, readsAtOnce)
		close(release)
		require.NoError(t, <-done)
		require.Len(t, s.calls, 80)
	})
}

func TestPoolsKeepsCaseTwinsAndDropsStrangers(t *testing.T) {
	s := answers(t, success(poolRecords("ELA", "ela", "Math", "other")))
	found, err := s.reader().Pools(t.Context(), PoolsQuery{References: []pool.Reference{"ela", "math"}})
	require.NoError(t, err)
	if diff := cmp.Diff([]string{"ELA", "ela", "Math"}, liveReferences(found)); diff != "" {
		t.Error(diff)
	}
}

func TestPoolsOfTwoChunksCountOnce(t *testing.T) {
	s := answers(t, success(poolRecords("p-000")))
	found, err := s.reader().Pools(t.Context(), PoolsQuery{References: poolReferences(numbered("p", 70))})
	require.NoError(t, err)
	require.Len(t, s.calls, 2)
	require.Len(t, found, 1)
}

// A get that is refused because a reference does not exist falls back to the
// listing, once; one that is refused for another reason does not.
func TestPoolsFallsBackToTheListing(t *testing.T) {
	for _, code := range []int{20004, 20013, 30001} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			s := &stub{t: t, answer: func(_ int, s sent) (*http.Response, error) {
				if strings.Contains(s.text, "references") {
					return failure(400, code).response()
				}
				return success(poolRecords("a", "b", "p-001")).response()
			}}
			found, err := s.reader().Pools(t.Context(), PoolsQuery{Bank: 505, References: poolReferences(numbered("p", 3))})
			require.NoError(t, err)
			require.Equal(t, []string{"p-001"}, liveReferences(found))
			require.Len(t, s.calls, 2)
		})
	}
	t.Run("not for 4xxxx", func(t *testing.T) {
		s := answers(t, failure(403, 40003))
		_, err := s.reader().Pools(t.Context(), PoolsQuery{References: []pool.Reference{"a"}})
		require.ErrorContains(t, err, "40003")
		require.Len(t, s.calls, 1)
	})
}

// Code 20027 asks for smaller pages.
func TestTooLargeAnswersAreAskedForInSmallerPages(t *testing.T) {
	s := &stub{t: t, answer: func(_ int, s sent) (*http.Response, error) {
		if s.request["limit"].(float64) > 12 {
			return failure(400, codeTooLarge).response()
		}
		return success(poolRecords("a")).response()
	}}
	found, err := s.reader().Pools(t.Context(), PoolsQuery{})
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, liveReferences(found))
	require.Len(t, s.calls, 3)
}
