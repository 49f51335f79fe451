package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// Drift is what differs from what was applied, as it is printed. Changes are
// what the manifests want and is not applied yet; it is no drift.
type Drift struct {
	Head
	Summary   DriftSummary   `json:"summary"`
	Drift     []diff.Drifted `json:"drift"`
	Orphaned  []pool.Key     `json:"orphaned"`
	Unmanaged []Listed       `json:"unmanaged"`
	Changes   []diff.Change  `json:"changes"`
}

// DriftSummary counts pools. Managed is how many were looked at.
type DriftSummary struct {
	Managed   int `json:"managed"`
	Drifted   int `json:"drifted"`
	Orphaned  int `json:"orphaned"`
	Unmanaged int `json:"unmanaged"`
	Changes   int `json:"changes"`
}

// kindWords explain a kind of drift, where the fields do not.
var kindWords = map[diff.DriftKind]string{
	diff.DriftTouched:  "someone else wrote to it since our last job; what it holds can no longer be vouched for",
	diff.DriftHeld:     "someone unpublished it; apply leaves it so unless --republish names it",
	diff.DriftVanished: "it was applied, and the bank does not have it any more",
	diff.DriftHalted:   "its last job failed",
}

// WriteDrift writes drift as text for a person.
func (t Text) WriteDrift(w io.Writer, d Drift) error {
	out := &printer{w: w, text: t}
	out.line("poolsync drift: %s, %s", Safe(d.Target.String()), plural(d.Summary.Managed, "managed pool"))
	out.line("")
	for _, x := range d.Drift {
		out.drifted(x)
	}
	for _, k := range d.Orphaned {
		out.line("  - %s   orphaned: applied by poolsync, declared nowhere any more", Safe(string(k.Reference)))
	}
	for _, l := range d.Unmanaged {
		out.line("    %s   unmanaged: %s, %s", Safe(string(l.Reference)), Quote(l.Name), Safe(string(l.Status)))
	}
	if len(d.Drift)+len(d.Orphaned)+len(d.Unmanaged) > 0 {
		out.line("")
	}
	out.line("Drift: %d of %s drifted; %d orphaned, %d unmanaged; %s declared and not applied yet.",
		d.Summary.Drifted, plural(d.Summary.Managed, "managed pool"), d.Summary.Orphaned, d.Summary.Unmanaged,
		plural(d.Summary.Changes, "change"))
	return out.err
}

// drifted writes one pool that is not as it was applied.
func (p *printer) drifted(x diff.Drifted) {
	words := make([]string, len(x.Kinds))
	for i, k := range x.Kinds {
		words[i] = string(k)
	}
	left := fmt.Sprintf("  ! %s   %s", Safe(string(x.Reference)), strings.Join(words, ", "))
	p.line("%s", p.text.paint("!", fmt.Sprintf("%-70s %s", left, Safe(x.Source.String()))))
	for _, f := range x.Fields {
		p.line("      %-12s applied %s, live %s", Safe(f.Path), value(f.Before), value(f.After))
	}
	for _, k := range x.Kinds {
		if kindWords[k] != "" {
			p.line("      %s", kindWords[k])
		}
	}
	if r := x.Evidence.Recorded; r != nil && r.LastError != "" {
		p.line("      %s", Safe(r.LastError))
	}
}

// Listed is a live pool, and whether the state knows it.
type Listed struct {
	pool.Live
	Bank    pool.Bank `json:"organisation_id"`
	Managed bool      `json:"managed"`
}

// List is the live pools of a bank, as it is printed.
type List struct {
	Head
	Pools []Listed `json:"pools"`
}

// WriteList writes live pools as a table.
func (t Text) WriteList(w io.Writer, l List) error {
	out := &printer{w: w, text: t}
	wide := len("REFERENCE")
	for _, p := range l.Pools {
		wide = max(wide, len(Safe(string(p.Reference))))
	}
	if len(l.Pools) > 0 {
		out.line("%-*s  %-11s  %-9s  %-20s  %s", wide, "REFERENCE", "STATUS", "MANAGED", "UPDATED", "NAME")
	}
	for _, p := range l.Pools {
		managed := "no"
		if p.Managed {
			managed = "yes"
		}
		out.line("%-*s  %-11s  %-9s  %-20s  %s", wide, Safe(string(p.Reference)), Safe(string(p.Status)), managed, Safe(p.Updated), Safe(p.Name))
	}
	return out.err
}
