package manifest

import (
	"os"

	"github.com/poolsync/poolsync/internal/source"
)

// Quote adds the lines of the manifests to findings that were made without them,
// such as those that compare manifests with a bank. Files are named as they are
// from the working directory; one that cannot be read any more is left out.
func Quote(found source.Diagnostics) source.Diagnostics {
	reopen := remember(reread)
	out := make(source.Diagnostics, len(found))
	for i, d := range found {
		out[i] = d
		if d.Excerpt != "" || d.Line == 0 {
			continue
		}
		if t := reopen(d.File); t != nil {
			at := source.Place{Line: int32(d.Line), Column: int32(d.Column)}
			quoted := t.diagnostic(d.Severity, d.Rule, at, "", d.Hint, d.Message)
			out[i].Excerpt, out[i].Skipped, out[i].Width = quoted.Excerpt, quoted.Skipped, quoted.Width
		}
	}
	return out
}

func reread(name string) *text {
	info, err := os.Stat(name)
	if err != nil || !quotable(real(name)) || !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return newText(name, data)
}
