package sandbox

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// decisive returns the fault that decides how the answer comes.
func (x *exchange) decisive() (Fault, bool) {
	for _, f := range x.fired {
		if d, _ := defOf(f.Kind); d.phase == phaseAnswer {
			return f, true
		}
	}
	return Fault{}, false
}

// fault returns the first fault of a kind that acts on this call.
func (x *exchange) fault(kind FaultKind) (Fault, bool) {
	i := slices.IndexFunc(x.fired, func(f Fault) bool { return f.Kind == kind })
	if i < 0 {
		return Fault{}, false
	}
	return x.fired[i], true
}

const proxyPage = "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body><center><h1>503 Service Temporarily Unavailable</h1></center></body>\r\n</html>\r\n"

// before carries out faults that come before the work; done means that this is
// the whole answer. It lets go of the lock while it waits.
func (x *exchange) before(ctx context.Context, f Fault) (rep reply, done bool) {
	page := func(status int, body string) (reply, bool) {
		return reply{status: status, contentType: htmlType, body: []byte(body), date: x.wall()}, true
	}
	switch f.Kind {
	case FaultTooMany:
		return x.tooMany(), true
	case FaultError:
		return x.broken(http.StatusInternalServerError), true
	case FaultRefused:
		e := f.refusal()
		return x.failure(e.HTTP, e.Code, e.Message), true
	case FaultFalse:
		return x.broken(http.StatusOK), true
	case FaultHTML:
		return page(http.StatusServiceUnavailable, proxyPage)
	case FaultNotJSON:
		return page(http.StatusOK, "<html><body>scheduled maintenance</body></html>\n")
	case FaultRedirect:
		rep, _ := page(http.StatusMovedPermanently, "<html><head><title>301 Moved Permanently</title></head></html>\r\n")
		rep.location = "https://data-va.learnosity.invalid/" + x.version + "/" + x.endpoint // .invalid: nobody can be reached there
		return rep, true
	case FaultCutBefore:
		return reply{ending: endCut, date: x.wall()}, true
	case FaultNever:
		return reply{ending: endNever, date: x.wall()}, true
	case FaultSlow:
		return reply{ending: endNever, date: x.wall()}, x.pass(ctx, f.delay()) != nil
	case FaultLate:
		x.postpone(f.delay())
		return page(http.StatusGatewayTimeout, "<html><head><title>504 Gateway Time-out</title></head></html>\r\n")
	}
	return reply{}, false
}

// pass lets time go by without the lock, and carries out what becomes due.
func (x *exchange) pass(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	x.server.mu.Unlock()
	err := wait(ctx, d)
	x.server.mu.Lock()
	x.begin()
	return err
}

// delivery is a request that reaches the server later than its client thinks. A
// restart of the server loses it.
type delivery struct {
	at time.Time
	x  *exchange
}

func (x *exchange) postpone(d time.Duration) {
	late := *x
	late.now = x.now.Add(d)
	s := x.server
	s.late = append(s.late, delivery{late.now, &late})
	slices.SortStableFunc(s.late, func(a, b delivery) int { return a.at.Compare(b.at) })
}

func (x *exchange) broken(status int) reply { return x.failure(status, 10000, "internal error") }

// after spoils the answer of work that was done.
func (x *exchange) after(f Fault, rep reply) reply {
	switch f.Kind {
	case FaultCutAfter:
		rep.ending = endCut
	case FaultErrorAfter:
		return x.broken(http.StatusInternalServerError)
	case FaultRefusedAfter:
		e := f.refusal()
		return x.failure(e.HTTP, e.Code, e.Message)
	case FaultTruncated:
		rep.body = rep.body[:len(rep.body)/2]
	case FaultShortBody:
		rep.ending = endShort
	}
	return rep
}

// around carries out what others do, or have done, before the work.
func (x *exchange) around(ctx context.Context, p *params) error {
	if f, ok := x.fault(FaultWrongTime); ok {
		x.wrong = f.delay()
	}
	if f, ok := x.fault(FaultStale); ok {
		x.stale = f.delay()
	}
	if f, ok := x.fault(FaultVanishes); ok {
		for _, b := range x.server.banks {
			b.removePool(f.Reference)
		}
		x.server.dirty = true
	}
	f, ok := x.fault(FaultForeign)
	if !ok || x.call.Action != "set" {
		return nil
	}
	x.foreign(f, p)
	return x.pass(ctx, f.delay())
}

// foreign creates the pools of a set as somebody else would.
func (x *exchange) foreign(f Fault, p *params) {
	var organisation int64
	var theirs []poolWrite
	_ = json.Unmarshal(p.m["organisation_id"], &organisation) // left out: the primary bank
	if json.Unmarshal(p.m["pools"], &theirs) != nil {
		return // the endpoint will say what is wrong with it
	}
	b, refused := x.server.bankOf(organisation)
	if refused != nil {
		return
	}
	for _, w := range theirs {
		if f.Reference != "" && f.Reference != w.Reference || b.pool(w.Reference, x.server.sw.U31 == "fold") != nil {
			continue
		}
		pool := x.create(b, w)
		x.server.replaceFields(w, pool)
		pool.items = b.anyPublished()
		pool.note(x.now, x.server.sw.keeps())
	}
	x.server.dirty = true
}

// anyPublished returns the first published item of a bank, or none.
func (b *bankState) anyPublished() map[string]*Item {
	for _, ref := range sortedKeys(b.items.all) {
		if it := b.items.all[ref]; it.Status == statusPublished {
			return map[string]*Item{ref: it}
		}
	}
	return map[string]*Item{}
}

// applyJobFaults marks a new job with the job faults of its call.
func (x *exchange) applyJobFaults(j *job) {
	for _, f := range x.fired {
		if f.Reference != "" && f.Reference != j.Write.Reference {
			continue
		}
		switch f.Kind {
		case FaultJobHalt:
			if j.Fate == "" {
				j.Fate = fateHalt
			}
		case FaultJobForever:
			j.Never = true
		case FaultPoolPending:
			j.KeepsPool = true
		case FaultSkipsAll, FaultSkipsName, FaultSkipsStatus, FaultSkipsContent, FaultSkipsItem:
			j.Skips = f.Kind
		}
	}
}

// withoutLacking drops the pool that lacks-a-pool leaves out of the answer.
func (x *exchange) withoutLacking(answers []writeAnswer) []writeAnswer {
	for _, f := range x.fired {
		if f.Kind != FaultLacksPool {
			continue
		}
		at := len(answers) - 1
		if f.Reference != "" {
			at = slices.IndexFunc(answers, func(a writeAnswer) bool { return a.Pool == f.Reference })
		}
		if at >= 0 {
			answers = slices.Delete(answers, at, at+1)
		}
	}
	return answers
}

// misread spoils the page of a get.
func (x *exchange) misread(res result) result {
	if x.call.Action != "get" {
		return res
	}
	var records []json.RawMessage
	if _, ok := x.fault(FaultListedTwice); ok && json.Unmarshal(encode(res.data), &records) == nil && len(records) > 0 {
		res.data, res.records = append(records, records[len(records)-1]), len(records)+1
	}
	if _, ok := x.fault(FaultSameNext); ok {
		if asked, given := readParams(x.form.request).str("next"); given {
			res.next = asked
		}
	}
	if _, ok := x.fault(FaultBadNext); ok {
		res.next = "not-a-token-of-ours"
	}
	return res
}
