package ghactions

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Output is an output of the step.
type Output struct{ Name, Value string }

// WriteOutputs hands outputs to the runner. Each stands between two lines of a
// random word, so that no value can end itself and begin another output.
func WriteOutputs(file string, outputs []Output) error {
	if file == "" {
		return nil
	}
	var b strings.Builder
	for _, o := range outputs {
		word := "poolsync-" + rand.Text()
		if strings.Contains(o.Value, word) {
			return errors.New("an output holds the random word that would end it")
		}
		fmt.Fprintf(&b, "%s<<%s\n%s\n%s\n", o.Name, word, o.Value, word)
	}
	return appendTo(file, b.String())
}

// MaxSummary is how many bytes of Markdown the summary has at most: the runner
// drops one of more than 1 MiB as a whole.
const MaxSummary = 1_000_000

// WriteSummary adds to the summary of the step.
func WriteSummary(file, markdown string) error {
	if file == "" {
		return nil
	}
	return appendTo(file, markdown)
}

func appendTo(file, text string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
