package report

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/page"
)

// pasteOf writes unmanaged pools as entries of a manifest. What they hold is for
// the one who pastes to say, since no record of a pool tells it.
func pasteOf(pools []pool.Live, full bool, w wording) *page.Paste {
	if len(pools) == 0 {
		return nil
	}
	n := len(pools)
	if n > maxUnmanaged && !full {
		n = maxUnmanaged
	}
	p := &page.Paste{
		Lead: message.New("To manage them, paste these into a manifest, say what each holds, then: %s", w.command("adopt", "--all")),
		Rest: len(pools) - n,
	}
	for _, l := range pools[:n] {
		p.Lines = append(p.Lines, fmt.Sprintf("  - {reference: %s, name: %s, status: %s, content: {item_references: []}}",
			yamlText(string(l.Reference)), yamlText(l.Name), declaredStatus(l.Status)))
	}
	return p
}

// yamlText quotes a text as JSON does, which YAML reads alike.
func yamlText(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Sprintf("%q", s)
	}
	return strings.ReplaceAll(string(safeJSON(data)), message.RunnerCommand, `##\u005b`)
}

// declaredStatus is what a manifest may say of the status.
func declaredStatus(s pool.Status) pool.Status {
	if s == pool.Unpublished {
		return s
	}
	return pool.Published
}

func unmanagedIn(changes []diff.Change) []pool.Live {
	var out []pool.Live
	for _, ch := range changes {
		if ch.Has(diff.Unmanaged) && ch.LivePool != nil {
			out = append(out, *ch.LivePool)
		}
	}
	return out
}
