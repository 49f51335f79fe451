package report

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// paste writes unmanaged pools as entries of a manifest. What they hold is for
// the one who pastes to say, since no record of a pool tells it.
func (p *printer) paste(pools []pool.Live) {
	if len(pools) == 0 {
		return
	}
	n := len(pools)
	if n > maxUnmanaged && !p.text.Full {
		n = maxUnmanaged
	}
	p.line("To manage them, paste these into a manifest, say what each holds, then: poolsync adopt --all")
	p.line("")
	for _, l := range pools[:n] {
		p.line("  - {reference: %s, name: %s, status: %s, content: {item_references: []}}",
			yamlText(string(l.Reference)), yamlText(l.Name), declaredStatus(l.Status))
	}
	if rest := len(pools) - n; rest > 0 {
		p.line("    + %d more; --full shows all", rest)
	}
	p.line("")
}

// yamlText quotes a text as JSON does, which YAML reads alike.
func yamlText(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Sprintf("%q", s)
	}
	return strings.ReplaceAll(string(safeJSON(data)), runnerCommand, `##\u005b`)
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
