#!/usr/bin/env bash
# Pin and hash requirements/*.in (make lock). The result holds for Python 3.11-3.14 on Linux and macOS,
# names no registry and holds neither torch nor its CUDA packages. Arguments go to uv, for example --upgrade.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$(command -v uv || true)
if [ -z "$uv" ]; then
  [ -x .venv/bin/uv ] || .venv/bin/python -m pip install --quiet uv
  uv=.venv/bin/uv
fi
compile() {
  "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
    --no-emit-index-url --no-emit-find-links --no-emit-package torch "$1" --output-file "$2" "${@:3}"
}
compile requirements/runtime.in requirements/lock.txt "$@"
compile requirements/dev.in requirements/dev-lock.txt --constraint requirements/lock.txt
for lock in requirements/lock.txt requirements/dev-lock.txt; do
  if grep -nE '^(torch|triton|nvidia-|cuda-)|https?://' "$lock"; then
    echo "$lock must not hold torch, CUDA packages or addresses." >&2
    exit 1
  fi
done
