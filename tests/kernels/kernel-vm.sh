#!/bin/bash
# Runs a command on another real kernel: Debian's, emulated by qemu-system, with busybox and strace inside. It is up in a few seconds.
# usage: kernel-vm.sh [-a aarch64|x86_64] [-t SECONDS] [FILE...] -- COMMAND
#   Each FILE is at /work/NAME inside. Prints the console; exits with COMMAND's status, 124 if it did not end in time.
#   Needs root and apt, for the packages, which are kept in ${VM_DIR:-target/kernel-vm}; exits with 77 if they cannot be had.
set -eu
arch=aarch64 limit=120
while getopts a:t: option; do
    case $option in
        a) arch=$OPTARG ;;
        t) limit=$OPTARG ;;
        *) sed -n 2,5p "$0"; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
case $arch in
    aarch64) debian=arm64 emulator=qemu-system-arm console=ttyAMA0 qemu=(qemu-system-aarch64 -M virt -cpu cortex-a76) ;;
    x86_64) debian=amd64 emulator=qemu-system-x86 console=ttyS0 qemu=(qemu-system-x86_64 -M q35 -cpu max) ;;
    *) echo "kernel-vm.sh: no such architecture: $arch" >&2; exit 2 ;;
esac
# getopts has eaten the -- where no FILE stands before it.
files=()
while [ $# -gt 0 ] && [ "$1" != -- ] && [ -e "$1" ]; do
    files+=("$(realpath "$1")")
    shift
done
[ "${1:-}" = -- ] && shift

# The kernel, and a root folder with busybox, strace and what it needs.
packages=${VM_DIR:-$PWD/target/kernel-vm}/$arch
mkdir -p "$packages"
cd "$packages"
if [ ! -e ready ]; then
    rm -rf x base ./*.deb
    dpkg --add-architecture $debian
    missing() { echo "kernel-vm.sh: apt-get cannot bring $*" >&2; exit 77; }
    apt-get update -qq || missing "its lists: no network?"
    apt-get install -y -qq --no-install-recommends $emulator seabios cpio >/dev/null || missing "$emulator"
    kernel=$(apt-cache depends linux-image-$debian:$debian | awk '/Depends: linux-image/{print $2; exit}')
    apt-get download -qq "${kernel%:*}:$debian" busybox-static:$debian strace:$debian libunwind8:$debian libc6:$debian \
        liblzma5:$debian libgcc-s1:$debian 2>/dev/null || missing "$kernel and what goes with it"
    for package in *.deb; do dpkg -x "$package" x; done
    rm -f ./*.deb
    mkdir -p base/{bin,proc,sys,dev,tmp,work,lib,lib64,usr/bin,usr/lib}
    cp "$(find x -path '*bin/busybox' -type f | head -1)" base/bin/busybox
    cp x/usr/bin/strace base/usr/bin/
    cp -a x/lib/*-linux-gnu base/lib/
    cp -a x/lib/ld-linux* base/lib/ 2>/dev/null || true
    cp -a x/lib64/* base/lib64/ 2>/dev/null || true
    cp -a x/usr/lib/*-linux-gnu base/usr/lib/
    cp x/boot/vmlinuz-* kernel
    rm -rf x
    touch ready
fi

run=$(mktemp -d)
trap 'rm -rf "$run"' EXIT
cp -a base "$run/root"
[ ${#files[@]} -gt 0 ] && cp -L "${files[@]}" "$run/root/work/"
printf '%s\n' "$*" >"$run/root/work/.command"
cat >"$run/root/init" <<INIT
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mkdir -p /dev/pts; mount -t devpts pts /dev/pts
mount -t tmpfs tmp /tmp; mount -t cgroup2 cg /sys/fs/cgroup; ifconfig lo up
export PATH=/bin:/usr/bin:/work HOME=/tmp LD_LIBRARY_PATH=\$(echo /lib/*-linux-gnu):\$(echo /usr/lib/*-linux-gnu)
cd /work
sh .command
echo "status \$?"
sync
poweroff -f
INIT
chmod +x "$run/root/init"
(cd "$run/root" && find . | cpio -o -H newc --quiet | gzip -1 >../initrd)
timeout "$limit" "${qemu[@]}" -smp "${VM_CPUS:-2}" -m 1536 -nographic -nic none -no-reboot -kernel kernel -initrd "$run/initrd" \
    -append "console=$console quiet panic=-1" </dev/null | tr -d '\r' | sed '/reboot: Power down/d' | tee "$run/out"
status=$(sed -n 's/^status \([0-9]*\)$/\1/p' "$run/out" | tail -1)
exit "${status:-124}"
