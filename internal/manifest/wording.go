package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/poolsync/poolsync/internal/source"
	"github.com/poolsync/poolsync/internal/suggest"
)

// nouns are the words for the schema's definitions in messages.
var nouns = map[string]string{
	"pool": "the pool", "defaults": "defaults", "content": "content", "tag": "the tag", "entry": "the tag entry",
	"advanced": "the advanced tag entry", "correction": "the correction", "lifecycle": "lifecycle",
	"guards": "guards", "freeze": "the freeze window", "endpoint": "endpoint", "": "the file",
}

// wanted are the words for the schema's types in messages.
var wanted = map[string]string{
	"string": "a text", "integer": "a whole number", "boolean": "true or false", "array": "a list", "object": "a mapping",
}

// finding is a finding before its excerpt is known.
type finding struct {
	severity source.Severity
	rule     string
	at       source.Place
	origin   source.Place // where the text is written, if at is an alias
	word     string
	message  string
	hint     string
	related  source.Place
}

func (t *text) finding(f finding) source.Diagnostic {
	d := t.diagnostic(f.severity, f.rule, f.at, f.word, f.hint, f.message)
	if f.origin.Known() {
		d.Message += fmt.Sprintf(" (by an alias; written in line %d)", f.origin.Line)
		if !f.related.Known() {
			f.related = f.origin
		}
	}
	if f.related.Known() {
		p := f.related.In(t.name)
		d.Related = &p
	}
	return d
}

// fault makes an error about a value.
func (v *value) fault(rule, hint, format string, args ...any) finding {
	f := finding{severity: source.Error, rule: rule, at: v.at, origin: v.origin, hint: hint, message: fmt.Sprintf(format, args...)}
	if v.plain {
		f.word = v.text
	}
	return f
}

// word says what a breach means, in words.
func (s *schema) word(b breach) []finding {
	if meantAdvanced(b) {
		b.definition, b.schema = "advanced", s.at("/definitions/advanced")
	}
	switch b.keyword {
	case "additionalProperties":
		return s.unknownFields(b)
	case "required":
		return missingFields(b)
	case "type":
		return []finding{wrongType(b)}
	case "enum":
		return []finding{unknownValue(b)}
	case "const":
		return []finding{b.value.fault(ruleVersion, "write version: 1", "unknown version %s; want 1", shorten(b.value.text))}
	case "minLength", "minItems":
		return empty(b)
	case "not", "pattern", "maxLength":
		return []finding{badText(b)}
	case "minimum", "maximum":
		return []finding{outOfRange(b)}
	}
	return nil // minProperties: the check of empty content says more
}

// unknownFields words what additionalProperties refuses.
func (s *schema) unknownFields(b breach) []finding {
	var found []finding
	allowed := b.properties()
	for i := range b.value.members {
		m := &b.value.members[i]
		if slices.Contains(allowed, m.key) || b.definition == "" && strings.HasPrefix(m.key, "x-") {
			continue
		}
		f := finding{severity: source.Error, rule: ruleUnknownField, at: m.at, word: m.key, origin: m.value.origin}
		s.unknownField(&f, b, m.key, allowed)
		found = append(found, f)
	}
	return found
}

func (s *schema) unknownField(f *finding, b breach, key string, allowed []string) {
	f.message = "unknown field " + quote(key)
	switch {
	case key == "overwrite":
		f.rule = ruleOverwrite
		f.message = `"overwrite" is how a write is done, not what is wanted; poolsync chooses it for each call`
		f.hint = "to rebuild the pool, write a new snapshot label; to copy single items again, add an entry to corrections; when a rebuild is allowed, lifecycle.replace says"
	case isCredential(key):
		f.rule = ruleCredentials
		f.message = quote(key) + " does not belong in a file; credentials come from the environment alone"
		f.hint = "remove the line, set LEARNOSITY_CONSUMER_KEY and LEARNOSITY_CONSUMER_SECRET, and change a secret that was committed"
	case b.definition == "advanced" && (key == "type" || key == "name"):
		f.rule = ruleTagEntry
		f.message = fmt.Sprintf("%q in an advanced tag entry, which has required_tags and additional_tags", key)
		f.hint = "make the simple tag an entry of its own, or move it into required_tags"
	case nearest(key, allowed) != "":
		f.message += fmt.Sprintf("; did you mean %q?", nearest(key, allowed))
	default:
		f.message += fmt.Sprintf(" in %s; want %s", nouns[b.definition], enumerate(allowed, false))
		f.hint = s.elsewhere(key, b.definition)
		if b.definition == "tag" && f.hint == "" {
			f.hint = shorthandHint(b)
		}
	}
}

// elsewhere says where a field that does not belong here does belong.
func (s *schema) elsewhere(key, definition string) string {
	config := s == configSchema()
	switch owners := s.owners[key]; {
	case definition == "" && !config && len(configSchema().owners[key]) > 0 && len(owners) == 0:
		return "this looks like poolsync's configuration; name it by --config, not as a manifest"
	case definition == "" && config && key == "pools":
		return "this looks like a manifest; name it as an argument, not by --config"
	case len(owners) > 0 && owners[0] == "":
		return key + " belongs at the top of the file"
	case len(owners) > 0:
		return fmt.Sprintf("%s belongs in %s", key, nouns[owners[0]])
	}
	return ""
}

func missingFields(b breach) []finding {
	var found []finding
	for _, key := range b.strings("required") {
		misspelt := func(m member) bool {
			return nearest(m.key, b.properties()) == key && !slices.Contains(b.properties(), m.key)
		}
		if b.value.get(key) != nil || slices.ContainsFunc(b.value.members, misspelt) || b.definition == "tag" && len(shorthand(b.value)) > 0 {
			continue
		}
		f := b.value.fault(ruleMissingField, "", "%s has no %q", nouns[b.definition], key)
		switch {
		case key == "version":
			f.hint = "write version: 1"
		case b.definition == "advanced":
			f.rule = ruleTagEntry
			f.hint = "additional_tags narrow down what required_tags select; for alternatives alone write simple entries"
		case b.definition == "tag" && key == "type" && b.value.get("name") != nil:
			f.hint = "a tag's type is mandatory, its name is optional"
		}
		found = append(found, f)
	}
	return found
}

// wrongType words a value of the wrong type; the hint is about the mistakes that
// are made most.
func wrongType(b breach) finding {
	kind, _ := b.schema["type"].(string)
	what := b.key
	if b.entry {
		what = "an entry of " + b.key
	}
	v := b.value
	if b.key == "organisation_id" && v.plain && v.text != "" && strings.Trim(v.text, "0123456789") == "" {
		return outOfRange(b)
	}
	f := v.fault(ruleType, "", "%s is %s; want %s", what, v.describe(), wanted[kind])
	switch {
	case b.key == "" && b.definition == "pool":
		f.message = fmt.Sprintf("an entry of pools is %s; want a mapping with reference, name and content", v.describe())
	case b.key == "":
		f.message = fmt.Sprintf("the file is %s; want a mapping that starts with version: 1", v.describe())
	case v.kind == kindNull && b.keyAt.Known() && !b.entry:
		f.rule, f.at, f.word = ruleEmptyValue, b.keyAt, b.key
		f.message = fmt.Sprintf("%s has no value; want %s", what, wanted[kind])
		f.hint = "write a value, or leave the line out"
	case v.kind == kindNull:
		f.rule = ruleEmptyValue
	case kind == "boolean":
		f.hint = "write true or false, in lower case and without quotes"
	case kind == "integer" && v.kind == kindText:
		f.hint = "write it in decimal digits, without quotes"
	case kind == "array" && v.kind == kindText:
		f.hint = fmt.Sprintf("write [%s], or put it on a line of its own after a dash", shorten(v.text))
	case kind == "array" && v.kind == kindObject:
		f.hint = "put a dash before the entry"
		if strings.HasSuffix(b.key, "tags") {
			f.hint = cmp.Or(shorthandHint(b), f.hint)
		}
	case b.entry && (b.definition == "tag" || b.definition == "advanced"):
		f.rule = ruleTagEntry
		f.hint = tagHint(v)
	}
	if b.definition == "endpoint" && b.key == "endpoint" {
		f.message = fmt.Sprintf("endpoint is %s; want an address, or a mapping with read and write", v.describe())
	}
	return f
}

// shorten makes a text fit for an example of what to write.
func shorten(s string) string {
	if len(s) > 40 || strings.ContainsAny(s, "\n\t") {
		return "..."
	}
	return s
}

func unknownValue(b breach) finding {
	rule, choices := ruleStatus, b.strings("enum")
	if b.definition == "lifecycle" {
		rule = ruleLifecycle
	}
	f := b.value.fault(rule, "", "unknown %s %s; want %s", b.key, b.value.describe(), enumerate(choices, true))
	if b.key == "ignore" {
		f.message = fmt.Sprintf("unknown field %s to ignore; want %s", b.value.describe(), enumerate(choices, true))
	}
	if near := nearest(b.value.text, choices); near != "" {
		f.hint = fmt.Sprintf("did you mean %s?", near)
	} else if b.key == "status" && (b.value.text == "pending" || b.value.text == "halted") {
		f.hint = b.value.text + " is the outcome of a job; it cannot be asked for"
	}
	return f
}

func empty(b breach) []finding {
	switch {
	case b.key == "reference", b.entry && strings.HasSuffix(b.key, "_references"):
		return []finding{b.value.fault(ruleReference, "", "the reference is empty; want %s", referenceForm)}
	case b.key == "type":
		return []finding{b.value.fault(ruleEmptyTagType, "name the type of the tag", "the tag's type is empty")}
	case b.key == "name" && b.definition == "tag":
		return []finding{b.value.fault(ruleEmptyValue, "leave name out to take any name of the type", "the tag's name is empty")}
	case b.key == "pools" && b.definition == "":
		return []finding{b.value.fault(ruleNoPools, "declare a pool, or remove the file", "pools is an empty list; want at least one pool")}
	case b.key == "required_tags":
		return []finding{b.value.fault(ruleTagEntry, "name the tags that the content has to have", "required_tags is an empty list; want at least one tag")}
	case b.keyword == "minItems":
		return []finding{b.value.fault(ruleEmptyValue, "name one, or leave the field out", "%s is an empty list", b.key)}
	}
	return []finding{b.value.fault(ruleEmptyValue, "write a value, or leave the line out", "%s is empty", b.key)}
}

// referenceForm is the rule for item references, which the documentation gives;
// for pools it gives none.
const referenceForm = "1 to 150 printable ASCII characters without quotes"

// badText words what a pattern or a length refuses.
func badText(b breach) finding {
	what, rule, form := "the reference", ruleReference, referenceForm
	switch {
	case b.key == "snapshot", b.key == "id":
		what, rule = b.key, ruleLabel
	case b.key == "set":
		what, rule = b.key, ruleSet
	case b.key == "api_version":
		return b.value.fault(ruleAPIVersion, "", `unknown api_version %s; want a version like "v2026.2.LTS"`, b.value.describe())
	case b.key == "state":
		return b.value.fault(ruleState, "", "unknown state %s; want file:PATH, git:BRANCH or none", b.value.describe())
	case b.key == "endpoint", b.key == "read", b.key == "write":
		return addressFault(b.value, "it does not start with https://")
	}
	if n := len([]rune(b.value.text)); n > 150 {
		return b.value.fault(rule, "", "%s has %d characters; want %s", what, n, form)
	}
	at := max(strings.IndexFunc(b.value.text, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\'' }), 0)
	bad := []rune(b.value.text[at:])
	return b.value.fault(rule, "", "%s %s has %s at character %d; want %s",
		what, quote(b.value.text), strconv.Quote(string(bad[:1])), len([]rune(b.value.text[:at]))+1, form)
}

func outOfRange(b breach) finding {
	if b.key == "organisation_id" {
		return b.value.fault(ruleOrganisation, "the number of the item bank is shown in Learnosity Console",
			"organisation_id is %s; want a whole number from 1 to 9007199254740991", shorten(b.value.text))
	}
	return b.value.fault(ruleGuards, "", "%s is %s; want 0 to 100", b.key, shorten(b.value.text))
}

// enumerate joins words for a message: a, b or c.
func enumerate(words []string, quoted bool) string {
	words = slices.Clone(words)
	if quoted {
		for i := range words {
			words[i] = strconv.Quote(words[i])
		}
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// habits are names that people write for a field by habit.
var habits = map[string]string{
	"id": "reference", "items": "item_references", "activities": "activity_references", "title": "name", "label": "snapshot",
	"item_reference": "item_references", "activity_reference": "activity_references", "bank": "organisation_id", "org_id": "organisation_id",
	"organization_id": "organisation_id", "requires": "required_tags", "item_refs": "item_references", "activity_refs": "activity_references", "ref": "reference",
}

// nearest gives the candidate that a word was probably meant to be, or "".
func nearest(word string, candidates []string) string {
	if h := habits[word]; h != "" && slices.Contains(candidates, h) {
		return h
	}
	return suggest.Nearest(strings.ReplaceAll(word, "-", "_"), candidates)
}
