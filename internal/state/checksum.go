package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/poolsync/poolsync/internal/pool"
)

// sealed is an entry as a store keeps it. Nobody but poolsync writes entries:
// what a hand changed would be taken for what was applied to a pool.
type sealed struct {
	pool.Entry
	Checksum string `json:"checksum"`
}

// errByHand says that an entry is not what poolsync wrote.
var errByHand = errors.New("it was changed by hand: its checksum does not fit")

// seal gives an entry as JSON in one line, whose last member is a checksum over
// the text before it. So what is checked is what was written, whatever a later
// version makes of the entry.
func seal(e pool.Entry) (json.RawMessage, error) {
	if err := check(e); err != nil {
		return nil, fmt.Errorf("write state: %w", err)
	}
	body, err := compact(e)
	if err != nil {
		return nil, err
	}
	return append(body[:len(body)-1], checksumMember(checksum(body))...), nil
}

func sealAll(entries []pool.Entry) ([]json.RawMessage, error) {
	out := make([]json.RawMessage, 0, len(entries))
	for _, e := range entries {
		text, err := seal(e)
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}

func checksum(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// checksumMember is how the text of an entry ends.
func checksumMember(sum string) []byte { return []byte(`,"checksum":"` + sum + `"}`) }

// decodeEntry decodes an entry as it was sealed. An entry that was changed by
// hand is given too, to be shown and for nothing else.
func decodeEntry(data []byte) (pool.Entry, error) {
	var s sealed
	if err := strict(data, &s); err != nil {
		if newer(data, pool.EntryFormat) {
			err = fmt.Errorf("it has a newer format: %w", ErrNewerFormat)
		}
		return s.Entry, err
	}
	if err := check(s.Entry); err != nil {
		return s.Entry, err
	}
	var text bytes.Buffer
	if err := json.Compact(&text, data); err != nil {
		return s.Entry, err
	}
	body, last := bytes.CutSuffix(text.Bytes(), checksumMember(s.Checksum))
	if !last || checksum(append(body, '}')) != s.Checksum {
		return s.Entry, fmt.Errorf("entry of pool %s: %w", s.Key, errByHand)
	}
	return s.Entry, nil
}

// compact gives a value as JSON in one line, with the characters as they are.
func compact(v any) ([]byte, error) {
	var buf bytes.Buffer
	out := json.NewEncoder(&buf)
	out.SetEscapeHTML(false)
	if err := out.Encode(v); err != nil {
		return nil, fmt.Errorf("write state: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
