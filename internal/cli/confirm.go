package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/report"
	"github.com/poolsync/poolsync/internal/report/message"
)

// ask puts a question on the terminal and reports whether the answer was yes.
func (p *program) ask(ctx context.Context, question string) bool {
	p.shows.enter("")
	_, _ = fmt.Fprintf(p.Stderr, "%s Type yes: ", message.Safe(question))
	answers := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(p.Stdin).ReadString('\n')
		answers <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		_, _ = fmt.Fprintln(p.Stderr)
		return false
	case answer := <-answers:
		return answer == "yes"
	}
}

// confirm asks on the terminal. The bank may have moved while the person was
// thinking, so it is read again: only what was shown is written.
func (a *application) confirm(ctx context.Context, plan diff.Plan) (exit, bool) {
	if !a.p.ask(ctx, report.Question(plan, a.banks()).Text()) {
		if ctx.Err() != nil {
			return failed(ctx, context.Cause(ctx)), false
		}
		return exit{code: CodeError, reason: "nothing was written: the answer was not yes"}, false
	}
	again, err := a.replan(ctx)
	if err != nil {
		return failed(ctx, err), false
	}
	if again.Digest != plan.Digest {
		x := exit{code: CodeGuard, reason: "nothing was written: the bank changed while the plan was shown"}
		return x.hint("to see the new plan, run the same command again"), false
	}
	return exit{}, true
}
