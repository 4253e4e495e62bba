#!/bin/bash
# Proves Renacer on other kernels: Debian's 6.1, for aarch64 and for x86-64, each in a virtual machine with that machine's strace.
# usage: run.sh [ARCHITECTURE...]
#   Builds a static Renacer and the five programs for each architecture (default: aarch64 x86_64), runs the programs there under strace
#   and under Renacer, and compares (compare.py): the counts per call, each call's arguments and result, and the spans.
#   Exit status 0: all equal; 1: a difference, or something could not be built or run. Says when it has to be skipped (0; 1 with CI=true).
#   RENACER_BINARIES=DIR   use DIR/ARCHITECTURE/renacer instead of building
# Consoles and binaries are left in target/kernels. Takes about half a minute where Renacer is built already, else some minutes.
set -eu
here=$(realpath "$(dirname "$0")")
cd "$here/../.."
work=$PWD/target/kernels
[ $# -gt 0 ] || set -- aarch64 x86_64

skip() {
    echo "kernels: skipped: $*"
    [ "${CI:-}" = true ] && exit 1
    exit 0
}
[ "$(id -u)" -eq 0 ] || skip "the packages (qemu-system, Debian's kernels) can only be installed by root"
for tool in apt-get dpkg python3; do
    command -v $tool >/dev/null || skip "there is no $tool here; the kernels are Debian's packages"
done
[ -n "${RENACER_BINARIES:-}" ] || command -v rustup >/dev/null || skip "there is no rustup, which adds the targets"

needed=()
for arch in "$@"; do
    command -v "$arch-linux-gnu-gcc" >/dev/null || needed+=("gcc-${arch/_/-}-linux-gnu")
    case $arch in
        aarch64) [ -e /usr/aarch64-linux-gnu/lib/libc.a ] || [ "$(uname -m)" = aarch64 ] || needed+=(libc6-dev-arm64-cross) ;;
        x86_64) [ -e /usr/x86_64-linux-gnu/lib/libc.a ] || [ "$(uname -m)" = x86_64 ] || needed+=(libc6-dev-amd64-cross) ;;
        *) echo "kernels: no such architecture: $arch" >&2; exit 1 ;;
    esac
done
if [ ${#needed[@]} -gt 0 ]; then
    apt-get update -qq || skip "apt-get update fails: no network?"
    apt-get install -y -qq --no-install-recommends "${needed[@]}" >/dev/null || skip "cannot install ${needed[*]}"
fi

# The C parts of dependencies are compiled with headers of the GNU library for musl: that holds as long as they do not use its extensions.
build() {
    local arch=$1 target=$1-unknown-linux-musl name
    rustup -q target add "$target" 2>/dev/null || skip "rustup cannot add $target"
    name=${target//-/_}
    env "CC_$name=$arch-linux-gnu-gcc" "AR_$name=$arch-linux-gnu-ar" "CFLAGS_$name=-U_FORTIFY_SOURCE" \
        "CARGO_TARGET_${name^^}_LINKER=rust-lld" CARGO_PROFILE_DEV_DEBUG=0 \
        cargo build --quiet --locked --bin renacer --target "$target" --target-dir "$work/build"
    cp "$work/build/$target/debug/renacer" "$work/$arch/renacer"
}

consoles=() status=0
for arch in "$@"; do
    mkdir -p "$work/$arch"
    if [ -n "${RENACER_BINARIES:-}" ]; then
        cp "$RENACER_BINARIES/$arch/renacer" "$work/$arch/renacer"
    else
        echo "kernels: building for $arch"
        build "$arch"
    fi
    programs=()
    for source in "$here"/programs/*.c; do
        program=$work/$arch/$(basename "$source" .c)
        "$arch-linux-gnu-gcc" -O1 -static -Wall -Wextra -Werror -o "$program" "$source"
        programs+=("$program")
    done
    echo "kernels: running on $arch"
    console=$work/$arch.console
    VM_DIR=${VM_DIR:-$PWD/target/kernel-vm} "$here/kernel-vm.sh" -a "$arch" "$here/guest.sh" "$work/$arch/renacer" "${programs[@]}" \
        -- sh guest.sh >"$console" 2>&1 || {
        [ $? -ne 77 ] || skip "$(tail -1 "$console")"
        status=1
        echo "kernels: the run on $arch failed (all of it: $console):"
        # Without the results themselves.
        sed '/^==== results/,/^==== end/d' "$console" | tail -30
    }
    consoles+=("$console")
done
"$here/compare.py" "${consoles[@]}" || status=1
[ $status -eq 0 ] && echo "kernels: all equal" || echo "kernels: FAILED"
exit $status
