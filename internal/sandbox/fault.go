package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FaultKind is what goes wrong.
type FaultKind string

// The faults. "Before" means that no work is done, "after" that all of it is.
const (
	FaultTooMany    FaultKind = "429"          // before: 429/42000, as if the quota were used up
	FaultError      FaultKind = "500"          // before: 500/10000
	FaultHTML       FaultKind = "503-html"     // before: 503 with a proxy's HTML page
	FaultRedirect   FaultKind = "301"          // before: a redirect to https, as the live service answers http
	FaultCutBefore  FaultKind = "cut-before"   // before: the connection is cut
	FaultCutAfter   FaultKind = "cut-after"    // after: the connection is cut
	FaultErrorAfter FaultKind = "500-after"    // after: 500/10000
	FaultTruncated  FaultKind = "truncated"    // after: half the JSON, in a complete HTTP answer
	FaultShortBody  FaultKind = "short-body"   // after: Content-Length promises more than comes
	FaultSlow       FaultKind = "slow"         // waits Delay, then works and answers
	FaultFalse      FaultKind = "status-false" // before: HTTP 200 with meta.status false, code 10000
	FaultNotJSON    FaultKind = "not-json"     // before: HTTP 200 with HTML
	FaultNever      FaultKind = "never"        // before: no answer until the client goes away
	FaultLacksPool  FaultKind = "lacks-a-pool" // after: the answer of set or update omits Reference, or its last pool

	// Faults of jobs act on a set or update: on the pool Reference, or all of them.
	FaultJobHalt     FaultKind = "job-halt"           // the job halts at its end
	FaultJobForever  FaultKind = "job-never-ends"     // the job stays running
	FaultPoolPending FaultKind = "pool-stays-pending" // the job completes, the pool stays pending
)

var faultKinds = []FaultKind{
	FaultTooMany, FaultError, FaultHTML, FaultRedirect, FaultCutBefore, FaultCutAfter, FaultErrorAfter, FaultTruncated,
	FaultShortBody, FaultSlow, FaultFalse, FaultNotJSON, FaultNever, FaultLacksPool, FaultJobHalt, FaultJobForever, FaultPoolPending,
}

func (k FaultKind) ofJob() bool {
	return k == FaultJobHalt || k == FaultJobForever || k == FaultPoolPending
}

// Fault makes calls go wrong that carry a valid signature.
type Fault struct {
	// Action and Endpoint choose the calls; empty means any.
	Action, Endpoint string
	// Reference, if set, chooses only calls of set and update that name this pool.
	Reference string
	// Nth is the first matching call that is hit, counted from 1; 0 means every one.
	Nth int
	// Times is how many calls are hit from there on. 0 means one when Nth is set,
	// else no end.
	Times int
	Kind  FaultKind
	// Delay is how long slow waits; default 5s.
	Delay time.Duration
}

// armedFault counts the calls that matched.
type armedFault struct {
	Fault
	matched int
}

// ParseFault reads the command-line form
//
//	[ACTION] [ENDPOINT][#NTH[xTIMES]]=KIND[:DELAY][@REFERENCE]
//
// such as "set itembank/pools#2=cut-after", "get jobs=slow:2s",
// "=429" or "update itembank/pools#1x3=job-halt@ela-district-a". Left out, action
// and endpoint mean any, NTH every call. "#0x3" hits the first three.
func ParseFault(text string) (Fault, error) {
	left, right, ok := strings.Cut(text, "=")
	if !ok {
		return Fault{}, fmt.Errorf("fault %q: want [ACTION] [ENDPOINT][#NTH[xTIMES]]=KIND[:DELAY][@REFERENCE]", text)
	}
	var f Fault
	where, count, counted := strings.Cut(strings.TrimSpace(left), "#")
	for word := range strings.FieldsSeq(where) {
		switch _, known := endpoints[word]; {
		case slices.Contains([]string{"get", "set", "update"}, word) && f.Action == "":
			f.Action = word
		case known && f.Endpoint == "":
			f.Endpoint = word
		default:
			return Fault{}, fmt.Errorf("fault %q: %q is neither an action nor an endpoint of the sandbox", text, word)
		}
	}
	if counted {
		nth, times, many := strings.Cut(count, "x")
		var err1, err2 error
		f.Nth, err1 = strconv.Atoi(nth)
		if many {
			f.Times, err2 = strconv.Atoi(times)
		}
		if err1 != nil || err2 != nil || f.Nth < 0 || f.Times < 0 {
			return Fault{}, fmt.Errorf("fault %q: want a count such as #2 or #2x3 after the endpoint", text)
		}
	}
	kind, reference, _ := strings.Cut(strings.TrimSpace(right), "@")
	name, delay, delayed := strings.Cut(kind, ":")
	f.Kind, f.Reference = FaultKind(name), reference
	if delayed {
		var err error
		if f.Delay, err = time.ParseDuration(delay); err != nil || f.Kind != FaultSlow {
			return Fault{}, fmt.Errorf("fault %q: only slow takes a delay, such as slow:2s", text)
		}
	}
	return f, f.check()
}

func (f Fault) check() error {
	if slices.Contains(faultKinds, f.Kind) {
		return nil
	}
	names := make([]string, len(faultKinds))
	for i, k := range faultKinds {
		names[i] = string(k)
	}
	return fmt.Errorf("unknown fault kind %q; want one of %s", f.Kind, strings.Join(names, ", "))
}

// String gives the form that ParseFault reads.
func (f Fault) String() string {
	s := strings.TrimSpace(f.Action + " " + f.Endpoint)
	switch {
	case f.Times > 0:
		s += fmt.Sprintf("#%dx%d", f.Nth, f.Times)
	case f.Nth > 0:
		s += "#" + strconv.Itoa(f.Nth)
	}
	s += "=" + string(f.Kind)
	if f.Delay > 0 {
		s += ":" + f.Delay.String()
	}
	if f.Reference != "" {
		s += "@" + f.Reference
	}
	return s
}

// AddFault arms a fault. Several may act on one call; of those that concern the
// answer the first added wins.
func (s *Server) AddFault(f Fault) error {
	if err := f.check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &armedFault{Fault: f})
	return nil
}

// ClearFaults disarms all faults. Jobs already hit by one stay hit.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fire counts a call against every fault and gives those that act on it.
func (s *Server) fire(action, endpoint string, p *params) (fired []Fault) {
	for _, f := range s.faults {
		if f.Action != "" && f.Action != action || f.Endpoint != "" && f.Endpoint != endpoint {
			continue
		}
		if f.Reference != "" && !namesPool(p, f.Reference) {
			continue
		}
		f.matched++
		first, times := max(f.Nth, 1), f.Times
		if times == 0 && f.Nth > 0 {
			times = 1
		}
		if f.matched >= first && (times == 0 || f.matched < first+times) {
			fired = append(fired, f.Fault)
		}
	}
	return fired
}

// namesPool looks for a pool in a set or update request without using it up.
func namesPool(p *params, reference string) bool {
	probe := &params{m: map[string]json.RawMessage{"pools": p.m["pools"]}, err: new(*apiError)}
	return slices.ContainsFunc(probe.objects("pools", 0), func(one *params) bool {
		ref, _ := one.str("reference")
		return ref == reference
	})
}

// transportFault picks the one that decides how the answer comes.
func transportFault(fired []Fault) (Fault, bool) {
	for _, f := range fired {
		if !f.Kind.ofJob() && f.Kind != FaultLacksPool {
			return f, true
		}
	}
	return Fault{}, false
}

const proxyPage = "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body><center><h1>503 Service Temporarily Unavailable</h1></center></body>\r\n</html>\r\n"

// before carries out faults that come before the work; done means that this is
// the whole answer. It gives up the lock while it waits.
func (x *exchange) before(ctx context.Context, f Fault) (rep reply, done bool) {
	page := func(status int, kind, body string) (reply, bool) {
		return reply{status: status, contentType: kind, body: []byte(body), date: x.now}, true
	}
	switch f.Kind {
	case FaultTooMany:
		return x.tooMany(), true
	case FaultError:
		return x.broken(http.StatusInternalServerError), true
	case FaultFalse:
		return x.broken(http.StatusOK), true
	case FaultHTML:
		return page(http.StatusServiceUnavailable, htmlType, proxyPage)
	case FaultNotJSON:
		return page(http.StatusOK, htmlType, "<html><body>scheduled maintenance</body></html>\n")
	case FaultRedirect:
		rep, _ := page(http.StatusMovedPermanently, htmlType, "<html><head><title>301 Moved Permanently</title></head></html>\r\n")
		rep.location = "https://data-va.learnosity.invalid/" + x.version + "/" + x.endpoint // .invalid: nobody can be reached there
		return rep, true
	case FaultCutBefore:
		return reply{ending: endCut, date: x.now}, true
	case FaultNever:
		return reply{ending: endNever, date: x.now}, true
	case FaultSlow:
		return x.delay(ctx, f)
	}
	return reply{}, false
}

func (x *exchange) delay(ctx context.Context, f Fault) (reply, bool) {
	d := f.Delay
	if d == 0 {
		d = 5 * time.Second
	}
	x.server.mu.Unlock()
	err := wait(ctx, d)
	x.server.mu.Lock()
	x.begin()
	return reply{ending: endNever, date: x.now}, err != nil
}

func (x *exchange) broken(status int) reply { return x.failure(status, 10000, "internal error") }

// after spoils the answer of work that was done.
func (x *exchange) after(f Fault, rep reply) reply {
	switch f.Kind {
	case FaultCutAfter:
		rep.ending = endCut
	case FaultErrorAfter:
		return x.broken(http.StatusInternalServerError)
	case FaultTruncated:
		rep.body = rep.body[:len(rep.body)/2]
	case FaultShortBody:
		rep.ending = endShort
	}
	return rep
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
