package learnosity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Bounds, in characters, of what is kept of texts that the server wrote.
const (
	maxToken   = 200
	maxMessage = 500
	maxDetail  = 2000
)

// maxDepth is a depth that no useful explanation has.
const maxDepth = 8

// clean makes a server's text safe to print: one line, no control or invisible
// formatting characters, and no longer than max characters.
func clean(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	n := 0
	for i := range text {
		if n++; n > limit {
			return strings.TrimSpace(text[:i]) + "…"
		}
	}
	return text
}

// flatten returns any JSON value as readable text of one line: lists joined by
// semicolons, objects as "code message (reference), other: value".
func flatten(raw json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return ""
	}
	return clean(describe(v, 0), maxDetail)
}

// codeIn returns the first error code that a JSON value names, or 0. Codes of the
// API have five digits.
func codeIn(raw json.RawMessage) int {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return 0
	}
	return findCode(v, 0)
}

func findCode(v any, depth int) int {
	if depth > maxDepth {
		return 0
	}
	switch v := v.(type) {
	case []any:
		for _, member := range v {
			if code := findCode(member, depth+1); code != 0 {
				return code
			}
		}
	case map[string]any:
		code, err := strconv.Atoi(fmt.Sprint(v["code"]))
		if err == nil && code >= 10_000 && code < 100_000 {
			return code
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if code := findCode(v[key], depth+1); code != 0 {
				return code
			}
		}
	}
	return 0
}

// describe stops at maxDepth.
func describe(v any, depth int) string {
	if depth > maxDepth {
		return "…"
	}
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return "true"
		}
		return "false"
	case []any:
		return join(len(v), "; ", func(i int) string { return describe(v[i], depth+1) })
	case map[string]any:
		return describeObject(v, depth)
	}
	return ""
}

func describeObject(o map[string]any, depth int) string {
	var b strings.Builder
	rest := maps.Clone(o)
	if message, ok := o["message"].(string); ok && message != "" {
		if code, ok := o["code"]; ok {
			b.WriteString(describe(code, depth+1) + " ")
		}
		b.WriteString(message)
		if reference, ok := o["reference"].(string); ok && reference != "" {
			b.WriteString(" (" + reference + ")")
		}
		for _, key := range []string{"code", "message", "reference"} {
			delete(rest, key)
		}
	}
	keys := slices.Sorted(maps.Keys(rest))
	others := join(len(keys), ", ", func(i int) string {
		if text := describe(rest[keys[i]], depth+1); text != "" {
			return keys[i] + ": " + text
		}
		return ""
	})
	if b.Len() > 0 && others != "" {
		b.WriteString(", ")
	}
	return b.String() + others
}

// join puts the texts that are not empty together, as many as can be of use.
func join(n int, separator string, text func(int) string) string {
	var b strings.Builder
	for i := 0; i < n && b.Len() < 4*maxDetail; i++ {
		t := text(i)
		if t == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(separator)
		}
		b.WriteString(t)
	}
	return b.String()
}
