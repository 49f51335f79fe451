package learnosity

import (
	"fmt"
	"strings"
	"time"
)

const (
	setUpDelay  = "; what was set up within the last 30 minutes may not work yet"
	tellSupport = "; if it lasts, give Learnosity Support the request_uuid"
)

// hints are the codes whose advice depends on nothing.
var hints = map[int]string{
	10000: "the server failed; try again later" + tellSupport,
	20000: "the API misses a value that the message names; declare it in the manifest, or check the API version",
	20001: "a value is too short or too long; the message names it: change it in the manifest",
	20002: "there are too many values in one place; the message names it: let several pools or several applies share them",
	20003: "a value has the wrong type; the message names it: change it in the manifest, or check the API version",
	20004: "the API does not take this value; the message names it: change it in the manifest",
	20009: "the API does not take requests of this form; check the API version",
	20011: "the bank holds something that conflicts with this; poolsync plan shows what is there now",
	20013: "an item is not in this item bank, or not published; poolsync validate --online finds all of these",
	20014: "a tag is not in this item bank, or an item of it is archived; poolsync validate --online finds all of these",
	20015: "a tag type is not in this item bank; poolsync validate --online finds all of these",
	20027: "the answer would have been too large; ask for less at a time",
	30000: "the bank holds it already; poolsync plan shows what is there now, and poolsync adopt takes it over",
	30001: "something that the pool names is not in this item bank; poolsync validate --online finds all of these",
	30002: "an item or activity is not published; publish it in the item bank, then apply again",
	30003: "an activity names an item twice; correct the activity in the item bank, then apply again",
	40000: "the consumer key may not do this; check its permissions in Learnosity Console",
	40001: "the consumer key may not make this call; check its permissions in Learnosity Console",
	41000: "the request lost its body on the way: check that the endpoint is the https:// address itself, not one that redirects",
	41001: "check " + EnvKey + ": a consumer key has 16 characters, without spaces, quotes or line breaks around it",
	41002: "check " + EnvKey + " for a typing error, quotes or spaces" + setUpDelay,
	41003: "check that " + EnvSecret + " is the secret of this very consumer key, without quotes, spaces or a line break around it; " +
		"what the server says of a browser does not apply here",
	41006: "the server misread the signature's expiry, which this program never sends; is a proxy changing requests?",
	41007: "the server misread the signature's expiry, which this program never sends; is a proxy changing requests?",
	41008: "the Data API is not enabled for this consumer; ask Learnosity Support",
	41009: "the consumer key is not active; check it in Learnosity Console",
	42000: "the quota is shared by every process with this consumer key; is another one running?",
}

// HintFor says what to do about a code of the API wherever it comes from, such
// as the results of a job; "" if nothing is known of it.
func HintFor(code int) string { return strings.TrimSuffix(hints[code], tellSupport) }

// Hint says what to check or do next, in a line; "" if nothing is known that
// the error does not say itself.
func (e *Error) Hint() string {
	if hint, ok := hints[e.Code]; ok {
		return hint
	}
	switch e.Code {
	case 40002, 40003:
		return fmt.Sprintf("the consumer key has no right to %s in item bank %s; check the organisation_id and "+
			"the key's item banks in Learnosity Console", e.Action, e.Bank) + setUpDelay
	case codeTimestamp:
		return e.skewHint()
	case 41005:
		return fmt.Sprintf("the domain %q is not on the consumer's list in Learnosity Console; set %s to one that is",
			e.domain, EnvDomain) + setUpDelay
	case 20012:
		return fmt.Sprintf("version %s of the Data API knows no %s; check the API version and the endpoint", e.version, e.Endpoint)
	case 42001:
		return fmt.Sprintf("version %s of the Data API was removed; choose a current one", e.version)
	case 43000:
		return fmt.Sprintf("version %s is older than this consumer is allowed to use; choose a newer one", e.version)
	}
	return e.faultHint()
}

func (e *Error) skewHint() string {
	skew := e.Skew.Round(time.Second)
	switch {
	case skew.Abs() < skewTolerance:
		return "the server refused the time of the signature although the clocks agree; try again" + tellSupport
	case skew.Abs() > maxCorrection:
		return fmt.Sprintf("the answer tells a time that is %s away from this machine's, and a request is signed with one that is at most %s away; "+
			"set the clock of this machine, or check what answers at %s", skew.Abs(), maxCorrection, e.Host)
	case skew > 0:
		return fmt.Sprintf("the clock of this machine is %s ahead of the server's; set it", skew)
	}
	return fmt.Sprintf("the clock of this machine is %s behind the server's; set it", -skew)
}

func (e *Error) faultHint() string {
	switch e.fault {
	case faultConnect:
		return fmt.Sprintf("no connection to %s could be made; check the endpoint, the network and the proxy settings", e.Host)
	case faultProxy:
		return e.proxyHint()
	case faultCertificate:
		return fmt.Sprintf("the certificate of %s is not trusted here; check the endpoint, the proxy and the system's certificates", e.Host)
	case faultTimeout, faultNoAnswer:
		return fmt.Sprintf("%s did not answer in full; check the network and try again", e.Host)
	case faultRedirect:
		return "the endpoint is not the API itself: is it http:// instead of https://, or a wrong host?"
	case faultTooLarge:
		return "no answer of the Data API is that large; check the endpoint"
	case faultNotJSON:
		return e.pageHint()
	}
	if e.Status >= 500 {
		return hints[10000]
	}
	return ""
}

// pageHint is for an answer that did not come from the API's own code.
func (e *Error) pageHint() string {
	switch {
	case e.Status == 404:
		return fmt.Sprintf("%s knows no %s/%s; check the API version and the endpoint", e.Host, e.version, e.Endpoint)
	case e.Status == 429:
		return hints[codeThrottled]
	case e.Status >= 500:
		return "a gateway answered in place of the API; try again later, and see Learnosity's status page"
	}
	return fmt.Sprintf("something other than the Data API answered at %s; check the endpoint and the proxy settings", e.Host)
}
