#!/usr/bin/env bash
# Looks for drift and sends a mail if there is any, or if it cannot be told.
# 17 5 * * * /srv/pools/drift.sh content-team@example.org
set -uo pipefail
cd "$(dirname "$0")" || exit 1
report=$(mktemp)
trap 'rm -f "$report"' EXIT
git pull --quiet --ff-only
poolsync drift >"$report" 2>&1
code=$?
case $code in
0) ;;
2) mail -s "item pools drifted" "$1" <"$report" ;;
*) mail -s "poolsync drift could not tell (exit $code)" "$1" <"$report" ;;
esac
exit "$code"
