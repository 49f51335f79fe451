package sandbox

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// steer sends a control request and gives status and body.
func (h harness) steer(method, path, body string) (int, string) {
	h.Helper()
	resp, err := h.send(method, "/_sandbox/"+path, body, "application/json")
	require.NoError(h, err)
	a := h.read(resp)
	return a.Status, a.Body
}

func TestControl(t *testing.T) {
	h := newHarness(t, Options{Latency: -1})
	h.write("set", `{"reference":"a/b c",`+items("m5-001")+`}`)
	before := h.pool("a/b c")
	for _, tt := range []struct {
		method, path, body string
		status             int
		part               string
	}{
		{"POST", "pools/505/a%2Fb%20c", `{"name":"by hand","status":"unpublished"}`, 200, `"name":"by hand"`},
		{"GET", "pools/505/a/b%20c", "", 200, `"reference":"m5-001"`},
		{"POST", "pools/505/a%2Fb%20c", `{"status":"gone"}`, 400, "no status of a pool"},
		{"POST", "pools/505/a%2Fb%20c", `{"title":"x"}`, 400, "title"},
		{"POST", "pools/505/a%2Fb%20c", `nonsense`, 400, "line 1"},
		{"POST", "pools/505/absent", `{}`, 400, "no item pool"},
		{"GET", "pools/505/absent", "", 404, "not found"},
		{"POST", "pools/707/a", `{}`, 400, "no item bank 707"},
		{"POST", "pools/505", `{}`, 404, "{bank}/{reference}"},
		{"DELETE", "pools/505/a", ``, 404, "not found"},
		{"PUT", "pools/505/a", ``, 405, "not allowed"},
		{"POST", "pools/505/theirs", `{"name":"T","status":"halted","item_references":["m5-002"],"activity_references":["math-g5-pilot"]}`, 200, `"status":"halted"`},
		{"GET", "pools/505/theirs", "", 200, `"reference":"math-g5-pilot"`},
		{"POST", "pools/505/theirs", `{"item_references":["absent"]}`, 400, "no item absent"},
		{"POST", "pools/505/theirs", `{"activity_references":["absent"]}`, 400, "no activity absent"},
		{"POST", "pools/505/theirs", `{"status":"published","item_references":[]}`, 200, `"items":[]`},
		{"DELETE", "pools/505/theirs", "", 200, ""},
		{"GET", "pools/505/theirs", "", 404, "not found"},
		{"POST", "pools/505/%22", `{"item_references":[]}`, 400, "printable ASCII"},
		{"POST", "items/505/m5-001", `{"title":"edited","tags":{"Grade":["6"]}}`, 200, "true"},
		{"POST", "items/505/brand-new", `{"title":"new"}`, 200, "true"},
		{"POST", "items/505/m5-001", `{"status":"gone"}`, 400, "item.status"},
		{"POST", "activities/505/math-g5-pilot", `{"items":["m5-001"]}`, 200, "true"},
		{"POST", "activities/505/act-new", `{"items":["m5-001",{"reference":"m5-002","organisation_id":505}]}`, 200, "true"},
		{"POST", "faults", "# two\nget jobs=500\n\nset=429\n", 200, ""},
		{"POST", "faults", "get jobs=500\nset=explode\n", 400, "explode"},
		{"GET", "faults", "", 405, ""},
		{"DELETE", "faults", "", 200, ""},
		{"POST", "switches", "U4=refresh\nU9=skip\n", 200, ""},
		{"POST", "switches", "U4=replace\n", 400, "want one of"},
		{"GET", "switches", "", 200, `"U4":"refresh"`},
		{"DELETE", "switches", "", 405, ""},
		{"GET", "log", "", 200, `"endpoint":"itembank/pools"`},
		{"DELETE", "log", "", 200, ""},
		{"POST", "log", "", 405, ""},
		{"GET", "nothing", "", 404, "there are pools"},
	} {
		status, body := h.steer(tt.method, tt.path, tt.body)
		if status != tt.status || !strings.Contains(body, tt.part) {
			t.Errorf("%s %s %s: got %d %s", tt.method, tt.path, tt.body, status, body)
		}
	}
	after := h.pool("a/b c")
	if after.Status != "unpublished" || !after.DtUpdated.After(before.DtUpdated) {
		t.Errorf("after the edit: %+v", after)
	}
	require.Empty(t, h.s.Log())
	require.True(t, h.call("get", "jobs", "{}").Meta.Status, "the faults are gone")
	require.Equal(t, "m5-001", recordRefs(t, h.call("get", "itembank/items", `{"references":["m5-001"],"tags":[{"type":"Grade","name":"6"}]}`)))
	require.Equal(t, "", recordRefs(t, h.call("get", "itembank/items", `{"references":["m5-001"],"tags":[{"type":"Subject"}]}`)))
	require.Equal(t, "brand-new", recordRefs(t, h.call("get", "itembank/items", `{"references":["brand-new"],"status":["published"]}`)))
	require.Equal(t, "act-new", recordRefs(t, h.call("get", "itembank/activities", `{"references":["act-new"]}`)))
}

func TestControlIsForLoopback(t *testing.T) {
	s, err := New(Options{})
	require.NoError(t, err)
	for remote, want := range map[string]int{"127.0.0.1:5": 200, "[::1]:5": 200, "192.0.2.1:5": 403, "nonsense": 403} {
		r := httptest.NewRequest(http.MethodGet, "/_sandbox/log", nil)
		r.RemoteAddr = remote
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d", remote, w.Code)
		}
	}
	r := httptest.NewRequest(http.MethodDelete, "/_sandbox/log", nil)
	r.RemoteAddr = "127.0.0.1:5"
	r.Header.Set("Origin", "https://example.com")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	require.Equal(t, 403, w.Code, "a page of a web site in a local browser")
}

func TestEdits(t *testing.T) {
	h := newHarness(t, Options{Latency: -1})
	h.write("set", `{"reference":"p",`+items("m5-001")+`}`)
	for _, status := range []string{"pending", "halted", "unpublished", "published"} {
		before := h.pool("p").DtUpdated
		require.NoError(t, h.s.EditPool(505, "p", func(p *PoolRecord) { p.Status, p.Reference = status, "ignored" }))
		if p := h.pool("p"); p.Status != status || !p.DtUpdated.After(before) {
			t.Errorf("%s: %+v", status, p)
		}
	}
	require.Error(t, h.s.EditItem(505, "absent", func(*Item) {}))
	require.Error(t, h.s.EditActivity(505, "absent", func(*Activity) {}))
	require.Error(t, h.s.PutItem(505, Item{Record: Record{Reference: `a"b`}}))
	require.Error(t, h.s.PutItem(707, Item{Record: Record{Reference: "a"}}))
	require.NoError(t, h.s.PutActivity(606, Activity{Record: Record{Reference: "a"}, Items: []ActivityItem{{Reference: "frac-anchor-01"}}}))
	require.NoError(t, h.s.EditActivity(606, "a", func(a *Activity) { a.Title = "T" }))
	var data []struct {
		Title     string
		DtCreated time.Time `json:"dt_created"`
		DtUpdated time.Time `json:"dt_updated"`
	}
	h.call("get", "itembank/activities", `{"organisation_id":606,"references":["a"],"include":{"activities":["title","dt_created","dt_updated"]}}`).into(t, &data)
	if data[0].Title != "T" || !data[0].DtUpdated.After(data[0].DtCreated) {
		t.Errorf("edited activity %+v", data[0])
	}
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	h := newHarness(t, Options{Latency: time.Microsecond, NoQuotas: true})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			ref := fmt.Sprintf("p%d", i)
			h.call("set", "itembank/pools", `{"pools":[{"reference":"`+ref+`",`+items("m5-001")+`}]}`)
			h.call("get", "itembank/pools", "{}")
			h.call("get", "itembank/items", `{"item_pool_id":"`+ref+`"}`)
			_ = h.s.EditPool(505, ref, func(p *PoolRecord) { p.Name = "x" })
			_ = h.s.EditItem(505, "m5-001", func(it *Item) { it.Title = ref })
			_ = h.s.AddFault(Fault{Kind: FaultError, Nth: 1000})
			h.s.Log()
			h.s.PoolContent(505, ref)
		})
	}
	wg.Wait()
	require.Len(t, h.s.Pools(505), 8)
}
