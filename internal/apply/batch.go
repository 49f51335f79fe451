package apply

import (
	"cmp"
	"time"

	"github.com/poolsync/poolsync/internal/diff"
	"github.com/poolsync/poolsync/internal/pool"
)

// task is one call of one change on its way.
type task struct {
	change  diff.Change
	call    diff.Call
	prior   *pool.Entry // as recorded before this call, nil if there was none
	entry   pool.Entry  // with this call as pending
	outcome *Outcome

	readAt      time.Time // when the live record was read that the call rests on
	requestUUID string    // of the answer that accepted the call
	final       bool      // the server refused just this call: it is not made again
}

// batch is what one request carries: pools of one bank.
type batch struct {
	verb  pool.Verb
	bank  pool.Bank
	tasks []*task
	limit int  // how many pools it may have
	half  bool // of a batch that was refused: its pools are read before it is sent
}

// batches groups tasks by verb and bank, at most pool.MaxBatch each, or as many as
// the limit of each of its pools allows, keeping their order.
func batches(tasks []*task, limits map[pool.Key]int) map[pool.Verb][]batch {
	out := map[pool.Verb][]batch{}
	for _, t := range tasks {
		v := t.call.Verb
		list, limit := out[v], cmp.Or(limits[t.change.Key], pool.MaxBatch)
		if n := len(list); n > 0 && list[n-1].bank == t.change.Bank && len(list[n-1].tasks) < min(limit, list[n-1].limit) {
			list[n-1].limit = min(limit, list[n-1].limit)
			list[n-1].tasks = append(list[n-1].tasks, t)
			continue
		}
		out[v] = append(list, batch{verb: v, bank: t.change.Bank, tasks: []*task{t}, limit: limit})
	}
	return out
}

// Calls counts the requests that a plan's calls need, by verb. Second calls of
// a pool and retires go in requests of their own.
func Calls(p diff.Plan) map[pool.Verb]int {
	n := map[pool.Verb]int{}
	for _, stage := range stages(runnable(p.Changes)) {
		for v, list := range batches(stage, nil) {
			n[v] += len(list)
		}
	}
	return n
}

// runnable gives a task for every call of every change that is not blocked.
func runnable(changes []diff.Change) []*task {
	var out []*task
	for _, ch := range changes {
		if len(ch.Blocked) > 0 {
			continue
		}
		for _, call := range ch.Calls {
			out = append(out, &task{change: ch, call: call})
		}
	}
	return out
}

// stages orders tasks: the first call of every pool, then the second ones, and
// retires after everything else.
func stages(tasks []*task) [3][]*task {
	var out [3][]*task
	for i, t := range tasks {
		switch {
		case t.call.Operation == pool.OpRetire:
			out[2] = append(out[2], t)
		case i > 0 && tasks[i-1].change.Key == t.change.Key:
			out[1] = append(out[1], t)
		default:
			out[0] = append(out[0], t)
		}
	}
	return out
}

// request gives the pool objects of the batch.
func (b batch) requests() []pool.Request {
	out := make([]pool.Request, len(b.tasks))
	for i, t := range b.tasks {
		out[i] = t.call.Request
	}
	return out
}

// halves cuts the batch in two.
func (b batch) halves() []batch {
	mid := len(b.tasks) / 2
	return []batch{
		{verb: b.verb, bank: b.bank, tasks: b.tasks[:mid], half: true},
		{verb: b.verb, bank: b.bank, tasks: b.tasks[mid:], half: true},
	}
}
