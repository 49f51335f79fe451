package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/poolsync/poolsync/internal/source"
	"github.com/poolsync/poolsync/schemas"
)

// field is what the schema says of the fields with one name. The same name
// never has two types, so that a scalar can be read as soon as its key is known.
type field struct {
	kind  string // "string", "integer", "boolean", "array", "object", or "" if open
	item  string // the kind of an array's entries
	lines bool   // a text that may have several lines
	time  bool   // a text that is an instant
}

// entry gives the field for an array's entries.
func (f field) entry() field { return field{kind: f.item, lines: f.lines} }

// schema is a compiled JSON Schema together with its own text, from which the
// messages take what was expected.
type schema struct {
	raw    map[string]any
	fields map[string]field
	owners map[string][]string // which definitions have a field of this name
	root   *jsonschema.Schema
	pool   *jsonschema.Schema // of a manifest: one pool
}

var poolsSchema = sync.OnceValue(func() *schema {
	return compile(schemas.PoolsID, schemas.Pools, "/definitions/pool")
})

var configSchema = sync.OnceValue(func() *schema {
	return compile(schemas.PoolsyncID, schemas.Poolsync, "")
})

// compile panics on a broken schema: it is part of the program.
func compile(id string, text []byte, pool string) *schema {
	s := &schema{fields: make(map[string]field), owners: make(map[string][]string)}
	if err := json.Unmarshal(text, &s.raw); err != nil {
		panic(err)
	}
	c := jsonschema.NewCompiler()
	c.Draft = jsonschema.Draft7
	if err := c.AddResource(id, bytes.NewReader(text)); err != nil {
		panic(err)
	}
	s.root = c.MustCompile(id)
	if pool != "" {
		s.pool = c.MustCompile(id + "#" + pool)
	}
	s.learn("", s.raw)
	definitions, _ := s.raw["definitions"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(definitions)) {
		if d, ok := definitions[name].(map[string]any); ok {
			s.learn(name, d)
		}
	}
	return s
}

// learn notes the fields of a definition.
func (s *schema) learn(name string, definition map[string]any) {
	properties, _ := definition["properties"].(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		property := s.resolve(properties[key])
		kind, _ := property["type"].(string)
		if kind != "" {
			item, _ := s.resolve(property["items"])["type"].(string)
			s.fields[key] = field{
				kind: kind, item: item,
				lines: key == "description" || key == "note" || key == "reason",
				time:  key == "from" || key == "to",
			}
		} else if _, known := s.fields[key]; !known {
			s.fields[key] = field{}
		}
		if name != "entry" { // repeats the fields of its branches for editors
			s.owners[key] = append(s.owners[key], name)
		}
	}
}

// resolve follows $ref, and an allOf that only wraps one.
func (s *schema) resolve(x any) map[string]any {
	m, _ := x.(map[string]any)
	if all, ok := m["allOf"].([]any); ok && len(all) == 1 {
		m, _ = all[0].(map[string]any)
	}
	if ref, ok := m["$ref"].(string); ok {
		return s.at(strings.TrimPrefix(ref, "#"))
	}
	return m
}

// at gives the part of the schema's text at a JSON pointer.
func (s *schema) at(pointer string) map[string]any {
	m := s.raw
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if token != "" {
			m, _ = m[token].(map[string]any)
		}
	}
	return m
}

// breach is one leaf of a validation error: a keyword of the schema that a value
// does not meet.
type breach struct {
	keyword    string
	definition string         // the name of the definition that has it, "" for the root
	schema     map[string]any // the part of the schema's text that has the keyword
	value      *value
	key        string       // of the member that the value belongs to
	keyAt      source.Place // and its place
	entry      bool         // the value is an entry of the member's list
}

// validate gives the breaches of a value, in no particular order.
func (s *schema) validate(compiled *jsonschema.Schema, v *value, instance any) []breach {
	err := compiled.Validate(instance)
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		if err != nil {
			panic(fmt.Sprintf("schema: %v", err)) // only a value that json never makes
		}
		return nil
	}
	var found []breach
	var walk func(e *jsonschema.ValidationError)
	walk = func(e *jsonschema.ValidationError) {
		for _, cause := range e.Causes {
			walk(cause)
		}
		if len(e.Causes) == 0 {
			found = append(found, s.breach(v, e))
		}
	}
	walk(invalid)
	return found
}

func (s *schema) breach(v *value, e *jsonschema.ValidationError) breach {
	_, pointer, _ := strings.Cut(e.AbsoluteKeywordLocation, "#")
	cut := strings.LastIndexByte(pointer, '/')
	b := breach{keyword: pointer[cut+1:], schema: s.at(pointer[:cut]), value: v}
	if name, ok := strings.CutPrefix(pointer, "/definitions/"); ok {
		b.definition, _, _ = strings.Cut(name, "/")
	}
	for token := range strings.SplitSeq(strings.TrimPrefix(e.InstanceLocation, "/"), "/") {
		if token == "" {
			continue
		}
		b.step(token)
	}
	return b
}

// step goes down to a member or an entry of the value, and marks it.
func (b *breach) step(token string) {
	if b.value.kind == kindList {
		if i, err := strconv.Atoi(token); err == nil && i < len(b.value.items) {
			b.value, b.entry = &b.value.items[i], true
			b.value.faulty = true
		}
		return
	}
	for i := range b.value.members {
		if m := &b.value.members[i]; m.key == token {
			b.value, b.key, b.keyAt, b.entry = &m.value, m.key, m.at, false
			b.value.faulty = true
			return
		}
	}
}

// strings gives a keyword of the schema that is a list of texts.
func (b *breach) strings(keyword string) []string {
	list, _ := b.schema[keyword].([]any)
	out := make([]string, 0, len(list))
	for _, x := range list {
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// properties gives the names of the fields that the schema allows, sorted.
func (b *breach) properties() []string {
	m, _ := b.schema["properties"].(map[string]any)
	return slices.Sorted(maps.Keys(m))
}

// The names of the rules. They are stable: people search for them, and
// docs/rules.md has a section for each.
const (
	// Finding files.
	rulePath     = "path-not-found"
	ruleGlob     = "glob-no-match"
	ruleNoFiles  = "no-manifests"
	ruleNoPools  = "no-pools"
	ruleSymlink  = "symlink"
	ruleNotAFile = "not-a-file"

	// Reading a file.
	ruleFileSize     = "file-size"
	ruleEncoding     = "encoding"
	ruleCharacter    = "character"
	ruleEmptyFile    = "empty-file"
	ruleSyntax       = "yaml-syntax"
	ruleDocuments    = "several-documents"
	ruleDirective    = "yaml-directive"
	ruleDepth        = "nesting-depth"
	ruleExpansion    = "alias-expansion"
	ruleTag          = "yaml-tag"
	ruleKey          = "yaml-key"
	ruleDuplicateKey = "duplicate-key"
	ruleScalar       = "yaml-scalar"
	ruleFindings     = "more-findings"

	// What a field may hold.
	ruleUnknownField   = "unknown-field"
	ruleMissingField   = "missing-field"
	ruleType           = "wrong-type"
	ruleEmptyValue     = "empty-value"
	ruleVersion        = "version"
	ruleOrganisation   = "organisation-id"
	ruleReference      = "reference"
	ruleOddReference   = "odd-reference"
	ruleLabel          = "label"
	ruleStatus         = "status"
	ruleLifecycle      = "lifecycle"
	ruleOverwrite      = "overwrite"
	ruleCredentials    = "credentials"
	ruleTagEntry       = "tag-entry"
	ruleEmptyTagType   = "empty-tag-type"
	ruleEmptyContent   = "empty-content"
	ruleDuplicateEntry = "duplicate-entry"
	ruleLongText       = "long-text"
	ruleManyReferences = "many-references"

	// What does not fit together.
	ruleDuplicatePool     = "duplicate-pool"
	ruleReferenceCase     = "reference-case"
	ruleCorrectionUnknown = "correction-unknown-reference"
	ruleCorrectionTwice   = "correction-id-twice"
	ruleEmptyCorrection   = "empty-correction"
	ruleIgnoreEmpty       = "ignore-empty-unreachable"
	ruleSnapshotAnchor    = "snapshot-anchor"

	// The configuration file.
	ruleSet        = "set"
	ruleAPIVersion = "api-version"
	ruleEndpoint   = "endpoint"
	ruleState      = "state"
	ruleManifests  = "manifests"
	ruleGuards     = "guards"
	ruleFreeze     = "freeze"
)

// Rules lists the names of all rules, in the order of docs/rules.md.
var Rules = []string{
	rulePath, ruleGlob, ruleNoFiles, ruleNoPools, ruleSymlink, ruleNotAFile,
	ruleFileSize, ruleEncoding, ruleCharacter, ruleEmptyFile, ruleSyntax, ruleDocuments, ruleDirective,
	ruleDepth, ruleExpansion, ruleTag, ruleKey, ruleDuplicateKey, ruleScalar, ruleFindings,
	ruleUnknownField, ruleMissingField, ruleType, ruleEmptyValue, ruleVersion, ruleOrganisation, ruleReference, ruleOddReference, ruleLabel,
	ruleStatus, ruleLifecycle, ruleOverwrite, ruleCredentials, ruleTagEntry, ruleEmptyTagType, ruleEmptyContent,
	ruleDuplicateEntry, ruleLongText, ruleManyReferences,
	ruleDuplicatePool, ruleReferenceCase, ruleCorrectionUnknown, ruleCorrectionTwice, ruleEmptyCorrection, ruleIgnoreEmpty,
	ruleSnapshotAnchor,
	ruleSet, ruleManifests, ruleAPIVersion, ruleEndpoint, ruleState, ruleGuards, ruleFreeze,
}
