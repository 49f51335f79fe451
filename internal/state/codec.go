package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/poolsync/poolsync/internal/pool"
)

// strict decodes one JSON value and refuses members that it does not know: what
// is ignored on reading would be lost on the next writing.
func strict(data []byte, to any) error {
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	if err := in.Decode(to); err != nil {
		return wholly(err)
	}
	if rest := bytes.TrimSpace(data[in.InputOffset():]); len(rest) > 0 {
		return errors.New("there is more after its end")
	}
	return nil
}

// wholly words the error of a text that was cut off.
func wholly(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends too early")
	}
	return err
}

// newer reports whether a document says of itself that it has a newer format.
// Then what is unknown in it is no fault of it.
func newer(data []byte, format int) bool {
	var head struct {
		Format int `json:"format"`
	}
	return json.NewDecoder(bytes.NewReader(data)).Decode(&head) == nil && head.Format > format
}

// versioned decodes a document that states its format.
func versioned(data []byte, format int, to any) error {
	if newer(data, format) {
		return ErrNewerFormat
	}
	return strict(data, to)
}

// check refuses an entry that no version of this program can have written.
func check(e pool.Entry) error {
	switch {
	case e.Format > pool.EntryFormat:
		return fmt.Errorf("entry of pool %s has format %d: %w", e.Key, e.Format, ErrNewerFormat)
	case e.Format < 1:
		return fmt.Errorf("entry of pool %s has format %d, which is no format of an entry", e.Key, e.Format)
	case e.Reference == "":
		return errors.New("an entry names no pool")
	case e.Bank < 0:
		return fmt.Errorf("entry of pool %s has no item bank's number", e.Key)
	}
	return nil
}

// encode gives a document as it is kept on a branch, to be read in a diff.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	text, err := compact(v)
	if err == nil {
		err = json.Indent(&buf, text, "", " ")
	}
	buf.WriteByte('\n')
	return buf.Bytes(), err
}

const (
	entrySuffix = ".json"
	// maxFileName bounds an escaped reference, so that a checkout of the branch
	// works too: file systems take 255 bytes.
	maxFileName = 200
)

// entryPath is where the branch has a pool's entry: "505/ela-district-a.json".
func entryPath(k pool.Key) string {
	return k.Bank.String() + "/" + escape(string(k.Reference)) + entrySuffix
}

// escape makes one safe file name of any reference. Letters, digits, "-", "_" and
// a "." inside stay; all else is "%" and its number. What would be too long ends
// in "~" and a hash: the entry itself says which pool it is of.
func escape(ref string) string {
	var b strings.Builder
	for i := range len(ref) {
		c := ref[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if name := b.String(); len(name) <= maxFileName {
		return name
	}
	sum := sha256.Sum256([]byte(ref))
	return b.String()[:maxFileName-33] + "~" + hex.EncodeToString(sum[:16])
}

// isEntryPath reports whether a path of the branch can be an entry's.
func isEntryPath(path string) bool {
	bank, name, ok := strings.Cut(path, "/")
	if !ok || strings.Contains(name, "/") || !strings.HasSuffix(name, entrySuffix) {
		return false
	}
	if bank == pool.Primary.String() {
		return true
	}
	n, err := strconv.ParseInt(bank, 10, 64)
	return err == nil && n > 0 && strconv.FormatInt(n, 10) == bank
}
