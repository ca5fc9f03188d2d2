#!/usr/bin/env bash
# Print the path of a Python that CS Ops runs on (>=3.11,<3.15), or say in one sentence what to do.
# A name on PATH may be a launcher that refuses to start, so each candidate is run and not just found.
for name in .venv/bin/python ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
  found=$("$name" -c 'import sys, venv, ensurepip
assert (3, 11) <= sys.version_info < (3, 15)
print(sys.executable)' 2>/dev/null) || continue
  echo "$found"
  exit 0
done
echo "CS Ops needs Python 3.11 to 3.14 with venv; none was found (on Debian: apt-get install python3 python3-venv), or name one: PYTHON=/path/to/python make run" >&2
exit 1
