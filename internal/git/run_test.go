package git

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"fatal: unable to access 'https://bot:p@ss@host/x.git/': no": "fatal: unable to access 'https://***@host/x.git/': no",
		"ssh://git@host/x https://host/a@b":                          "ssh://***@host/x https://host/a@b",
		"Authorization: Basic abc\nnext":                             "Authorization: ***; next",
		"\x1b[31mred\x1b[0m\r\n\n\tx\a":                              "[31mred[0m; x",
		"same\nsame\n":                                               "same",
	} {
		if d := cmp.Diff(want, Harmless(text)); d != "" {
			t.Error(d)
		}
	}
	require.Less(t, len(Harmless(strings.Repeat("ö\n\x01x\n", 10_000))), maxStderr+10)
}
