package sandbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// The consumer that a server accepts unless Options say otherwise. Both are made
// up and public: they open nothing but a sandbox.
const (
	DefaultConsumerKey    = "sandbox-consumer"
	DefaultConsumerSecret = "sandbox-secret-made-up-and-public-0000001"
)

// The limits of the pools, items and jobs endpoints.
const (
	pageSize     = 50   // records of a get, pools of a set or update
	maxFilter    = 1000 // references a get may filter by
	maxBodyBytes = 32 << 20
)

// Options configure a Server. The zero value serves the embedded bank to the
// default consumer from localhost.
type Options struct {
	// ConsumerKey (16 characters) and ConsumerSecret identify the only consumer.
	ConsumerKey, ConsumerSecret string
	// Domains are the allow-listed values of security.domain; default localhost.
	Domains []string
	// Latency is the time from a job's creation to its end, the first half of it
	// queued, the second running. 0 means 300ms, below 0 none at all.
	Latency time.Duration
	// Switches settle what the documentation leaves open.
	Switches Switches
	// Bank is the content to start with; default DefaultBank(). The server works on
	// a copy. An existing DataFile takes its place.
	Bank *Bank
	// AnyItem makes every well-formed item or activity reference exist, published,
	// and lets a tag that matches nothing match a few made-up items: for benchmarks
	// with invented content.
	AnyItem bool
	// DataFile keeps all pools, jobs and bank edits across restarts. It is written
	// whole after each change, so leave it out of benchmarks.
	DataFile string
	// NoQuotas switches off the documented quotas per 5-second window.
	NoQuotas bool
	// MaxSkew is how far security.timestamp may be from the server's clock;
	// default 3h, which the Events API documents; no page gives the Data API's (U17).
	MaxSkew time.Duration
	// ClockOffset is added to the real clock wherever the server reads it.
	ClockOffset time.Duration
	// ResponseDelay holds back every answer. The work is done after the wait.
	ResponseDelay time.Duration
	// LogLimit bounds the access log to the newest calls; 0 keeps all.
	LogLimit int
	// PageSize is the most records of a get, and its default limit; default and
	// maximum 50. A smaller one makes tests page early.
	PageSize int
	// Seed makes job references and request uuids repeatable. Left empty they are
	// random, so that a state file from another sandbox never meets its own.
	Seed string
}

func (o Options) withDefaults() Options {
	o.ConsumerKey = cmp.Or(o.ConsumerKey, DefaultConsumerKey)
	o.ConsumerSecret = cmp.Or(o.ConsumerSecret, DefaultConsumerSecret)
	o.Latency = max(cmp.Or(o.Latency, 300*time.Millisecond), 0)
	o.MaxSkew = cmp.Or(o.MaxSkew, 3*time.Hour)
	o.PageSize = min(max(cmp.Or(o.PageSize, pageSize), 1), pageSize)
	if len(o.Domains) == 0 {
		o.Domains = []string{"localhost"}
	}
	return o
}

// Server is the emulated Data API: an http.Handler, safe for concurrent use. It
// starts no goroutine and no timer: whatever is due is done when the next request
// or accessor comes in.
type Server struct {
	opts Options

	mu      sync.Mutex
	sw      settings
	primary int64
	banks   map[int64]*bankState
	jobs    []*job // in order of creation
	jobRefs map[string]*job
	due     jobQueue
	batches int64
	quota   map[quotaKey][]time.Time
	faults  []*armedFault
	late    []delivery // requests that have yet to arrive, in order
	reads   int        // reads of pools, for the two replicas
	log     []Call
	drawn   uint64 // identifiers drawn so far
	dirty   bool   // something changed since the data file was written
}

// New makes a server. The error is about the options, the bank or the data file.
func New(opts Options) (*Server, error) {
	opts = opts.withDefaults()
	if len(opts.ConsumerKey) != keyLength {
		return nil, fmt.Errorf("consumer key: want %d characters, got %d", keyLength, len(opts.ConsumerKey))
	}
	s := &Server{opts: opts, jobRefs: map[string]*job{}, quota: map[quotaKey][]time.Time{}}
	if err := s.SetSwitches(opts.Switches); err != nil {
		return nil, err
	}
	if opts.DataFile != "" {
		switch err := s.load(opts.DataFile); {
		case err == nil:
			return s, nil
		case !errors.Is(err, os.ErrNotExist):
			return nil, err
		}
	}
	bank := opts.Bank
	if bank == nil {
		bank = parsedSeed()
	}
	if err := s.seed(bank); err != nil {
		return nil, err
	}
	return s, nil
}

// seed takes over a copy of the bank.
func (s *Server) seed(b *Bank) error {
	copied := b.clone()
	if err := copied.complete(); err != nil {
		return fmt.Errorf("bank: %w", err)
	}
	s.primary, s.banks = copied.Primary, map[int64]*bankState{}
	for i := range copied.ItemBanks {
		s.banks[copied.ItemBanks[i].OrganisationID] = newBankState(&copied.ItemBanks[i], s.opts.AnyItem)
	}
	return nil
}

// SetSwitches replaces all switches. What has happened already stays as it is.
func (s *Server) SetSwitches(sw Switches) error {
	r, err := sw.resolve(s.opts.MaxSkew)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sw = r
	return nil
}

// Switches returns the switches in force, defaults filled in.
func (s *Server) Switches() Switches {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sw.Switches
}

// now is the server's clock.
func (s *Server) now() time.Time {
	return time.Now().Add(s.opts.ClockOffset).Add(s.sw.server).UTC()
}

// lockedNow is now for those who do not hold the lock.
func (s *Server) lockedNow() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// stored is how the database dates what happens at t by the server's clock.
func (s *Server) stored(t time.Time) time.Time { return t.Add(s.sw.database) }

// uuid draws an identifier in the form of a version 4 UUID.
func (s *Server) uuid() string {
	var b [16]byte
	if s.opts.Seed == "" {
		rand.Read(b[:]) // never fails (crypto/rand)
	} else {
		s.drawn++
		sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(s.opts.Seed), s.drawn))
		copy(b[:], sum[:])
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// bankOf finds the bank that a request names by organisation_id; 0 is the primary.
func (s *Server) bankOf(organisation int64) (*bankState, *apiError) {
	b, ok := s.banks[cmp.Or(organisation, s.primary)]
	if !ok {
		return nil, refusal(403, 40003, "the consumer has no rights on organisation %d", organisation)
	}
	return b, nil
}

// wait pauses for d, or until the request is given up.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
