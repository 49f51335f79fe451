package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// manyPools makes n pools p000, p001, ... in requests of 50, a second apart.
func manyPools(h harness, n int) {
	h.Helper()
	for at := 0; at < n; at += 50 {
		var pools []string
		for i := at; i < min(at+50, n); i++ {
			pools = append(pools, fmt.Sprintf(`{"reference":"p%03d",%s}`, i, items("m5-001")))
		}
		h.write("set", strings.Join(pools, ","))
		pass(time.Second)
	}
}

func references(t *testing.T, a answered) (refs []string) {
	t.Helper()
	var data []poolJSON
	a.into(t, &data)
	for _, p := range data {
		refs = append(refs, p.Reference)
	}
	return refs
}

func TestPoolsGetPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{})
		manyPools(h, 120)
		for _, order := range []string{"asc", "desc"} {
			params := fmt.Sprintf(`"limit":500,"sort":%q,"status":["published"]`, order)
			var got []string
			next := ""
			for pages := 0; ; pages++ {
				a := h.call("get", "itembank/pools", "{"+params+next+"}")
				refs := references(t, a)
				require.LessOrEqual(t, len(refs), 50)
				got = append(got, refs...)
				if a.Meta.Next == "" {
					require.Equal(t, 2, pages)
					break
				}
				next = fmt.Sprintf(`,"next":%q`, a.Meta.Next)
			}
			if order == "desc" {
				slices.Reverse(got)
			}
			require.Len(t, got, 120)
			require.True(t, slices.IsSorted(got), "%s: %v", order, got)
		}
	})
}

// TestPoolsGetNextKeepsParameters is about clients that drop the original
// parameters when they follow next.
func TestPoolsGetNextKeepsParameters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{})
		manyPools(h, 60)
		a := h.call("get", "itembank/pools", `{"status":["published"],"sort":"asc"}`)
		next := fmt.Sprintf(`"next":%q`, a.Meta.Next)
		for request, member := range map[string]string{
			"{" + next + "}":                                                "sort",
			`{"status":["published"],` + next + "}":                         "sort",
			`{"status":["halted"],"sort":"asc",` + next + "}":               "status",
			`{"status":["published"],"sort":"asc","limit":10,` + next + "}": "limit",
			`{"next":"garbage"}`:                                            "token",
		} {
			if a := h.refused(400, 20004, "get", "itembank/pools", request); !strings.Contains(a.Meta.Message, member) {
				t.Errorf("%s: message %q does not name %s", request, a.Meta.Message, member)
			}
		}
		a = h.call("get", "itembank/pools", `{"sort":"asc","status":["published"],"meta":{"sdk":{}},`+next+"}")
		require.Len(t, references(t, a), 10)
	})
}

func TestPoolsGetFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{})
		h.write("set", `{"reference":"a",`+items("m5-001")+`},{"reference":"b","status":"unpublished",`+items("m5-001")+`}`)
		pass(time.Second)
		h.write("set", `{"reference":"c",`+items("no-such-item")+`}`)
		pass(time.Second)
		require.NoError(t, h.s.EditPool(505, "a", func(p *PoolRecord) { p.Name = "by hand" }))
		h.write("update", `{"reference":"b",`+items("m5-002")+`}`)
		for request, want := range map[string][]string{
			`{}`:                                     {"c", "b", "a"},
			`{"sort":"asc"}`:                         {"a", "b", "c"},
			`{"sort_field":"updated","sort":"desc"}`: {"a", "c", "b"},
			`{"status":["published"]}`:               {"a"},
			`{"status":["pending","halted"],"sort":"asc"}`:       {"b", "c"},
			`{"references":["c","a","a","absent"],"sort":"asc"}`: {"a", "c"},
			`{"references":[]}`:                 {"c", "b", "a"},
			`{"organisation_id":505,"limit":1}`: {"c"},
			`{"organisation_id":606}`:           nil,
		} {
			if diff := cmp.Diff(want, references(t, h.call("get", "itembank/pools", request))); diff != "" {
				t.Errorf("%s: %s", request, diff)
			}
		}
	})
}

func TestPoolsGetRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{})
		h.write("set", `{"reference":"a","name":"Näme <1>","description":"D",`+items("m5-001")+`}`)
		want := `[{"reference":"a","name":"Näme <1>","description":"D","status":"pending","dt_created":"2000-01-01T00:00:00Z","dt_updated":"2000-01-01T00:00:00Z"}]`
		if diff := cmp.Diff(want, string(h.call("get", "itembank/pools", `{}`).Data)); diff != "" {
			t.Error(diff)
		}
		pass(time.Second)
		want = strings.Replace(want, "pending", "published", 1)
		if diff := cmp.Diff(want, string(h.call("get", "itembank/pools", `{}`).Data)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestPoolsGetRefusals(t *testing.T) {
	h := newHarness(t, Options{})
	for request, code := range map[string]int{
		`{"limit":"5"}`:             20003,
		`{"limit":5.5}`:             20003,
		`{"limit":0}`:               20004,
		`{"sort":"up"}`:             20004,
		`{"sort_field":"name"}`:     20004,
		`{"status":["archived"]}`:   20004,
		`{"status":"published"}`:    20003,
		`{"references":"a"}`:        20003,
		`{"references":[""]}`:       20004,
		`{"references":["it's"]}`:   20004,
		`{"references":["é"]}`:      20004,
		`{"organisation_id":"505"}`: 20003,
		`{"pools":[]}`:              20009,
		`{"item_pool_id":"a"}`:      20009,
		`[1]`:                       20009,
		`nonsense`:                  20009,
		`{"references":["` + strings.Repeat("a", 151) + `"]}`: 20001,
		`{"references":` + manyReferences(1001) + `}`:         20002,
	} {
		h.refused(400, code, "get", "itembank/pools", request)
	}
	require.True(t, h.call("get", "itembank/pools", `{"references":`+manyReferences(1000)+`}`).Meta.Status)
	require.True(t, h.call("get", "itembank/pools", `[]`).Meta.Status)
	require.True(t, h.call("get", "itembank/pools", `{"limit":null}`).Meta.Status)
}

func manyReferences(n int) string {
	refs := make([]string, n)
	for i := range refs {
		refs[i] = fmt.Sprintf("r%d", i)
	}
	text, _ := json.Marshal(refs)
	return string(text)
}

func BenchmarkPoolsByReference(b *testing.B) {
	benchmarkPools(b, `{"references":`+manyPoolNames(50)+`}`)
}
func BenchmarkPoolsListing(b *testing.B) { benchmarkPools(b, `{"sort":"asc"}`) }

func manyPoolNames(n int) string {
	refs := make([]string, n)
	for i := range refs {
		refs[i] = fmt.Sprintf("p%d", i*190)
	}
	text, _ := json.Marshal(refs)
	return string(text)
}

func benchmarkPools(b *testing.B, request string) {
	s, err := New(Options{Latency: -1, AnyItem: true, NoQuotas: true, LogLimit: 10})
	require.NoError(b, err)
	x := &exchange{server: s, version: "latest", endpoint: "itembank/pools", now: s.now()}
	var writes []poolWrite
	for i := range 10000 {
		writes = append(writes, poolWrite{Reference: fmt.Sprintf("p%d", i), Content: &content{Items: []string{fmt.Sprintf("i%d", i)}}})
	}
	x.accept("set", s.banks[505], writes)
	s.advance(s.now())
	for b.Loop() {
		res, refused := x.getPools(readParams(request))
		if refused != nil || res.records != 50 {
			b.Fatal(refused, res.records)
		}
	}
}

func TestPageSize(t *testing.T) {
	h := newHarness(t, Options{PageSize: 4})
	a := h.call("get", "itembank/items", `{"limit":50}`)
	if *a.Meta.Records != 4 || a.Meta.Next == "" {
		t.Errorf("%d records, next %q", *a.Meta.Records, a.Meta.Next)
	}
}
