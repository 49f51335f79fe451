#!/usr/bin/env bash
# Gets the program for the action and hands its path on as the output "program".
# VERSION is a release, "source" or "path". Whatever of a release cannot be
# verified is refused: there is no way round, and nothing is run before.
set -euo pipefail

refuse() { # title, text
	printf '::error title=poolsync: %s::%s\n' "$1" "$2"
	exit 1
}

hand_on() {
	printf 'program=%s\n' "$1" >>"$GITHUB_OUTPUT"
}

dir=${RUNNER_TEMP:?}/poolsync-program
exe=
case "${RUNNER_OS:?}" in Windows) exe=.exe ;; esac

from_path() {
	command -v poolsync >/dev/null || refuse "not installed" "version: path needs poolsync on PATH; install it in an earlier step, or name a release"
	hand_on "$(command -v poolsync)"
}

from_source() {
	command -v go >/dev/null || refuse "no Go" "version: source builds the program and needs Go; add actions/setup-go before it, or name a release"
	mkdir -p "$dir"
	(cd "${ACTION_PATH:?}" && go build -trimpath -buildvcs=false -o "$dir/poolsync$exe" ./cmd/poolsync) ||
		refuse "build failed" "go build of the action's own checkout failed; its output stands above"
	hand_on "$dir/poolsync$exe"
}

fetch() { # address, file
	local -a only=(--proto '=https')
	case "$1" in http://127.0.0.1:*) only=(--proto '=http') ;; esac
	curl --silent --show-error --fail --location "${only[@]}" --proto-redir '=https' --retry 3 --connect-timeout 20 --max-time 300 \
		--output "$2" "$1" || refuse "download failed" "$1 could not be downloaded"
}

sum_of() {
	if command -v sha256sum >/dev/null; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi | cut -d ' ' -f 1
}

# The line of exactly this archive, and exactly one.
listed_sum() { # list, archive
	awk -v name="$2" '$2 == name || $2 == "*" name { print $1; n++ } END { exit n != 1 }' "$1"
}

attested() { # archive, repository, version
	command -v gh >/dev/null || return 0
	case "$releases" in http://*) return 0 ;; esac # a test's own server attests nothing
	gh attestation verify "$1" --repo "$2" --signer-workflow "$2/.github/workflows/release.yml" \
		--source-ref "refs/tags/$3" --deny-self-hosted-runners >/dev/null ||
		refuse "not attested" "gh finds no attestation that $2 built this archive for $3"
}

unpack() { # archive
	mkdir -p "$dir"
	case "$1" in
	*.zip) unzip -q -o "$1" "poolsync$exe" -d "$dir" ;;
	*) tar -xzf "$1" -C "$dir" "poolsync$exe" ;;
	esac || refuse "bad archive" "$1 holds no poolsync$exe"
	if [ ! -f "$dir/poolsync$exe" ] || [ -L "$dir/poolsync$exe" ]; then
		refuse "bad archive" "poolsync$exe in $1 is no plain file"
	fi
	chmod 755 "$dir/poolsync$exe"
}

from_release() {
	local repository=${ACTION_REPOSITORY:-poolsync/poolsync} os arch ext=tar.gz work archive want
	case "$RUNNER_OS" in
	Linux) os=linux ;;
	macOS) os=darwin ;;
	Windows) os=windows ext=zip ;;
	*) refuse "no release" "there is no release for $RUNNER_OS; use version: source" ;;
	esac
	case "${RUNNER_ARCH:?}" in
	X64) arch=amd64 ;;
	ARM64) arch=arm64 ;;
	*) refuse "no release" "there is no release for $RUNNER_ARCH; use version: source" ;;
	esac
	releases=${RELEASES_URL:-https://github.com/$repository/releases/download}
	case "$releases" in https://* | http://127.0.0.1:*) ;; *) refuse "bad address" "RELEASES_URL must be an https address" ;; esac
	archive=poolsync_${VERSION#v}_${os}_$arch.$ext
	work=$(mktemp -d "$RUNNER_TEMP/poolsync-release.XXXXXX")
	fetch "$releases/$VERSION/checksums.txt" "$work/checksums.txt"
	want=$(listed_sum "$work/checksums.txt" "$archive") || refuse "not listed" "checksums.txt of $VERSION does not list $archive once"
	fetch "$releases/$VERSION/$archive" "$work/$archive"
	[ "$(sum_of "$work/$archive")" = "$want" ] || refuse "wrong checksum" "$archive does not have the checksum that checksums.txt of $VERSION states"
	attested "$work/$archive" "$repository" "$VERSION"
	unpack "$work/$archive"
	rm -rf "$work"
	hand_on "$dir/poolsync$exe"
}

case "${VERSION:-}" in
path) from_path ;;
source) from_source ;;
*)
	[[ ${VERSION:-} =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] ||
		refuse "bad version" "the input version must be a release such as v1.2.3, source or path; there is no latest, since what runs has to be pinned"
	from_release
	;;
esac
