package learnosity

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"
)

// Secret is a consumer secret. However it is printed, logged or encoded, it
// shows as "[redacted]"; so does a struct that holds it, at any depth.
type Secret struct {
	// reveal is a function since printing and encoding packages, reflection
	// included, can show the address of one but not what it returns.
	reveal func() string
}

const redacted = "[redacted]"

// NewSecret wraps the text of a secret.
func NewSecret(text string) Secret { return Secret{reveal: func() string { return text }} }

func (s Secret) text() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.text() == "" }

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (s Secret) GoString() string { return redacted }

// Format writes "[redacted]" whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]" as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// stampLayout is the timestamp of a security packet: UTC, to the minute.
const stampLayout = "20060102-1504"

// packet is a security packet. The optional members expires and user_id are
// never sent; signing knows them for the sake of the published vectors.
type packet struct {
	Key       string `json:"consumer_key"`
	Domain    string `json:"domain"`
	Timestamp string `json:"timestamp"`
	Expires   string `json:"expires,omitempty"`
	User      string `json:"user_id,omitempty"`
	Signature string `json:"signature"`
}

var errSecretInRequest = errors.New("the consumer secret occurs in the request, which is not sent")

// sign fills in the signature: "$02$" and the HMAC-SHA256 of the packet's
// members, the request text exactly as it will be sent, and the action.
func (p *packet) sign(secret Secret, request, action string) error {
	parts := []string{p.Key, p.Domain, p.Timestamp}
	for _, optional := range []string{p.Expires, p.User} {
		if optional != "" {
			parts = append(parts, optional)
		}
	}
	text := strings.Join(append(parts, request, action), "_")
	key := secret.text()
	if strings.Contains(text, key) {
		return errSecretInRequest
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	p.Signature = "$02$" + hex.EncodeToString(mac.Sum(nil))
	return nil
}

// form returns the body of a request signed at the given time: the form fields
// security, request and action.
func (c *conn) form(request []byte, action string, at time.Time) (string, error) {
	p := packet{Key: c.key, Domain: c.domain, Timestamp: at.UTC().Format(stampLayout)}
	if err := p.sign(c.secret, string(request), action); err != nil {
		return "", err
	}
	security, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	return "security=" + url.QueryEscape(string(security)) +
		"&request=" + url.QueryEscape(string(request)) +
		"&action=" + url.QueryEscape(action), nil
}
