package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FaultKind is what goes wrong. The meaning of each is in FaultHelp, and there only.
type FaultKind string

// The faults that decide how the answer comes: of several, the first added does.
const (
	FaultTooMany      FaultKind = "429"
	FaultError        FaultKind = "500"
	FaultHTML         FaultKind = "503-html"
	FaultRedirect     FaultKind = "301"
	FaultRefused      FaultKind = "refused"
	FaultFalse        FaultKind = "status-false"
	FaultNotJSON      FaultKind = "not-json"
	FaultCutBefore    FaultKind = "cut-before"
	FaultNever        FaultKind = "never"
	FaultSlow         FaultKind = "slow"
	FaultLate         FaultKind = "late"
	FaultCutAfter     FaultKind = "cut-after"
	FaultErrorAfter   FaultKind = "500-after"
	FaultRefusedAfter FaultKind = "refused-after"
	FaultTruncated    FaultKind = "truncated"
	FaultShortBody    FaultKind = "short-body"
)

// The faults around a call; any number of them act together.
const (
	FaultTwice       FaultKind = "twice"
	FaultForeign     FaultKind = "foreign-first"
	FaultVanishes    FaultKind = "pool-vanishes"
	FaultStale       FaultKind = "stale"
	FaultWrongTime   FaultKind = "wrong-time"
	FaultLacksPool   FaultKind = "lacks-a-pool"
	FaultListedTwice FaultKind = "listed-twice"
	FaultSameNext    FaultKind = "same-next"
	FaultBadNext     FaultKind = "bad-next"
)

// The faults of jobs act on a set or update: on the pool Reference, or all of them.
const (
	FaultJobHalt      FaultKind = "job-halt"
	FaultJobForever   FaultKind = "job-never-ends"
	FaultPoolPending  FaultKind = "pool-stays-pending"
	FaultSkipsAll     FaultKind = "job-does-nothing"
	FaultSkipsName    FaultKind = "job-skips-name"
	FaultSkipsStatus  FaultKind = "job-skips-status"
	FaultSkipsContent FaultKind = "job-skips-content"
	FaultSkipsItem    FaultKind = "job-skips-an-item"
)

// phase is the part of a call that a fault acts on.
type phase int

const (
	phaseAnswer phase = iota // it decides the answer
	phaseAround              // it changes what stands around the call
	phaseJob                 // it marks the jobs of the call
)

// The arguments that some faults take after a colon.
const (
	argDelay = "DELAY" // a duration, not below 0
	argShift = "SHIFT" // a duration of either sign
	argCode  = "CODE"  // a code of the API
)

// faultDef describes one kind of fault.
type faultDef struct {
	kind  FaultKind
	phase phase
	arg   string
	delay time.Duration // what is meant without an argument
	code  int
	help  string
}

// "Before" means that no work is done, "after" that all of it is.
var faultDefs = []faultDef{
	{kind: FaultTooMany, help: "before: 429/42000, as if the quota were used up"},
	{kind: FaultError, help: "before: 500/10000"},
	{kind: FaultHTML, help: "before: 503 with a proxy's HTML page"},
	{kind: FaultRedirect, help: "before: a redirect to https, as the live service answers http"},
	{kind: FaultRefused, arg: argCode, code: codeConflict, help: "before: refused with this code, 20011 by default"},
	{kind: FaultFalse, help: "before: HTTP 200 with meta.status false, code 10000"},
	{kind: FaultNotJSON, help: "before: HTTP 200 with HTML"},
	{kind: FaultCutBefore, help: "before: the connection is cut"},
	{kind: FaultNever, help: "before: no answer until the client goes away"},
	{kind: FaultSlow, arg: argDelay, delay: 5 * time.Second, help: "waits, 5s by default, then works and answers"},
	{
		kind: FaultLate, arg: argDelay, delay: 5 * time.Second,
		help: "a gateway answers 504 at once and the work is done later all the same, 5s by default",
	},
	{kind: FaultCutAfter, help: "after: the connection is cut"},
	{kind: FaultErrorAfter, help: "after: 500/10000"},
	{kind: FaultRefusedAfter, arg: argCode, code: codeConflict, help: "after: refused with this code, 20011 by default"},
	{kind: FaultTruncated, help: "after: half the JSON, in a complete HTTP answer"},
	{kind: FaultShortBody, help: "after: Content-Length promises more than comes"},
	{
		kind: FaultTwice, phase: phaseAround, arg: argDelay,
		help: "the request is delivered twice, the second time after DELAY, and the second answer is the one that comes: of a set a refusal by U1, of an update one by U23",
	},
	{
		kind: FaultForeign, phase: phaseAround, arg: argDelay,
		help: "before a set, by DELAY: someone else creates its pools, with the same name, description and status and one item of theirs",
	},
	{kind: FaultVanishes, phase: phaseAround, help: "before: the pool REFERENCE, which the call names, is gone from the bank"},
	{
		kind: FaultStale, phase: phaseAround, arg: argDelay, delay: 10 * time.Second,
		help: "a read of pools, of a pool's content or of jobs shows them as they were, 10s ago by default",
	},
	{
		kind: FaultWrongTime, phase: phaseAround, arg: argShift, delay: 6 * time.Minute,
		help: "meta.timestamp and the Date header are wrong, by 6m by default",
	},
	{kind: FaultLacksPool, phase: phaseAround, help: "the answer of a set or update omits the pool REFERENCE, or its last"},
	{kind: FaultListedTwice, phase: phaseAround, help: "the answer of a get lists its last record twice"},
	{kind: FaultSameNext, phase: phaseAround, help: "meta.next of a page is the token that asked for it"},
	{kind: FaultBadNext, phase: phaseAround, help: "meta.next of a page is a token that the next call finds refused"},
	{kind: FaultJobHalt, phase: phaseJob, help: "the job halts at its end"},
	{kind: FaultJobForever, phase: phaseJob, help: "the job stays running"},
	{kind: FaultPoolPending, phase: phaseJob, help: "the job completes, the pool stays pending"},
	{kind: FaultSkipsAll, phase: phaseJob, help: "the job completes and nothing was done; a new pool is gone"},
	{kind: FaultSkipsName, phase: phaseJob, help: "the job completes, the name is what it was"},
	{kind: FaultSkipsStatus, phase: phaseJob, help: "the job completes, the status is what it was, of a new pool unpublished"},
	{kind: FaultSkipsContent, phase: phaseJob, help: "the job completes, the content is what it was"},
	{kind: FaultSkipsItem, phase: phaseJob, help: "the job completes without the last of the items that it should have brought"},
}

func defOf(kind FaultKind) (faultDef, bool) {
	i := slices.IndexFunc(faultDefs, func(d faultDef) bool { return d.kind == kind })
	if i < 0 {
		return faultDef{}, false
	}
	return faultDefs[i], true
}

// FaultHelp lists the kinds of faults and their meanings, one line each, for a
// command's help.
func FaultHelp() string {
	var b strings.Builder
	for _, d := range faultDefs {
		name := string(d.kind)
		if d.arg != "" {
			name += "[:" + d.arg + "]"
		}
		fmt.Fprintf(&b, "%s  %s\n", name, d.help)
	}
	return b.String()
}

// Fault makes calls go wrong that carry a valid signature.
type Fault struct {
	// Action and Endpoint choose the calls; empty means any.
	Action, Endpoint string
	// Reference, if set, chooses only calls that name this pool: as one to write, in
	// the filter of pools get, or as item_pool_id.
	Reference string
	// Nth is the first matching call that is hit, counted from 1; 0 means every one.
	Nth int
	// Times is how many calls are hit from there on. 0 means one when Nth is set,
	// else no end.
	Times int
	Kind  FaultKind
	// Delay and Code are the argument of the kinds that take one; 0 means the
	// default of the kind.
	Delay time.Duration
	Code  int
}

// delay is the time that the fault is about.
func (f Fault) delay() time.Duration {
	d, _ := defOf(f.Kind)
	return cmp.Or(f.Delay, d.delay)
}

// refusal is what refused and refused-after answer.
func (f Fault) refusal() *apiError {
	d, _ := defOf(f.Kind)
	code := cmp.Or(f.Code, d.code)
	return refusal(httpStatus(code), code, "refused on request of the sandbox")
}

// armedFault counts the calls that matched.
type armedFault struct {
	Fault
	matched int
}

// faultForm is the command-line form of a fault.
const faultForm = "[ACTION] [ENDPOINT][#NTH[xTIMES]]=KIND[:ARGUMENT][@REFERENCE]"

// ParseFault reads the command-line form
//
//	[ACTION] [ENDPOINT][#NTH[xTIMES]]=KIND[:ARGUMENT][@REFERENCE]
//
// such as "set itembank/pools#2=cut-after", "get jobs=slow:2s", "=429",
// "set#1=refused-after:30000" or "update itembank/pools#1x3=job-halt@ela-district-a".
// Left out, action and endpoint mean any, NTH every call. "#0x3" hits the first three.
func ParseFault(text string) (Fault, error) {
	left, right, ok := strings.Cut(text, "=")
	if !ok {
		return Fault{}, fmt.Errorf("fault %q: want %s", text, faultForm)
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
	name, arg, given := strings.Cut(kind, ":")
	f.Kind, f.Reference = FaultKind(name), reference
	if given {
		if err := f.setArgument(arg); err != nil {
			return Fault{}, fmt.Errorf("fault %q: %w", text, err)
		}
	}
	return f, f.check()
}

// setArgument reads what stands after the colon.
func (f *Fault) setArgument(text string) (err error) {
	d, known := defOf(f.Kind)
	switch {
	case !known:
		return f.check()
	case d.arg == "":
		return fmt.Errorf("%s takes no argument", f.Kind)
	case d.arg == argCode:
		if f.Code, err = strconv.Atoi(text); err != nil || f.Code < 10000 || f.Code > 99999 {
			return fmt.Errorf("%s takes a code of the API, such as %s:20004", f.Kind, f.Kind)
		}
	default:
		if f.Delay, err = time.ParseDuration(text); err != nil || f.Delay < 0 && d.arg == argDelay {
			return fmt.Errorf("%s takes a duration, such as %s:2s", f.Kind, f.Kind)
		}
	}
	return nil
}

func (f Fault) check() error {
	if _, known := defOf(f.Kind); !known {
		names := make([]string, len(faultDefs))
		for i, d := range faultDefs {
			names[i] = string(d.kind)
		}
		return fmt.Errorf("unknown fault kind %q; want one of %s", f.Kind, strings.Join(names, ", "))
	}
	if f.Kind == FaultVanishes && f.Reference == "" {
		return fmt.Errorf("%s needs the pool, as %s@REFERENCE", f.Kind, f.Kind)
	}
	return nil
}

// String returns the form that ParseFault reads.
func (f Fault) String() string {
	s := strings.TrimSpace(f.Action + " " + f.Endpoint)
	switch {
	case f.Times > 0:
		s += fmt.Sprintf("#%dx%d", f.Nth, f.Times)
	case f.Nth > 0:
		s += "#" + strconv.Itoa(f.Nth)
	}
	s += "=" + string(f.Kind)
	switch {
	case f.Delay != 0:
		s += ":" + f.Delay.String()
	case f.Code != 0:
		s += ":" + strconv.Itoa(f.Code)
	}
	if f.Reference != "" {
		s += "@" + f.Reference
	}
	return s
}

// AddFault arms a fault. Several may act on one call; of those that decide how the
// answer comes the first added does.
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

// fire counts a call against every fault and returns those that act on it.
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

// namesPool looks for a pool in a request without using it up.
func namesPool(p *params, reference string) bool {
	read := func(member string, into any) { _ = json.Unmarshal(p.m[member], into) } // what is malformed names nothing
	var pools []struct{ Reference string }
	var references []string
	var holder string
	read("pools", &pools)
	read("references", &references)
	read("item_pool_id", &holder)
	return holder == reference || slices.Contains(references, reference) ||
		slices.ContainsFunc(pools, func(one struct{ Reference string }) bool { return one.Reference == reference })
}
