package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/report/message"
)

// ask puts a question on the terminal and reports whether the answer was yes.
func (p *program) ask(ctx context.Context, question string) bool {
	_, _ = fmt.Fprintf(p.Stderr, "%s Only \"yes\" is taken: ", message.Safe(question))
	answers := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(p.Stdin).ReadString('\n')
		answers <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		return false
	case answer := <-answers:
		return answer == "yes"
	}
}

// confirm asks on the terminal. The bank may have moved while the person was
// thinking, so it is read again: only what was shown is written.
func (a *application) confirm(ctx context.Context, plan diff.Plan) (exit, bool) {
	if !a.p.ask(ctx, "Apply this plan?") {
		if ctx.Err() != nil {
			return failed(ctx, context.Cause(ctx)), false
		}
		return exit{code: CodeError, reason: "not applied: the answer was not yes"}, false
	}
	again, err := a.replan(ctx)
	if err != nil {
		return failed(ctx, err), false
	}
	if again.Digest != plan.Digest {
		x := exit{code: CodeGuard, reason: "the bank has moved since the plan was shown; nothing was written"}
		return x.hint("run apply again to see the new plan"), false
	}
	return exit{}, true
}
