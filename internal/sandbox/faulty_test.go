package sandbox

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// arm arms faults in their command-line form.
func (h harness) arm(texts ...string) {
	h.Helper()
	for _, text := range texts {
		f, err := ParseFault(text)
		require.NoError(h, err)
		require.NoError(h, h.s.AddFault(f))
	}
}

// shown is what pools get shows of one pool: name and status, or "absent".
func (h harness) shown(reference string) string {
	h.Helper()
	var data []poolJSON
	h.call("get", "itembank/pools", `{"references":["`+reference+`"]}`).into(h.T, &data)
	if len(data) == 0 {
		return "absent"
	}
	return data[0].Name + " " + data[0].Status
}

func TestDeliveredTwice(t *testing.T) {
	onePool := func(more string) string { return `{"pools":[{"reference":"p",` + more + items("m5-001") + `}]}` }
	for _, tt := range []struct {
		name     string
		switches Switches
		action   string
		request  string
		code     int // of the answer that comes
	}{
		{"creation", Switches{}, "set", onePool(""), 30000},
		{"creation, conflict", Switches{U1: "conflict"}, "set", onePool(""), 20011},
		{"creation, its second job halts", Switches{U1: "halt"}, "set", onePool(""), 0},
		{"rebuild", Switches{}, "set", onePool(`"overwrite":true,`), 20011},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, Options{Switches: tt.switches})
				h.arm("set#1=twice")
				if a := h.call(tt.action, "itembank/pools", tt.request); a.Meta.Code != tt.code {
					t.Errorf("got %s", a.Body)
				}
				pass(time.Second)
				require.Equal(t, []string{"m5-001"}, h.holds("p"))
				require.Len(t, h.s.Log(), 2, "each delivery is logged")
				if tt.code != 0 {
					require.Len(t, h.s.jobs, 1, "the work is done once")
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{})
		h.write("set", `{"reference":"p","name":"old",`+items("m5-001")+`}`)
		pass(time.Second)
		h.arm("update#1=twice:100ms")
		h.refused(409, 20011, "update", "itembank/pools", `{"pools":[{"reference":"p","name":"new",`+items("m5-001")+`}]}`)
		pass(time.Second)
		require.Equal(t, "new published", h.shown("p"))
	})
}

func TestLateDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{})
		h.arm("set#1=late:10s")
		require.Equal(t, 504, h.call("set", "itembank/pools", setOne).Status)
		var got []string
		for range 3 {
			got = append(got, h.shown("p"))
			pass(5*time.Second + 100*time.Millisecond)
		}
		require.Equal(t, []string{"absent", "absent", " pending"}, got)
		require.Equal(t, " published", h.shown("p"))
	})
}

func TestJobsThatSkip(t *testing.T) {
	for kind, want := range map[FaultKind]string{
		FaultSkipsAll:     "old published: m5-001",
		FaultSkipsName:    "old unpublished: m5-001 m5-002 m5-003",
		FaultSkipsStatus:  "new published: m5-001 m5-002 m5-003",
		FaultSkipsContent: "new unpublished: m5-001",
		FaultSkipsItem:    "new unpublished: m5-001 m5-002",
	} {
		h := newHarness(t, Options{Latency: -1})
		h.write("set", `{"reference":"p","name":"old",`+items("m5-001")+`}`)
		h.arm("update=" + string(kind))
		data := h.write("update", `{"reference":"p","name":"new","status":"unpublished",`+items("m5-002", "m5-003")+`}`)
		require.Equal(t, "completed", h.outcome(data[0].Job).Status)
		if got := h.shown("p") + ": " + strings.Join(h.holds("p"), " "); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
}

func TestNewPoolWhoseJobDoesNothing(t *testing.T) {
	h := newHarness(t, Options{Latency: -1, DataFile: t.TempDir() + "/data.json"})
	h.arm("set#1=job-does-nothing", "set#1=job-skips-status")
	data := h.write("set", `{"reference":"p",`+items("m5-001")+`}`)
	require.Equal(t, "unpublished", h.pool("p").Status, "the last fault that was armed marks the job")
	h.arm("set#1=job-does-nothing")
	data = append(data, h.write("set", `{"reference":"q",`+items("m5-001")+`}`)...)
	require.Equal(t, "completed", h.outcome(data[1].Job).Status)
	require.Equal(t, "absent", h.shown("q"))
	again := newHarness(t, Options{DataFile: h.s.opts.DataFile})
	require.Equal(t, "completed", again.outcome(data[1].Job).Status, "a job outlives its pool over a restart")
}

func TestForeignPoolFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{Switches: Switches{U1: "conflict", U19: "3s"}})
		h.arm("set itembank/pools#1=foreign-first:1500ms@p")
		h.refused(409, 20011, "set", "itembank/pools", `{"pools":[{"reference":"p","name":"N","description":"D",`+items("m5-001")+`},{"reference":"q",`+items("m5-001")+`}]}`)
		require.Equal(t, "absent", h.shown("p"), "the replica lags")
		pass(2 * time.Second)
		require.Equal(t, "N published", h.shown("p"))
		require.Equal(t, "absent", h.shown("q"))
		require.Equal(t, []string{"alg1-001"}, h.holds("p"))
	})
}

func TestVanishingPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{})
		data := h.write("set", `{"reference":"p",`+items("m5-001")+`}`)
		h.arm("get itembank/items#2=pool-vanishes@p")
		require.True(t, h.call("get", "itembank/items", `{"item_pool_id":"p"}`).Meta.Status)
		h.refused(400, 20004, "get", "itembank/items", `{"item_pool_id":"p"}`)
		pass(time.Second)
		require.Equal(t, "halted", h.outcome(data[0].Job).Status)
		require.Error(t, h.s.RemovePool(505, "p"))
	})
}

func TestStaleReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{Latency: time.Second})
		h.write("set", `{"reference":"p","name":"one",`+items("m5-001")+`}`)
		pass(time.Hour)
		data := h.write("update", `{"reference":"p","name":"two",`+items("m5-002")+`}`)
		pass(2 * time.Second)
		h.arm("get#0x3=stale:90s", "get#4x1=stale")
		require.Equal(t, "one published", h.shown("p"))
		require.Equal(t, "m5-001", recordRefs(t, h.call("get", "itembank/items", `{"item_pool_id":"p"}`)))
		jobs := `{"references":["` + data[0].Job + `"],"status":["queued","running","halted","completed"]}`
		require.Equal(t, 0, *h.call("get", "jobs", jobs).Meta.Records)
		require.Equal(t, "one published", h.shown("p"), "10 s by default")
		require.Equal(t, "two published", h.shown("p"))
		require.Equal(t, "m5-001 m5-002", recordRefs(t, h.call("get", "itembank/items", `{"item_pool_id":"p","sort_field":"reference","sort":"asc"}`)))
		h.s.ClearFaults()
		h.arm("get jobs=stale:1500ms")
		require.Equal(t, "running", h.outcome(data[0].Job).Status)
	})
}

func TestReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{Latency: -1, Switches: Switches{U19: "5s", Replicas: "alternate", ContentLag: "5s"}})
		h.write("set", `{"reference":"p","name":"one",`+items("m5-001")+`}`)
		require.Equal(t, []string{"one published", "absent", "one published"}, []string{h.shown("p"), h.shown("p"), h.shown("p")})
		h.refused(400, 20004, "get", "itembank/items", `{"item_pool_id":"p"}`)
		pass(6 * time.Second)
		h.write("update", `{"reference":"p",`+items("m5-002")+`}`)
		require.Equal(t, "m5-001", recordRefs(t, h.call("get", "itembank/items", `{"item_pool_id":"p"}`)))
		pass(6 * time.Second)
		require.Equal(t, 2, *h.call("get", "itembank/items", `{"item_pool_id":"p"}`).Meta.Records)
	})
}

func TestClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{Latency: -1, Switches: Switches{ServerClock: "1h", DatabaseClock: "-2s"}})
		start := time.Now().UTC()
		a := h.call("set", "itembank/pools", setOne)
		require.Equal(t, start.Add(time.Hour).Unix(), a.Meta.Timestamp)
		require.Equal(t, start.Add(time.Hour).Format(time.RFC1123), strings.Replace(a.Header.Get("Date"), "GMT", "UTC", 1))
		stored := start.Add(time.Hour - 2*time.Second).Truncate(time.Second)
		require.Equal(t, stored, h.pool("p").DtCreated)
		require.Equal(t, stored, h.pool("p").DtUpdated)
		require.Equal(t, stored.Format(time.DateTime), h.outcome(h.s.jobs[0].Reference).DtCreated)
		require.NoError(t, h.s.PutItem(505, Item{Record: Record{Reference: "new"}}))
		require.Equal(t, stored, h.s.banks[505].items.all["new"].DtCreated)
		h.arm("get#1=wrong-time", "get#2=wrong-time:-10m")
		require.Equal(t, start.Add(66*time.Minute).Unix(), h.call("get", "jobs", "{}").Meta.Timestamp)
		require.Equal(t, start.Add(50*time.Minute).Unix(), h.call("get", "jobs", "{}").Meta.Timestamp)
	})
	for value, want := range map[string]string{"present": "true true", "missing": "false true", "no-date": "false false"} {
		h := newHarness(t, Options{Switches: Switches{Timestamp: value}})
		for _, a := range []answered{h.call("get", "jobs", "{}"), h.call("get", "jobs", `{"nonsense":1}`)} {
			got := string(mustJSON(t, a.Meta.Timestamp != 0)) + " " + string(mustJSON(t, a.Header.Get("Date") != ""))
			require.Equal(t, want, got, "Timestamp=%s %s", value, a.Body)
		}
	}
}

func TestSpoiledListings(t *testing.T) {
	h := newHarness(t, Options{Latency: -1, PageSize: 1})
	h.write("set", `{"reference":"a",`+items("m5-001")+`},{"reference":"b",`+items("m5-001")+`},{"reference":"c",`+items("m5-001")+`}`)
	page := func(next string) answered {
		if next == "" {
			return h.call("get", "itembank/pools", `{"sort":"asc"}`)
		}
		return h.call("get", "itembank/pools", `{"sort":"asc","next":"`+next+`"}`)
	}
	h.arm("get itembank/pools#1=listed-twice")
	require.Equal(t, []string{"a", "a"}, references(t, page("")))
	h.s.ClearFaults()
	h.arm("get itembank/pools=same-next")
	token := page("").Meta.Next
	require.NotEmpty(t, token)
	require.Equal(t, token, page(token).Meta.Next)
	h.s.ClearFaults()
	h.arm("get itembank/pools#1=bad-next")
	token = page("").Meta.Next
	h.refused(400, 20004, "get", "itembank/pools", `{"sort":"asc","next":"`+token+`"}`)
}

func TestSwitchPages(t *testing.T) {
	for value, want := range map[string][]int{"full": {4, 1}, "short": {2, 2, 1}, "empty-last": {4, 1, 0}} {
		h := newHarness(t, Options{Switches: Switches{Pages: value}})
		var got []int
		for next := ""; ; {
			request := `{"references":["m5-001","m5-002","m5-003","m5-004","m5-005"],"limit":4`
			if next != "" {
				request += `,"next":"` + next + `"`
			}
			a := h.call("get", "itembank/items", request+"}")
			got = append(got, *a.Meta.Records)
			if next = a.Meta.Next; next == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Pages=%s: %s", value, diff)
		}
	}
}

func TestSwitchRecords(t *testing.T) {
	for value, want := range map[string]string{
		"plain": `"description":"",`, "null": `"description":null,`, "missing": `[{"dt_created"`, "extra": `"item_count":null,`,
	} {
		h := newHarness(t, Options{Latency: -1, Switches: Switches{Records: value}})
		h.write("set", `{"reference":"a",`+items("m5-001")+`}`)
		a := h.call("get", "itembank/pools", `{}`)
		if !strings.Contains(string(a.Data), want) || value == "missing" && strings.Contains(string(a.Data), "description") {
			t.Errorf("Records=%s: %s", value, a.Data)
		}
		var records []map[string]json.RawMessage
		h.call("get", "itembank/items", `{"references":["m5-001"]}`).into(t, &records)
		require.Len(t, records, 1)
	}
}

func TestSwitchPoolReads(t *testing.T) {
	h := newHarness(t, Options{Latency: -1, Switches: Switches{PoolReads: "refused"}})
	h.write("set", `{"reference":"a",`+items("m5-001")+`}`)
	for _, endpoint := range []string{"itembank/items", "itembank/activities", "itembank/tagging/tags"} {
		h.refused(400, 20009, "get", endpoint, `{"item_pool_id":"a"}`)
		require.True(t, h.call("get", endpoint, `{}`).Meta.Status)
	}
}
