#!/bin/sh
# Builds the real peers that tests/jaeger.rs and tests/collector.rs start: Jaeger and the OpenTelemetry Collector from the Go
# module proxy (versions and hashes stand in go.mod and go.sum), rotel and a Python protobuf parser from PyPI.
# Needs go and python3 with venv; takes about 5 minutes the first time and nothing after that.
# They go to target/peers, or to $PEERS_DIR; what is there already and current is left alone.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
peers=${PEERS_DIR:-$here/../../target/peers}
mkdir -p "$peers"
peers=$(cd "$peers" && pwd)

# key FILE...: a name for exactly these contents.
key() { cat "$@" | sha256sum | cut -c1-16; }

# current NAME KEY: whether the peer NAME was built from exactly these sources.
current() { [ "$(cat "$peers/$1.key" 2>/dev/null)" = "$2" ] && [ -e "$peers/$1" ]; }

# go_build NAME PACKAGE: builds the package in the module NAME. One is built after the other, at low priority.
go_build() {
    sources=$(key "$here/$1"/go.* $(ls "$here/$1"/*.go 2>/dev/null))
    if current "$1" "$sources"; then
        return
    fi
    echo "building $1" >&2
    # A half-built peer must not look finished: the key is removed first and written last.
    rm -f "$peers/$1.key"
    (cd "$here/$1" && GOFLAGS=-mod=readonly GOWORK=off \
        nice go build -p 2 -buildvcs=false -trimpath -ldflags '-s -w' -o "$peers/$1" "$2")
    echo "$sources" >"$peers/$1.key"
}

if command -v go >/dev/null; then
    go_build otelcol .
    go_build jaeger github.com/jaegertracing/jaeger/cmd/jaeger
else
    echo "skipped: Jaeger and the Collector need Go" >&2
fi

if command -v python3 >/dev/null; then
    wanted=$(key "$here/requirements.txt")
    if ! current venv "$wanted"; then
        echo "installing rotel and opentelemetry-proto" >&2
        rm -rf "$peers/venv" "$peers/venv.key"
        python3 -m venv "$peers/venv"
        "$peers/venv/bin/pip" --quiet --disable-pip-version-check install --pre --requirement "$here/requirements.txt"
        echo "$wanted" >"$peers/venv.key"
    fi
else
    echo "skipped: rotel and the protobuf parser need Python" >&2
fi
