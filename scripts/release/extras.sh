#!/usr/bin/env bash
# Writes what archives hold beside the program: completions for each shell and the
# page of the manual, as far as this version of the program prints them.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p extras
go build -o extras/.poolsync ./cmd/poolsync
for shell in bash zsh fish powershell; do
	extras/.poolsync completion "$shell" >"extras/poolsync.$shell"
done
extras/.poolsync --help >extras/poolsync.txt
rm extras/.poolsync
