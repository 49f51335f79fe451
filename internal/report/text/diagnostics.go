package text

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/poolsync/poolsync/internal/report/message"
	"github.com/poolsync/poolsync/internal/source"
)

// WriteDiagnostics writes findings as text: a line each with place, message and
// rule; below it, where they are known, the line of the file with a caret line,
// and a hint. Everything that comes from a file is made safe.
//
//	pools/ela.yaml:12:13: unknown status "live"; want "published" or "unpublished" [status]
//	   12 |     status: live
//	      |             ^~~~
//	hint: ...
func WriteDiagnostics(w io.Writer, ds source.Diagnostics, colored bool) error {
	b := bufio.NewWriter(w)
	ink := Options{Color: colored}.ink
	for _, d := range ds {
		fmt.Fprintf(b, "%s: ", ink("bold", message.Safe(d.Position.String())))
		if d.Severity == source.Warning {
			fmt.Fprintf(b, "%s: ", ink("warning", "warning"))
		}
		fmt.Fprintf(b, "%s %s\n", message.Safe(d.Message), ink("faint", "["+d.Rule+"]"))
		excerpt(b, d, ink)
		if d.Hint != "" {
			fmt.Fprintf(b, "%s: %s\n", ink("hint", "hint"), message.Safe(d.Hint))
		}
	}
	return b.Flush()
}

// reach is how many characters of a long line are shown on either side of the
// caret.
const reach = 60

// excerpt writes the line of the file and the caret line below it.
func excerpt(w io.Writer, d source.Diagnostic, ink func(name, text string) string) {
	line := []rune(d.Excerpt)
	at := d.Column - 1 - d.Skipped
	if d.Excerpt == "" || d.Line < 1 || at < 0 || at > len(line) {
		return
	}
	end := min(max(at+d.Width, at+1), len(line))
	from, to := 0, len(line)
	if len(line) > 2*reach {
		end = min(end, at+reach)
		from, to = max(0, at-reach), min(len(line), end+reach)
	}
	before, marked := part(line, from, at), part(line, at, end)
	shown := before + marked + part(line, max(at, end), to)
	if from > 0 {
		before, shown = "..."+before, "..."+shown
	}
	if to < len(line) {
		shown += "..."
	}
	number := fmt.Sprintf("%5d", d.Line)
	blank := strings.Repeat(" ", len(number))
	fmt.Fprintf(w, "%s %s\n", ink("faint", number+" |"), strings.TrimRight(shown, " "))
	caret := "^" + strings.Repeat("~", max(uniseg.StringWidth(marked)-1, 0))
	fmt.Fprintf(w, "%s %s%s\n", ink("faint", blank+" |"), strings.Repeat(" ", uniseg.StringWidth(before)), ink("caret", caret))
}

// part returns characters of a line, made safe.
func part(line []rune, from, to int) string {
	if from >= to {
		return ""
	}
	return message.Safe(string(line[from:to]))
}
