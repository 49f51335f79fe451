package pool_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

func TestKey(t *testing.T) {
	for _, tt := range []struct {
		key        pool.Key
		text, json string
	}{
		{pool.Key{Bank: 505, Reference: "ela"}, "505/ela", `{"organisation_id":505,"reference":"ela"}`},
		{pool.Key{Reference: "ela"}, "primary/ela", `{"organisation_id":null,"reference":"ela"}`},
	} {
		data, err := json.Marshal(tt.key)
		require.NoError(t, err)
		var back pool.Key
		require.NoError(t, json.Unmarshal(data, &back))
		if d := cmp.Diff([]any{tt.text, tt.json, tt.key}, []any{tt.key.String(), string(data), back}); d != "" {
			t.Error(d)
		}
	}
	a, b, c := pool.Key{Bank: 1, Reference: "z"}, pool.Key{Bank: 2, Reference: "a"}, pool.Key{Bank: 2, Reference: "b"}
	if a.Compare(b) >= 0 || b.Compare(c) >= 0 || c.Compare(b) <= 0 || b.Compare(b) != 0 {
		t.Error("keys are ordered by bank, then reference")
	}
}

// TestRequestJSON: an update has no description and no
// ignore_empty_additional_tags, not even empty ones; set has both always.
func TestRequestJSON(t *testing.T) {
	update := pool.Request{Reference: "p", Name: "N", Status: pool.Unpublished, Content: pool.Content{Items: []string{"i"}}}
	set := update
	set.Description, set.IgnoreEmpty, set.Overwrite = new(""), new(false), true
	set.Content = pool.Content{Tags: []pool.Selector{{Type: "t"}, {Required: []pool.Tag{{Type: "r", Name: "n"}}}}}
	for want, request := range map[string]pool.Request{
		`{"reference":"p","name":"N","status":"unpublished","overwrite":false,"set_unpublished_to_published":false,"content":{"item_references":["i"]}}`: update,
		`{"reference":"p","name":"N","description":"","status":"unpublished","overwrite":true,"ignore_empty_additional_tags":false,"set_unpublished_to_published":false,` +
			`"content":{"tags":[{"type":"t"},{"required_tags":[{"type":"r","name":"n"}]}]}}`: set,
	} {
		data, err := json.Marshal(request)
		require.NoError(t, err)
		if d := cmp.Diff(want, string(data)); d != "" {
			t.Error(d)
		}
	}
}

func TestEnded(t *testing.T) {
	got := map[pool.JobStatus]bool{}
	for _, s := range pool.JobStatuses {
		got[s] = pool.Job{Status: s}.Ended()
	}
	want := map[pool.JobStatus]bool{pool.JobQueued: false, pool.JobRunning: false, pool.JobHalted: true, pool.JobCompleted: true}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestDeclaredPosition(t *testing.T) {
	d := pool.Declared{File: "a.yaml", At: pool.Places{Pool: source.Place{Line: 4, Column: 5}}}
	got := []string{d.Position(source.Place{Line: 7, Column: 2}).String(), d.Position(source.Place{}).String()}
	if d := cmp.Diff([]string{"a.yaml:7:2", "a.yaml:4:5"}, got); d != "" {
		t.Error(d)
	}
}
