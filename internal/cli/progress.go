package cli

import (
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/poolsync/poolsync/internal/apply"
)

// progressEvery is how often progress is told where there is no terminal.
const progressEvery = 10 * time.Second

// progress shows how far a run has come: a bar on a terminal, a line now and
// then elsewhere.
type progress struct {
	mu   sync.Mutex
	now  apply.Progress
	bar  *progressbar.ProgressBar
	stop chan struct{}
	told sync.WaitGroup
}

func newProgress(p *program) *progress {
	s := &progress{stop: make(chan struct{})}
	if terminal(p.Stderr) {
		s.bar = newBar(p.Stderr)
		return s
	}
	s.told.Go(func() { s.tell(p) })
	return s
}

func newBar(w io.Writer) *progressbar.ProgressBar {
	return progressbar.NewOptions(1,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("jobs ended"), progressbar.OptionShowCount(),
		progressbar.OptionSetElapsedTime(true), progressbar.OptionSetPredictTime(false), progressbar.OptionClearOnFinish())
}

func (s *progress) update(now apply.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
	if s.bar != nil && now.Total > 0 {
		s.bar.ChangeMax(now.Total)
		_ = s.bar.Set(now.Ended)
	}
}

func (s *progress) tell(p *program) {
	t := time.NewTicker(progressEvery)
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-t.C:
			s.mu.Lock()
			now := s.now
			s.mu.Unlock()
			p.say("%d of %s accepted, %s ended", now.Accepted, plural(now.Total, "call"), plural(now.Ended, "job"))
		}
	}
}

func (s *progress) end() {
	close(s.stop)
	s.told.Wait() // nothing is told after the result
	if s.bar != nil {
		_ = s.bar.Finish()
	}
}
