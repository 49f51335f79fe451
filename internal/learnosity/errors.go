package learnosity

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/poolsync/poolsync/internal/pool"
)

// Outcome says what became of a call that ended in an error. It matters for
// writes, which are neither idempotent nor guarded.
type Outcome uint8

// The outcomes. The zero value is the one that claims nothing.
const (
	// InDoubt: the server may have carried the call out.
	InDoubt Outcome = iota
	// Refused: the server said no, nothing happened.
	Refused
	// NotSent: no byte of the call left this machine.
	NotSent
)

// String returns "in doubt", "refused" or "not sent".
func (o Outcome) String() string {
	switch o {
	case Refused:
		return "refused"
	case NotSent:
		return "not sent"
	}
	return "in doubt"
}

// OutcomeOf returns the outcome of a call from its error. Errors that are not
// from this package are InDoubt.
func OutcomeOf(err error) Outcome {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Outcome()
	}
	return InDoubt
}

// Codes of the Data API ("troubleshooting - Data API") that decide something
// here. The classes: 1xxxx internal, 2xxxx validation and look-up, 3xxxx
// database constraints, 4xxxx caller, limits and version.
const (
	codeConflict  = 20011
	codeTooLarge  = 20027
	codeDuplicate = 30000
	codeTimestamp = 41004
	codeThrottled = 42000
)

// fault is the kind of a failure that the API itself has no code for.
type fault uint8

const (
	faultNone fault = iota
	faultConnect
	faultProxy
	faultCertificate
	faultTimeout
	faultNoAnswer
	faultRedirect
	faultNotJSON
	faultTooLarge
)

// Error is a call that failed. Everything in it that came from the server is
// cleaned of control characters and bounded in length.
type Error struct {
	Act      string    // "set pools"
	Action   string    // "set"
	Endpoint string    // "itembank/pools"
	Host     string    // "data.learnosity.com"
	Bank     pool.Bank // the organisation_id that was addressed
	Attempts int       // how often it was sent; 0 if never

	Status      int           // HTTP status; 0 without an answer
	Code        int           // meta.code; 0 if there was none
	Message     string        // meta.message, or the start of a plain text
	RequestUUID string        // meta.request_uuid, which Learnosity Support asks for
	Skew        time.Duration // the local clock minus the server's, 0 if unknown
	Effect      Outcome       // what became of the call
	Err         error         // the fault, where it is not the server's word

	again           bool // trying again may help
	fault           fault
	domain, version string
}

// Error says what was tried and what came of it: `set pools (bank 505): HTTP
// 403, code 41003: signatures do not match (request_uuid 6f1a)`.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (bank %s)", e.Act, e.Bank)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": HTTP %d", e.Status)
		if e.Code != 0 {
			fmt.Fprintf(&b, ", code %d", e.Code)
		}
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Err != nil {
		b.WriteString(": " + clean(e.Err.Error(), maxMessage))
	}
	if e.RequestUUID != "" {
		b.WriteString(" (request_uuid " + e.RequestUUID + ")")
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " after %d attempts", e.Attempts)
	}
	return b.String()
}

// Unwrap returns the fault, context.Canceled and the cause of it among them.
func (e *Error) Unwrap() error { return e.Err }

// Outcome says whether the call took effect.
func (e *Error) Outcome() Outcome { return e.Effect }

// Credentials reports whether the server did not take the consumer's word: wrong
// key, signature, domain or rights.
func (e *Error) Credentials() bool {
	return e.Code != codeTimestamp && (e.Status == 401 || e.Status == 403 || e.Code/1000 == 41)
}

// Unreachable reports whether there was no usable answer of the server.
func (e *Error) Unreachable() bool { return e.Status == 0 || e.Status >= 500 || e.fault != faultNone }

// throttled reports whether a quota was exceeded, by either sign.
func (e *Error) throttled() bool { return e.Status == 429 || e.Code == codeThrottled }

// refusesRequest reports whether the server found fault with the request
// itself rather than with the caller: codes 2xxxx and 3xxxx.
func (e *Error) refusesRequest() bool {
	return e.Effect == Refused && (e.Code/10000 == 2 || e.Code/10000 == 3)
}

// effectOf tells whether a failed call can have taken effect. An internal error
// and anything from a gateway leave it open.
func effectOf(status, code int) Outcome {
	switch class := code / 10000; {
	case status == 429 || code == codeThrottled:
		return Refused
	case status >= 500 || status == 408 || class == 1:
		return InDoubt
	case status >= 400, class == 2, class == 3, class == 4:
		return Refused
	}
	return InDoubt
}

// isTransient reports whether the same call may well succeed a little later.
func isTransient(status, code int) bool {
	return status >= 500 || status == 408 || code/10000 == 1 || status < 300 && code == 0
}
