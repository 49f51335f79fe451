package sandbox

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestWriteRefusals(t *testing.T) {
	h := newHarness(t, Options{Latency: -1})
	h.write("set", `{"reference":"old",`+items("m5-001")+`}`)
	ok := items("m5-001")
	for _, tt := range []struct {
		action, pools string
		status, code  int
		names         string // the message must say it
	}{
		{"set", ``, 400, 20004, "pools"},
		{"set", `{` + ok + `}`, 400, 20000, "pools[0].reference"},
		{"set", `{"reference":null,` + ok + `}`, 400, 20000, "pools[0].reference"},
		{"set", `{"reference":"",` + ok + `}`, 400, 20001, "pools[0].reference"},
		{"set", `{"reference":"a\"b",` + ok + `}`, 400, 20004, "pools[0].reference"},
		{"set", `{"reference":5,` + ok + `}`, 400, 20003, "pools[0].reference"},
		{"set", `{"reference":"` + strings.Repeat("a", 151) + `",` + ok + `}`, 400, 20001, "pools[0].reference"},
		{"set", `{"reference":"a"}`, 400, 20000, "pools[0].content"},
		{"set", `{"reference":"a","content":{}}`, 400, 20000, "pools[0].content"},
		{"set", `{"reference":"a","content":{"item_references":[]}}`, 400, 20000, "pools[0].content"},
		{"set", `{"reference":"a","content":[]}`, 400, 20003, "pools[0].content"},
		{"set", `{"reference":"a","content":{"items":["x"]}}`, 400, 20009, "pools[0].content.items"},
		{"set", `{"reference":"a","content":{"item_references":[5]}}`, 400, 20003, "pools[0].content.item_references"},
		{"set", `{"reference":"a","content":{"item_references":[""]}}`, 400, 20004, "pools[0].content.item_references"},
		{"set", `{"reference":"a","content":{"tags":[{"name":"x"}]}}`, 400, 20000, "pools[0].content.tags[0].type"},
		{"set", `{"reference":"a","content":{"tags":[{"type":"x","names":[]}]}}`, 400, 20009, "pools[0].content.tags[0].names"},
		{"set", `{"reference":"a","content":{"tags":[{"additional_tags":[{"type":"x"}]}]}}`, 400, 20000, "required_tags"},
		{"set", `{"reference":"a","content":{"tags":[{"type":"x","required_tags":[{"type":"x"}]}]}}`, 400, 20009, "tags[0].type"},
		{"set", `{"reference":"a","content":{"tags":[{"type":"` + strings.Repeat("a", 256) + `"}]}}`, 400, 20001, "255"},
		{"set", `{"reference":"a","status":"live",` + ok + `}`, 400, 20004, "pools[0].status"},
		{"set", `{"reference":"a","status":"pending",` + ok + `}`, 400, 20004, "pools[0].status"},
		{"set", `{"reference":"a","overwrite":"yes",` + ok + `}`, 400, 20003, "pools[0].overwrite"},
		{"set", `{"reference":"a","title":"x",` + ok + `}`, 400, 20009, "pools[0].title"},
		{"set", `{"reference":"a",` + ok + `},{"reference":"a",` + ok + `}`, 400, 20004, "pools[1].reference"},
		{"set", `{"reference":"old",` + ok + `}`, 400, 30000, "old"},
		{"update", `{"reference":"absent",` + ok + `}`, 404, 20012, "absent"},
		{"update", `{"reference":"old"}`, 400, 20000, "pools[0].content"},
		{"update", `{"reference":"old","ignore_empty_additional_tags":true,` + ok + `}`, 400, 20009, "ignore_empty_additional_tags"},
	} {
		a := h.refused(tt.status, tt.code, tt.action, "itembank/pools", `{"pools":[`+tt.pools+`]}`)
		if !strings.Contains(a.Meta.Message, tt.names) {
			t.Errorf("%s %s: message %q does not name %s", tt.action, tt.pools, a.Meta.Message, tt.names)
		}
	}
	h.refused(400, 20000, "set", "itembank/pools", `{}`)
	h.refused(400, 20009, "set", "itembank/pools", `{"limit":1,"pools":[{"reference":"a",`+ok+`}]}`)
	h.refused(403, 40003, "set", "itembank/pools", `{"organisation_id":1,"pools":[{"reference":"a",`+ok+`}]}`)
	var pools []string
	for i := range 51 {
		pools = append(pools, fmt.Sprintf(`{"reference":"p%d",%s}`, i, ok))
	}
	h.refused(400, 20002, "set", "itembank/pools", `{"pools":[`+strings.Join(pools, ",")+`]}`)
	require.Len(t, h.s.Pools(505), 1, "a refused request makes nothing")
	require.Len(t, h.write("set", strings.Join(pools[:50], ",")), 50)
}

func TestSetThenJobsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{Latency: time.Second})
		data := h.write("set", `{"reference":"a",`+items("m5-001")+`},{"reference":"b",`+items("no-such-item")+`}`)
		if data[0].Pool != "a" || data[1].Pool != "b" || data[0].Job == data[1].Job {
			t.Fatalf("answer %v", data)
		}
		want := func(at, job, a, b string) {
			t.Helper()
			if got := h.outcome(data[0].Job).Status; got != job || h.pool("a").Status != a || h.pool("b").Status != b {
				t.Errorf("%s: job %s, a %s, b %s", at, got, h.pool("a").Status, h.pool("b").Status)
			}
		}
		want("at once", "queued", "pending", "pending")
		require.Empty(t, h.holds("a"))
		pass(600 * time.Millisecond)
		want("later", "running", "pending", "pending")
		pass(600 * time.Millisecond)
		want("at the end", "completed", "published", "halted")
		halted := h.outcome(data[1].Job)
		if diff := cmp.Diff([]finding{{20013, `item "no-such-item" not found in organisation 505`, "no-such-item"}}, halted.Results); diff != "" {
			t.Error(diff)
		}
		require.Equal(t, []string{"m5-001"}, h.holds("a"))
	})
}

// TestDocumentedExample sends the request body of the set pools page.
func TestDocumentedExample(t *testing.T) {
	h := newHarness(t, Options{Latency: -1})
	data := h.write("set", `{"reference":"new_test_pool","name":"New test pool","description":"This is a test pool","content":{
		"item_references":["dataapi_test_001"],"activity_references":["CCASWinter14G06AVE"],"tags":[{"type":"course","name":"commoncore"}]}}`)
	require.Equal(t, "completed", h.outcome(data[0].Job).Status)
	holds := strings.Join(h.holds("new_test_pool"), " ")
	for _, ref := range []string{"dataapi_test_001", "ccas-w14-g06-012", "m5-006", "activity CCASWinter14G06AVE", "activity dataapi_test_activity"} {
		if !strings.Contains(holds, ref) {
			t.Errorf("%s is missing: %s", ref, holds)
		}
	}
}

func TestSelectors(t *testing.T) {
	bank := &Bank{ItemBanks: []ItemBank{{OrganisationID: 505, Items: []Item{
		{Record: Record{Reference: "i1", Tags: map[string][]string{"foo": {"bar"}, "baz": {"x"}, "qux": {"quux"}}}},
		{Record: Record{Reference: "i2", Tags: map[string][]string{"foo": {"bar"}, "baz": {"y"}}}},
		{Record: Record{Reference: "i3", Tags: map[string][]string{"course": {"a", "b"}}}},
		{Record: Record{Reference: "i4", Tags: map[string][]string{"foo": {"bar"}}, Status: "unpublished"}},
		{Record: Record{Reference: "i5", Tags: map[string][]string{"foo": {"bar"}}, Status: "archived"}},
		{Record: Record{Reference: "i6"}},
		{Record: Record{Reference: "i7"}},
	}, Activities: []Activity{
		{Record: Record{Reference: "act", Tags: map[string][]string{"foo": {"bar"}}}, Items: []ActivityItem{{Reference: "i6"}}},
		{Record: Record{Reference: "draft", Tags: map[string][]string{"foo": {"bar"}}, Status: "unpublished"}, Items: []ActivityItem{{Reference: "i7"}}},
	}}}}
	const fooBar, baz = `{"type":"foo","name":"bar"}`, `{"type":"baz"}`
	for _, tt := range []struct{ name, content, flags, want string }{
		{"type only", `"tags":[{"type":"course"}]`, "", "i3"},
		{"type and name", `"tags":[` + fooBar + `]`, "", "i1 i2 i6 activity act"},
		{"items only", `"item_tags":[` + fooBar + `]`, "", "i1 i2"},
		{"activities bring their items", `"activity_tags":[` + fooBar + `]`, "", "i6 activity act"},
		{"activity reference brings its items", `"activity_references":["act"]`, "", "i6 activity act"},
		{"union of entries", `"item_tags":[` + fooBar + `,{"type":"course","name":"a"}]`, "", "i1 i2 i3"},
		{"all required", `"tags":[{"required_tags":[` + fooBar + `,` + baz + `]}]`, "", "i1 i2"},
		{"any additional", `"tags":[{"required_tags":[` + fooBar + `],"additional_tags":[{"type":"qux","name":"quux"},{"type":"corge"}]}]`, "", "i1"},
		{"additional finds nothing", `"tags":[{"required_tags":[` + fooBar + `],"additional_tags":[{"type":"corge"}]}]`, "", "halted"},
		{"and is ignored", `"item_tags":[{"required_tags":[` + fooBar + `],"additional_tags":[{"type":"corge"}]}]`, `"ignore_empty_additional_tags":true,`, "i1 i2"},
		{"additional is empty", `"tags":[{"required_tags":[` + fooBar + `],"additional_tags":[]}]`, "", "halted"},
		{"one entry finds nothing", `"tags":[{"type":"nope"},{"type":"course"}]`, "", "i3"},
		{"letter case", `"tags":[{"type":"Course"}]`, "", "halted"},
		{"unpublished by flag", `"item_tags":[` + fooBar + `]`, `"set_unpublished_to_published":true,`, "i1 i2 i4"},
		{"draft activity by flag", `"activity_tags":[` + fooBar + `]`, `"set_unpublished_to_published":true,`, "i6 i7 activity act activity draft"},
		{"unpublished is skipped", `"item_references":["i1","i4","i5"]`, "", "i1"},
		{"nothing but unpublished", `"item_references":["i4"]`, "", "halted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHarness(t, Options{Latency: -1, Bank: bank})
			data := h.write("set", `{"reference":"p",`+tt.flags+`"content":{`+tt.content+`}}`)
			got := strings.Join(h.holds("p"), " ")
			if h.outcome(data[0].Job).Status == "halted" {
				got = "halted"
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCopiesArePublished(t *testing.T) {
	h := newHarness(t, Options{Latency: -1})
	h.write("set", `{"reference":"p","set_unpublished_to_published":true,`+items("m5-019")+`}`)
	snap, _ := h.s.PoolContent(505, "p")
	require.Equal(t, "published", snap.Items[0].Status)
	var bank []struct{ Status string }
	h.call("get", "itembank/items", `{"references":["m5-019"]}`).into(t, &bank)
	require.Equal(t, "unpublished", bank[0].Status, "the bank keeps its own")
}

func TestForeignItemHaltsTheJob(t *testing.T) {
	h := newHarness(t, Options{Latency: -1})
	data := h.write("set", `{"reference":"p","content":{"activity_references":["math-g5-shared-anchor"]}}`)
	job := h.outcome(data[0].Job)
	if job.Status != "halted" || len(job.Results) != 1 || job.Results[0].Reference != "frac-anchor-01" {
		t.Errorf("job %+v", job)
	}
	require.Equal(t, "halted", h.pool("p").Status)
}

func TestSnapshotIsACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{Latency: time.Second})
		h.write("set", `{"reference":"p",`+items("m5-001")+`}`)
		require.NoError(t, h.s.EditItem(505, "m5-001", func(it *Item) { it.Title = "before the job" }))
		pass(2 * time.Second)
		require.NoError(t, h.s.EditItem(505, "m5-001", func(it *Item) { it.Title = "after it"; it.Tags["Grade"][0] = "9" }))
		require.NoError(t, h.s.PutItem(505, Item{Record: Record{Reference: "m5-001", Title: "replaced"}}))
		snap, _ := h.s.PoolContent(505, "p")
		if it := snap.Items[0]; it.Title != "before the job" || it.Tags["Grade"][0] != "5" {
			t.Errorf("the copy changed: %+v", it)
		}
		snap.Items[0].Tags["Grade"][0] = "7"
		again, _ := h.s.PoolContent(505, "p")
		require.Equal(t, "5", again.Items[0].Tags["Grade"][0], "what the accessor gives is a copy too")
		h.write("update", `{"reference":"p","overwrite":true,`+items("m5-001")+`}`)
		pass(2 * time.Second)
		snap, _ = h.s.PoolContent(505, "p")
		require.Equal(t, "replaced", snap.Items[0].Title)
	})
}

// TestDuePrecedesEdit edits the bank after the job is due, but before anyone asked.
func TestDuePrecedesEdit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, Options{Latency: time.Second})
		h.write("set", `{"reference":"p",`+items("m5-001")+`}`)
		title := DefaultBank().ItemBanks[0].Items
		pass(time.Minute)
		require.NoError(t, h.s.EditItem(505, "m5-001", func(it *Item) { it.Title = "too late" }))
		snap, _ := h.s.PoolContent(505, "p")
		for _, it := range title {
			if it.Reference == "m5-001" && it.Title != snap.Items[0].Title {
				t.Errorf("the copy was made at %q", snap.Items[0].Title)
			}
		}
		if got := h.pool("p").DtUpdated; !got.Equal(h.pool("p").DtCreated.Add(time.Second)) {
			t.Errorf("dt_updated %v is not when the job was due", got)
		}
	})
}

func TestUpdate(t *testing.T) {
	h := newHarness(t, Options{Latency: -1})
	h.write("set", `{"reference":"p","name":"N","description":"D","status":"unpublished",`+items("m5-001", "m5-002")+`}`)
	first := h.pool("p")
	h.write("update", `{"reference":"p","description":"other","status":"unpublished",`+items("m5-003")+`}`)
	second := h.pool("p")
	require.Equal(t, []string{"m5-001", "m5-002", "m5-003"}, h.holds("p"))
	if second.Name != "N" || second.Description != "D" || second.Status != "unpublished" || !second.DtUpdated.After(first.DtUpdated) {
		t.Errorf("after an append: %+v", second)
	}
	h.write("update", `{"reference":"p","name":"M",`+items("m5-001")+`}`)
	if p := h.pool("p"); p.Name != "M" || p.Status != "published" {
		t.Errorf("after an edit without status: %+v", p)
	}
	require.NoError(t, h.s.EditItem(505, "m5-002", func(it *Item) { it.Title = "corrected" }))
	h.write("update", `{"reference":"p","overwrite":true,`+items("m5-002", "m5-004")+`}`)
	require.Equal(t, []string{"m5-001", "m5-002", "m5-003"}, h.holds("p"), "overwrite never adds")
	snap, _ := h.s.PoolContent(505, "p")
	require.Equal(t, "corrected", snap.Items[1].Title)
}

func TestSetOverwriteReplaces(t *testing.T) {
	h := newHarness(t, Options{Latency: -1})
	h.write("set", `{"reference":"p","name":"N","description":"D",`+items("m5-001", "m5-002")+`}`)
	first := h.pool("p")
	h.write("set", `{"reference":"p","overwrite":true,"name":"N2","status":"unpublished",`+items("m5-003")+`}`)
	p := h.pool("p")
	require.Equal(t, []string{"m5-003"}, h.holds("p"))
	if p.Name != "N2" || p.Description != "" || p.Status != "unpublished" || !p.DtCreated.Equal(first.DtCreated) || !p.DtUpdated.After(first.DtUpdated) {
		t.Errorf("replaced: %+v", p)
	}
	data := h.write("set", `{"reference":"p","overwrite":true,`+items("absent")+`}`)
	require.Equal(t, "halted", h.outcome(data[0].Job).Status)
	require.Equal(t, []string{"m5-003"}, h.holds("p"), "a halted replace keeps the old content")
	if p := h.pool("p"); p.Name != "N2" || p.Status != "halted" {
		t.Errorf("after a halt: %+v", p)
	}
	h.write("update", `{"reference":"p","status":"unpublished",`+items("m5-003")+`}`)
	require.Equal(t, "unpublished", h.pool("p").Status, "a job that completes ends the halt")
}

func TestBanksAreApart(t *testing.T) {
	h := newHarness(t, Options{Latency: -1})
	h.call("set", "itembank/pools", `{"organisation_id":606,"pools":[{"reference":"p",`+items("frac-anchor-01")+`}]}`)
	h.write("set", `{"reference":"p",`+items("m5-001")+`}`)
	if one, other := h.s.Pools(505), h.s.Pools(606); len(one) != 1 || len(other) != 1 || other[0].Bank != 606 {
		t.Errorf("pools %v and %v", one, other)
	}
	require.Nil(t, h.s.Pools(707))
	a := h.refused(400, 20004, "get", "itembank/items", `{"organisation_id":606,"item_pool_id":"absent"}`)
	require.Contains(t, a.Meta.Message, "606")
}

func TestAnyItem(t *testing.T) {
	h := newHarness(t, Options{Latency: -1, AnyItem: true})
	data := h.write("set", `{"reference":"p","content":{"item_references":["made-up"],"activity_references":["act"],"tags":[{"type":"Invented","name":"tag"}]}}`)
	require.Equal(t, "completed", h.outcome(data[0].Job).Status)
	require.Equal(t, []string{"act-item-1", "act-item-2", "any-Invented-tag-1", "any-Invented-tag-2", "any-Invented-tag-3", "made-up", "activity act"}, h.holds("p"))
	for endpoint, request := range map[string]string{
		"itembank/items":        `{"references":["made-up"],"status":["published"]}`,
		"itembank/activities":   `{"references":["act"]}`,
		"itembank/tagging/tags": `{"types":["Invented"],"names":["tag"]}`,
	} {
		a := h.call("get", endpoint, request)
		if *a.Meta.Records != 1 {
			t.Errorf("%s: %s", endpoint, a.Body)
		}
	}
	a := h.call("get", "itembank/items", `{"tags":[{"type":"Invented","name":"tag"}]}`)
	require.Equal(t, 3, *a.Meta.Records)
}
