package report

import (
	"time"

	"github.com/poolsync/poolsync/internal/report/message"
)

// Offline marks a plan that was made without asking the bank.
type Offline struct {
	// RecordedAt is when something was applied last; zero if nothing ever was.
	RecordedAt time.Time `json:"recorded_at,omitzero"`
}

// against says what an offline plan compares with.
func (o *Offline) against() message.Message {
	if o.RecordedAt.IsZero() {
		return message.New("Compared with an empty state; the bank was not asked.")
	}
	return message.New("Compared with what was recorded on %s; the bank was not asked.", message.Code(o.RecordedAt.UTC().Format("2006-01-02 15:04 UTC")))
}

// offlineHeadline never claims that nothing differs from the bank.
func (p Plan) offlineHeadline() message.Message {
	switch n, blocked := p.changing(), p.Summary.Blocked; {
	case n == 0 && p.Summary.nothing():
		return message.New("Nothing differs from what was recorded")
	case n == 0:
		return message.New("Nothing to write, as recorded")
	case blocked == 0:
		return message.New("%s, as recorded", message.Count(n, "change"))
	default:
		return message.New("%s, as recorded, %s blocked", message.Count(n, "change"), message.Number(blocked))
	}
}
