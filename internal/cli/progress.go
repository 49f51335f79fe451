package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/poolsync/poolsync/internal/apply"
	"github.com/poolsync/poolsync/internal/report/message"
)

const (
	// progressEvery is how often progress is told where there is no terminal.
	progressEvery = 10 * time.Second
	// progressAfter is how long a run lasts before its terminal shows progress, and
	// progressTick how often the line moves then.
	progressAfter = time.Second
	progressTick  = time.Second
)

// progress tells how far a run has come: one line that moves on a terminal, a
// line now and then elsewhere. Its clock runs though nothing ends.
type progress struct {
	out   io.Writer
	width int  // of the terminal
	moves bool // the line is written over

	mu      sync.Mutex
	stage   string    // what is waited for
	begun   time.Time // the stage
	now     apply.Progress
	shown   bool // the line stands on the terminal
	stopped bool
	stop    chan struct{}
	told    sync.WaitGroup
}

// newProgress begins to tell of a run.
func newProgress(p *program) *progress {
	moves := terminal(p.Stderr) && p.Getenv("TERM") != "dumb" && p.Getenv("CI") == ""
	return tellOn(p.Stderr, p.columns(p.Stderr), moves)
}

func tellOn(out io.Writer, width int, moves bool) *progress {
	s := &progress{out: out, width: width, moves: moves, stop: make(chan struct{}), begun: time.Now()}
	s.told.Go(s.tell)
	return s
}

// enter begins another stage. A nil progress tells nothing.
func (s *progress) enter(stage string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stage == stage {
		return
	}
	s.stage, s.begun = stage, time.Now()
	if stage == "" {
		s.wipe()
	}
}

// update tells of calls and jobs.
func (s *progress) update(now apply.Progress) {
	s.enter("applying")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

// tell writes the line, again and again until the end.
func (s *progress) tell() {
	every := progressEvery
	if s.moves {
		every = progressTick
		if !s.sleep(progressAfter) {
			return
		}
		s.show()
	}
	for s.sleep(every) {
		s.show()
	}
}

func (s *progress) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.stop:
		return false
	case <-t.C:
		return true
	}
}

func (s *progress) show() {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := s.line()
	switch {
	case line == "" || s.stopped:
	case s.moves:
		_, _ = fmt.Fprintf(s.out, "\r\x1b[K%s", cutTo(line, s.width-1))
		s.shown = true
	default:
		_, _ = fmt.Fprintf(s.out, "poolsync: %s\n", line)
	}
}

// line is what is waited for, how much of it is done, and for how long.
func (s *progress) line() string {
	if s.stage == "" {
		return ""
	}
	lasts := time.Since(s.begun).Round(time.Second)
	if s.now.Total == 0 || s.stage != "applying" {
		return message.Safe(fmt.Sprintf("%s for %s", s.stage, lasts))
	}
	line := fmt.Sprintf("applying: %d of %s done, %d under way", s.now.Ended, plural(s.now.Total, "pool"), s.now.Accepted-s.now.Ended)
	return message.Safe(fmt.Sprintf("%s, for %s", line, lasts))
}

// clear takes the line off the terminal, so that another can be written.
func (s *progress) clear() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe()
}

func (s *progress) wipe() {
	if s.shown {
		_, _ = io.WriteString(s.out, "\r\x1b[K")
		s.shown = false
	}
}

// end ends the telling: nothing is told after the result.
func (s *progress) end() {
	if s == nil {
		return
	}
	s.mu.Lock()
	done := s.stopped
	s.stopped = true
	s.mu.Unlock()
	if done {
		return
	}
	close(s.stop)
	s.told.Wait()
	s.clear()
}

// cutTo cuts text to a number of columns.
func cutTo(text string, columns int) string {
	if columns <= 0 {
		return text
	}
	for message.Width(text) > columns {
		r := []rune(text)
		text = string(r[:len(r)-1])
	}
	return text
}

// clearing takes the line of progress off the terminal before each write.
type clearing struct {
	p *program
	w io.Writer
}

// Write writes whole lines.
func (c clearing) Write(data []byte) (int, error) {
	c.p.shows.clear()
	return c.w.Write(data)
}
