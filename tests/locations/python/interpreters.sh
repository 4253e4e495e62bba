#!/bin/sh
# CPython interpreters for the tests of Python's locations: target/python/VERSION/bin/python3 for each VERSION of
#   3.12  3.13  (pyenv's, with a shared libpython and symbols; only where pyenv has them)
#   debian-3.13  debian-3.14  debian-3.15  (Debian's own binaries: stripped, all in one executable, with their own C library)
# Debian's come from its archive by way of a private apt root, so nothing is installed on this machine. Needs apt-get, dpkg
# and patchelf; takes about a minute the first time and nothing after that. What cannot be had is named and left out.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=${PYTHON_DIR:-$here/../../../target/python}
mkdir -p "$out"
out=$(cd "$out" && pwd)

for version in 3.12 3.13; do
    [ -e "$out/$version/bin/python3" ] && continue
    found=$(ls -d "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/ 2>/dev/null | sort -V | tail -n 1)
    if [ -n "$found" ]; then
        ln -sfn "${found%/}" "$out/$version"
    else
        echo "skipped: no CPython $version of pyenv" >&2
    fi
done

for tool in apt-get dpkg patchelf; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: Debian's CPython needs $tool" >&2
        exit 0
    fi
done

# private_apt SUITE TOOL ARG...: apt with lists, cache and idea of what is installed of its own.
private_apt() {
    root=$out/apt-$1
    tool=$2
    mkdir -p "$root/state/lists/partial" "$root/cache/archives/partial"
    : >"$root/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $1 main" >"$root/sources.list"
    shift 2
    "$tool" -qq -o Dir::Etc::sourcelist="$root/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State="$root/state" \
        -o Dir::State::status="$root/status" -o Dir::Cache="$root/cache" -o APT::Sandbox::User=root "$@"
}

# debian SUITE VERSION PACKAGE...: unpacks the packages and makes the interpreter find its loader and libraries beside it.
debian() {
    suite=$1 version=$2 name=debian-$2
    shift 2
    [ -e "$out/$name/complete" ] && return
    rm -rf "$out/$name" "$out/unpack"
    mkdir -p "$out/unpack/root"
    if ! (
        set -e
        [ -e "$out/apt-$suite/updated" ] || private_apt "$suite" apt-get update
        touch "$out/apt-$suite/updated"
        cd "$out/unpack"
        private_apt "$suite" apt-get download "python$version-minimal" "libpython$version-minimal" "libpython$version-stdlib" \
            libc6 libgcc-s1 zlib1g libexpat1 libffi8 "$@"
        for package in ./*.deb; do dpkg -x "$package" root; done
    ) >&2; then
        echo "skipped: no CPython $version from Debian's $suite" >&2
        rm -rf "$out/unpack" "$out/apt-$suite/updated"
        return
    fi
    mkdir -p "$out/$name/bin" "$out/$name/lib"
    cp -a "$out/unpack/root/usr/lib/python3"* "$out/$name/lib/"
    cp -aL "$out"/unpack/root/usr/lib/x86_64-linux-gnu/*.so* "$out/$name/lib/"
    cp -L "$out/unpack/root/usr/bin/python$version" "$out/$name/bin/python$version"
    ln -s "python$version" "$out/$name/bin/python3"
    patchelf --set-interpreter "$out/$name/lib/ld-linux-x86-64.so.2" --force-rpath --set-rpath "$out/$name/lib" "$out/$name/bin/python$version"
    "$out/$name/bin/python3" -c 'import asyncio, ctypes, sqlite3' 2>/dev/null || "$out/$name/bin/python3" -c 'import asyncio, threading'
    touch "$out/$name/complete"
    rm -rf "$out/unpack"
}

debian trixie 3.13
debian sid 3.14
debian sid 3.15
rm -rf "$out"/apt-*
