package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"sort"
)

// cursor is what a next token holds: the record it continues after, and a digest
// of every other parameter, so that a page asked for with other parameters is
// refused by name instead of going wrong quietly.
type cursor struct {
	Key    string            `json:"k"`
	Ref    string            `json:"r"`
	Params map[string]string `json:"p"`
}

// paging is how a request wants its page.
type paging struct {
	limit     int
	desc      bool
	params    map[string]string
	after     *cursor
	emptyLast bool // only a page without records is the last
}

// digests must be taken before any parameter is. Telemetry (meta) may differ.
func digests(p *params) map[string]string {
	d := map[string]string{}
	for name, raw := range p.m {
		if name != "next" && name != "meta" {
			sum := sha256.Sum256(raw)
			d[name] = hex.EncodeToString(sum[:4])
		}
	}
	return d
}

// readPaging reads limit and next. The caller has read sort.
func (s *Server) readPaging(p *params, bound map[string]string, sortOrder string) paging {
	pg := paging{limit: p.limit(s.opts.PageSize), desc: sortOrder == "desc", params: bound, emptyLast: s.sw.Pages == "empty-last"}
	if s.sw.Pages == "short" {
		pg.limit = (pg.limit + 1) / 2
	}
	next, ok := p.str("next")
	if !ok {
		return pg
	}
	pg.after = new(cursor)
	text, err := base64.RawURLEncoding.DecodeString(next)
	if err != nil || json.Unmarshal(text, pg.after) != nil {
		p.fail(codeValue, "next: not a token of this endpoint")
		return pg
	}
	names := slices.Concat(slices.Collect(maps.Keys(bound)), slices.Collect(maps.Keys(pg.after.Params)))
	slices.Sort(names)
	for _, name := range names {
		if bound[name] != pg.after.Params[name] {
			p.fail(codeValue, "next belongs to a request with another %s; repeat the original parameters", name)
		}
	}
	return pg
}

// page cuts one page out of a sorted list. The token for the next one is empty on
// the last page.
func page[T any](list []ordered[T], pg paging, keep func(T) bool) (out []T, next string) {
	out = []T{}
	i, step := pg.start(len(list), func(i int) int { return list[i].compare(pg.after.Key, pg.after.Ref) })
	var last ordered[T]
	for ; i >= 0 && i < len(list); i += step {
		if !keep(list[i].record) {
			continue
		}
		if len(out) == pg.limit {
			return out, token(cursor{Key: last.key, Ref: last.ref, Params: pg.params})
		}
		last = list[i]
		out = append(out, last.record)
	}
	if pg.emptyLast && len(out) > 0 {
		return out, token(cursor{Key: last.key, Ref: last.ref, Params: pg.params})
	}
	return out, ""
}

// start finds the first index of the page and the direction.
func (pg paging) start(n int, compare func(i int) int) (first, step int) {
	switch {
	case pg.after == nil && pg.desc:
		return n - 1, -1
	case pg.after == nil:
		return 0, 1
	case pg.desc:
		return sort.Search(n, func(i int) bool { return compare(i) >= 0 }) - 1, -1
	default:
		return sort.Search(n, func(i int) bool { return compare(i) > 0 }), 1
	}
}

func token(c cursor) string { return base64.RawURLEncoding.EncodeToString(encode(c)) }
