//! Names for processes: creation, waiting, limits, scheduling, control.

use super::super::flags::{Flags, Names};

/// Flags of clone, without the exit signal.
pub(crate) static CLONE: Flags = Flags {
    names: &[
        (0x100, "CLONE_VM"),
        (0x200, "CLONE_FS"),
        (0x400, "CLONE_FILES"),
        (0x800, "CLONE_SIGHAND"),
        (0x1000, "CLONE_PIDFD"),
        (0x2000, "CLONE_PTRACE"),
        (0x4000, "CLONE_VFORK"),
        (0x8000, "CLONE_PARENT"),
        (0x10000, "CLONE_THREAD"),
        (0x20000, "CLONE_NEWNS"),
        (0x40000, "CLONE_SYSVSEM"),
        (0x80000, "CLONE_SETTLS"),
        (0x100000, "CLONE_PARENT_SETTID"),
        (0x200000, "CLONE_CHILD_CLEARTID"),
        (0x800000, "CLONE_UNTRACED"),
        (0x1000000, "CLONE_CHILD_SETTID"),
        (0x2000000, "CLONE_NEWCGROUP"),
        (0x4000000, "CLONE_NEWUTS"),
        (0x8000000, "CLONE_NEWIPC"),
        (0x10000000, "CLONE_NEWUSER"),
        (0x20000000, "CLONE_NEWPID"),
        (0x40000000, "CLONE_NEWNET"),
        (0x80000000, "CLONE_IO"),
    ],
    unknown: "CLONE_???",
};

/// Flags of clone3.
pub(crate) static CLONE3: Flags = Flags {
    names: &[
        (0x100, "CLONE_VM"),
        (0x200, "CLONE_FS"),
        (0x400, "CLONE_FILES"),
        (0x800, "CLONE_SIGHAND"),
        (0x1000, "CLONE_PIDFD"),
        (0x2000, "CLONE_PTRACE"),
        (0x4000, "CLONE_VFORK"),
        (0x8000, "CLONE_PARENT"),
        (0x10000, "CLONE_THREAD"),
        (0x20000, "CLONE_NEWNS"),
        (0x40000, "CLONE_SYSVSEM"),
        (0x80000, "CLONE_SETTLS"),
        (0x100000, "CLONE_PARENT_SETTID"),
        (0x200000, "CLONE_CHILD_CLEARTID"),
        (0x800000, "CLONE_UNTRACED"),
        (0x1000000, "CLONE_CHILD_SETTID"),
        (0x2000000, "CLONE_NEWCGROUP"),
        (0x4000000, "CLONE_NEWUTS"),
        (0x8000000, "CLONE_NEWIPC"),
        (0x10000000, "CLONE_NEWUSER"),
        (0x20000000, "CLONE_NEWPID"),
        (0x40000000, "CLONE_NEWNET"),
        (0x80000000, "CLONE_IO"),
        (0x80, "CLONE_NEWTIME"),
        (0x100000000, "CLONE_CLEAR_SIGHAND"),
        (0x200000000, "CLONE_INTO_CGROUP"),
    ],
    unknown: "CLONE_???",
};

/// Flags of sched_setattr.
pub(crate) static SCHED_FLAG: Flags = Flags {
    names: &[
        (1, "SCHED_FLAG_RESET_ON_FORK"),
        (2, "SCHED_FLAG_RECLAIM"),
        (4, "SCHED_FLAG_DL_OVERRUN"),
        (8, "SCHED_FLAG_KEEP_POLICY"),
        (0x10, "SCHED_FLAG_KEEP_PARAMS"),
        (0x20, "SCHED_FLAG_UTIL_CLAMP_MIN"),
        (0x40, "SCHED_FLAG_UTIL_CLAMP_MAX"),
    ],
    unknown: "SCHED_FLAG_???",
};

/// Versions of the structures of capget.
pub(crate) static CAPABILITY_VERSION: Names = Names {
    names: &[
        (0x19980330, "_LINUX_CAPABILITY_VERSION_1"),
        (0x20071026, "_LINUX_CAPABILITY_VERSION_2"),
        (0x20080522, "_LINUX_CAPABILITY_VERSION_3"),
    ],
    unknown: "_LINUX_CAPABILITY_VERSION_???",
};

/// Capabilities.
pub(crate) static CAPABILITY: Names = Names {
    names: &[
        (0, "CAP_CHOWN"),
        (1, "CAP_DAC_OVERRIDE"),
        (2, "CAP_DAC_READ_SEARCH"),
        (3, "CAP_FOWNER"),
        (4, "CAP_FSETID"),
        (5, "CAP_KILL"),
        (6, "CAP_SETGID"),
        (7, "CAP_SETUID"),
        (8, "CAP_SETPCAP"),
        (9, "CAP_LINUX_IMMUTABLE"),
        (0xa, "CAP_NET_BIND_SERVICE"),
        (0xb, "CAP_NET_BROADCAST"),
        (0xc, "CAP_NET_ADMIN"),
        (0xd, "CAP_NET_RAW"),
        (0xe, "CAP_IPC_LOCK"),
        (0xf, "CAP_IPC_OWNER"),
        (0x10, "CAP_SYS_MODULE"),
        (0x11, "CAP_SYS_RAWIO"),
        (0x12, "CAP_SYS_CHROOT"),
        (0x13, "CAP_SYS_PTRACE"),
        (0x14, "CAP_SYS_PACCT"),
        (0x15, "CAP_SYS_ADMIN"),
        (0x16, "CAP_SYS_BOOT"),
        (0x17, "CAP_SYS_NICE"),
        (0x18, "CAP_SYS_RESOURCE"),
        (0x19, "CAP_SYS_TIME"),
        (0x1a, "CAP_SYS_TTY_CONFIG"),
        (0x1b, "CAP_MKNOD"),
        (0x1c, "CAP_LEASE"),
        (0x1d, "CAP_AUDIT_WRITE"),
        (0x1e, "CAP_AUDIT_CONTROL"),
        (0x1f, "CAP_SETFCAP"),
        (0x20, "CAP_MAC_OVERRIDE"),
        (0x21, "CAP_MAC_ADMIN"),
        (0x22, "CAP_SYSLOG"),
        (0x23, "CAP_WAKE_ALARM"),
        (0x24, "CAP_BLOCK_SUSPEND"),
        (0x25, "CAP_AUDIT_READ"),
        (0x26, "CAP_PERFMON"),
        (0x27, "CAP_BPF"),
        (0x28, "CAP_CHECKPOINT_RESTORE"),
    ],
    unknown: "CAP_???",
};

/// Flags of unshare.
pub(crate) static UNSHARE: Flags = Flags {
    names: &[
        (0x80, "CLONE_NEWTIME"),
        (0x100, "CLONE_VM"),
        (0x200, "CLONE_FS"),
        (0x400, "CLONE_FILES"),
        (0x800, "CLONE_SIGHAND"),
        (0x10000, "CLONE_THREAD"),
        (0x20000, "CLONE_NEWNS"),
        (0x40000, "CLONE_SYSVSEM"),
        (0x2000000, "CLONE_NEWCGROUP"),
        (0x4000000, "CLONE_NEWUTS"),
        (0x8000000, "CLONE_NEWIPC"),
        (0x10000000, "CLONE_NEWUSER"),
        (0x20000000, "CLONE_NEWPID"),
        (0x40000000, "CLONE_NEWNET"),
    ],
    unknown: "CLONE_???",
};

/// Namespaces of setns.
pub(crate) static SETNS: Flags = Flags {
    names: &[
        (0x80, "CLONE_NEWTIME"),
        (0x20000, "CLONE_NEWNS"),
        (0x2000000, "CLONE_NEWCGROUP"),
        (0x4000000, "CLONE_NEWUTS"),
        (0x8000000, "CLONE_NEWIPC"),
        (0x10000000, "CLONE_NEWUSER"),
        (0x20000000, "CLONE_NEWPID"),
        (0x40000000, "CLONE_NEWNET"),
    ],
    unknown: "CLONE_NEW???",
};

/// Options of wait4 and waitid.
pub(crate) static WAIT: Flags = Flags {
    names: &[
        (1, "WNOHANG"),
        (4, "WEXITED"),
        (2, "WSTOPPED"),
        (8, "WCONTINUED"),
        (0x1000000, "WNOWAIT"),
        (0x80000000, "__WCLONE"),
        (0x40000000, "__WALL"),
        (0x20000000, "__WNOTHREAD"),
    ],
    unknown: "W???",
};

/// What the id of waitid stands for.
pub(crate) static WAITID_TYPE: Names =
    Names { names: &[(0, "P_ALL"), (1, "P_PID"), (2, "P_PGID"), (3, "P_PIDFD")], unknown: "P_???" };

/// Options of prctl.
pub(crate) static PRCTL: Names = Names {
    names: &[
        (1, "PR_SET_PDEATHSIG"),
        (2, "PR_GET_PDEATHSIG"),
        (3, "PR_GET_DUMPABLE"),
        (4, "PR_SET_DUMPABLE"),
        (5, "PR_GET_UNALIGN"),
        (6, "PR_SET_UNALIGN"),
        (7, "PR_GET_KEEPCAPS"),
        (8, "PR_SET_KEEPCAPS"),
        (9, "PR_GET_FPEMU"),
        (0xa, "PR_SET_FPEMU"),
        (0xb, "PR_GET_FPEXC"),
        (0xc, "PR_SET_FPEXC"),
        (0xd, "PR_GET_TIMING"),
        (0xe, "PR_SET_TIMING"),
        (0xf, "PR_SET_NAME"),
        (0x10, "PR_GET_NAME"),
        (0x13, "PR_GET_ENDIAN"),
        (0x14, "PR_SET_ENDIAN"),
        (0x15, "PR_GET_SECCOMP"),
        (0x16, "PR_SET_SECCOMP"),
        (0x17, "PR_CAPBSET_READ"),
        (0x18, "PR_CAPBSET_DROP"),
        (0x19, "PR_GET_TSC"),
        (0x1a, "PR_SET_TSC"),
        (0x1b, "PR_GET_SECUREBITS"),
        (0x1c, "PR_SET_SECUREBITS"),
        (0x1d, "PR_SET_TIMERSLACK"),
        (0x1e, "PR_GET_TIMERSLACK"),
        (0x1f, "PR_TASK_PERF_EVENTS_DISABLE"),
        (0x20, "PR_TASK_PERF_EVENTS_ENABLE"),
        (0x21, "PR_MCE_KILL"),
        (0x22, "PR_MCE_KILL_GET"),
        (0x23, "PR_SET_MM"),
        (0x24, "PR_SET_CHILD_SUBREAPER"),
        (0x25, "PR_GET_CHILD_SUBREAPER"),
        (0x26, "PR_SET_NO_NEW_PRIVS"),
        (0x27, "PR_GET_NO_NEW_PRIVS"),
        (0x28, "PR_GET_TID_ADDRESS"),
        (0x29, "PR_SET_THP_DISABLE"),
        (0x2a, "PR_GET_THP_DISABLE"),
        (0x2b, "PR_MPX_ENABLE_MANAGEMENT"),
        (0x2c, "PR_MPX_DISABLE_MANAGEMENT"),
        (0x2d, "PR_SET_FP_MODE"),
        (0x2e, "PR_GET_FP_MODE"),
        (0x2f, "PR_CAP_AMBIENT"),
        (0x32, "PR_SVE_SET_VL"),
        (0x33, "PR_SVE_GET_VL"),
        (0x34, "PR_GET_SPECULATION_CTRL"),
        (0x35, "PR_SET_SPECULATION_CTRL"),
        (0x36, "PR_PAC_RESET_KEYS"),
        (0x37, "PR_SET_TAGGED_ADDR_CTRL"),
        (0x38, "PR_GET_TAGGED_ADDR_CTRL"),
        (0x39, "PR_SET_IO_FLUSHER"),
        (0x3a, "PR_GET_IO_FLUSHER"),
        (0x3b, "PR_SET_SYSCALL_USER_DISPATCH"),
        (0x3c, "PR_PAC_SET_ENABLED_KEYS"),
        (0x3d, "PR_PAC_GET_ENABLED_KEYS"),
        (0x3e, "PR_SCHED_CORE"),
        (0x3f, "PR_SME_SET_VL"),
        (0x40, "PR_SME_GET_VL"),
        (0x41, "PR_SET_MDWE"),
        (0x42, "PR_GET_MDWE"),
        (0x43, "PR_SET_MEMORY_MERGE"),
        (0x44, "PR_GET_MEMORY_MERGE"),
        (0x45, "PR_RISCV_V_SET_CONTROL"),
        (0x46, "PR_RISCV_V_GET_CONTROL"),
        (0x47, "PR_RISCV_SET_ICACHE_FLUSH_CTX"),
        (0x48, "PR_PPC_GET_DEXCR"),
        (0x49, "PR_PPC_SET_DEXCR"),
        (0x4a, "PR_GET_SHADOW_STACK_STATUS"),
        (0x4b, "PR_SET_SHADOW_STACK_STATUS"),
        (0x4c, "PR_LOCK_SHADOW_STACK_STATUS"),
        (0x4d, "PR_TIMER_CREATE_RESTORE_IDS"),
        (0x4e, "PR_FUTEX_HASH"),
        (0x53564d41, "PR_SET_VMA"),
        (0x59616d61, "PR_SET_PTRACER"),
    ],
    unknown: "PR_???",
};

/// Codes of arch_prctl.
pub(crate) static ARCH_PRCTL: Names = Names {
    names: &[
        (0x1001, "ARCH_SET_GS"),
        (0x1002, "ARCH_SET_FS"),
        (0x1003, "ARCH_GET_FS"),
        (0x1004, "ARCH_GET_GS"),
        (0x1011, "ARCH_GET_CPUID"),
        (0x1012, "ARCH_SET_CPUID"),
        (0x1021, "ARCH_GET_XCOMP_SUPP"),
        (0x1022, "ARCH_GET_XCOMP_PERM"),
        (0x1023, "ARCH_REQ_XCOMP_PERM"),
        (0x1024, "ARCH_GET_XCOMP_GUEST_PERM"),
        (0x1025, "ARCH_REQ_XCOMP_GUEST_PERM"),
        (0x2001, "ARCH_MAP_VDSO_X32"),
        (0x2002, "ARCH_MAP_VDSO_32"),
        (0x2003, "ARCH_MAP_VDSO_64"),
        (0x4001, "ARCH_GET_UNTAG_MASK"),
        (0x4002, "ARCH_ENABLE_TAGGED_ADDR"),
        (0x4003, "ARCH_GET_MAX_TAG_BITS"),
        (0x4004, "ARCH_FORCE_TAGGED_SVA"),
        (0x5001, "ARCH_SHSTK_ENABLE"),
        (0x5002, "ARCH_SHSTK_DISABLE"),
        (0x5003, "ARCH_SHSTK_LOCK"),
        (0x5004, "ARCH_SHSTK_UNLOCK"),
        (0x5005, "ARCH_SHSTK_STATUS"),
    ],
    unknown: "ARCH_???",
};

/// Resources of a limit.
pub(crate) static RLIMIT: Names = Names {
    names: &[
        (0, "RLIMIT_CPU"),
        (1, "RLIMIT_FSIZE"),
        (2, "RLIMIT_DATA"),
        (3, "RLIMIT_STACK"),
        (4, "RLIMIT_CORE"),
        (5, "RLIMIT_RSS"),
        (6, "RLIMIT_NPROC"),
        (7, "RLIMIT_NOFILE"),
        (8, "RLIMIT_MEMLOCK"),
        (9, "RLIMIT_AS"),
        (0xa, "RLIMIT_LOCKS"),
        (0xb, "RLIMIT_SIGPENDING"),
        (0xc, "RLIMIT_MSGQUEUE"),
        (0xd, "RLIMIT_NICE"),
        (0xe, "RLIMIT_RTPRIO"),
        (0xf, "RLIMIT_RTTIME"),
    ],
    unknown: "RLIMIT_???",
};

/// Whose usage getrusage tells.
pub(crate) static RUSAGE: Names = Names {
    names: &[(0, "RUSAGE_SELF"), (1, "RUSAGE_THREAD"), (0xfffffffe, "RUSAGE_BOTH"), (0xffffffff, "RUSAGE_CHILDREN")],
    unknown: "RUSAGE_???",
};

/// What the id of getpriority stands for.
pub(crate) static PRIORITY_WHICH: Names =
    Names { names: &[(0, "PRIO_PROCESS"), (1, "PRIO_PGRP"), (2, "PRIO_USER")], unknown: "PRIO_???" };

/// What the id of ioprio_get stands for.
pub(crate) static IOPRIO_WHICH: Names = Names {
    names: &[(1, "IOPRIO_WHO_PROCESS"), (2, "IOPRIO_WHO_PGRP"), (3, "IOPRIO_WHO_USER")],
    unknown: "IOPRIO_WHO_???",
};

/// Scheduling policies.
pub(crate) static SCHED_POLICY: Names = Names {
    names: &[
        (0, "SCHED_OTHER"),
        (1, "SCHED_FIFO"),
        (2, "SCHED_RR"),
        (3, "SCHED_BATCH"),
        (4, "SCHED_ISO"),
        (5, "SCHED_IDLE"),
        (6, "SCHED_DEADLINE"),
        (7, "SCHED_EXT"),
    ],
    unknown: "SCHED_???",
};

/// Kinds of personality.
pub(crate) static PERSONALITY: Names = Names {
    names: &[
        (0, "PER_LINUX"),
        (6, "PER_BSD"),
        (8, "PER_LINUX32"),
        (0xc, "PER_RISCOS"),
        (0xf, "PER_OSF4"),
        (0x10, "PER_HPUX"),
        (0xff, "PER_MASK"),
    ],
    unknown: "PER_???",
};

/// Flags of personality.
pub(crate) static PERSONALITY_FLAGS: Flags = Flags {
    names: &[
        (0x20000, "UNAME26"),
        (0x40000, "ADDR_NO_RANDOMIZE"),
        (0x80000, "FDPIC_FUNCPTRS"),
        (0x100000, "MMAP_PAGE_ZERO"),
        (0x200000, "ADDR_COMPAT_LAYOUT"),
        (0x400000, "READ_IMPLIES_EXEC"),
        (0x800000, "ADDR_LIMIT_32BIT"),
        (0x1000000, "SHORT_INODE"),
        (0x2000000, "WHOLE_SECONDS"),
        (0x4000000, "STICKY_TIMEOUTS"),
        (0x8000000, "ADDR_LIMIT_3GB"),
    ],
    unknown: "",
};

/// Commands of reboot.
pub(crate) static REBOOT_CMD: Names = Names {
    names: &[
        (0, "LINUX_REBOOT_CMD_CAD_OFF"),
        (0x1234567, "LINUX_REBOOT_CMD_RESTART"),
        (0x4321fedc, "LINUX_REBOOT_CMD_POWER_OFF"),
        (0x45584543, "LINUX_REBOOT_CMD_KEXEC"),
        (0x89abcdef, "LINUX_REBOOT_CMD_CAD_ON"),
        (0xa1b2c3d4, "LINUX_REBOOT_CMD_RESTART2"),
        (0xcdef0123, "LINUX_REBOOT_CMD_HALT"),
        (0xd000fce2, "LINUX_REBOOT_CMD_SW_SUSPEND"),
    ],
    unknown: "LINUX_REBOOT_CMD_???",
};

/// First magic number of reboot.
pub(crate) static REBOOT_MAGIC1: Names =
    Names { names: &[(0xfee1dead, "LINUX_REBOOT_MAGIC1")], unknown: "LINUX_REBOOT_MAGIC_???" };

/// Second magic number of reboot.
pub(crate) static REBOOT_MAGIC2: Names = Names {
    names: &[
        (0x5121996, "LINUX_REBOOT_MAGIC2A"),
        (0x16041998, "LINUX_REBOOT_MAGIC2B"),
        (0x20112000, "LINUX_REBOOT_MAGIC2C"),
        (0x28121969, "LINUX_REBOOT_MAGIC2"),
    ],
    unknown: "LINUX_REBOOT_MAGIC_???",
};

/// Events that a wait status tells a tracer of.
pub(crate) static PTRACE_EVENT: Names = Names {
    names: &[
        (1, "PTRACE_EVENT_FORK"),
        (2, "PTRACE_EVENT_VFORK"),
        (3, "PTRACE_EVENT_CLONE"),
        (4, "PTRACE_EVENT_EXEC"),
        (5, "PTRACE_EVENT_VFORK_DONE"),
        (6, "PTRACE_EVENT_EXIT"),
        (7, "PTRACE_EVENT_SECCOMP"),
        (0x80, "PTRACE_EVENT_STOP"),
    ],
    unknown: "PTRACE_EVENT_???",
};

/// Requests of ptrace.
pub(crate) static PTRACE: Names = Names {
    names: &[
        (0, "PTRACE_TRACEME"),
        (1, "PTRACE_PEEKTEXT"),
        (2, "PTRACE_PEEKDATA"),
        (3, "PTRACE_PEEKUSER"),
        (4, "PTRACE_POKETEXT"),
        (5, "PTRACE_POKEDATA"),
        (6, "PTRACE_POKEUSER"),
        (7, "PTRACE_CONT"),
        (8, "PTRACE_KILL"),
        (9, "PTRACE_SINGLESTEP"),
        (0xc, "PTRACE_GETREGS"),
        (0xd, "PTRACE_SETREGS"),
        (0xe, "PTRACE_GETFPREGS"),
        (0xf, "PTRACE_SETFPREGS"),
        (0x10, "PTRACE_ATTACH"),
        (0x11, "PTRACE_DETACH"),
        (0x12, "PTRACE_GETFPXREGS"),
        (0x13, "PTRACE_SETFPXREGS"),
        (0x15, "PTRACE_OLDSETOPTIONS"),
        (0x18, "PTRACE_SYSCALL"),
        (0x19, "PTRACE_GET_THREAD_AREA"),
        (0x1a, "PTRACE_SET_THREAD_AREA"),
        (0x1e, "PTRACE_ARCH_PRCTL"),
        (0x1f, "PTRACE_SYSEMU"),
        (0x20, "PTRACE_SYSEMU_SINGLESTEP"),
        (0x21, "PTRACE_SINGLEBLOCK"),
        (0x4200, "PTRACE_SETOPTIONS"),
        (0x4201, "PTRACE_GETEVENTMSG"),
        (0x4202, "PTRACE_GETSIGINFO"),
        (0x4203, "PTRACE_SETSIGINFO"),
        (0x4204, "PTRACE_GETREGSET"),
        (0x4205, "PTRACE_SETREGSET"),
        (0x4206, "PTRACE_SEIZE"),
        (0x4207, "PTRACE_INTERRUPT"),
        (0x4208, "PTRACE_LISTEN"),
        (0x4209, "PTRACE_PEEKSIGINFO"),
        (0x420a, "PTRACE_GETSIGMASK"),
        (0x420b, "PTRACE_SETSIGMASK"),
        (0x420c, "PTRACE_SECCOMP_GET_FILTER"),
        (0x420d, "PTRACE_SECCOMP_GET_METADATA"),
        (0x420e, "PTRACE_GET_SYSCALL_INFO"),
        (0x420f, "PTRACE_GET_RSEQ_CONFIGURATION"),
        (0x4210, "PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG"),
        (0x4211, "PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG"),
        (0x4212, "PTRACE_SET_SYSCALL_INFO"),
    ],
    unknown: "PTRACE_???",
};

/// Operations of seccomp.
pub(crate) static SECCOMP: Names = Names {
    names: &[
        (0, "SECCOMP_SET_MODE_STRICT"),
        (1, "SECCOMP_SET_MODE_FILTER"),
        (2, "SECCOMP_GET_ACTION_AVAIL"),
        (3, "SECCOMP_GET_NOTIF_SIZES"),
    ],
    unknown: "SECCOMP_SET_MODE_???",
};

/// Flags of seccomp filters.
pub(crate) static SECCOMP_FILTER: Flags = Flags {
    names: &[
        (1, "SECCOMP_FILTER_FLAG_TSYNC"),
        (2, "SECCOMP_FILTER_FLAG_LOG"),
        (4, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"),
        (8, "SECCOMP_FILTER_FLAG_NEW_LISTENER"),
        (0x10, "SECCOMP_FILTER_FLAG_TSYNC_ESRCH"),
        (0x20, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"),
    ],
    unknown: "SECCOMP_FILTER_FLAG_???",
};

/// What kcmp compares.
pub(crate) static KCMP: Names = Names {
    names: &[
        (0, "KCMP_FILE"),
        (1, "KCMP_VM"),
        (2, "KCMP_FILES"),
        (3, "KCMP_FS"),
        (4, "KCMP_SIGHAND"),
        (5, "KCMP_IO"),
        (6, "KCMP_SYSVSEM"),
        (7, "KCMP_EPOLL_TFD"),
    ],
    unknown: "KCMP_???",
};

/// Flags of pidfd_open.
pub(crate) static PIDFD_OPEN: Flags =
    Flags { names: &[(0x800, "PIDFD_NONBLOCK"), (0x80, "PIDFD_THREAD")], unknown: "PIDFD_???" };

/// Commands of keyctl.
pub(crate) static KEYCTL: Names = Names {
    names: &[
        (0, "KEYCTL_GET_KEYRING_ID"),
        (1, "KEYCTL_JOIN_SESSION_KEYRING"),
        (2, "KEYCTL_UPDATE"),
        (3, "KEYCTL_REVOKE"),
        (4, "KEYCTL_CHOWN"),
        (5, "KEYCTL_SETPERM"),
        (6, "KEYCTL_DESCRIBE"),
        (7, "KEYCTL_CLEAR"),
        (8, "KEYCTL_LINK"),
        (9, "KEYCTL_UNLINK"),
        (0xa, "KEYCTL_SEARCH"),
        (0xb, "KEYCTL_READ"),
        (0xc, "KEYCTL_INSTANTIATE"),
        (0xd, "KEYCTL_NEGATE"),
        (0xe, "KEYCTL_SET_REQKEY_KEYRING"),
        (0xf, "KEYCTL_SET_TIMEOUT"),
        (0x10, "KEYCTL_ASSUME_AUTHORITY"),
        (0x11, "KEYCTL_GET_SECURITY"),
        (0x12, "KEYCTL_SESSION_TO_PARENT"),
        (0x13, "KEYCTL_REJECT"),
        (0x14, "KEYCTL_INSTANTIATE_IOV"),
        (0x15, "KEYCTL_INVALIDATE"),
        (0x16, "KEYCTL_GET_PERSISTENT"),
        (0x17, "KEYCTL_DH_COMPUTE"),
        (0x18, "KEYCTL_PKEY_QUERY"),
        (0x19, "KEYCTL_PKEY_ENCRYPT"),
        (0x1a, "KEYCTL_PKEY_DECRYPT"),
        (0x1b, "KEYCTL_PKEY_SIGN"),
        (0x1c, "KEYCTL_PKEY_VERIFY"),
        (0x1d, "KEYCTL_RESTRICT_KEYRING"),
        (0x1e, "KEYCTL_MOVE"),
        (0x1f, "KEYCTL_CAPABILITIES"),
        (0x20, "KEYCTL_WATCH_KEY"),
    ],
    unknown: "KEYCTL_???",
};

/// Commands of bpf.
pub(crate) static BPF: Names = Names {
    names: &[
        (0, "BPF_MAP_CREATE"),
        (1, "BPF_MAP_LOOKUP_ELEM"),
        (2, "BPF_MAP_UPDATE_ELEM"),
        (3, "BPF_MAP_DELETE_ELEM"),
        (4, "BPF_MAP_GET_NEXT_KEY"),
        (5, "BPF_PROG_LOAD"),
        (6, "BPF_OBJ_PIN"),
        (7, "BPF_OBJ_GET"),
        (8, "BPF_PROG_ATTACH"),
        (9, "BPF_PROG_DETACH"),
        (0xa, "BPF_PROG_TEST_RUN"),
        (0xb, "BPF_PROG_GET_NEXT_ID"),
        (0xc, "BPF_MAP_GET_NEXT_ID"),
        (0xd, "BPF_PROG_GET_FD_BY_ID"),
        (0xe, "BPF_MAP_GET_FD_BY_ID"),
        (0xf, "BPF_OBJ_GET_INFO_BY_FD"),
        (0x10, "BPF_PROG_QUERY"),
        (0x11, "BPF_RAW_TRACEPOINT_OPEN"),
        (0x12, "BPF_BTF_LOAD"),
        (0x13, "BPF_BTF_GET_FD_BY_ID"),
        (0x14, "BPF_TASK_FD_QUERY"),
        (0x15, "BPF_MAP_LOOKUP_AND_DELETE_ELEM"),
        (0x16, "BPF_MAP_FREEZE"),
        (0x17, "BPF_BTF_GET_NEXT_ID"),
        (0x18, "BPF_MAP_LOOKUP_BATCH"),
        (0x19, "BPF_MAP_LOOKUP_AND_DELETE_BATCH"),
        (0x1a, "BPF_MAP_UPDATE_BATCH"),
        (0x1b, "BPF_MAP_DELETE_BATCH"),
        (0x1c, "BPF_LINK_CREATE"),
        (0x1d, "BPF_LINK_UPDATE"),
        (0x1e, "BPF_LINK_GET_FD_BY_ID"),
        (0x1f, "BPF_LINK_GET_NEXT_ID"),
        (0x20, "BPF_ENABLE_STATS"),
        (0x21, "BPF_ITER_CREATE"),
        (0x22, "BPF_LINK_DETACH"),
        (0x23, "BPF_PROG_BIND_MAP"),
        (0x24, "BPF_TOKEN_CREATE"),
        (0x25, "BPF_PROG_STREAM_READ_BY_FD"),
    ],
    unknown: "BPF_???",
};

/// Flags of perf_event_open.
pub(crate) static PERF_EVENT_OPEN: Flags = Flags {
    names: &[
        (1, "PERF_FLAG_FD_NO_GROUP"),
        (2, "PERF_FLAG_FD_OUTPUT"),
        (4, "PERF_FLAG_PID_CGROUP"),
        (8, "PERF_FLAG_FD_CLOEXEC"),
    ],
    unknown: "PERF_FLAG_???",
};

/// Flags of landlock_create_ruleset.
pub(crate) static LANDLOCK_CREATE: Flags = Flags {
    names: &[(1, "LANDLOCK_CREATE_RULESET_VERSION"), (2, "LANDLOCK_CREATE_RULESET_ERRATA")],
    unknown: "LANDLOCK_CREATE_RULESET_???",
};

/// Kinds of landlock rules.
pub(crate) static LANDLOCK_RULE: Names =
    Names { names: &[(1, "LANDLOCK_RULE_PATH_BENEATH"), (2, "LANDLOCK_RULE_NET_PORT")], unknown: "LANDLOCK_RULE_???" };

/// Flags of io_uring_setup.
pub(crate) static IO_URING_SETUP: Flags = Flags {
    names: &[
        (1, "IORING_SETUP_IOPOLL"),
        (2, "IORING_SETUP_SQPOLL"),
        (4, "IORING_SETUP_SQ_AFF"),
        (8, "IORING_SETUP_CQSIZE"),
        (0x10, "IORING_SETUP_CLAMP"),
        (0x20, "IORING_SETUP_ATTACH_WQ"),
        (0x40, "IORING_SETUP_R_DISABLED"),
        (0x80, "IORING_SETUP_SUBMIT_ALL"),
        (0x100, "IORING_SETUP_COOP_TASKRUN"),
        (0x200, "IORING_SETUP_TASKRUN_FLAG"),
        (0x400, "IORING_SETUP_SQE128"),
        (0x800, "IORING_SETUP_CQE32"),
        (0x1000, "IORING_SETUP_SINGLE_ISSUER"),
        (0x2000, "IORING_SETUP_DEFER_TASKRUN"),
        (0x4000, "IORING_SETUP_NO_MMAP"),
        (0x8000, "IORING_SETUP_REGISTERED_FD_ONLY"),
        (0x10000, "IORING_SETUP_NO_SQARRAY"),
        (0x20000, "IORING_SETUP_HYBRID_IOPOLL"),
    ],
    unknown: "IORING_SETUP_???",
};

/// What io_uring can do.
pub(crate) static IO_URING_FEATURES: Flags = Flags {
    names: &[
        (1, "IORING_FEAT_SINGLE_MMAP"),
        (2, "IORING_FEAT_NODROP"),
        (4, "IORING_FEAT_SUBMIT_STABLE"),
        (8, "IORING_FEAT_RW_CUR_POS"),
        (0x10, "IORING_FEAT_CUR_PERSONALITY"),
        (0x20, "IORING_FEAT_FAST_POLL"),
        (0x40, "IORING_FEAT_POLL_32BITS"),
        (0x80, "IORING_FEAT_SQPOLL_NONFIXED"),
        (0x100, "IORING_FEAT_EXT_ARG"),
        (0x200, "IORING_FEAT_NATIVE_WORKERS"),
        (0x400, "IORING_FEAT_RSRC_TAGS"),
        (0x800, "IORING_FEAT_CQE_SKIP"),
        (0x1000, "IORING_FEAT_LINKED_FILE"),
        (0x2000, "IORING_FEAT_REG_REG_RING"),
        (0x4000, "IORING_FEAT_RECVSEND_BUNDLE"),
        (0x8000, "IORING_FEAT_MIN_TIMEOUT"),
        (0x10000, "IORING_FEAT_RW_ATTR"),
        (0x20000, "IORING_FEAT_NO_IOWAIT"),
    ],
    unknown: "IORING_FEAT_???",
};

/// Access to files that Landlock controls.
pub(crate) static LANDLOCK_FILE_ACCESS: Flags = Flags {
    names: &[
        (1, "LANDLOCK_ACCESS_FS_EXECUTE"),
        (2, "LANDLOCK_ACCESS_FS_WRITE_FILE"),
        (4, "LANDLOCK_ACCESS_FS_READ_FILE"),
        (8, "LANDLOCK_ACCESS_FS_READ_DIR"),
        (0x10, "LANDLOCK_ACCESS_FS_REMOVE_DIR"),
        (0x20, "LANDLOCK_ACCESS_FS_REMOVE_FILE"),
        (0x40, "LANDLOCK_ACCESS_FS_MAKE_CHAR"),
        (0x80, "LANDLOCK_ACCESS_FS_MAKE_DIR"),
        (0x100, "LANDLOCK_ACCESS_FS_MAKE_REG"),
        (0x200, "LANDLOCK_ACCESS_FS_MAKE_SOCK"),
        (0x400, "LANDLOCK_ACCESS_FS_MAKE_FIFO"),
        (0x800, "LANDLOCK_ACCESS_FS_MAKE_BLOCK"),
        (0x1000, "LANDLOCK_ACCESS_FS_MAKE_SYM"),
        (0x2000, "LANDLOCK_ACCESS_FS_REFER"),
        (0x4000, "LANDLOCK_ACCESS_FS_TRUNCATE"),
        (0x8000, "LANDLOCK_ACCESS_FS_IOCTL_DEV"),
    ],
    unknown: "LANDLOCK_ACCESS_FS_???",
};

/// Flags of a futex of futex_waitv.
pub(crate) static FUTEX_WAITV: Flags =
    Flags { names: &[(2, "FUTEX_32"), (0x80, "FUTEX_PRIVATE_FLAG")], unknown: "FUTEX_???" };

/// Permissions of a key.
pub(crate) static KEY_PERMISSIONS: Flags = Flags {
    names: &[
        (0x1000000, "KEY_POS_VIEW"),
        (0x2000000, "KEY_POS_READ"),
        (0x4000000, "KEY_POS_WRITE"),
        (0x8000000, "KEY_POS_SEARCH"),
        (0x10000000, "KEY_POS_LINK"),
        (0x20000000, "KEY_POS_SETATTR"),
        (0x10000, "KEY_USR_VIEW"),
        (0x20000, "KEY_USR_READ"),
        (0x40000, "KEY_USR_WRITE"),
        (0x80000, "KEY_USR_SEARCH"),
        (0x100000, "KEY_USR_LINK"),
        (0x200000, "KEY_USR_SETATTR"),
        (0x100, "KEY_GRP_VIEW"),
        (0x200, "KEY_GRP_READ"),
        (0x400, "KEY_GRP_WRITE"),
        (0x800, "KEY_GRP_SEARCH"),
        (0x1000, "KEY_GRP_LINK"),
        (0x2000, "KEY_GRP_SETATTR"),
        (1, "KEY_OTH_VIEW"),
        (2, "KEY_OTH_READ"),
        (4, "KEY_OTH_WRITE"),
        (8, "KEY_OTH_SEARCH"),
        (0x10, "KEY_OTH_LINK"),
        (0x20, "KEY_OTH_SETATTR"),
    ],
    unknown: "KEY_???",
};

/// Flags of io_uring_enter.
pub(crate) static IO_URING_ENTER: Flags = Flags {
    names: &[
        (1, "IORING_ENTER_GETEVENTS"),
        (2, "IORING_ENTER_SQ_WAKEUP"),
        (4, "IORING_ENTER_SQ_WAIT"),
        (8, "IORING_ENTER_EXT_ARG"),
        (0x10, "IORING_ENTER_REGISTERED_RING"),
        (0x20, "IORING_ENTER_ABS_TIMER"),
        (0x40, "IORING_ENTER_EXT_ARG_REG"),
        (0x80, "IORING_ENTER_NO_IOWAIT"),
    ],
    unknown: "IORING_ENTER_???",
};

/// Operations of io_uring_register.
pub(crate) static IO_URING_REGISTER: Names = Names {
    names: &[
        (0, "IORING_REGISTER_BUFFERS"),
        (1, "IORING_UNREGISTER_BUFFERS"),
        (2, "IORING_REGISTER_FILES"),
        (3, "IORING_UNREGISTER_FILES"),
        (4, "IORING_REGISTER_EVENTFD"),
        (5, "IORING_UNREGISTER_EVENTFD"),
        (6, "IORING_REGISTER_FILES_UPDATE"),
        (7, "IORING_REGISTER_EVENTFD_ASYNC"),
        (8, "IORING_REGISTER_PROBE"),
        (9, "IORING_REGISTER_PERSONALITY"),
        (0xa, "IORING_UNREGISTER_PERSONALITY"),
        (0xb, "IORING_REGISTER_RESTRICTIONS"),
        (0xc, "IORING_REGISTER_ENABLE_RINGS"),
        (0xd, "IORING_REGISTER_FILES2"),
        (0xe, "IORING_REGISTER_FILES_UPDATE2"),
        (0xf, "IORING_REGISTER_BUFFERS2"),
        (0x10, "IORING_REGISTER_BUFFERS_UPDATE"),
        (0x11, "IORING_REGISTER_IOWQ_AFF"),
        (0x12, "IORING_UNREGISTER_IOWQ_AFF"),
        (0x13, "IORING_REGISTER_IOWQ_MAX_WORKERS"),
        (0x14, "IORING_REGISTER_RING_FDS"),
        (0x15, "IORING_UNREGISTER_RING_FDS"),
        (0x16, "IORING_REGISTER_PBUF_RING"),
        (0x17, "IORING_UNREGISTER_PBUF_RING"),
        (0x18, "IORING_REGISTER_SYNC_CANCEL"),
        (0x19, "IORING_REGISTER_FILE_ALLOC_RANGE"),
        (0x1a, "IORING_REGISTER_PBUF_STATUS"),
        (0x1b, "IORING_REGISTER_NAPI"),
        (0x1c, "IORING_UNREGISTER_NAPI"),
        (0x1d, "IORING_REGISTER_CLOCK"),
        (0x1e, "IORING_REGISTER_CLONE_BUFFERS"),
        (0x1f, "IORING_REGISTER_SEND_MSG_RING"),
        (0x20, "IORING_REGISTER_ZCRX_IFQ"),
        (0x21, "IORING_REGISTER_RESIZE_RINGS"),
        (0x22, "IORING_REGISTER_MEM_REGION"),
    ],
    unknown: "IORING_REGISTER_???",
};

/// Actions of syslog.
pub(crate) static SYSLOG: Names = Names {
    names: &[
        (0, "SYSLOG_ACTION_CLOSE"),
        (1, "SYSLOG_ACTION_OPEN"),
        (2, "SYSLOG_ACTION_READ"),
        (3, "SYSLOG_ACTION_READ_ALL"),
        (4, "SYSLOG_ACTION_READ_CLEAR"),
        (5, "SYSLOG_ACTION_CLEAR"),
        (6, "SYSLOG_ACTION_CONSOLE_OFF"),
        (7, "SYSLOG_ACTION_CONSOLE_ON"),
        (8, "SYSLOG_ACTION_CONSOLE_LEVEL"),
        (9, "SYSLOG_ACTION_SIZE_UNREAD"),
        (0xa, "SYSLOG_ACTION_SIZE_BUFFER"),
    ],
    unknown: "SYSLOG_ACTION_???",
};

/// Flags of getrandom.
pub(crate) static GETRANDOM: Flags =
    Flags { names: &[(1, "GRND_NONBLOCK"), (2, "GRND_RANDOM"), (4, "GRND_INSECURE")], unknown: "GRND_???" };

/// Flags of finit_module.
pub(crate) static FINIT_MODULE: Flags = Flags {
    names: &[
        (1, "MODULE_INIT_IGNORE_MODVERSIONS"),
        (2, "MODULE_INIT_IGNORE_VERMAGIC"),
        (4, "MODULE_INIT_COMPRESSED_FILE"),
    ],
    unknown: "MODULE_INIT_???",
};

/// Flags of delete_module.
pub(crate) static DELETE_MODULE: Flags =
    Flags { names: &[(0x800, "O_NONBLOCK"), (0x200, "O_TRUNC")], unknown: "O_???" };

/// Operations of futex, without flags.
pub(crate) static FUTEX: Names = Names {
    names: &[
        (0, "FUTEX_WAIT"),
        (1, "FUTEX_WAKE"),
        (2, "FUTEX_FD"),
        (3, "FUTEX_REQUEUE"),
        (4, "FUTEX_CMP_REQUEUE"),
        (5, "FUTEX_WAKE_OP"),
        (6, "FUTEX_LOCK_PI"),
        (7, "FUTEX_UNLOCK_PI"),
        (8, "FUTEX_TRYLOCK_PI"),
        (9, "FUTEX_WAIT_BITSET"),
        (0xa, "FUTEX_WAKE_BITSET"),
        (0xb, "FUTEX_WAIT_REQUEUE_PI"),
        (0xc, "FUTEX_CMP_REQUEUE_PI"),
        (0xd, "FUTEX_LOCK_PI2"),
    ],
    unknown: "FUTEX_???",
};
