package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/poolsync/poolsync/internal/report/message"
)

// WriteJSON writes a document, indented, with a line break at its end. What
// would act on a terminal instead of being shown is escaped; read back, it is
// the same.
func WriteJSON(w io.Writer, doc any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		return err
	}
	_, err := w.Write(bytes.ReplaceAll(safeJSON(b.Bytes()), []byte(message.RunnerCommand), []byte(`##\u005b`)))
	return err
}

// safeJSON escapes characters that act. They can only stand in strings: outside
// of them, JSON has ASCII alone, and the line break is its own.
func safeJSON(data []byte) []byte {
	if !bytes.ContainsFunc(data, acts) {
		return data
	}
	out := make([]byte, 0, len(data)+64)
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		switch {
		case !acts(r):
			out = append(out, data[:n]...)
		case r > 0xffff:
			a, b := utf16.EncodeRune(r)
			out = fmt.Appendf(out, "\\u%04x\\u%04x", a, b)
		default:
			out = fmt.Appendf(out, "\\u%04x", r)
		}
		data = data[n:]
	}
	return out
}

func acts(r rune) bool {
	if r >= ' ' && r <= '~' {
		return false
	}
	return r != '\n' && message.Acts(r)
}
