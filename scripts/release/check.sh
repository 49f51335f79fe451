#!/usr/bin/env bash
# Builds every target of a release twice, in two folders, as .goreleaser.yaml has
# them, and compares the bytes. Needs Go and git, and nothing of goreleaser.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for n in one two; do
	git clone -q --no-hardlinks . "$work/$n/src"
	for os in linux darwin windows; do
		for arch in amd64 arm64; do
			(cd "$work/$n/src" && CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -trimpath -buildvcs=true -o "$work/$n/out/poolsync_${os}_$arch" ./cmd/poolsync)
		done
	done
	(cd "$work/$n/out" && sha256sum -- *) >"$work/$n.sums"
done
diff "$work/one.sums" "$work/two.sums"
cat "$work/one.sums"
