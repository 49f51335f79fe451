package sandbox

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sandbox.json")
	synctest.Test(t, func(t *testing.T) {
		opts := Options{Latency: 10 * time.Second, DataFile: path}
		h := newHarness(t, opts)
		h.write("set", `{"reference":"a","name":"A",`+items("m5-001")+`},{"reference":"b",`+items("absent")+`}`)
		pass(time.Minute)
		require.NoError(t, h.s.EditItem(505, "m5-001", func(it *Item) { it.Title = "edited" }))
		require.NoError(t, h.s.EditPool(505, "a", func(p *PoolRecord) { p.Description = "by hand" }))
		running := h.write("update", `{"reference":"a",`+items("m5-002")+`}`)
		pools, content := h.s.Pools(505), h.holds("a")

		h2 := newHarness(t, opts)
		if diff := cmp.Diff(pools, h2.s.Pools(505)); diff != "" {
			t.Errorf("pools: %s", diff)
		}
		if diff := cmp.Diff(content, h2.holds("a")); diff != "" {
			t.Errorf("content: %s", diff)
		}
		require.Equal(t, "queued", h2.outcome(running[0].Job).Status)
		h2.refused(409, 20011, "update", "itembank/pools", `{"pools":[{"reference":"a",`+items("m5-002")+`}]}`)
		pass(time.Minute)

		h3 := newHarness(t, opts)
		require.Equal(t, "completed", h3.outcome(running[0].Job).Status, "the job ran while nobody was there")
		snap, _ := h3.s.PoolContent(505, "a")
		if len(snap.Items) != 2 || snap.Items[0].Title == "edited" {
			t.Errorf("snapshot %+v", snap.Items)
		}
		var data []struct{ Title string }
		h3.call("get", "itembank/items", `{"references":["m5-001"]}`).into(t, &data)
		require.Equal(t, "edited", data[0].Title)
		require.Equal(t, "halted", h3.pool("b").Status)
	})
	info, err := os.Stat(path)
	require.NoError(t, err)
	if runtime.GOOS != "windows" { // which has no such permissions
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file is left")
}

func TestDamagedDataFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sandbox.json")
	h := newHarness(t, Options{Latency: -1, DataFile: path})
	h.write("set", `{"reference":"a",`+items("m5-001")+`}`)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, tt := range map[string]struct{ text, want string }{
		"empty":        {"", "is damaged"},
		"cut":          {string(good[:len(good)/2]), "is damaged"},
		"other format": {strings.Replace(string(good), `"format":1`, `"format":9`, 1), "has format 9"},
		"no bank":      {strings.Replace(string(good), `"primary_organisation_id":505`, `"primary_organisation_id":1`, 1), "primary bank 1"},
		"no pool":      {strings.Replace(string(good), `"pool":"a"`, `"pool":"z"`, 1), "names a pool that is missing"},
		"no record":    {strings.Replace(string(good), `"items":[0,`, `"items":[-1,`, 1), "record -1 is missing"},
		"not ours":     {`{"something":1}`, "unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(path, []byte(tt.text), 0o600))
			_, err := New(Options{DataFile: path})
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, "move it away")
			left, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, tt.text, string(left), "a damaged file is left as it is")
		})
	}
}

func TestDataFileCannotBeWritten(t *testing.T) {
	h := newHarness(t, Options{Latency: -1, DataFile: filepath.Join(t.TempDir(), "no-such-folder", "sandbox.json")})
	h.refused(500, 10000, "set", "itembank/pools", `{"pools":[{"reference":"a",`+items("m5-001")+`}]}`)
	require.Error(t, h.s.PutItem(505, Item{Record: Record{Reference: "x"}}))
}

func TestParseBank(t *testing.T) {
	seed := DefaultBank()
	require.Equal(t, 204, len(seed.ItemBanks[0].Items))
	require.Len(t, seed.ItemBanks[0].Activities, 25)
	require.Equal(t, int64(606), seed.ItemBanks[1].OrganisationID)
	latest := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	for _, it := range seed.ItemBanks[0].Items {
		if it.DtCreated.Year() < 2024 || it.DtUpdated.After(latest) || it.DtUpdated.Before(it.DtCreated) {
			t.Errorf("%s: dates %v, %v", it.Reference, it.DtCreated, it.DtUpdated)
		}
	}
	const bank = `{"item_banks":[{"organisation_id":7,`
	for text, want := range map[string]string{
		``:                     "line 1",
		"{\n\"item_banks\":[,": "line 2",
		`{"item_banks":[]}`:    "at least one item bank",
		`{"banks":[]}`:         "unknown field",
		`{"item_banks":[{}]}`:  "item_banks[0].organisation_id",
		`{"primary_organisation_id":8,"item_banks":[{"organisation_id":7}]}`: "primary_organisation_id: 8",
		bank + `"items":[{"reference":"a"},{"reference":"a"}]}]}`:            `item_banks[0].items[1].reference: "a" is used twice`,
		bank + `"items":[{"reference":""}]}]}`:                               "item_banks[0].items[0].reference",
		bank + `"items":[{"reference":"a","status":"live"}]}]}`:              "item_banks[0].items[0].status",
		bank + `"items":[{"reference":"a","tags":{"x":[]}}]}]}`:              "item_banks[0].items[0].tags",
		bank + `"items":[{"reference":5}]}]}`:                                "reference must be a string",
		bank + `"activities":[{"reference":"a","items":["x'"]}]}]}`:          "item_banks[0].activities[0].items[0]",
		`{"item_banks":[{"organisation_id":7}]} x`:                           "unexpected text",
	} {
		if _, err := ParseBank([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	b, err := ParseBank([]byte(bank + `"items":[{"reference":"a"}],"activities":[{"reference":"x","items":["a",{"reference":"b","organisation_id":8}]}]}]}`))
	require.NoError(t, err)
	if it := b.ItemBanks[0].Items[0]; b.Primary != 7 || it.Status != "published" || !it.DtUpdated.Equal(defaultCreated) {
		t.Errorf("defaults: %d %+v", b.Primary, it)
	}
	path := filepath.Join(t.TempDir(), "bank.json")
	_, err = ReadBankFile(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err = ReadBankFile(path)
	require.ErrorContains(t, err, path)
}

func TestOptionErrors(t *testing.T) {
	_, err := New(Options{ConsumerKey: "short"})
	require.ErrorContains(t, err, "16 characters")
	_, err = New(Options{Bank: &Bank{}})
	require.ErrorContains(t, err, "at least one item bank")
}
