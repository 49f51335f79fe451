package sandbox

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestJobsGet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{Latency: time.Second})
		first := h.write("set", `{"reference":"a",`+items("m5-001")+`},{"reference":"b",`+items("absent")+`}`)
		pass(time.Minute)
		h.call("set", "itembank/pools", `{"organisation_id":606,"pools":[{"reference":"c",`+items("frac-anchor-01")+`}]}`)
		all := `"status":["queued","running","halted","completed"]`
		for request, want := range map[string]int{
			`{}`:                                             1,
			`{"status":["queued"]}`:                          1,
			`{"status":["halted"]}`:                          1,
			`{` + all + `}`:                                  3,
			`{` + all + `,"organisation_id":606}`:            1,
			`{` + all + `,"organisation_id":505}`:            2,
			`{` + all + `,"limit":2}`:                        2,
			`{` + all + `,"limit":500}`:                      3,
			`{` + all + `,"mintime":946684830}`:              1,
			`{` + all + `,"mintime":"2000-01-01T00:00:30Z"}`: 1,
			`{` + all + `,"maxtime":"946684830"}`:            2,
			`{` + all + `,"maxtime":"2000-01-01 00:00:00"}`:  2,
			`{` + all + `,"references":["` + first[0].Job + `","` + first[0].Job + `","unknown"]}`: 1,
			`{` + all + `,"include":["anything","at all"]}`:                                        3,
		} {
			a := h.call("get", "jobs", request)
			if !a.Meta.Status || *a.Meta.Records != want || a.Meta.Next != "" {
				t.Errorf("%s: want %d: %s", request, want, a.Body)
			}
		}
		job := h.outcome(first[0].Job)
		if job.DtCreated != "2000-01-01 00:00:00" || *job.DtCompleted != "2000-01-01 00:00:01" {
			t.Errorf("times of %+v", job)
		}
	})
}

// TestJobsAreNotPaged asks for 51 jobs by reference and gets 50.
func TestJobsAreNotPaged(t *testing.T) {
	h := newHarness(t, Options{Latency: -1})
	var refs []string
	for i := range 51 {
		refs = append(refs, h.write("set", fmt.Sprintf(`{"reference":"p%d",%s}`, i, items("m5-001")))[0].Job)
		h.s.mu.Lock()
		clear(h.s.quota)
		h.s.mu.Unlock()
	}
	a := h.call("get", "jobs", `{"references":["`+strings.Join(refs, `","`)+`"]}`)
	if *a.Meta.Records != 50 || a.Meta.Next != "" {
		t.Errorf("%d records, next %q", *a.Meta.Records, a.Meta.Next)
	}
}

func TestJobsGetRefusals(t *testing.T) {
	h := newHarness(t, Options{})
	for request, code := range map[string]int{
		`{"status":["done"]}`:     20004,
		`{"mintime":"yesterday"}`: 20004,
		`{"mintime":true}`:        20003,
		`{"maxtime":""}`:          20003,
		`{"next":"x"}`:            20009,
		`{"sort":"asc"}`:          20009,
		`{"limit":-1}`:            20004,
		`{"references":` + manyReferences(1001) + `}`: 20002,
	} {
		h.refused(400, code, "get", "jobs", request)
	}
	h.refused(403, 40003, "get", "jobs", `{"organisation_id":707}`)
}

func TestQuotas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{Latency: -1})
		h.write("set", `{"reference":"p",`+items("m5-001")+`}`)
		pass(time.Second)
		set := `{"pools":[{"reference":"p","overwrite":true,` + items("m5-001") + `}]}`
		for range 49 {
			require.True(t, h.call("set", "itembank/pools", set).Meta.Status)
		}
		a := h.refused(429, 42000, "set", "itembank/pools", set)
		require.Equal(t, `{"meta":{"status":false,"code":42000,"message":"Too many requests"}}`, a.Body)
		require.Empty(t, a.Header.Get("Retry-After"))
		update := `{"pools":[{"reference":"p",` + items("m5-001") + `}]}`
		require.True(t, h.call("update", "itembank/pools", update).Meta.Status, "update has a quota of its own")
		pass(4 * time.Second)
		require.True(t, h.call("set", "itembank/pools", set).Meta.Status, "the window slides past the first call")
		h.refused(429, 42000, "set", "itembank/pools", set)
		pass(time.Second)
		require.True(t, h.call("set", "itembank/pools", set).Meta.Status)

		for range 1000 {
			require.True(t, h.call("get", "jobs", `{"limit":1}`).Meta.Status)
		}
		h.refused(429, 42000, "get", "jobs", `{"limit":1}`)
		require.True(t, h.call("get", "itembank/pools", `{}`).Meta.Status, "endpoints do not share a quota")
	})
}

func TestNoQuotas(t *testing.T) {
	h := newHarness(t, Options{NoQuotas: true, LogLimit: 1})
	for range 1100 {
		require.True(t, h.call("get", "jobs", `{"limit":1}`).Meta.Status)
	}
}
