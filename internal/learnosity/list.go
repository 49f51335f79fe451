package learnosity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/poolsync/poolsync/internal/pool"
)

// maxPages bounds a listing. At 50 records a page it is far beyond any bank.
const maxPages = 10_000

// maxStale bounds the pages in a row that hold nothing new, which is what a
// listing that runs in circles looks like when it makes up a token for each.
const maxStale = 500

// maxListing bounds what a listing is collected from: a bank of half a million pools
// takes less. One that is streamed has no such bound.
const maxListing = 1 << 30

// listing is a paged get.
type listing[T any] struct {
	call   call
	params params
	// decode returns a record and the key by which it is told apart.
	decode func(json.RawMessage) (T, string, error)
	// narrow puts a chunk of what was asked for into the parameters.
	narrow func(*params, []string)
	// single says that the endpoint is not paged.
	single bool
}

func get(act, endpoint string, bank pool.Bank) call {
	return call{act: act, action: actionGet, endpoint: endpoint, bank: bank}
}

// byReference narrows a listing to references.
func byReference(p *params, chunk []string) { p.References = chunk }

// chunks lists what is asked for, 50 at a call, several calls at a time. The
// order of the chunks is kept; nothing asked for means everything.
func (l listing[T]) chunks(ctx context.Context, c *conn, asked []string) ([]T, error) {
	asked = distinct(asked)
	if len(asked) == 0 {
		return l.whole(ctx, c)
	}
	chunks := slices.Collect(slices.Chunk(asked, pool.MaxBatch))
	found := make([][]T, len(chunks))
	keys := make([][]string, len(chunks))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readsAtOnce)
	for i, chunk := range chunks {
		g.Go(func() (err error) {
			part := l
			part.narrow(&part.params, chunk)
			found[i], keys[i], err = part.pages(ctx, c)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return merge(slices.Concat(found...), slices.Concat(keys...)), nil
}

// merge drops what came back for more than one chunk: a server that ignores
// letter case returns one record for two references.
func merge[T any](found []T, keys []string) []T {
	seen := make(map[string]bool, len(keys))
	out := found[:0]
	for i, key := range keys {
		if !seen[key] {
			seen[key] = true
			out = append(out, found[i])
		}
	}
	return out
}

// whole lists everything.
func (l listing[T]) whole(ctx context.Context, c *conn) ([]T, error) {
	found, _, err := l.pages(ctx, c)
	return found, err
}

// pages lists to the last page, with smaller ones if the server calls an answer
// too large (code 20027).
func (l listing[T]) pages(ctx context.Context, c *conn) ([]T, []string, error) {
	for l.params.Limit = pool.MaxBatch; ; l.params.Limit /= 2 {
		found, keys, err := l.follow(ctx, c)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code != codeTooLarge || l.params.Limit == 1 || l.single {
			return found, keys, err
		}
	}
}

// page is one page of a listing: records, the keys by which they are told apart,
// and the answer that they came in.
type page[T any] struct {
	found  []T
	keys   []string
	answer answer
}

// page asks for one page.
func (l listing[T]) page(ctx context.Context, c *conn) (page[T], error) {
	k := l.call
	k.request = l.params
	ans, err := c.do(ctx, k)
	if err != nil {
		return page[T]{}, err
	}
	records, err := ans.listed()
	if err != nil {
		return page[T]{}, c.unusable(k, ans, err)
	}
	p := page[T]{found: make([]T, len(records)), keys: make([]string, len(records)), answer: ans}
	for i, raw := range records {
		if p.found[i], p.keys[i], err = l.decode(raw); err != nil {
			return page[T]{}, c.unusable(k, ans, err)
		}
	}
	return p, nil
}

// walk reads page after page. Only a page without a next token is the last:
// neither meta.records nor a page that is short or empty says so. The other
// parameters stay as they were. A record may come twice: one that moved to a later
// page while we read does.
func (l listing[T]) walk(ctx context.Context, c *conn) iter.Seq2[page[T], error] {
	return func(yield func(page[T], error) bool) {
		var going motion
		for range maxPages {
			p, err := l.page(ctx, c)
			if err != nil {
				yield(page[T]{}, err)
				return
			}
			if !yield(p, nil) || p.answer.meta.next == "" || l.single {
				return
			}
			if err := going.on(p.keys, p.answer.meta.next); err != nil {
				yield(page[T]{}, c.unusable(l.call, p.answer, err))
				return
			}
			l.params.Next = p.answer.meta.next
		}
		yield(page[T]{}, c.fault(l.call, Error{Err: fmt.Errorf("the listing does not end after %d pages", maxPages)}))
	}
}

// motion tells whether a listing moves on. It remembers digests of what came, so
// that it takes little room: one that is wrong about a record does no harm.
type motion struct {
	tokens map[string]bool
	seen   map[uint64]struct{}
	stale  int // pages in a row that held nothing new
}

var motionSeed = maphash.MakeSeed()

func (m *motion) on(keys []string, next string) error {
	if m.tokens == nil {
		m.tokens, m.seen = map[string]bool{}, map[uint64]struct{}{}
	}
	if m.tokens[next] {
		return errors.New("the server repeats a page: meta.next does not move on")
	}
	m.tokens[next] = true
	before := len(m.seen)
	for _, key := range keys {
		m.seen[maphash.String(motionSeed, key)] = struct{}{}
	}
	if m.stale++; len(m.seen) > before {
		m.stale = 0
	}
	if m.stale == maxStale {
		return fmt.Errorf("the listing does not move on: %d pages in a row held nothing new", maxStale)
	}
	return nil
}

// follow collects a listing. A record that came twice is kept as it was read last.
func (l listing[T]) follow(ctx context.Context, c *conn) (found []T, keys []string, err error) {
	place := map[string]int{}
	size := 0
	for p, err := range l.walk(ctx, c) {
		if err != nil {
			return nil, nil, err
		}
		if size += len(p.answer.data); size > c.maxListing {
			return nil, nil, c.fault(l.call, Error{Err: fmt.Errorf("the listing is larger than %d MiB", c.maxListing>>20), fault: faultTooLarge})
		}
		for i, key := range p.keys {
			if at, ok := place[key]; ok {
				found[at] = p.found[i]
				continue
			}
			place[key] = len(found)
			found, keys = append(found, p.found[i]), append(keys, key)
		}
	}
	return found, keys, nil
}

// each lists without keeping what it read: only as much as one page is in memory. If
// the server calls an answer too large, it begins again with smaller pages.
func (l listing[T]) each(ctx context.Context, c *conn, asked []string, keep func([]T) []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		chunks := [][]string{nil}
		if len(asked) > 0 {
			chunks = slices.Collect(slices.Chunk(distinct(asked), pool.MaxBatch))
		}
		for _, chunk := range chunks {
			part := l
			if chunk != nil {
				part.narrow(&part.params, chunk)
			}
			if !part.stream(ctx, c, keep, yield) {
				return
			}
		}
	}
}

// stream yields one listing, and reports whether it came to its end.
func (l listing[T]) stream(ctx context.Context, c *conn, keep func([]T) []T, yield func(T, error) bool) bool {
	for l.params.Limit = pool.MaxBatch; ; l.params.Limit /= 2 {
		var failed error
		for p, err := range l.walk(ctx, c) {
			if failed = err; err != nil {
				break
			}
			for _, v := range keep(p.found) {
				if !yield(v, nil) {
					return false
				}
			}
		}
		switch e, ok := errors.AsType[*Error](failed); {
		case failed == nil:
			return true
		case !ok || e.Code != codeTooLarge || l.params.Limit == 1:
			var none T
			yield(none, failed)
			return false
		}
	}
}

// unusable is an answer that calls itself a success and is none. For a write
// that means: in doubt.
func (c *conn) unusable(k call, a answer, err error) *Error {
	return c.fault(k, Error{
		Status: a.status, RequestUUID: a.meta.uuid, Effect: InDoubt, Err: err, Attempts: 1, fault: faultNotJSON,
	})
}

// distinct keeps the first of equal texts, in their order.
func distinct(texts []string) []string {
	seen := make(map[string]bool, len(texts))
	out := make([]string, 0, len(texts))
	for _, t := range texts {
		if !seen[t] {
			seen[t] = true
			out = append(out, t)
		}
	}
	return out
}

// texts returns a list of any kind of text as plain strings.
func texts[S ~string](list []S) []string {
	if len(list) == 0 {
		return nil
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}
