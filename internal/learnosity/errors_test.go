package learnosity

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/pool"
)

// Trap 8: what the server says of 41003 misleads, so the hint says what to
// check. Trap 29: after a set-up, some refusals are not final.
func TestTrap08And29Hints(t *testing.T) {
	tests := []struct {
		answer *reply
		want   []string
	}{
		{failure(403, 41002), []string{EnvKey, "30 minutes"}},
		{failure(403, 41003), []string{EnvSecret, "of this very consumer key", "line break", "browser does not apply"}},
		{failure(403, 41005), []string{`domain "localhost"`, EnvDomain, "30 minutes"}},
		{failure(403, 40002), []string{"set in item bank 505", "organisation_id", "30 minutes"}},
		{failure(403, 40003), []string{"set in item bank 505", "organisation_id", "30 minutes"}},
		{failure(400, 41000), []string{"https://"}},
		{failure(403, 41001), []string{EnvKey, "16 characters"}},
		{failure(410, 42001), []string{DefaultVersion, "was removed"}},
		{failure(400, 43000), []string{DefaultVersion, "newer"}},
		{failure(400, 20000), []string{"manifest"}},
		{failure(400, 20001), []string{"manifest"}},
		{failure(400, 20002), []string{"share"}},
		{failure(400, 20003), []string{"manifest"}},
		{failure(400, 20004), []string{"manifest"}},
		{failure(400, 20009), []string{"API version"}},
		{failure(409, 20011), []string{"poolsync plan"}},
		{failure(404, 20012), []string{DefaultVersion, "itembank/pools"}},
		{failure(400, 20013), []string{"an item", "validate --online"}},
		{failure(400, 20014), []string{"a tag", "validate --online"}},
		{failure(400, 20015), []string{"a tag type", "validate --online"}},
		{failure(400, 20027), []string{"too large"}},
		{failure(400, 30000), []string{"poolsync adopt"}},
		{failure(400, 30001), []string{"validate --online"}},
		{failure(400, 30002), []string{"publish it"}},
		{failure(400, 30003), []string{"twice"}},
		{failure(400, 40000), []string{"permissions"}},
		{failure(405, 40001), []string{"permissions"}},
		{failure(500, 10000), []string{"try again later", "Support"}},
		{failure(502, 0), []string{"try again later"}},
		{&reply{status: 503, kind: "text/html", body: "<html>"}, []string{"gateway"}},
		{&reply{status: 301, kind: "text/html", body: "<html>"}, []string{"http://", "wrong host"}},
		{&reply{status: 404, kind: "text/plain", body: "not found"}, []string{"data.learnosity.com knows no v2026.2.LTS/itembank/pools"}},
		{&reply{status: 429, kind: "text/plain", body: "slow down"}, []string{"every process"}},
		{&reply{status: 200, kind: "text/html", body: "<html>"}, []string{"something other than the Data API"}},
		{broken(errDial), []string{"no connection to data.learnosity.com", "proxy"}},
		{broken(errReset), []string{"did not answer in full"}},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.answer.status, test.answer.body), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, err := answers(t, test.answer).client().Write(t.Context(), pool.Set, 505, []pool.Request{request("p")})
				e, ok := errors.AsType[*Error](err)
				require.True(t, ok)
				for _, want := range test.want {
					require.Contains(t, e.Hint(), want)
				}
				require.NotContains(t, e.Hint(), "\n")
			})
		})
	}
	require.Empty(t, (&Error{Status: 409, Code: 29999}).Hint())
}

func TestErrorText(t *testing.T) {
	s := answers(t, failure(403, 41003))
	_, err := s.client().Write(t.Context(), pool.Set, 505, []pool.Request{request("p")})
	require.EqualError(t, err, "set pools (bank 505): HTTP 403, code 41003: no 41003 (request_uuid uuid-1)")
	s = answers(t, &reply{status: 404, kind: "text/plain", body: "404 page\nnot found\n"})
	_, err = s.reader().Jobs(t.Context(), JobsQuery{})
	require.EqualError(t, err, "get jobs (bank primary): HTTP 404: 404 page not found: the answer is not JSON")
}

// What a server says is not trusted: no control characters, no length without
// end, and no secret even if the server repeats it.
func TestServerTextIsCleaned(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	s := answers(t, jsonReply(400, `{"meta":{"status":false,"code":20004,"message":"a\u001b[31m\r\n::error::b\u202e `+
		testSecret+` `+long+`","request_uuid":"u\n`+long+`"}}`))
	_, err := s.reader().Items(t.Context(), ItemsQuery{})
	text := err.Error()
	require.Contains(t, text, "HTTP 400, code 20004: a [31m ::error::b [redacted] xxx")
	require.NotContains(t, text, testSecret)
	require.Less(t, len(text), 1000)
	for _, r := range text {
		require.True(t, r >= ' ' && r != '\u202e' && r != 0x7f, "%q", r)
	}
}

func TestMessageOfAnyShape(t *testing.T) {
	s := answers(t, jsonReply(400, `{"meta":{"status":false,"code":"20009","message":{"name":["too long"]}}}`))
	_, err := s.reader().Items(t.Context(), ItemsQuery{})
	require.EqualError(t, err, "get items (bank primary): HTTP 400, code 20009: name: too long")
}

func TestJudgements(t *testing.T) {
	wrapped := func(status, code int) error {
		return fmt.Errorf("batch 2: %w", &Error{Status: status, Code: code, Effect: effectOf(status, code)})
	}
	tests := []struct {
		name                     string
		err                      error
		refused, doubt, requests bool
	}{
		{"nil", nil, false, false, false},
		{"foreign", errors.New("x"), false, true, false},
		{"validation", wrapped(400, 20004), true, false, true},
		{"conflict", wrapped(409, 20011), true, false, true},
		{"duplicate", wrapped(400, 30000), true, false, true},
		{"caller", wrapped(403, 40003), true, false, false},
		{"validation with 200", wrapped(200, 20004), true, false, false},
		{"quota", wrapped(429, 42000), false, false, false},
		{"internal", wrapped(500, 10000), false, true, false},
		{"not sent", &Error{Effect: NotSent}, false, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.refused, WasRefused(test.err))
			require.Equal(t, test.doubt, IsInDoubt(test.err))
			require.Equal(t, test.requests, IsAboutRequest(test.err))
		})
	}
}

func TestOutcomeOf(t *testing.T) {
	require.Equal(t, InDoubt, OutcomeOf(errors.New("anything")))
	require.Equal(t, Refused, OutcomeOf(fmt.Errorf("batch 2: %w", &Error{Effect: Refused})))
	require.Equal(t, "in doubt, refused, not sent", fmt.Sprintf("%v, %v, %v", InDoubt, Refused, NotSent))
}
