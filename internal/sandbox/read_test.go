package sandbox

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// recordRefs returns the references of items or activities.
func recordRefs(t *testing.T, a answered) string {
	t.Helper()
	var data []struct{ Reference string }
	a.into(t, &data)
	refs := make([]string, len(data))
	for i, d := range data {
		refs[i] = d.Reference
	}
	return strings.Join(refs, " ")
}

func TestItemsGet(t *testing.T) {
	h := newHarness(t, Options{Latency: -1})
	h.write("set", `{"reference":"p",`+items("m5-001", "m5-002", "e5-001")+`}`)
	byRef := `"sort_field":"reference","sort":"asc"`
	for request, want := range map[string]string{
		`{` + byRef + `,"references":["m5-002","m5-001","absent","m5-001"]}`:                                 "m5-001 m5-002",
		`{` + byRef + `,"status":["archived"]}`:                                                              "e8-010 legacy-003 m4-012 s8-012",
		`{` + byRef + `,"status":["unpublished"],"references":["m5-019","m5-001"]}`:                          "m5-019",
		`{` + byRef + `,"references":["m5-019","m4-012","m5-001"]}`:                                          "m4-012 m5-001 m5-019",
		`{` + byRef + `,"tags":[{"type":"course","name":"sandbox"}]}`:                                        "dataapi_test_007 dataapi_test_008 dataapi_test_009 dataapi_test_010",
		`{` + byRef + `,"tags":[{"type":"Grade","name":"5"},{"type":"course"}]}`:                             "e5-006 e5-012 m5-006 m5-012 m5-018",
		`{` + byRef + `,"advanced_tags":{"all":[{"type":"course","name":"sandbox"}],"none":[{"type":"x"}]}}`: "dataapi_test_007 dataapi_test_008 dataapi_test_009 dataapi_test_010",
		`{` + byRef + `,"advanced_tags":{"either":[{"type":"Grade","name":"5"}],"none":[{"type":"Subject","name":"Mathematics"},{"type":"Subject","name":"Science"}]},"limit":3}`: "e5-001 e5-002 e5-003",
		`{` + byRef + `,"item_pool_id":"p"}`:                                             "e5-001 m5-001 m5-002",
		`{` + byRef + `,"item_pool_id":"p","references":["m5-002","m5-003"]}`:            "m5-002",
		`{` + byRef + `,"item_pool_id":"p","tags":[{"type":"Subject","name":"ELA"}]}`:    "e5-001",
		`{` + byRef + `,"organisation_id":606,"references":["frac-anchor-01","m5-001"]}`: "frac-anchor-01",
		`{` + byRef + `,"mintime":"2027-01-01T00:00:00Z"}`:                               "",
	} {
		if got := recordRefs(t, h.call("get", "itembank/items", request)); got != want {
			t.Errorf("%s: got %q, want %q", request, got, want)
		}
	}
}

func TestItemsGetPagesThroughAll(t *testing.T) {
	h := newHarness(t, Options{})
	for _, endpoint := range []string{"itembank/items", "itembank/activities"} {
		for _, field := range sortFields {
			seen := map[string]bool{}
			next := ""
			for {
				a := h.call("get", endpoint, fmt.Sprintf(`{"limit":7,"sort_field":%q%s}`, field, next))
				for ref := range strings.FieldsSeq(recordRefs(t, a)) {
					require.False(t, seen[ref], "%s twice", ref)
					seen[ref] = true
				}
				if a.Meta.Next == "" {
					break
				}
				next = fmt.Sprintf(`,"next":%q`, a.Meta.Next)
			}
			if want := map[string]int{"itembank/items": 204, "itembank/activities": 25}[endpoint]; len(seen) != want {
				t.Errorf("%s by %s: %d of %d", endpoint, field, len(seen), want)
			}
		}
	}
}

func TestItemRecord(t *testing.T) {
	h := newHarness(t, Options{})
	var plain, full []map[string]json.RawMessage
	h.call("get", "itembank/items", `{"references":["dataapi_test_001"]}`).into(t, &plain)
	keys := slices.Sorted(maps.Keys(plain[0]))
	want := []string{"definition", "description", "features", "metadata", "note", "questions", "reference", "source", "status", "tags", "title", "workflow"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Error(diff)
	}
	require.JSONEq(t, `{"course":["commoncore"]}`, string(plain[0]["tags"]))
	h.call("get", "itembank/items", `{"references":["dataapi_test_001"],"include":{"items":["dt_created","dt_updated","last_updated_by","max_score"]}}`).into(t, &full)
	require.Len(t, full[0], 16)
	require.Regexp(t, `^"202[456]-\d\d-\d\dT\d\d:\d\d:\d\dZ"$`, string(full[0]["dt_updated"]))
}

func TestActivitiesGet(t *testing.T) {
	h := newHarness(t, Options{Latency: -1})
	h.write("set", `{"reference":"p","content":{"activity_references":["ela-g5-winter-2026","CCASWinter14G06AVE"]}}`)
	byRef := `"sort_field":"reference","sort":"asc"`
	for request, want := range map[string]string{
		`{` + byRef + `,"item_pool_id":"p"}`:                                                "CCASWinter14G06AVE ela-g5-winter-2026",
		`{` + byRef + `,"item_references":{"all":["m5-001","m5-002"]}}`:                     "math-g5-fall-2025 math-g5-shared-anchor",
		`{` + byRef + `,"item_references":{"all":["m5-001"],"either":["m5-008","m5-009"]}}`: "math-g5-fall-2025",
		`{` + byRef + `,"status":["unpublished","archived"]}`:                               "algebra1-eoc-2027 ela-g8-spring-2024",
		`{` + byRef + `,"tags":[{"type":"Form","name":"pilot"}]}`:                           "math-g5-pilot",
		`{` + byRef + `,"references":["CCASWinter14G06AVE","absent"]}`:                      "CCASWinter14G06AVE",
	} {
		if got := recordRefs(t, h.call("get", "itembank/activities", request)); got != want {
			t.Errorf("%s: got %q, want %q", request, got, want)
		}
	}
	a := h.call("get", "itembank/activities", `{"references":["math-g5-shared-anchor"],"include":{"activities":["title","dt_updated"]}}`)
	for _, part := range []string{`"items":["m5-001","m5-002","m5-003",{"reference":"frac-anchor-01","organisation_id":606}]`, `"title":"Mathematics grade 5 with`, `"dt_updated":"202`} {
		if !strings.Contains(a.Body, part) {
			t.Errorf("%s is missing in %s", part, a.Body)
		}
	}
}

func TestReadRefusals(t *testing.T) {
	h := newHarness(t, Options{Latency: -1})
	h.write("set", `{"reference":"p",`+items("m5-001")+`}`)
	for _, tt := range []struct {
		endpoint, request string
		code              int
	}{
		{"itembank/items", `{"include":{"items":["colour"]}}`, 20004},
		{"itembank/items", `{"include":{"activities":["title"]}}`, 20009},
		{"itembank/items", `{"created_by":["x"]}`, 20009},
		{"itembank/items", `{"advanced_tags":{"none":[{"type":"x"}]}}`, 20004},
		{"itembank/items", `{"advanced_tags":{"some":[]}}`, 20009},
		{"itembank/items", `{"tags":{"type":"x"}}`, 20003},
		{"itembank/items", `{"tags":[{"name":"x"}]}`, 20000},
		{"itembank/items", `{"status":["pending"]}`, 20004},
		{"itembank/items", `{"sort_field":"dt_updated"}`, 20004},
		{"itembank/items", `{"item_pool_id":"absent"}`, 20004},
		{"itembank/items", `{"references":` + manyReferences(1001) + `}`, 20002},
		{"itembank/activities", `{"include":{"activities":["dt"]}}`, 20004},
		{"itembank/activities", `{"item_pool_id":"p","item_references":{"all":["m5-001"]}}`, 20004},
		{"itembank/activities", `{"item_references":["m5-001"]}`, 20003},
		{"itembank/tagging/tags", `{"types":"Grade"}`, 20003},
		{"itembank/tagging/tags", `{"sort_field":"name"}`, 20004},
	} {
		h.refused(400, tt.code, "get", tt.endpoint, tt.request)
	}
}

func TestTagsGet(t *testing.T) {
	h := newHarness(t, Options{Latency: -1})
	h.write("set", `{"reference":"p",`+items("dataapi_test_001")+`}`)
	for request, want := range map[string]string{
		`{"types":["course"]}`:                         `[{"type":"course","name":"commoncore"},{"type":"course","name":"commoncore-2019"},{"type":"course","name":"drafts"},{"type":"course","name":"sandbox"}]`,
		`{"types":["course"],"sort":"desc","limit":1}`: `[{"type":"course","name":"sandbox"}]`,
		`{"names":["pilot","es"]}`:                     `[{"type":"Form","name":"pilot"},{"type":"Language","name":"es"}]`,
		`{"types":["nope"]}`:                           `[]`,
		`{"item_pool_id":"p"}`:                         `[{"type":"course","name":"commoncore"}]`,
	} {
		if diff := cmp.Diff(want, string(h.call("get", "itembank/tagging/tags", request).Data)); diff != "" {
			t.Errorf("%s: %s", request, diff)
		}
	}
	require.NoError(t, h.s.EditItem(505, "m5-001", func(it *Item) { it.Tags["course"] = []string{"new"} }))
	require.Equal(t, 1, *h.call("get", "itembank/tagging/tags", `{"names":["new"]}`).Meta.Records)
}
