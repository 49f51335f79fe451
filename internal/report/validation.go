package report

import (
	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/report/page"
	"github.com/poolsync/poolsync/internal/source"
)

// Validation is what a check of manifests found, as it is printed.
type Validation struct {
	Head
	Files int `json:"files"`
	Pools int `json:"pools"`
}

// line is the outcome of a check in one line, or nothing where an error of
// another kind ended it.
func (v Validation) line() message.Message {
	errors, warnings := severities(v.Diagnostics)
	all := message.New("%s in %s", message.Count(v.Pools, "pool"), message.Count(v.Files, "file"))
	switch {
	case errors > 0 && warnings > 0:
		return message.New("Not valid: %s, %s.", message.Count(errors, "error"), message.Count(warnings, "warning"))
	case errors > 0:
		return message.New("Not valid: %s.", message.Count(errors, "error"))
	case v.Error != nil:
		return message.Message{}
	case warnings > 0:
		return message.New("Valid: %s; %s.", all, message.Count(warnings, "warning"))
	default:
		return message.New("Valid: %s.", all)
	}
}

// Page is the check for people. The findings of a text stand before it.
func (v Validation) Page(bool) page.Page {
	out := page.Page{Kind: "validation", Failure: v.failure(), Findings: v.Diagnostics, Notice: "poolsync validate", Counts: v.line()}
	if v.Diagnostics.HasErrors() { // the counts say it
		out.Failure = nil
	}
	out.Headline = message.New("The manifests are valid")
	switch {
	case v.Diagnostics.HasErrors():
		out.Headline = message.New("The manifests are not valid")
	case v.Error != nil:
		out.Headline = message.New("The manifests could not be checked")
	}
	return out
}

func severities(ds source.Diagnostics) (errors, warnings int) {
	for _, d := range ds {
		if d.Severity == source.Warning {
			warnings++
		} else {
			errors++
		}
	}
	return errors, warnings
}
