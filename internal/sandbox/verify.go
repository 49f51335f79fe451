package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The form of the security packet (SDKs, validateParameterLengths).
const (
	keyLength       = 16
	timestampLength = 13
	signatureLength = 68
	userIDLength    = 50
	timestampLayout = "20060102-1504"
	signaturePrefix = "$02$"
)

// form is a request as it came off the wire: three text fields, of which the last
// two count only if they were sent at all.
type form struct {
	security              string
	request, action       string
	hasRequest, hasAction bool
}

// signature computes what the SDKs sign: '$02$' and the hex HMAC-SHA256, under the
// consumer secret, of the parts that are present, joined by "_".
func signature(secret string, packet map[string]string, f form) string {
	parts := []string{packet["consumer_key"], packet["domain"], packet["timestamp"]}
	for _, optional := range []string{"expires", "user_id"} {
		if v, ok := packet[optional]; ok {
			parts = append(parts, v)
		}
	}
	if f.hasRequest {
		parts = append(parts, f.request)
	}
	if f.hasAction {
		parts = append(parts, f.action)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strings.Join(parts, "_")))
	return signaturePrefix + hex.EncodeToString(mac.Sum(nil))
}

// verify checks the security packet of a request and returns the consumer key, which
// is known even of a refused request.
func (s *Server) verify(f form, now time.Time) (key string, refused *apiError) {
	packet, refused := readPacket(f.security)
	key = packet["consumer_key"]
	if refused != nil {
		return key, refused
	}
	if err := checkLengths(packet); err != nil {
		return key, err
	}
	if key != s.opts.ConsumerKey {
		return key, refusal(403, 41002, "not a valid consumer")
	}
	want := signature(s.opts.ConsumerSecret, packet, f)
	if !hmac.Equal([]byte(want), []byte(packet["signature"])) {
		return key, refusal(403, 41003, "signatures do not match")
	}
	if s.sw.U18 == "strict" && f.hasRequest {
		if text, err := phpCanonical(f.request); err != nil || text != f.request {
			return key, refusal(403, 41003, "signatures do not match: the request is not in the form PHP encodes")
		}
	}
	if !slices.Contains(s.opts.Domains, packet["domain"]) {
		return key, refusal(403, 41005, "invalid domain")
	}
	return key, s.checkTimes(packet, now)
}

// checkTimes applies the timestamp window and expires. The packet's clock counts
// whole minutes.
func (s *Server) checkTimes(packet map[string]string, now time.Time) *apiError {
	at, err := time.Parse(timestampLayout, packet["timestamp"])
	if err != nil || now.Sub(at) > s.sw.maxSkew+time.Minute || at.Sub(now) > s.sw.maxSkew {
		return refusal(403, 41004, "timestamp out of valid range")
	}
	text, ok := packet["expires"]
	if !ok {
		return nil
	}
	until, err := time.Parse(timestampLayout, text)
	if err != nil {
		return refusal(400, 41006, "expires is not a date of the form YYYYMMDD-HHMM")
	}
	if !now.Before(until) {
		return refusal(400, 41007, "the request has expired")
	}
	return nil
}

// readPacket decodes the security field, whose values are strings throughout.
func readPacket(text string) (map[string]string, *apiError) {
	packet := map[string]string{}
	if text == "" || json.Unmarshal([]byte(text), &packet) != nil {
		return packet, refusal(400, 41000, "missing security parameters")
	}
	for _, name := range []string{"consumer_key", "domain", "timestamp", "signature"} {
		if packet[name] == "" {
			return packet, refusal(400, 41000, "missing security parameter %s", name)
		}
	}
	allowed := []string{"consumer_key", "domain", "timestamp", "signature", "expires", "user_id"}
	for _, name := range slices.Sorted(maps.Keys(packet)) {
		if !slices.Contains(allowed, name) {
			return packet, refusal(400, codeSchema, "security.%s is not a security parameter", name)
		}
	}
	return packet, nil
}

func checkLengths(packet map[string]string) *apiError {
	for _, field := range []struct {
		name  string
		right bool
	}{
		{"consumer_key", len(packet["consumer_key"]) == keyLength},
		{"timestamp", len(packet["timestamp"]) == timestampLength},
		{"signature", len(packet["signature"]) == signatureLength},
		{"user_id", len(packet["user_id"]) <= userIDLength},
	} {
		if !field.right {
			return refusal(403, 41001, "invalid parameter length: %s", field.name)
		}
	}
	return nil
}

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

// quotaWindow is the sliding window of "Rate Limiting With the Data API".
const quotaWindow = 5 * time.Second

// quotaKey is what one quota is kept for: set and update of an endpoint do not
// share theirs.
type quotaKey struct{ consumer, action, endpoint string }

// perWindow is the documented number of calls in any window.
func perWindow(action string) int {
	if action == "get" {
		return 1000
	}
	return 50
}

// withinQuota counts a call, or refuses it. A refused call does not count.
func (s *Server) withinQuota(k quotaKey, now time.Time) bool {
	if s.opts.NoQuotas {
		return true
	}
	calls := s.quota[k]
	for len(calls) > 0 && now.Sub(calls[0]) >= quotaWindow {
		calls = calls[1:]
	}
	if len(calls) >= perWindow(k.action) {
		s.quota[k] = calls
		return false
	}
	s.quota[k] = append(calls, now)
	return true
}

// splitPath separates /{version}/{endpoint}.
func splitPath(path string) (version, endpoint string) {
	version, endpoint, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return version, strings.TrimSuffix(endpoint, "/")
}
