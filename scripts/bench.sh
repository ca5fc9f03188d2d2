#!/usr/bin/env bash
# Run the benchmarks in bench/ (make bench), or the one named; each prints its own table and can be run by hand too.
set -euo pipefail
cd "$(dirname "$0")/.."
wanted=${1:-}
shopt -s nullglob
found=0
for script in bench/*.py; do
  name=$(basename "$script" .py)
  case $name in _*) continue ;; esac
  if [ -n "$wanted" ] && [ "$wanted" != "$name" ]; then continue; fi
  found=1
  echo "== bench/$name.py"
  PYTHONPATH=. .venv/bin/python "$script"
done
if [ "$found" = 0 ]; then
  echo "There is no benchmark ${wanted:-in bench/}." >&2
  exit 1
fi
