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

const poolP = `"reference":"p",`

// switchRows has a row for each value of each switch whose effect one request and
// its job show. The pool "p" holds m5-001, m5-002 (name N, description D,
// unpublished) before the request is sent.
var switchRows = []struct {
	setting, action, pool string
	want                  string // HTTP/code of a refusal, else "job status: what the pool holds"
	record                string // name|description|status afterwards
}{
	{"U1=error", "set", poolP + items("m5-003"), "400/30000", "N|D|unpublished"},
	{"U1=conflict", "set", poolP + items("m5-003"), "409/20011", "N|D|unpublished"},
	{"U1=halt", "set", poolP + items("m5-003"), "halted: m5-001 m5-002", "N|D|unpublished"},
	{"U1=halt-pool", "set", poolP + items("m5-003"), "halted: m5-001 m5-002", "N|D|halted"},
	{"U1=noop", "set", poolP + items("m5-003"), "completed: m5-001 m5-002", "N|D|unpublished"},
	{"U2=keep", "set", poolP + `"overwrite":true,` + items("absent"), "halted: m5-001 m5-002", "N|D|halted"},
	{"U2=lose", "set", poolP + `"overwrite":true,` + items("absent"), "halted: ", "N|D|halted"},
	{"U3=reset", "set", poolP + `"overwrite":true,` + items("m5-003"), "completed: m5-003", "||published"},
	{"U3=keep", "set", poolP + `"overwrite":true,` + items("m5-003"), "completed: m5-003", "N|D|unpublished"},
	{"U4=error", "update", poolP + items("m5-002", "m5-003"), "halted: m5-001 m5-002", "N|D|halted"},
	{"U4=skip", "update", poolP + items("m5-002", "m5-003"), "completed: m5-001 m5-002 m5-003", "N|D|published"},
	{"U5=ignore", "update", poolP + `"overwrite":true,` + items("m5-002", "m5-003"), "completed: m5-001 m5-002", "N|D|published"},
	{"U5=ignore", "update", poolP + `"overwrite":true,` + items("m5-003"), "halted: m5-001 m5-002", "N|D|halted"},
	{"U5=halt", "update", poolP + `"overwrite":true,` + items("m5-002", "m5-003"), "halted: m5-001 m5-002", "N|D|halted"},
	{"U5=add", "update", poolP + `"overwrite":true,` + items("m5-003"), "completed: m5-001 m5-002 m5-003", "N|D|published"},
	{"U6=reject", "update", poolP + `"name":"M"`, "400/20000", "N|D|unpublished"},
	{"U6=allow", "update", poolP + `"name":"M"`, "completed: m5-001 m5-002", "M|D|published"},
	{"U6=allow", "update", poolP + `"name":"M","content":{}`, "completed: m5-001 m5-002", "M|D|published"},
	{"U7=ignore", "update", poolP + `"description":"E",` + items("m5-001"), "completed: m5-001 m5-002", "N|D|published"},
	{"U7=apply", "update", poolP + `"description":"E",` + items("m5-001"), "completed: m5-001 m5-002", "N|E|published"},
	{"U7=reject", "update", poolP + `"description":"E",` + items("m5-001"), "400/20009", "N|D|unpublished"},
	{"U8=publish", "update", poolP + items("m5-001"), "completed: m5-001 m5-002", "N|D|published"},
	{"U8=keep", "update", poolP + items("m5-001"), "completed: m5-001 m5-002", "N|D|unpublished"},
	{"U9=halt", "update", poolP + items("m5-003", "absent"), "halted: m5-001 m5-002", "N|D|halted"},
	{"U9=refuse", "update", poolP + items("m5-003", "absent"), "400/20013", "N|D|unpublished"},
	{"U9=refuse", "update", poolP + `"content":{"activity_references":["absent"]}`, "400/30001", "N|D|unpublished"},
	{"U9=skip", "update", poolP + items("m5-003", "absent"), "completed: m5-001 m5-002 m5-003", "N|D|published"},
	{"U10=skip", "update", poolP + items("m5-003", "m5-019"), "completed: m5-001 m5-002 m5-003", "N|D|published"},
	{"U10=halt", "update", poolP + items("m5-003", "m5-019"), "halted: m5-001 m5-002", "N|D|halted"},
	{"U10=halt", "update", poolP + `"content":{"activity_references":["math-g5-pilot"]}`, "halted: m5-001 m5-002", "N|D|halted"},
	{"U11=total", "update", poolP + `"content":{"item_references":["m5-003"],"tags":[{"type":"nope"}]}`, "completed: m5-001 m5-002 m5-003", "N|D|published"},
	{"U11=total", "set", poolP + `"overwrite":true,"content":{"tags":[{"type":"nope"}]}`, "halted: m5-001 m5-002", "N|D|halted"},
	{"U11=each", "update", poolP + `"content":{"item_references":["m5-003"],"tags":[{"type":"nope"}]}`, "halted: m5-001 m5-002", "N|D|halted"},
	{"U11=allow", "set", poolP + `"overwrite":true,"name":"M","content":{"tags":[{"type":"nope"}]}`, "completed: ", "M||published"},
	{"U20=any", "set", `"reference":"ä'",` + items("m5-001"), "completed: m5-001", "||published"},
	{"U21=3", "set", `"reference":"q","name":"äöü",` + items("m5-001"), "completed: m5-001", "äöü||published"},
	{"U21=3", "set", `"reference":"q","name":"abcd",` + items("m5-001"), "400/20001", ""},
	{"U22=1", "set", `"reference":"q",` + items("m5-001", "m5-002"), "400/20002", ""},
	{"U22=0", "set", `"reference":"q",` + items("m5-001", "m5-002"), "completed: m5-001 m5-002", "||published"},
	{"U27=dedupe", "set", `"reference":"q",` + items("m5-001", "m5-001"), "completed: m5-001", "||published"},
	{"U27=refuse", "set", `"reference":"q",` + items("m5-001", "m5-001"), "400/20004", ""},
	{"U28=exact", "set", `"reference":"q","content":{"tags":[{"type":"COURSE","name":"Sandbox"}]}`, "halted: ", "||halted"},
	{
		"U28=fold", "set", `"reference":"q","content":{"tags":[{"type":"COURSE","name":"Sandbox"}]}`,
		"completed: dataapi_test_007 dataapi_test_008 dataapi_test_009 dataapi_test_010", "||published",
	},
	{"U29=never", "set", `"reference":"q","set_unpublished_to_published":true,` + items("e8-010"), "halted: ", "||halted"},
	{"U29=flag", "set", `"reference":"q","set_unpublished_to_published":true,` + items("e8-010"), "completed: e8-010", "||published"},
	{"Names=kept", "set", `"reference":"q","name":" a b ",` + items("m5-001"), "completed: m5-001", " a b ||published"},
	{"Names=trim", "set", `"reference":"q","name":" a b ",` + items("m5-001"), "completed: m5-001", "a b||published"},
	{"Names=cut", "update", `"reference":"p","name":"äbcdefghijklmnopqrstuvw",` + items("m5-001"), "completed: m5-001 m5-002", "äbcdefghijklmnopqrst|D|published"},
	{"U31=exact", "set", `"reference":"P",` + items("m5-003"), "completed: m5-003", "||published"},
	{"U31=fold", "set", `"reference":"P",` + items("m5-003"), "400/30000", ""},
	{"U31=fold", "update", `"reference":"P",` + items("m5-003"), "completed: m5-001 m5-002 m5-003", ""},
}

func TestSwitches(t *testing.T) {
	for _, tt := range switchRows {
		t.Run(tt.setting+" "+tt.action, func(t *testing.T) {
			h := newHarness(t, Options{Latency: -1})
			h.write("set", `{"reference":"p","name":"N","description":"D","status":"unpublished",`+items("m5-001", "m5-002")+`}`)
			name, value, err := ParseSwitch(tt.setting)
			require.NoError(t, err)
			var sw Switches
			require.NoError(t, sw.Set(name, value))
			require.NoError(t, h.s.SetSwitches(sw))
			if got := h.attempt(tt.action, tt.pool); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if tt.record == "" {
				return
			}
			var write struct{ Reference string }
			require.NoError(t, json.Unmarshal([]byte("{"+tt.pool+"}"), &write))
			r := h.pool(write.Reference)
			if got := r.Name + "|" + r.Description + "|" + r.Status; got != tt.record {
				t.Errorf("record %q, want %q", got, tt.record)
			}
		})
	}
}

// attempt sends a write of one pool and tells how it ended.
func (h harness) attempt(action, pool string) string {
	h.Helper()
	a := h.call(action, "itembank/pools", `{"pools":[{`+pool+`}]}`)
	if !a.Meta.Status {
		return strings.TrimSpace(string(mustJSON(h.T, a.Status)) + "/" + string(mustJSON(h.T, a.Meta.Code)))
	}
	var data []writeAnswer
	a.into(h.T, &data)
	return h.outcome(data[0].Job).Status + ": " + strings.Join(h.holds(data[0].Pool), " ")
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}

func TestSwitchU4Refresh(t *testing.T) {
	for value, want := range map[string]string{"skip": "old", "refresh": "new"} {
		h := newHarness(t, Options{Latency: -1, Switches: Switches{U4: value}})
		require.NoError(t, h.s.EditItem(505, "m5-001", func(it *Item) { it.Title = "old" }))
		h.write("set", `{"reference":"p",`+items("m5-001")+`}`)
		require.NoError(t, h.s.EditItem(505, "m5-001", func(it *Item) { it.Title = "new" }))
		h.write("update", `{"reference":"p",`+items("m5-001")+`}`)
		snap, _ := h.s.PoolContent(505, "p")
		if snap.Items[0].Title != want {
			t.Errorf("U4=%s: %q", value, snap.Items[0].Title)
		}
	}
}

func TestSwitchU12(t *testing.T) {
	for value, want := range map[string][]string{"pool": {"completed", "halted", "completed"}, "all": {"halted", "halted", "halted"}} {
		h := newHarness(t, Options{Latency: -1, Switches: Switches{U12: value}})
		var got []string
		for _, w := range h.write("set", `{"reference":"a",`+items("m5-001")+`},{"reference":"b",`+items("absent")+`},{"reference":"c",`+items("m5-001")+`}`) {
			job := h.outcome(w.Job)
			got = append(got, job.Status)
			if w.Pool != "b" && job.Status == "halted" && job.Results[0].Reference != "b" {
				t.Errorf("job of %s: %+v", w.Pool, job)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("U12=%s: %s", value, diff)
		}
	}
}

func TestSwitchU13(t *testing.T) {
	for value, want := range map[string]string{
		"results": `"results":[{"code":20013,`,
		"errors":  `"errors":[{"code":20013,`,
		"message": `"message":"item `,
		"data":    `"data":{"errors":[{"code":20013,`,
	} {
		h := newHarness(t, Options{Latency: -1, Switches: Switches{U13: value}})
		h.write("set", `{"reference":"a",`+items("absent")+`}`)
		if a := h.call("get", "jobs", `{"status":["halted"]}`); !strings.Contains(a.Body, want) {
			t.Errorf("U13=%s: %s", value, a.Body)
		}
	}
}

func TestSwitchU14(t *testing.T) {
	for value, want := range map[string]string{"array": "[[", "get-object": "[{", "write-object": "{[", "object": "{{"} {
		h := newHarness(t, Options{Latency: -1, Switches: Switches{U14: value}})
		a := h.call("set", "itembank/pools", `{"pools":[{"reference":"a",`+items("m5-001")+`}]}`)
		got := string(a.Data[:1])
		a = h.call("get", "itembank/pools", `{"references":["a"]}`)
		if got += string(a.Data[:1]); got != want {
			t.Errorf("U14=%s: %q, want %q", value, got, want)
		}
	}
}

func TestSwitchU15(t *testing.T) {
	for value, want := range map[string]int{"completed": 1, "all": 2} {
		h := newHarness(t, Options{Latency: -1, Switches: Switches{U15: value}})
		h.write("set", `{"reference":"a",`+items("m5-001")+`},{"reference":"b",`+items("absent")+`}`)
		if a := h.call("get", "jobs", `{}`); *a.Meta.Records != want {
			t.Errorf("U15=%s: %s", value, a.Body)
		}
	}
}

func TestSwitchU16(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{Switches: Switches{U16: "2s"}})
		h.write("set", `{"reference":"a",`+items("m5-001")+`}`)
		for _, want := range []int{0, 1} {
			pass(time.Second)
			if a := h.call("get", "jobs", `{}`); *a.Meta.Records != want {
				t.Errorf("want %d: %s", want, a.Body)
			}
		}
	})
}

func TestSwitchU19(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{Latency: time.Second, Switches: Switches{U19: "5s"}})
		h.write("set", `{"reference":"a","name":"one",`+items("m5-001")+`}`)
		seen := func() string {
			var data []poolJSON
			h.call("get", "itembank/pools", `{"sort":"asc"}`).into(t, &data)
			if len(data) == 0 {
				return "absent"
			}
			return data[0].Name + " " + data[0].Status
		}
		var got []string
		for range 4 {
			got = append(got, seen())
			pass(2 * time.Second)
		}
		require.NoError(t, h.s.EditPool(505, "a", func(p *PoolRecord) { p.Name = "two" }))
		got = append(got, seen())
		pass(5 * time.Second)
		got = append(got, seen())
		want := []string{"absent", "absent", "absent", "one published", "one published", "two published"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSwitchU23(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{Latency: 2 * time.Second})
		h.write("set", `{"reference":"a",`+items("m5-001")+`}`)
		update := `{"pools":[{"reference":"a",` + items("m5-002") + `}]}`
		h.refused(409, 20011, "update", "itembank/pools", update)
		require.NoError(t, h.s.SetSwitches(Switches{U23: "queue"}))
		pass(time.Second)
		second := h.write("update", `{"reference":"a",`+items("m5-002")+`}`)
		for _, want := range []struct{ job, pool, holds string }{
			{"queued", "pending", ""},
			{"queued", "pending", "m5-001"},
			{"running", "pending", "m5-001"},
			{"completed", "published", "m5-001 m5-002"},
		} {
			got := strings.Join(h.holds("a"), " ")
			if job := h.outcome(second[0].Job).Status; job != want.job || h.pool("a").Status != want.pool || got != want.holds {
				t.Errorf("job %s, pool %s holds %q; want %+v", job, h.pool("a").Status, got, want)
			}
			pass(time.Second)
		}
	})
}

func TestSwitchU24AndU25(t *testing.T) {
	h := newHarness(t, Options{Latency: -1})
	h.write("set", `{"reference":"a","status":"unpublished",`+items("m5-001")+`}`)
	for _, endpoint := range []string{"itembank/items", "itembank/activities", "itembank/tagging/tags"} {
		require.NoError(t, h.s.SetSwitches(Switches{}))
		require.True(t, h.call("get", endpoint, `{"item_pool_id":"a"}`).Meta.Status)
		h.refused(400, 20004, "get", endpoint, `{"item_pool_id":"absent"}`)
		require.NoError(t, h.s.SetSwitches(Switches{U24: "refused", U25: "empty"}))
		h.refused(400, 20004, "get", endpoint, `{"item_pool_id":"a"}`)
		require.Equal(t, "[]", string(h.call("get", endpoint, `{"item_pool_id":"absent"}`).Data))
	}
}

func TestSwitchU26(t *testing.T) {
	for value, want := range map[string][]bool{
		"completed": {true, true, false},
		"visible":   {false, true, false},
		"never":     {false, false, false},
	} {
		h := newHarness(t, Options{Latency: -1, Switches: Switches{U26: value}})
		h.write("set", `{"reference":"a","name":"N",`+items("m5-001")+`}`)
		var got []bool
		for _, update := range []string{
			`{"reference":"a","name":"N","status":"published",` + items("m5-002") + `}`,
			`{"reference":"a","name":"M","status":"published",` + items("m5-002") + `}`,
			`{"reference":"a","name":"L",` + items("absent") + `}`,
		} {
			before := h.pool("a").DtUpdated
			h.write("update", update)
			got = append(got, h.pool("a").DtUpdated.After(before))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("U26=%s: %s", value, diff)
		}
		before := h.pool("a").DtUpdated
		require.NoError(t, h.s.EditPool(505, "a", func(*PoolRecord) {}))
		require.True(t, h.pool("a").DtUpdated.After(before), "a hand edit always moves it")
	}
}

func TestSwitchU30AndU31(t *testing.T) {
	h := newHarness(t, Options{Latency: -1})
	h.write("set", `{"reference":"Ela-A",`+items("m5-001")+`}`)
	require.Equal(t, []string{"Ela-A"}, references(t, h.call("get", "itembank/pools", `{"references":["Ela-A","absent"]}`)))
	require.Empty(t, references(t, h.call("get", "itembank/pools", `{"references":["ela-a"]}`)))
	require.NoError(t, h.s.SetSwitches(Switches{U30: "refuse", U31: "fold"}))
	h.refused(400, 30001, "get", "itembank/pools", `{"references":["Ela-A","absent"]}`)
	require.Equal(t, []string{"Ela-A"}, references(t, h.call("get", "itembank/pools", `{"references":["ela-a"]}`)))
	require.True(t, h.call("get", "itembank/items", `{"item_pool_id":"ELA-A"}`).Meta.Status)
}

func TestSwitchCopyDates(t *testing.T) {
	h := newHarness(t, Options{Latency: -1})
	read := func(pool string) (it struct {
		DtUpdated string `json:"dt_updated"`
	},
	) {
		h.write("set", `{"reference":"`+pool+`",`+items("m5-001")+`}`)
		data := []any{&it}
		h.call("get", "itembank/items", `{"item_pool_id":"`+pool+`","include":{"items":["dt_updated"]}}`).into(t, &data)
		return it
	}
	bank := read("a").DtUpdated
	require.NoError(t, h.s.SetSwitches(Switches{CopyDates: "copy"}))
	if date := read("b").DtUpdated; date <= bank || bank > "2026-07" {
		t.Errorf("bank %s, copy %s", bank, date)
	}
}

func TestSwitchErrors(t *testing.T) {
	for text, want := range map[string]string{
		"U4":            "want NAME=VALUE",
		"U4=replace":    "want one of skip, refresh, error",
		"U99=x":         "unknown switch",
		"U16=soon":      "not a duration",
		"U19=-1s":       "not a duration",
		"U22=many":      "not a number",
		"ServerClock=x": "not a duration",
		"Unknown=1":     "U1 to U31, CopyDates, ServerClock",
	} {
		if _, _, err := ParseSwitch(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	_, err := New(Options{Switches: Switches{U4: "replace"}})
	require.ErrorContains(t, err, "U4")
	h := newHarness(t, Options{})
	require.Error(t, h.s.SetSwitches(Switches{U9: "x"}))
	require.Equal(t, "halt", h.s.Switches().U9)
	name, value, err := ParseSwitch(" u4 = refresh ")
	require.NoError(t, err)
	var sw Switches
	require.NoError(t, sw.Set(name, value))
	require.Equal(t, "refresh", sw.U4)
	require.Len(t, strings.Split(strings.TrimSpace(SwitchHelp()), "\n"), 41)
}
