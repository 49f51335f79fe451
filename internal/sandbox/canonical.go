package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// phpCanonical re-encodes a JSON text the way a PHP server would that decodes the
// request before it checks the signature: compact, members in their order, UTF-8
// and slashes unescaped, U+2028 and U+2029 escaped. What PHP would change in value
// (floats, integers beyond 64 bits, repeated members, invalid UTF-8) is refused.
func phpCanonical(text string) (string, error) {
	if !utf8.ValidString(text) {
		return "", errors.New("invalid UTF-8")
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var b strings.Builder
	if err := encodeNext(dec, &b); err != nil {
		return "", err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("text after the value")
	}
	return b.String(), nil
}

func encodeNext(dec *json.Decoder, b *strings.Builder) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			return encodeObject(dec, b)
		}
		return encodeArray(dec, b)
	case json.Number:
		if _, err := strconv.ParseInt(v.String(), 10, 64); err != nil {
			return fmt.Errorf("%s is not a 64-bit integer", v)
		}
		b.WriteString(v.String())
	case string:
		encodePHPString(b, v)
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case nil:
		b.WriteString("null")
	}
	return nil
}

func encodeArray(dec *json.Decoder, b *strings.Builder) error {
	b.WriteByte('[')
	for i := 0; dec.More(); i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := encodeNext(dec, b); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	_, err := dec.Token()
	return err
}

func encodeObject(dec *json.Decoder, b *strings.Builder) error {
	seen := map[string]bool{}
	b.WriteByte('{')
	for i := 0; dec.More(); i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		token, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if seen[name] {
			return fmt.Errorf("member %q is repeated", name)
		}
		seen[name] = true
		encodePHPString(b, name)
		b.WriteByte(':')
		if err := encodeNext(dec, b); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	_, err := dec.Token()
	return err
}

// encodePHPString escapes what json_encode does under JSON_UNESCAPED_UNICODE and
// JSON_UNESCAPED_SLASHES.
func encodePHPString(b *strings.Builder, s string) {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}
	b.WriteByte('"')
	for _, r := range s {
		switch esc, ok := short[r]; {
		case ok:
			b.WriteString(esc)
		case r < 0x20, r == '\u2028', r == '\u2029':
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}
