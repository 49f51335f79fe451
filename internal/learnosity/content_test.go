package learnosity

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
)

func TestItemsRequest(t *testing.T) {
	s := answers(t, success("[]"))
	_, err := s.reader().Items(t.Context(), ItemsQuery{
		Bank: 505, Pool: "ela", References: []string{"i1", "i1"}, Status: []pool.Status{pool.Published},
		AllTags: []pool.Tag{{Type: "course"}}, AnyTags: []pool.Tag{{Type: "grade", Name: "6"}}, WithUpdated: true,
	})
	require.NoError(t, err)
	want := `{"organisation_id":505,"item_pool_id":"ela","references":["i1"],"status":["published"],` +
		`"advanced_tags":{"all":[{"type":"course"}],"either":[{"type":"grade","name":"6"}]},` +
		`"include":{"items":["dt_updated"]},"limit":50}`
	if diff := cmp.Diff(want, s.calls[0].text); diff != "" {
		t.Error(diff)
	}
	require.Equal(t, "/"+DefaultVersion+"/itembank/items", s.calls[0].url.Path)
	_, err = s.reader().Activities(t.Context(), ActivitiesQuery{WithUpdated: true})
	require.NoError(t, err)
	require.Equal(t, `{"include":{"activities":["dt_updated"]},"limit":50}`, s.calls[1].text)
}

// TestItemsPage reads no further than it is asked, and goes on from there with the
// other parameters as they were.
func TestItemsPage(t *testing.T) {
	s := answers(t, success(`[{"reference":"a","status":"published"},{"reference":"b","status":"archived"}]`, `"next":"t1"`), success(`[]`))
	q := ItemsQuery{Bank: 505, Pool: "ela", Status: []pool.Status{pool.Published}}
	found, next, err := s.reader().ItemsPage(t.Context(), q, "")
	require.NoError(t, err)
	require.Equal(t, "t1", next)
	require.Equal(t, []Item{{Reference: "a", Status: pool.Published}}, found)
	found, next, err = s.reader().ItemsPage(t.Context(), q, next)
	require.NoError(t, err)
	require.Empty(t, found)
	require.Empty(t, next)
	const request = `{"organisation_id":505,"item_pool_id":"ela","status":["published"],"limit":50`
	require.Equal(t, []string{request + "}", request + `,"next":"t1"}`}, []string{s.calls[0].text, s.calls[1].text})
	_, _, err = answers(t, failure(400, 20004)).reader().ItemsPage(t.Context(), q, "")
	require.ErrorContains(t, err, "get items (bank 505): HTTP 400, code 20004")
}

// Trap 21: without a filter every status comes back, and the status is told;
// with one, only that status does, whether or not the server filters.
func TestTrap21Statuses(t *testing.T) {
	const records = `[{"reference":"a","status":"published","dt_updated":"2026-01-02T03:04:05Z"},` +
		`{"reference":"b","status":"unpublished"},{"reference":"c","status":"archived"}]`
	s := answers(t, success(records))
	all, err := s.reader().Items(t.Context(), ItemsQuery{})
	require.NoError(t, err)
	want := []Item{
		{Reference: "a", Status: pool.Published, Updated: "2026-01-02T03:04:05Z"},
		{Reference: "b", Status: pool.Unpublished},
		{Reference: "c", Status: Archived},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
	some, err := s.reader().Items(t.Context(), ItemsQuery{Status: []pool.Status{pool.Published}})
	require.NoError(t, err)
	if diff := cmp.Diff(want[:1], some); diff != "" {
		t.Error(diff)
	}
	activities, err := s.reader().Activities(t.Context(), ActivitiesQuery{Status: []pool.Status{Archived}})
	require.NoError(t, err)
	if diff := cmp.Diff([]Activity{{Reference: "c", Status: Archived}}, activities); diff != "" {
		t.Error(diff)
	}
}

// Trap 20: an activity brings all its items along, and tells of other banks.
// Trap 22: its items are strings or objects, and tags are read in another
// shape than they are written in.
func TestTrap20And22Activities(t *testing.T) {
	s := answers(t, success(`[
		{"reference":"act-1","status":"published","tags":{"season":["winter","autumn"],"course":["ela"]},
		 "data":{"items":["i1",{"reference":"i2","id":"x"},{"reference":"i3","organisation_id":7},{"reference":"i4","organisation_id":"7"}],"config":{}}},
		{"reference":"act-2","status":"published","tags":[{"type":"course","name":"ela"}],"data":[]},
		{"reference":"act-3","status":"unpublished","tags":[]}]`))
	found, err := s.reader().Activities(t.Context(), ActivitiesQuery{})
	require.NoError(t, err)
	want := []Activity{
		{
			Reference: "act-1", Status: pool.Published, Items: []string{"i1", "i2", "i3", "i4"}, Banks: []pool.Bank{7},
			Tags: []pool.Tag{{Type: "course", Name: "ela"}, {Type: "season", Name: "autumn"}, {Type: "season", Name: "winter"}},
		},
		{Reference: "act-2", Status: pool.Published, Tags: []pool.Tag{{Type: "course", Name: "ela"}}},
		{Reference: "act-3", Status: pool.Unpublished, Tags: []pool.Tag{}},
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
}

func TestActivitiesThatCannotBeRead(t *testing.T) {
	for name, data := range map[string]string{
		"entry without reference": `{"items":[{"id":"x"}]}`,
		"null entry":              `{"items":[null]}`,
		"no list":                 `{"items":"i1"}`,
		"text":                    `"i1"`,
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := decodeActivity(json.RawMessage(`{"reference":"a","data":` + data + `}`))
			require.ErrorIs(t, err, errNotActivity)
		})
	}
}

func TestTags(t *testing.T) {
	s := answers(t, success(`[{"type":"course","name":"ela","sort_key":1},{"type":"course","name":"math"}]`))
	found, err := s.reader().Tags(t.Context(), TagsQuery{Bank: 505, Types: []string{"course"}, Names: []string{"ela", "math"}})
	require.NoError(t, err)
	if diff := cmp.Diff([]pool.Tag{{Type: "course", Name: "ela"}, {Type: "course", Name: "math"}}, found); diff != "" {
		t.Error(diff)
	}
	require.Equal(t, `{"organisation_id":505,"types":["course"],"names":["ela","math"],"limit":50}`, s.calls[0].text)
	_, err = answers(t, success(`[{"type":"course"}]`)).reader().Tags(t.Context(), TagsQuery{})
	require.ErrorIs(t, err, errNoKey)
}
