package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
)

var address = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// startSandbox starts the sandbox on a free port and waits until it says which.
func (d *demo) startSandbox(ctx context.Context) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := d.command(ctx, "sandbox", "--addr", "127.0.0.1:0")
	told, err := cmd.StderrPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	stop = func() {
		cancel() // ends it
		_ = cmd.Wait()
	}
	lines := bufio.NewScanner(told)
	for lines.Scan() {
		if d.endpoint = address.FindString(lines.Text()); d.endpoint != "" {
			go func() { _, _ = io.Copy(io.Discard, told) }() // it must never wait for a reader
			return stop, nil
		}
	}
	stop()
	return nil, errors.Join(errors.New("it ended without telling its address"), lines.Err())
}

// rename gives a pool another name in the bank, past poolsync.
func (d *demo) rename(ctx context.Context, reference, name string) error {
	url := d.endpoint + "/_sandbox/pools/505/" + reference
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(fmt.Sprintf(`{"name":%q}`, name)))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("rename %s by hand: %s", reference, resp.Status)
	}
	return nil
}
