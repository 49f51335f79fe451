package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/poolsync/poolsync/internal/diff"
)

// confirm asks on the terminal. The bank may have moved while the person was
// thinking, so it is read again: only what was shown is written.
func (a *application) confirm(ctx context.Context, plan diff.Plan) (exit, bool) {
	_, _ = fmt.Fprint(a.p.Stderr, "Apply this plan? Only \"yes\" is taken: ")
	answers := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.p.Stdin).ReadString('\n')
		answers <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		return failed(ctx, context.Cause(ctx)), false
	case answer := <-answers:
		if answer != "yes" {
			return exit{code: CodeError, reason: "not applied: the answer was not yes"}, false
		}
	}
	again, err := a.replan(ctx)
	if err != nil {
		return a.failed(ctx, err), false
	}
	if again.Digest != plan.Digest {
		x := exit{code: CodeGuard, reason: "the bank has moved since the plan was shown; nothing was written"}
		return x.hint("run apply again to see the new plan"), false
	}
	return exit{}, true
}
