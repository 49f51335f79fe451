package learnosity

import "errors"

// WasRefused reports whether the server answered and said no: it did nothing,
// and it is of no use to ask the same again. It is false for nil.
func WasRefused(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Effect == Refused && !e.throttled()
}

// IsInDoubt reports whether a write may have been carried out although it ended
// in an error. It is false for nil.
func IsInDoubt(err error) bool { return err != nil && OutcomeOf(err) == InDoubt }

// IsAboutRequest reports whether the server found fault with the pools of a
// batch (HTTP 400, 404 or 409 and a code 2xxxx or 3xxxx), rather than with the
// caller or itself. Then a smaller batch may be taken.
func IsAboutRequest(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.refusesRequest() && (e.Status == 400 || e.Status == 404 || e.Status == 409)
}

// MayBeDone reports whether a refusal of a write may have come after its work was
// done: a gateway that delivers a call twice hands on the answer to the second, which
// meets a pool that exists by now, or that a job is running on.
func MayBeDone(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Effect == Refused && (e.Status == 409 || e.Code == codeConflict || e.Code == codeDuplicate)
}
