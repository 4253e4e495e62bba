#!/usr/bin/env python3
"""Writes crates/ptrace/src/table/{x86_64,x32,i386,aarch64}.rs.

usage: generate-tables.py SYSCALLS_CRATE TRACEFS [OUTPUT_FOLDER]

SYSCALLS_CRATE  source folder of the crate `syscalls`, which takes names and numbers from the kernel's own .tbl files
TRACEFS         a mounted tracefs, for the arguments: events/syscalls/sys_enter_NAME/format

Arguments of calls that the running kernel has no event for stand below. Names are those of the manual pages.
"""
import pathlib
import re
import sys

# The kernel's event is named after the function that implements the call, not after the call.
EVENT = {
    "stat": "newstat", "lstat": "newlstat", "fstat": "newfstat", "uname": "newuname", "sendfile": "sendfile64",
    "umount2": "umount", "_llseek": "llseek", "pread64": "pread64", "fstatat64": "newfstatat", "sync_file_range2": "sync_file_range",
    "chown32": "chown", "lchown32": "lchown", "fchown32": "fchown", "getuid32": "getuid", "getgid32": "getgid",
    "geteuid32": "geteuid", "getegid32": "getegid", "setreuid32": "setreuid", "setregid32": "setregid",
    "getgroups32": "getgroups", "setgroups32": "setgroups", "setresuid32": "setresuid", "getresuid32": "getresuid",
    "setresgid32": "setresgid", "getresgid32": "getresgid", "setuid32": "setuid", "setgid32": "setgid",
    "setfsuid32": "setfsuid", "setfsgid32": "setfsgid", "_newselect": "select", "_sysctl": "sysctl",
    "ugetrlimit": "getrlimit", "fcntl64": "fcntl",
}
for name in ("clock_gettime clock_settime clock_adjtime clock_getres clock_nanosleep timer_gettime timer_settime "
             "timerfd_gettime timerfd_settime utimensat pselect6 ppoll io_pgetevents recvmmsg mq_timedsend "
             "mq_timedreceive semtimedop rt_sigtimedwait futex sched_rr_get_interval").split():
    EVENT[name + ("_time64" if not re.search(r"(clock_(get|set)time|adjtime|timer_[gs]ettime|timerfd_[gs]ettime)$", name) else "64")] = name
EVENT["clock_getres_time64"] = "clock_getres"

# How the manual pages name what the kernel names otherwise.
PARAMETER = {"filename": "pathname", "dfd": "dirfd", "uservaddr": "addr", "upeer_sockaddr": "addr", "fildes": "fd"}

# Calls that have no event: `type name, type name`.
BY_HAND = {
    "mmap": "void * addr, size_t length, int prot, int flags, int fd, off_t offset",
    "mmap2": "void * addr, size_t length, int prot, int flags, int fd, off_t pgoffset",
    "rt_sigreturn": "", "sigreturn": "", "restart_syscall": "", "fork": "", "vfork": "", "ni_syscall": "",
    "clone": "unsigned long flags, void * stack, int * parent_tid, int * child_tid, unsigned long tls",
    "execve": "const char * pathname, char *const * argv, char *const * envp",
    "execveat": "int dirfd, const char * pathname, char *const * argv, char *const * envp, int flags",
    "arch_prctl": "int code, unsigned long addr", "iopl": "int level", "ioperm": "unsigned long from, unsigned long num, int turn_on",
    "modify_ldt": "int func, void * ptr, unsigned long bytecount", "set_thread_area": "struct user_desc * u_info",
    "get_thread_area": "struct user_desc * u_info", "vm86": "unsigned long fn, struct vm86plus_struct * v86",
    "vm86old": "struct vm86_struct * info", "waitpid": "pid_t pid, int * wstatus, int options", "stime": "const time_t * t",
    "oldstat": "const char * pathname, void * statbuf", "oldlstat": "const char * pathname, void * statbuf",
    "oldfstat": "int fd, void * statbuf", "nice": "int inc", "signal": "int signum, sighandler_t handler",
    "sigaction": "int signum, const struct sigaction * act, struct sigaction * oldact", "sgetmask": "", "ssetmask": "long newmask",
    "sigsuspend": "const sigset_t * mask", "sigpending": "sigset_t * set", "oldolduname": "void * buf", "olduname": "void * buf",
    "readdir": "unsigned int fd, void * dirp, unsigned int count", "socketcall": "int call, unsigned long * args",
    "ipc": "unsigned int call, int first, unsigned long second, unsigned long third, void * ptr, long fifth",
    "sigprocmask": "int how, const sigset_t * set, sigset_t * oldset", "bdflush": "int func, long data",
    "uselib": "const char * library", "umount": "const char * target",
    "truncate64": "const char * pathname, unsigned int low, unsigned int high",
    "ftruncate64": "int fd, unsigned int low, unsigned int high",
    "stat64": "const char * pathname, struct stat64 * statbuf", "lstat64": "const char * pathname, struct stat64 * statbuf",
    "fstat64": "int fd, struct stat64 * statbuf",
    "statfs64": "const char * pathname, size_t size, struct statfs64 * buf", "fstatfs64": "int fd, size_t size, struct statfs64 * buf",
    "fadvise64_64": "int fd, loff_t offset, loff_t len, int advice",
    "get_mempolicy": "int * mode, unsigned long * nodemask, unsigned long maxnode, unsigned long addr, unsigned long flags",
    "quotactl": "unsigned int cmd, const char * special, int id, void * addr", "nfsservctl": "int cmd, void * argp, void * resp",
    "create_module": "const char * name, size_t size", "query_module": "const char * name, int which, void * buf, size_t bufsize, size_t * ret",
    "get_kernel_syms": "void * table", "tuxcall": "", "security": "", "getpmsg": "", "putpmsg": "", "afs_syscall": "", "vserver": "",
    "ustat": "unsigned int dev, void * ubuf", "sysfs": "int option, unsigned long arg1, unsigned long arg2",
    "epoll_ctl_old": "", "epoll_wait_old": "", "lookup_dcookie": "u64 cookie, char * buf, size_t len", "_sysctl": "void * args",
    "gtty": "", "stty": "", "ftime": "", "prof": "", "profil": "", "lock": "", "mpx": "", "ulimit": "", "break": "", "idle": "",
    "madvise1": "", "uretprobe": "", "uprobe": "", "map_shadow_stack": "unsigned long addr, unsigned long size, unsigned int flags",
    "kexec_file_load": "int kernel_fd, int initrd_fd, unsigned long cmdline_len, const char * cmdline, unsigned long flags",
    "bpf": "int cmd, union bpf_attr * attr, unsigned int size", "userfaultfd": "int flags",
    "memfd_secret": "unsigned int flags", "pkey_alloc": "unsigned int flags, unsigned int access_rights", "pkey_free": "int pkey",
    "pkey_mprotect": "void * addr, size_t len, int prot, int pkey", "seccomp": "unsigned int operation, unsigned int flags, void * args",
    "kcmp": "pid_t pid1, pid_t pid2, int type, unsigned long idx1, unsigned long idx2",
    "init_module": "void * module_image, unsigned long len, const char * param_values",
    "finit_module": "int fd, const char * param_values, int flags", "delete_module": "const char * name, unsigned int flags",
    "kexec_load": "unsigned long entry, unsigned long nr_segments, struct kexec_segment * segments, unsigned long flags",
    "_llseek": "unsigned int fd, unsigned long offset_high, unsigned long offset_low, loff_t * result, unsigned int whence",
    "getcpu": "unsigned int * cpu, unsigned int * node, void * tcache", "renameat": "int olddirfd, const char * oldpath, int newdirfd, const char * newpath",
    "fadvise64": "int fd, loff_t offset, size_t len, int advice", "sync_file_range2": "int fd, unsigned int flags, loff_t offset, loff_t nbytes",
}


def numbers_of(crate, architecture):
    text = (crate / "src/arch" / f"{architecture}.rs").read_text()
    return {int(number): name for name, number in re.findall(r"^ +(?:r#)?(\w+) = (\d+),", text, re.M)}


def signature(tracefs, name):
    event = tracefs / "events/syscalls" / f"sys_enter_{EVENT.get(name, name)}" / "format"
    if name in BY_HAND:
        pairs = [p.rsplit(" ", 1) for p in BY_HAND[name].split(", ") if p]
        return [(parameter, ctype) for ctype, parameter in pairs]
    if not event.exists():
        return None
    fields = re.findall(r"\tfield:(.+?)\b(\w+);\toffset:(\d+)", event.read_text())
    return [(PARAMETER.get(parameter, parameter), ctype.strip()) for ctype, parameter, offset in fields if int(offset) >= 16]


def write(output, module, title, calls, tracefs):
    unknown = []
    lines = [f"//! System calls of {title}. Generated by tools/generate-tables.py; do not edit.", "",
             "use super::{Parameter, Signature};", "", "/// By number.", "#[rustfmt::skip]", "pub static CALLS: &[(u16, Signature)] = &["]
    for number, name in sorted(calls.items()):
        arguments = signature(tracefs, name)
        if arguments is None:
            unknown.append(name)
            arguments = [(f"arg{i}", "unsigned long") for i in range(1, 7)]
        parameters = ", ".join(f'Parameter {{ name: "{p}", ctype: "{t}" }}' for p, t in arguments)
        lines.append(f'    ({number}, Signature {{ name: "{name}", arguments: &[{parameters}] }}),')
    (output / f"{module}.rs").write_text("\n".join(lines + ["];", ""]))
    print(f"{module}: {len(calls)} calls; arguments unknown: {' '.join(unknown) or 'none'}")


def main():
    crate, tracefs = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    output = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else pathlib.Path(__file__).parents[1] / "src/table"
    x86_64 = numbers_of(crate, "x86_64")
    # The x32 convention shares the 64-bit numbers below 424 but for some, and has its own from 512 to 547 for those
    # (arch/x86/entry/syscalls/syscall_64.tbl).
    x32_only = ("rt_sigaction rt_sigreturn ioctl readv writev recvfrom sendmsg recvmsg execve ptrace rt_sigpending rt_sigtimedwait "
                "rt_sigqueueinfo sigaltstack timer_create mq_notify kexec_load waitid set_robust_list get_robust_list vmsplice "
                "move_pages preadv pwritev rt_tgsigqueueinfo recvmmsg sendmmsg process_vm_readv process_vm_writev setsockopt getsockopt "
                "io_setup io_submit execveat preadv2 pwritev2").split()
    only_64 = set(x32_only) | {"uselib", "_sysctl", "create_module", "get_kernel_syms", "query_module", "nfsservctl", "set_thread_area",
                               "get_thread_area", "epoll_ctl_old", "epoll_wait_old", "vserver"}
    x32 = {number: name for number, name in x86_64.items() if name not in only_64}
    x32.update({512 + index: name for index, name in enumerate(x32_only)})
    write(output, "x86_64", "64-bit x86", x86_64, tracefs)
    write(output, "x32", "x32 (64-bit x86 with 32-bit pointers), without its bit", x32, tracefs)
    write(output, "i386", "32-bit x86", numbers_of(crate, "x86"), tracefs)
    write(output, "aarch64", "64-bit Arm", {**numbers_of(crate, "aarch64"), 79: "newfstatat"}, tracefs)


main()
