package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
)

// ServeHTTP serves the Data API, and under /_sandbox/ the control surface to
// loopback addresses.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rep := s.reply(r, isLoopback(r))
	switch rep.ending {
	case endNever:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case endCut:
		panic(http.ErrAbortHandler) // net/http closes the connection without a word
	}
	h := w.Header()
	h["Date"] = nil // or net/http writes its own
	if !rep.date.IsZero() {
		h.Set("Date", rep.date.Format(http.TimeFormat))
	}
	h.Set("Content-Type", rep.contentType)
	if rep.location != "" {
		h.Set("Location", rep.location)
	}
	length := len(rep.body)
	if rep.ending == endShort {
		length *= 2
	}
	h.Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(rep.status)
	_, err := w.Write(rep.body)
	if rep.ending == endShort {
		err = errors.Join(io.ErrUnexpectedEOF, http.NewResponseController(w).Flush())
	}
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

func (s *Server) reply(r *http.Request, local bool) reply {
	if strings.HasPrefix(r.URL.Path, controlPrefix) {
		return s.control(r, local)
	}
	return s.answer(r)
}

// RoundTripper returns a transport that reaches the server without a socket,
// whatever the host of the URL: inside a testing/synctest bubble waiting costs
// nothing. Cut connections become the errors net/http would give.
func (s *Server) RoundTripper() http.RoundTripper { return roundTripper{s} }

type roundTripper struct{ server *Server }

// RoundTrip carries one request out in the caller's goroutine.
func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		closeBody(r)
		return nil, err
	}
	in := r.Clone(ctx)
	in.PostForm, in.Form, in.MultipartForm = nil, nil, nil
	rep := t.server.reply(in, true)
	closeBody(r)
	switch rep.ending {
	case endNever:
		<-ctx.Done()
		return nil, ctx.Err()
	case endCut:
		return nil, fmt.Errorf("read: %w", syscall.ECONNRESET)
	}
	return rep.response(r), nil
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		r.Body.Close()
	}
}

func (rep reply) response(r *http.Request) *http.Response {
	h := http.Header{}
	if !rep.date.IsZero() {
		h.Set("Date", rep.date.Format(http.TimeFormat))
	}
	h.Set("Content-Type", rep.contentType)
	if rep.location != "" {
		h.Set("Location", rep.location)
	}
	body, length := io.Reader(bytes.NewReader(rep.body)), len(rep.body)
	if rep.ending == endShort {
		body, length = io.MultiReader(body, cutReader{}), 2*length
	}
	h.Set("Content-Length", strconv.Itoa(length))
	return &http.Response{
		Status: strconv.Itoa(rep.status) + " " + http.StatusText(rep.status), StatusCode: rep.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, ContentLength: int64(length), Body: io.NopCloser(body), Request: r,
	}
}

// cutReader ends a body the way a lost connection does.
type cutReader struct{}

func (cutReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
