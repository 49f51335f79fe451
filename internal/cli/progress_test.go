package cli

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/poolsync/poolsync/internal/apply"
)

// TestProgress: the clock runs though nothing ends, a quick run shows nothing,
// and nothing stands on the terminal after the end.
func TestProgress(t *testing.T) {
	run := func(moves bool, lasts time.Duration) string {
		var b bytes.Buffer
		synctest.Test(t, func(*testing.T) {
			s := tellOn(&b, 60, moves)
			s.enter("reading 500 pools of the bank")
			time.Sleep(500 * time.Millisecond)
			s.update(apply.Progress{Total: 10, Accepted: 3, Ended: 1})
			time.Sleep(lasts)
			s.end()
			s.end()
		})
		return b.String()
	}
	for _, test := range []struct {
		moves bool
		lasts time.Duration
		want  string
	}{
		{false, 5 * time.Second, ""},
		{true, 100 * time.Millisecond, ""},
		{false, 25 * time.Second, "poolsync: applying: 1 of 10 pools done, 2 under way, for 10s\npoolsync: applying: 1 of 10 pools done, 2 under way, for 20s\n"},
		{true, 2 * time.Second, "^applying: 1 of 10 pools done, 2 under way, for 1s^applying: 1 of 10 pools done, 2 under way, for 2s^"},
	} {
		got := strings.ReplaceAll(run(test.moves, test.lasts), "\r\x1b[K", "^")
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%v for %v (-want +got):\n%s", test.moves, test.lasts, d)
		}
	}
}

func TestCutTo(t *testing.T) {
	for want, cut := range map[string]string{"日本": cutTo("日本語", 5), "abc": cutTo("abc", 0), "ab": cutTo("abc", 2)} {
		if cut != want {
			t.Errorf("got %q, want %q", cut, want)
		}
	}
}
