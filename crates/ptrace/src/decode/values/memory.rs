//! Flags of mappings and of shared memory.

use super::flags::Names;
use super::tables::memory;
use crate::decode::number::{hex, push_octal, push_unsigned};

/// Bits of a page size's logarithm in the flags of mmap, memfd_create and shmget.
const HUGE_SHIFT: u32 = 26;
const HUGE_MASK: u64 = 0x3f << HUGE_SHIFT;

/// Appends the flags of mmap: `MAP_PRIVATE|MAP_ANONYMOUS`.
pub(crate) fn mmap_flags(out: &mut String, value: u64) {
    memory::MAP_TYPE.write(out, value & 0xf);
    memory::MAP_FLAGS.write_more(out, value & 0xffff_fff0 & !HUGE_MASK);
    huge_pages(out, value, "|", "MAP");
}

/// Appends the page size in `value` behind `separator`; nothing if there is none.
fn huge_pages(out: &mut String, value: u64, separator: &str, prefix: &str) {
    let logarithm = (value & HUGE_MASK) >> HUGE_SHIFT;
    if logarithm != 0 {
        out.push_str(separator);
        push_unsigned(out, logarithm);
        out.push_str("<<");
        out.push_str(prefix);
        out.push_str("_HUGE_SHIFT");
    }
}

/// Appends the flags of memfd_create: `MFD_HUGETLB|21<<MFD_HUGE_SHIFT`.
pub(crate) fn memfd_flags(out: &mut String, value: u64) {
    use super::tables::file::MEMFD;
    let flags = value & 0xffff_ffff & !HUGE_MASK;
    if flags != 0 || value & HUGE_MASK == 0 {
        MEMFD.write(out, flags);
    }
    huge_pages(out, value, if flags == 0 { "" } else { "|" }, "MFD");
}

/// Appends the flags of shmget: `IPC_CREAT|0644`.
pub(crate) fn shmget_flags(out: &mut String, value: u64) {
    let start = out.len();
    let flags = value & 0xffff_fe00 & !HUGE_MASK;
    if flags != 0 && !memory::SHMGET.write_known(out, flags) {
        hex(out, flags);
    }
    huge_pages(out, value, if out.len() > start { "|" } else { "" }, "SHM");
    if out.len() > start {
        out.push('|');
    }
    push_octal(out, value & 0o777, 3);
}

/// Appends the flags of semget and msgget: `IPC_CREAT|0644`.
pub(crate) fn ipc_get(out: &mut String, value: u64) {
    let flags = value & 0xffff_fe00;
    if flags != 0 {
        if !memory::IPC_GET.write_known(out, flags) {
            hex(out, flags);
        }
        out.push('|');
    }
    push_octal(out, value & 0o777, 3);
}

/// Appends a command of shmctl, semctl or msgctl, with the flag that old C libraries add.
pub(crate) fn ipc_command(out: &mut String, names: &Names, value: u64) {
    if value & 0x100 != 0 {
        out.push_str("IPC_64|");
    }
    names.write_int(out, value & !0x100);
}

/// Appends a memory policy with its flags: `MPOL_BIND|MPOL_F_STATIC_NODES`.
pub(crate) fn mempolicy(out: &mut String, value: u64) {
    let (policy, flags) = (value & 0xffff_1fff, value & 0xe000);
    if let Some(name) = memory::MEMPOLICY.name(policy) {
        out.push_str(name);
        memory::MEMPOLICY_FLAGS.write_more(out, flags);
    } else if flags == 0 {
        memory::MEMPOLICY.write(out, policy);
    } else {
        memory::MEMPOLICY_FLAGS.write(out, value & 0xffff_ffff);
    }
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    // The expected texts are what strace 6.1 prints for these numbers.

    #[test]
    fn flags_of_mmap() {
        let flags = |value| text(|out| mmap_flags(out, value));
        assert_eq!(flags(0), "MAP_FILE");
        assert_eq!(flags(0x22), "MAP_PRIVATE|MAP_ANONYMOUS");
        assert_eq!(flags(0x32), "MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS");
        assert_eq!(flags(4), "0x4 /* MAP_??? */");
        assert_eq!(flags(0x40002 | 21 << 26), "MAP_PRIVATE|MAP_HUGETLB|21<<MAP_HUGE_SHIFT");
        assert_eq!(
            flags(u64::MAX),
            "0xf /* MAP_??? */|MAP_FIXED|MAP_ANONYMOUS|MAP_32BIT|MAP_NORESERVE|MAP_POPULATE|MAP_NONBLOCK|MAP_GROWSDOWN|\
             MAP_DENYWRITE|MAP_EXECUTABLE|MAP_LOCKED|MAP_STACK|MAP_HUGETLB|MAP_SYNC|MAP_FIXED_NOREPLACE|0x3e00680|\
             63<<MAP_HUGE_SHIFT"
        );
    }

    #[test]
    fn flags_of_memfd_create() {
        let flags = |value| text(|out| memfd_flags(out, value));
        assert_eq!(flags(0), "0");
        assert_eq!(flags(7), "MFD_CLOEXEC|MFD_ALLOW_SEALING|MFD_HUGETLB");
        assert_eq!(flags(3 << 26), "3<<MFD_HUGE_SHIFT");
        assert_eq!(flags(30 << 26 | 5), "MFD_CLOEXEC|MFD_HUGETLB|30<<MFD_HUGE_SHIFT");
    }

    #[test]
    fn flags_of_shared_memory() {
        let flags = |value| text(|out| shmget_flags(out, value));
        assert_eq!(flags(0o644), "0644");
        assert_eq!(flags(0o1644), "IPC_CREAT|0644");
        assert_eq!(flags(0x800 | 21 << 26), "SHM_HUGETLB|21<<SHM_HUGE_SHIFT|000");
        assert_eq!(
            flags(0xffff_ffff),
            "IPC_CREAT|IPC_EXCL|SHM_HUGETLB|SHM_NORESERVE|0x3ffe000|63<<SHM_HUGE_SHIFT|0777"
        );
        assert_eq!(text(|out| ipc_get(out, 0o1644)), "IPC_CREAT|0644");
        assert_eq!(text(|out| ipc_get(out, 0xffff_ffff)), "IPC_CREAT|IPC_EXCL|IPC_NOWAIT|0xfffff000|0777");
        assert_eq!(text(|out| ipc_command(out, &memory::SHMCTL, 0x10d)), "IPC_64|SHM_STAT");
    }

    #[test]
    fn memory_policies() {
        let policy = |value| text(|out| mempolicy(out, value));
        assert_eq!(policy(0), "MPOL_DEFAULT");
        assert_eq!(policy(0x8001), "MPOL_PREFERRED|MPOL_F_STATIC_NODES");
        assert_eq!(policy(0x99), "0x99 /* MPOL_??? */");
        assert_eq!(policy(0x8099), "MPOL_F_STATIC_NODES|0x99");
        assert_eq!(policy(0xffff), "MPOL_F_STATIC_NODES|MPOL_F_RELATIVE_NODES|MPOL_F_NUMA_BALANCING|0x1fff");
    }
}
