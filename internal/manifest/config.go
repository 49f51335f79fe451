package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/poolsync/poolsync/internal/pool"
	"github.com/poolsync/poolsync/internal/source"
)

// Stated is a value of the configuration file with its place. At is zero if the
// file does not state it.
type Stated[T any] struct {
	Value T
	At    source.Position
}

// Known reports whether the file states the value.
func (s Stated[T]) Known() bool { return s.At.Line > 0 }

// Config is the configuration file, poolsync.yaml. Nothing is defaulted: a flag
// or a variable comes before it, a default after it.
type Config struct {
	File          string // as it was named; empty if there is none
	Set           Stated[string]
	Manifests     []Stated[string] // relative to the file's folder
	Organisation  Stated[pool.Bank]
	APIVersion    Stated[string]
	ReadEndpoint  Stated[string] // both are the same place if one address is given
	WriteEndpoint Stated[string]
	State         Stated[string] // file:PATH, git:BRANCH or none
	MaxChange     Stated[int]    // guards.max_change_percent
	FreezeWindows []Freeze
}

// Freeze is a time in which published pools are left alone: from From up to,
// and without, To.
type Freeze struct {
	From, To time.Time
	Pools    []string // globs over references: * and ?; none means every pool
	Reason   string
	At       source.Position
}

// LoadConfig reads and checks a configuration file, whose name may be relative to
// a folder, by default the working directory. The findings are sorted; if
// any of them is an error the values must not be used. The error is for input.
func LoadConfig(dir, name string) (Config, source.Diagnostics, error) {
	display := filepath.ToSlash(filepath.Clean(name))
	file := name
	if !filepath.IsAbs(name) {
		file = filepath.Join(dir, name)
	}
	r, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{File: display}, source.Diagnostics{{
			Position: source.Position{File: display}, Severity: source.Error, Rule: rulePath,
			Message: "no such configuration file", Hint: "correct --config; a configuration file is optional",
		}}, nil
	}
	if err != nil {
		return Config{}, nil, fmt.Errorf("read configuration: %w", err)
	}
	defer func() { _ = r.Close() }() // only read
	data, err := readAll(r)
	if err != nil {
		return Config{}, nil, fmt.Errorf("read configuration: %w", err)
	}
	c, found := ParseConfig(display, data)
	if !quotable(real(file)) {
		found = withhold(found)
	}
	return c, found, nil
}

// ParseConfig checks the text of a configuration file. name is used in
// positions.
func ParseConfig(name string, data []byte) (Config, source.Diagnostics) {
	t := newText(name, data)
	if d := t.limits(); d != nil {
		return Config{File: name}, source.Diagnostics{*d}
	}
	roots, d := t.roots()
	if d != nil {
		return Config{File: name}, source.Diagnostics{*d}
	}
	s := configSchema()
	c := &converter{text: t, fields: s.fields}
	if c.multiplied(roots[0].Content[0], maxDepth) {
		return Config{File: name}, c.found
	}
	v := c.convert(roots[0].Content[0], field{}, 1)
	if c.halted {
		return Config{File: name}, c.found
	}
	r := &configReader{text: t, found: c.found}
	for _, b := range s.validate(s.root, &v, v.json()) {
		for _, f := range s.word(b) {
			r.add(f)
		}
	}
	return r.config(&v), r.found.Sort()
}

// onlyConfig reports whether a file can be nothing but a configuration file,
// under whatever name: all of its fields are of one, and not all of a manifest.
func onlyConfig(v *value) bool {
	ofManifest := 0
	for i := range v.members {
		key := v.members[i].key
		if !slices.Contains(configSchema().owners[key], "") {
			return false
		}
		if slices.Contains(poolsSchema().owners[key], "") {
			ofManifest++
		}
	}
	return len(v.members) > ofManifest
}

type configReader struct {
	text  *text
	found source.Diagnostics
}

func (r *configReader) add(f finding) { r.found = append(r.found, r.text.finding(f)) }

// stated gives a text of the configuration with its place.
func (r *configReader) stated(v *value) Stated[string] {
	if v == nil || v.kind != kindText {
		return Stated[string]{}
	}
	return Stated[string]{v.text, v.at.In(r.text.name)}
}

func (r *configReader) config(v *value) Config {
	c := Config{
		File: r.text.name, Set: r.stated(v.get("set")), APIVersion: r.stated(v.get("api_version")), State: r.stated(v.get("state")),
	}
	if bank := v.get("organisation_id"); bank != nil && bank.kind == kindInt {
		c.Organisation = Stated[pool.Bank]{pool.Bank(bank.whole()), bank.at.In(r.text.name)}
	}
	if list := v.get("manifests"); list != nil {
		for i := range list.items {
			c.Manifests = append(c.Manifests, r.manifests(&list.items[i]))
		}
	}
	if e := v.get("endpoint"); e != nil {
		c.ReadEndpoint, c.WriteEndpoint = r.address(e), r.address(e)
		if e.kind == kindObject {
			c.ReadEndpoint, c.WriteEndpoint = r.address(e.get("read")), r.address(e.get("write"))
		}
	}
	if g := v.get("guards"); g != nil {
		if percent := g.get("max_change_percent"); percent != nil && percent.kind == kindInt {
			c.MaxChange = Stated[int]{int(percent.whole()), percent.at.In(r.text.name)}
		}
		if list := g.get("freeze"); list != nil {
			for i := range list.items {
				c.FreezeWindows = append(c.FreezeWindows, r.freeze(&list.items[i]))
			}
		}
	}
	return c
}

// manifests checks a path, which must stay below the file: what it names is read
// by whoever checks the change that names it.
func (r *configReader) manifests(v *value) Stated[string] {
	s := r.stated(v)
	if s.Known() && s.Value != "" && !filepath.IsLocal(filepath.FromSlash(s.Value)) {
		r.add(v.fault(ruleManifests, "name what lies below the folder of this file, relative to it", "manifests leave the folder of the configuration: %s", v.describe()))
	}
	return s
}

// address checks an address of the Data API beyond what the schema can say.
func (r *configReader) address(v *value) Stated[string] {
	s := r.stated(v)
	if !s.Known() || !strings.HasPrefix(s.Value, "https://") && !strings.HasPrefix(s.Value, "http://") {
		return s
	}
	u, err := url.Parse(s.Value)
	switch {
	case err != nil:
		r.add(addressFault(v, "it is not well-formed"))
	case u.User != nil:
		r.add(v.fault(ruleCredentials, "remove it from the address and set LEARNOSITY_CONSUMER_KEY and LEARNOSITY_CONSUMER_SECRET",
			"the endpoint holds a user name; credentials come from the environment alone"))
		return Stated[string]{}
	case u.Host == "":
		r.add(addressFault(v, "it names no host"))
	case u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		r.add(addressFault(v, "it has more than a host; the version is api_version"))
	case u.Scheme == "http" && !loopback(u.Hostname()):
		r.add(addressFault(v, "http is for this machine alone; want https"))
	case !loopback(u.Hostname()) && !ofLearnosity(u.Hostname()):
		f := addressFault(v, "a file may name hosts under learnosity.com alone, since a change of it must not choose where signed requests go")
		f.hint = "for another host, leave the field out and use --endpoint or POOLSYNC_ENDPOINT"
		r.add(f)
	}
	return s
}

// ofLearnosity reports whether a host is learnosity.com or lies under it.
func ofLearnosity(host string) bool {
	return strings.HasSuffix("."+strings.ToLower(host), ".learnosity.com")
}

func addressFault(v *value, why string) finding {
	text := "endpoint " + v.describe()
	if strings.Contains(text, "@") {
		text = "endpoint" // might hold a password
	}
	return v.fault(ruleEndpoint, "write an address like https://data.learnosity.com", "unusable %s: %s", text, why)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (r *configReader) freeze(v *value) Freeze {
	f := Freeze{From: r.instant(v.get("from")), To: r.instant(v.get("to")), Reason: v.str("reason"), At: v.at.In(r.text.name)}
	if to := v.get("to"); !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		r.add(to.fault(ruleFreeze, "", "the window ends at %s, not after its start at %s", shorten(to.text), shorten(v.str("from"))))
	}
	list := v.get("pools")
	if list == nil {
		return f
	}
	for i := range list.items {
		item := &list.items[i]
		if strings.ContainsAny(item.text, "[]{}") {
			r.add(item.fault(ruleFreeze, "write ? for any one character", "the glob %s has brackets; a glob knows * and ? alone", quote(item.text)))
		}
		if item.kind == kindText {
			f.Pools = append(f.Pools, item.text)
		}
	}
	return f
}

func (r *configReader) instant(v *value) time.Time {
	if v == nil || v.kind != kindText {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, v.text)
	if err != nil {
		r.add(v.fault(ruleFreeze, "write date, time and zone: 2026-12-01T00:00:00Z", "%s is not an instant", quote(v.text)))
		return time.Time{}
	}
	return t
}

// credentials are what the keys contain that people put secrets under, without
// what they put between the words.
var credentials = []string{"secret", "passw", "token", "credential", "consumerkey", "apikey", "privatekey"}

func isCredential(key string) bool {
	plain := strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_. ", r) {
			return -1
		}
		return unicode.ToLower(r)
	}, key)
	return slices.ContainsFunc(credentials, func(c string) bool { return strings.Contains(plain, c) })
}

// holdsCredential reports whether a file seems to state a secret: then no line
// of it is shown. It looks at what precedes each colon, which may be a key
// anywhere in a line, and for a user name in an address.
func holdsCredential(data []byte) bool {
	for rest := data; ; {
		colon := bytes.IndexByte(rest, ':')
		if colon < 0 {
			return false
		}
		key := bytes.TrimRight(rest[max(0, colon-80):colon], " \"'\r\n")
		if start := bytes.LastIndexAny(key, "\n{,[\"'"); isCredential(string(key[start+1:])) {
			return true
		}
		rest = rest[colon+1:]
		if address, ok := bytes.CutPrefix(rest, []byte("//")); ok {
			end := bytes.IndexAny(address, "/ \n")
			if end < 0 {
				end = len(address)
			}
			if bytes.IndexByte(address[:end], '@') >= 0 {
				return true
			}
		}
	}
}
