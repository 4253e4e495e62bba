//! Names for memory: mappings, advice, shared memory, NUMA.

use super::super::flags::{Flags, Names};

/// Protection of a mapping.
pub(crate) static MMAP_PROT: Flags = Flags {
    names: &[
        (0, "PROT_NONE"),
        (1, "PROT_READ"),
        (2, "PROT_WRITE"),
        (4, "PROT_EXEC"),
        (8, "PROT_SEM"),
        (0x1000000, "PROT_GROWSDOWN"),
        (0x2000000, "PROT_GROWSUP"),
    ],
    unknown: "PROT_???",
};

/// Kinds of mappings.
pub(crate) static MAP_TYPE: Names = Names {
    names: &[(0, "MAP_FILE"), (1, "MAP_SHARED"), (2, "MAP_PRIVATE"), (3, "MAP_SHARED_VALIDATE")],
    unknown: "MAP_???",
};

/// Flags of mmap, without the kind and the huge page size.
pub(crate) static MAP_FLAGS: Flags = Flags {
    names: &[
        (0x10, "MAP_FIXED"),
        (0x20, "MAP_ANONYMOUS"),
        (0x40, "MAP_32BIT"),
        (0x4000, "MAP_NORESERVE"),
        (0x8000, "MAP_POPULATE"),
        (0x10000, "MAP_NONBLOCK"),
        (0x100, "MAP_GROWSDOWN"),
        (0x800, "MAP_DENYWRITE"),
        (0x1000, "MAP_EXECUTABLE"),
        (0x2000, "MAP_LOCKED"),
        (0x20000, "MAP_STACK"),
        (0x40000, "MAP_HUGETLB"),
        (0x80000, "MAP_SYNC"),
        (0x100000, "MAP_FIXED_NOREPLACE"),
    ],
    unknown: "",
};

/// Flags of mremap.
pub(crate) static MREMAP: Flags =
    Flags { names: &[(1, "MREMAP_MAYMOVE"), (2, "MREMAP_FIXED"), (4, "MREMAP_DONTUNMAP")], unknown: "MREMAP_???" };

/// Advice of madvise.
pub(crate) static MADVISE: Names = Names {
    names: &[
        (0, "MADV_NORMAL"),
        (1, "MADV_RANDOM"),
        (2, "MADV_SEQUENTIAL"),
        (3, "MADV_WILLNEED"),
        (4, "MADV_DONTNEED"),
        (8, "MADV_FREE"),
        (9, "MADV_REMOVE"),
        (0xa, "MADV_DONTFORK"),
        (0xb, "MADV_DOFORK"),
        (0xc, "MADV_MERGEABLE"),
        (0xd, "MADV_UNMERGEABLE"),
        (0xe, "MADV_HUGEPAGE"),
        (0xf, "MADV_NOHUGEPAGE"),
        (0x10, "MADV_DONTDUMP"),
        (0x11, "MADV_DODUMP"),
        (0x12, "MADV_WIPEONFORK"),
        (0x13, "MADV_KEEPONFORK"),
        (0x14, "MADV_COLD"),
        (0x15, "MADV_PAGEOUT"),
        (0x16, "MADV_POPULATE_READ"),
        (0x17, "MADV_POPULATE_WRITE"),
        (0x18, "MADV_DONTNEED_LOCKED"),
        (0x19, "MADV_COLLAPSE"),
        (0x64, "MADV_HWPOISON"),
        (0x65, "MADV_SOFT_OFFLINE"),
        (0x66, "MADV_GUARD_INSTALL"),
        (0x67, "MADV_GUARD_REMOVE"),
    ],
    unknown: "MADV_???",
};

/// Flags of msync.
pub(crate) static MSYNC: Flags =
    Flags { names: &[(4, "MS_SYNC"), (1, "MS_ASYNC"), (2, "MS_INVALIDATE")], unknown: "MS_???" };

/// Flags of mlock2.
pub(crate) static MLOCK: Flags = Flags { names: &[(1, "MLOCK_ONFAULT")], unknown: "MLOCK_???" };

/// Flags of mlockall.
pub(crate) static MLOCKALL: Flags =
    Flags { names: &[(1, "MCL_CURRENT"), (2, "MCL_FUTURE"), (4, "MCL_ONFAULT")], unknown: "MCL_???" };

/// Memory policies.
pub(crate) static MEMPOLICY: Names = Names {
    names: &[
        (0, "MPOL_DEFAULT"),
        (1, "MPOL_PREFERRED"),
        (2, "MPOL_BIND"),
        (3, "MPOL_INTERLEAVE"),
        (4, "MPOL_LOCAL"),
        (5, "MPOL_PREFERRED_MANY"),
        (6, "MPOL_WEIGHTED_INTERLEAVE"),
    ],
    unknown: "MPOL_???",
};

/// Flags beside a memory policy.
pub(crate) static MEMPOLICY_FLAGS: Flags = Flags {
    names: &[(0x8000, "MPOL_F_STATIC_NODES"), (0x4000, "MPOL_F_RELATIVE_NODES"), (0x2000, "MPOL_F_NUMA_BALANCING")],
    unknown: "",
};

/// Flags of mbind and move_pages.
pub(crate) static MBIND: Flags =
    Flags { names: &[(1, "MPOL_MF_STRICT"), (2, "MPOL_MF_MOVE"), (4, "MPOL_MF_MOVE_ALL")], unknown: "MPOL_???" };

/// Flags of get_mempolicy.
pub(crate) static GET_MEMPOLICY: Flags =
    Flags { names: &[(1, "MPOL_F_NODE"), (2, "MPOL_F_ADDR"), (4, "MPOL_F_MEMS_ALLOWED")], unknown: "MPOL_???" };

/// Commands of membarrier.
pub(crate) static MEMBARRIER: Names = Names {
    names: &[
        (0, "MEMBARRIER_CMD_QUERY"),
        (1, "MEMBARRIER_CMD_GLOBAL"),
        (2, "MEMBARRIER_CMD_GLOBAL_EXPEDITED"),
        (4, "MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED"),
        (8, "MEMBARRIER_CMD_PRIVATE_EXPEDITED"),
        (0x10, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED"),
        (0x20, "MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE"),
        (0x40, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE"),
        (0x80, "MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ"),
        (0x100, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ"),
        (0x200, "MEMBARRIER_CMD_GET_REGISTRATIONS"),
    ],
    unknown: "MEMBARRIER_CMD_???",
};

/// Set of commands, as membarrier reports them.
pub(crate) static MEMBARRIER_CMDS: Flags = Flags {
    names: &[
        (0, "MEMBARRIER_CMD_QUERY"),
        (1, "MEMBARRIER_CMD_GLOBAL"),
        (2, "MEMBARRIER_CMD_GLOBAL_EXPEDITED"),
        (4, "MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED"),
        (8, "MEMBARRIER_CMD_PRIVATE_EXPEDITED"),
        (0x10, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED"),
        (0x20, "MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE"),
        (0x40, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE"),
        (0x80, "MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ"),
        (0x100, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ"),
    ],
    unknown: "MEMBARRIER_CMD_???",
};

/// Flags of membarrier.
pub(crate) static MEMBARRIER_FLAGS: Flags =
    Flags { names: &[(1, "MEMBARRIER_CMD_FLAG_CPU")], unknown: "MEMBARRIER_CMD_FLAG_???" };

/// Access rights of a protection key.
pub(crate) static PKEY_ACCESS: Flags = Flags {
    names: &[(1, "PKEY_DISABLE_ACCESS"), (2, "PKEY_DISABLE_WRITE"), (4, "PKEY_DISABLE_EXECUTE")],
    unknown: "PKEY_???",
};

/// Flags of shmget, without mode and huge page size.
pub(crate) static SHMGET: Flags = Flags {
    names: &[(0x200, "IPC_CREAT"), (0x400, "IPC_EXCL"), (0x800, "SHM_HUGETLB"), (0x1000, "SHM_NORESERVE")],
    unknown: "",
};

/// Flags of shmat.
pub(crate) static SHMAT: Flags = Flags {
    names: &[(0x1000, "SHM_RDONLY"), (0x2000, "SHM_RND"), (0x4000, "SHM_REMAP"), (0x8000, "SHM_EXEC")],
    unknown: "SHM_???",
};

/// Commands of shmctl.
pub(crate) static SHMCTL: Names = Names {
    names: &[
        (0, "IPC_RMID"),
        (1, "IPC_SET"),
        (2, "IPC_STAT"),
        (3, "IPC_INFO"),
        (0xb, "SHM_LOCK"),
        (0xc, "SHM_UNLOCK"),
        (0xd, "SHM_STAT"),
        (0xe, "SHM_INFO"),
        (0xf, "SHM_STAT_ANY"),
    ],
    unknown: "SHM_???",
};

/// Commands of semctl.
pub(crate) static SEMCTL: Names = Names {
    names: &[
        (0, "IPC_RMID"),
        (1, "IPC_SET"),
        (2, "IPC_STAT"),
        (3, "IPC_INFO"),
        (0xb, "GETPID"),
        (0xc, "GETVAL"),
        (0xd, "GETALL"),
        (0xe, "GETNCNT"),
        (0xf, "GETZCNT"),
        (0x10, "SETVAL"),
        (0x11, "SETALL"),
        (0x12, "SEM_STAT"),
        (0x13, "SEM_INFO"),
        (0x14, "SEM_STAT_ANY"),
    ],
    unknown: "SEM_???",
};

/// Commands of msgctl.
pub(crate) static MSGCTL: Names = Names {
    names: &[
        (0, "IPC_RMID"),
        (1, "IPC_SET"),
        (2, "IPC_STAT"),
        (3, "IPC_INFO"),
        (0xb, "MSG_STAT"),
        (0xc, "MSG_INFO"),
        (0xd, "MSG_STAT_ANY"),
    ],
    unknown: "MSG_???",
};

/// Flags of semget and msgget, without the mode.
pub(crate) static IPC_GET: Flags =
    Flags { names: &[(0x200, "IPC_CREAT"), (0x400, "IPC_EXCL"), (0x800, "IPC_NOWAIT")], unknown: "" };

/// Flags of msgrcv and msgsnd.
pub(crate) static MSG_QUEUE: Flags = Flags {
    names: &[(0x1000, "MSG_NOERROR"), (0x2000, "MSG_EXCEPT"), (0x4000, "MSG_COPY"), (0x800, "IPC_NOWAIT")],
    unknown: "MSG_???",
};
