package state

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
)

// ended is a run here that has made its last call and could not give its lease
// back. It says so itself in the recovery file when it closes, and nobody else
// writes there: so the next run in this repository may take its lease over at
// once.
type ended struct {
	Holder         // as in its lease, without the deadline
	Host    string `json:"host"`
	Process int    `json:"process"`
}

// leftBy reports whether a lease is that of a run that has ended. A process of
// that number that lives is taken to be that run; our own is not, since a session
// that is closed sends nothing more.
func leftBy(runs []ended, lease *Holder) bool {
	host, _ := os.Hostname()
	return lease != nil && slices.ContainsFunc(runs, func(e ended) bool {
		same := e.Who == lease.Who && e.Where == lease.Where && e.Run == lease.Run && e.Nonce == lease.Nonce && e.Since.Equal(lease.Since)
		return same && (e.Host != host || e.Process == os.Getpid() || !alive(e.Process))
	})
}

// mayStand reports whether the session's own lease may be on the branch still.
func (s *gitSession) mayStand() bool {
	if s.broken == nil || !s.asked || errors.Is(s.broken, ErrMoved) {
		return false
	}
	var lost *LostError
	var remote *RemoteError
	never := s.hold.until().IsZero() && errors.As(s.broken, &remote) && remote.Refused
	return !never && !errors.As(s.broken, &lost)
}

// leave notes in the recovery file that this run has ended.
func (s *gitSession) leave() {
	host, err := os.Hostname()
	if err == nil {
		err = s.rewriteRecovery(func(r *recovery) {
			r.Ended = append(r.Ended, ended{Holder: s.holder, Host: host, Process: os.Getpid()})
		})
	}
	if err != nil {
		s.Log.LogAttrs(context.Background(), slog.LevelWarn, "the end of the run is not noted; its lease ends by itself", slog.String("error", err.Error()))
	}
}
