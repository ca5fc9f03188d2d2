#!/usr/bin/env bash
# Everything a machine can say about the code (make lint). All checks run, so that one call shows every complaint.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=()
check() {
  local name=$1 out
  shift
  SECONDS=0
  if out=$("$@" 2>&1); then
    echo "ok    $name ($SECONDS s)"
  else
    echo "FAIL  $name ($SECONDS s)"
    printf '%s\n' "$out"
    failed+=("$name")
  fi
}
check "ruff check" .venv/bin/ruff check --quiet --output-format concise .
check "ruff format" .venv/bin/ruff format --check --quiet .
check "mypy" .venv/bin/mypy
check "djlint lint" .venv/bin/djlint --quiet --lint templates
check "djlint format" .venv/bin/djlint --quiet --check templates
check "import floors" .venv/bin/lint-imports
check "migrations" .venv/bin/python manage.py makemigrations --check --dry-run
check "system checks" .venv/bin/python manage.py check --fail-level WARNING
check "production checks" env SITE_URL=https://cs.example.com ALLOWED_HOSTS=cs.example.com \
  SECRET_KEY=only-for-this-check-and-long-enough-not-to-be-weak-0123456789 \
  .venv/bin/python manage.py check --deploy --fail-level WARNING
if [ "${#failed[@]}" -gt 0 ]; then
  echo "lint: ${#failed[@]} failed: ${failed[*]}" >&2
  exit 1
fi
