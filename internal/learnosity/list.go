package learnosity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/poolsync/poolsync/internal/pool"
)

// maxPages bounds a listing. At 50 records a page it is far beyond any bank.
const maxPages = 10_000

// maxStale bounds the pages in a row that hold nothing new, which is what a
// listing that runs in circles looks like when it makes up a token for each.
const maxStale = 500

// listing is a paged get.
type listing[T any] struct {
	call   call
	params params
	// decode gives a record and the key by which it is told apart.
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

// follow reads page after page. Only a page without a next token is the last:
// neither meta.records nor a page that is short or empty says so. The other
// parameters stay as they were. A record that moved to a later page while we
// read is kept as it was read last.
func (l listing[T]) follow(ctx context.Context, c *conn) (found []T, keys []string, err error) {
	place := map[string]int{}
	tokens := map[string]bool{}
	stale := 0
	for range maxPages {
		p, err := l.page(ctx, c)
		if err != nil {
			return nil, nil, err
		}
		before := len(found)
		for i, key := range p.keys {
			if at, ok := place[key]; ok {
				found[at] = p.found[i]
				continue
			}
			place[key] = len(found)
			found, keys = append(found, p.found[i]), append(keys, key)
		}
		next := p.answer.meta.next
		if next == "" || l.single {
			return found, keys, nil
		}
		if tokens[next] {
			return nil, nil, c.unusable(l.call, p.answer, errors.New("the server repeats a page: meta.next does not move on"))
		}
		if stale++; len(found) > before {
			stale = 0
		}
		if stale == maxStale {
			return nil, nil, c.unusable(l.call, p.answer, fmt.Errorf("the listing does not move on: %d pages in a row held nothing new", maxStale))
		}
		tokens[next], l.params.Next = true, next
	}
	return nil, nil, c.fault(l.call, Error{Err: fmt.Errorf("the listing does not end after %d pages", maxPages)})
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

// texts gives a list of any kind of text as plain strings.
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
