package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Object is a file of a commit, as it is listed.
type Object struct{ Mode, Kind, ID, Path string }

// Line is the object as git lists it.
func (o Object) Line() string { return o.Mode + " " + o.Kind + " " + o.ID + "\t" + o.Path }

// Files lists the files of a commit and reads those that are wanted, in one batch.
// What is missing here, as in a damaged clone, is fetched, and read again.
func (b Branch) Files(ctx context.Context, commit string, wanted func([]Object) []Object) ([]Object, [][]byte, error) {
	for repaired := false; ; repaired = true {
		objects, blobs, err := b.files(ctx, commit, wanted)
		if err == nil || repaired || ctx.Err() != nil || b.Remote == "" {
			return objects, blobs, err
		}
		if came, fetchErr := b.complete(ctx, commit); !came {
			return nil, nil, errors.Join(err, fetchErr)
		}
	}
}

func (b Branch) files(ctx context.Context, commit string, wanted func([]Object) []Object) ([]Object, [][]byte, error) {
	listing, err := b.Run(ctx, nil, "ls-tree", "-r", "-z", "--full-tree", commit)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	objects := wanted(parseListing(string(listing)))
	var ask bytes.Buffer
	for _, o := range objects {
		ask.WriteString(o.ID + "\n")
	}
	out, err := b.Run(ctx, &ask, "cat-file", "--batch", "--buffer")
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	blobs := make([][]byte, len(objects))
	for i, o := range objects {
		if blobs[i], out, err = nextBlob(out); err != nil {
			return nil, nil, fmt.Errorf("read %s: %w", o.Path, err)
		}
	}
	return objects, blobs, nil
}

// parseListing takes the output of ls-tree -z apart.
func parseListing(listing string) []Object {
	var out []Object
	for line := range strings.SplitSeq(strings.TrimSuffix(listing, "\x00"), "\x00") {
		meta, path, _ := strings.Cut(line, "\t")
		if f := strings.Fields(meta); len(f) == 3 {
			out = append(out, Object{f[0], f[1], f[2], path})
		}
	}
	return out
}

// nextBlob cuts an object off the output of cat-file.
func nextBlob(out []byte) (data, rest []byte, err error) {
	line, rest, ok := bytes.Cut(out, []byte("\n"))
	fields := strings.Fields(string(line))
	if ok && len(fields) == 2 && fields[1] == "missing" {
		return nil, nil, fmt.Errorf("%w: %s", ErrMissing, fields[0])
	}
	if !ok || len(fields) != 3 {
		return nil, nil, fmt.Errorf("git cat-file: %s", Harmless(string(line)))
	}
	n, err := strconv.Atoi(fields[2])
	if err != nil || n < 0 || n >= len(rest) {
		return nil, nil, errors.New("git cat-file: its output ends too early")
	}
	return rest[:n], rest[n+1:], nil
}

// maxRounds bounds how often is looked for what is missing: a tree that arrives
// may name others.
const maxRounds = 5

// complete fetches what is missing of a commit's files, all of it at once, and
// reports whether anything came. In a partial clone git would fetch one object
// after another.
func (b Branch) complete(ctx context.Context, commit string) (came bool, err error) {
	for range maxRounds {
		missing, err := b.missing(ctx, commit)
		if err != nil || len(missing) == 0 {
			return came, err
		}
		// Nothing is said of what is here: our references claim more than there is.
		args := append([]string{"-c", "fetch.negotiationAlgorithm=noop"}, fetchArgs...)
		if _, err := b.remote(ctx, strings.Join(missing, "\n")+"\n", append(args, "--stdin", b.Remote)...); err != nil {
			return came, fmt.Errorf("fetch what is missing in this repository (%d objects): %w", len(missing), b.failed(err))
		}
		came = true
	}
	return false, ErrMissing
}

// missing lists the objects of a commit that are not here.
func (b Branch) missing(ctx context.Context, commit string) ([]string, error) {
	if _, err := b.Run(ctx, nil, "cat-file", "-e", commit+"^{tree}"); err != nil {
		if _, err := b.Run(ctx, nil, "cat-file", "-e", commit); err != nil {
			return []string{commit}, nil
		}
	}
	out, err := b.Run(ctx, nil, "rev-list", "--objects", "--no-object-names", "--missing=print", "--no-walk", commit)
	if err != nil {
		return nil, err
	}
	var ids []string
	for line := range strings.Lines(string(out)) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "?"); ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
