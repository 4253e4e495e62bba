#!/bin/bash
# Installs what tests/python_publisher.rs needs into target/publishers: a Python with OpenTelemetry's SDK and web frameworks, if that is not
# there already, and beside it a folder with the publisher as pip installs it.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder="${PUBLISHERS_DIR:-target/publishers}"
mkdir -p "$folder"
key="$(python3 -V) $(cat tests/publishers/requirements.txt tests/publishers/build.sh | sha256sum)"
if [ "$(cat "$folder/venv.key" 2>/dev/null)" != "$key" ]; then
    rm -rf "$folder/venv"
    python3 -m venv "$folder/venv"
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check -r tests/publishers/requirements.txt
    echo "$key" >"$folder/venv.key"
fi
# The package itself, always anew: it is small. Copied, as building leaves traces beside the sources.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r publishers/python "$copy/package"
rm -rf "$folder/installed"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --target "$folder/installed" "$copy/package"
