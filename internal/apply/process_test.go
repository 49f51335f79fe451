package apply_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/sandbox"
	"github.com/poolsync/poolsync/internal/state"
)

// Faults that the sandbox cannot have, since they happen on the way to it.
const (
	connectionRefused = "refused"     // nothing listens
	jobUnknown        = "job-unknown" // the jobs endpoint does not list what was just accepted
)

var errKilled = errors.New("killed")

// process is one life of the program, with a client and a hold of the state of
// its own. Its calls and its writes of the state are its points. It can be made
// to die at one of them; nothing that it does after its death has any effect.
type process struct {
	lab *lab
	// dieAt is the point at which it dies, 0 for none. Late means that the call
	// or write still takes effect, and only nobody hears of it.
	dieAt int
	late  bool
	// spoil chooses the fault of a call by its number, counted from 1.
	spoil func(n int, action, endpoint string) string

	mu            sync.Mutex
	points, calls int
	dead          bool
	cancel        context.CancelCauseFunc
}

// enter counts a point. It reports whether the process dies there.
func (p *process) enter(call bool) (n int, last bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return 0, false, errKilled
	}
	p.points++
	if call {
		p.calls++
	}
	if last = p.points == p.dieAt; last && !p.late {
		p.die()
		return 0, true, errKilled
	}
	return p.calls, last, nil
}

func (p *process) die() {
	p.dead = true
	p.cancel(errKilled)
}

func (p *process) dieLate() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.die()
	return errKilled
}

// RoundTrip makes a call, unless the process is dead.
func (p *process) RoundTrip(r *http.Request) (*http.Response, error) {
	action, endpoint, _ := strings.Cut(r.Header.Get("X-Learnosity-Action"), "_/")
	n, last, err := p.enter(true)
	if err != nil {
		return nil, err
	}
	kind := ""
	if p.spoil != nil {
		kind = p.spoil(n, action, endpoint)
	}
	switch kind {
	case "", jobUnknown:
	case connectionRefused:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	default:
		f := sandbox.Fault{Action: action, Endpoint: endpoint, Nth: 1, Kind: sandbox.FaultKind(kind)}
		if err := p.lab.server.AddFault(f); err != nil {
			return nil, err
		}
	}
	resp, err := p.lab.server.RoundTripper().RoundTrip(r)
	if last {
		return nil, p.dieLate()
	}
	if err == nil && kind == jobUnknown && endpoint == "jobs" {
		return withoutRecords(resp)
	}
	return resp, err
}

// withoutRecords takes the records out of an answer.
func withoutRecords(resp *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var envelope map[string]json.RawMessage
	if json.Unmarshal(body, &envelope) == nil && envelope["data"] != nil {
		envelope["data"] = json.RawMessage(`[]`)
		if body, err = json.Marshal(envelope); err != nil {
			return nil, err
		}
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, nil
}

// mortalSession is a hold of the state by a process that may die.
type mortalSession struct {
	state.Session
	process *process
	torn    bool // it died while writing
}

func (s *mortalSession) Commit(ctx context.Context, message string, c state.Change) error {
	_, last, err := s.process.enter(false)
	if err != nil {
		s.torn = s.torn || last
		return err
	}
	if err := s.Session.Commit(ctx, message, c); err != nil {
		return err
	}
	if last {
		return s.process.dieLate()
	}
	return nil
}

// leaseOfTheDead is how long the lease of a process that died may stand.
const leaseOfTheDead = 6 * time.Minute

// live runs one apply as a process.
func (l *lab) live(ctx context.Context, p *process) (apply.Result, error) {
	l.t.Helper()
	ctx, p.cancel = context.WithCancelCause(ctx)
	defer p.cancel(nil)
	p.lab = l
	session := mortalSession{memorySession{l.memory}, p, false}
	if l.disk != "" {
		held, err := state.File{Path: l.disk}.Acquire(ctx, state.Holder{Who: "test"})
		require.NoError(l.t, err)
		session.Session = held
	}
	branch := state.Git{Dir: l.repo, Now: l.now}
	if l.repo != "" {
		<-time.After(leaseOfTheDead)
		held, err := branch.Acquire(ctx, state.Holder{Who: "test"})
		require.NoError(l.t, err)
		session.Session = held
	}
	outside := l.client
	l.client = newClient(l.t, p)
	result, err := l.run(ctx, l.client, state.NewRecorder(&session, "test"))
	l.client = outside
	if l.repo != "" {
		if !p.dead {
			require.NoError(l.t, session.Close())
		}
		l.memory.Snapshot, err = branch.Read(l.t.Context())
		require.NoError(l.t, err)
		return result, err
	}
	if l.disk == "" {
		return result, err
	}
	died := l.disk
	if p.dead {
		l.disk = l.image(session.torn)
	}
	require.NoError(l.t, session.Close())
	if p.dead {
		require.NoError(l.t, os.RemoveAll(filepath.Dir(died)))
	}
	l.memory.Snapshot, err = state.File{Path: l.disk}.Read(ctx)
	require.NoError(l.t, err)
	return result, err
}

// image copies the state file as the death of its holder leaves it, with half a
// record at the end of the journal if it died while writing.
func (l *lab) image(torn bool) string {
	l.t.Helper()
	path := filepath.Join(l.t.TempDir(), "state.json")
	for _, suffix := range []string{"", ".journal"} {
		data, err := os.ReadFile(l.disk + suffix)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		require.NoError(l.t, err)
		if torn && suffix != "" {
			data = append(data, `{"serial":9,"put":[{"fo`...)
		}
		require.NoError(l.t, os.WriteFile(path+suffix, data, 0o600))
	}
	return path
}
