//! Bytes and numbers from hostile programs: every text is finite and nothing panics.

use renacer_events::Abi;

use super::*;

const ABIS: [Abi; 4] = [Abi::X86_64, Abi::I386, Abi::X32, Abi::Aarch64];

/// Texts of numbers.
const NUMBERS: &[fn(&mut String, u64)] = &[
    clock,
    clone_flags,
    clone3_flags,
    date_of,
    device,
    fanotify_init,
    futex_operation,
    ioctl,
    ipc_get,
    key_serial,
    memfd_flags,
    mempolicy,
    mmap_flags,
    mode,
    personality,
    quota_command,
    shmget_flags,
    signal,
    socket_type,
    statx_flags,
    swap_flags,
    wait_status,
];

fn date_of(out: &mut String, value: u64) {
    date(out, value as i64);
}

/// Texts of bytes.
const STRUCTURES: &[fn(&mut String, Abi, &[u8])] = &[
    |out, _, bytes| capability_header(out, bytes),
    |out, _, bytes| capability_sets(out, bytes),
    flock_with_pid,
    |out, _, bytes| flock64(out, bytes, true),
    |out, _, bytes| futex_waitv(out, bytes),
    |out, _, bytes| io_uring_params(out, bytes, true),
    |out, abi, bytes| itimerspec(out, width(abi), bytes),
    |out, abi, bytes| itimerval(out, width(abi), bytes),
    |out, _, bytes| landlock_path(out, bytes),
    |out, _, bytes| landlock_ruleset(out, bytes, 16),
    mq_attr,
    |out, _, bytes| old_sigaction(out, bytes),
    |out, _, bytes| old_stat(out, bytes),
    open_how,
    |out, _, bytes| owner(out, bytes),
    |out, _, bytes| perf_event_attr(out, bytes),
    |out, abi, bytes| rlimit(out, abi.word_size(), bytes),
    |out, abi, bytes| rusage(out, width(abi), bytes),
    |out, _, bytes| sched_param(out, bytes),
    |out, abi, bytes| sigaction(out, abi.word_size(), bytes),
    |out, abi, bytes| sigevent(out, abi.word_size(), bytes),
    siginfo,
    |out, _, bytes| signal_set(out, bytes),
    |out, _, bytes| sockaddr(out, bytes),
    |out, abi, bytes| stack(out, abi.word_size(), bytes),
    stat,
    |out, _, bytes| stat64(out, bytes),
    statfs,
    |out, _, bytes| statfs64(out, bytes),
    |out, _, bytes| statx(out, bytes),
    |out, abi, bytes| sysinfo(out, abi.word_size(), bytes),
    |out, _, bytes| termios(out, bytes),
    |out, abi, bytes| timespec(out, width(abi), bytes),
    |out, abi, bytes| timeval(out, width(abi), bytes),
    |out, abi, bytes| timex(out, abi.word_size(), bytes),
    |out, _, bytes| timezone(out, bytes),
    |out, abi, bytes| tms(out, abi.word_size(), bytes),
    |out, abi, bytes| user_desc(out, abi, bytes),
    |out, abi, bytes| utimbuf(out, abi.word_size(), bytes),
    |out, abi, bytes| utimensat_times(out, width(abi), bytes),
    |out, abi, bytes| utimes_times(out, width(abi), bytes),
    |out, _, bytes| utsname(out, bytes),
    |out, _, bytes| winsize(out, bytes),
];

fn flock_with_pid(out: &mut String, abi: Abi, bytes: &[u8]) {
    flock(out, abi, bytes, true);
}

fn width(abi: Abi) -> Width {
    if abi == Abi::I386 { Width::Narrow } else { Width::Wide }
}

/// Numbers with few and with many bits, and some in between, always the same.
fn numbers() -> impl Iterator<Item = u64> {
    let mut state = 1u64;
    let noise = std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state ^ state >> 29
    });
    (0..64).flat_map(|bit| [1 << bit, (1 << bit) - 1, u64::MAX << bit]).chain(noise.take(2000))
}

fn most(text: &str, limit: usize) {
    assert!(text.len() <= limit, "{} bytes: {text}", text.len());
}

#[test]
fn numbers_of_all_sizes_have_a_text() {
    for number in numbers() {
        for write in NUMBERS {
            most(&text(|out| write(out, number)), 1024);
        }
        for abi in ABIS {
            most(&text(|out| open_flags(out, abi, number)), 1024);
            most(&text(|out| file_flags(out, abi, number)), 1024);
        }
        most(&text(|out| protocol(out, number >> 32, number)), 64);
        most(&text(|out| socket_option(out, number >> 32 & 0x1ff, number, number & 1 == 0)), 64);
    }
}

#[test]
fn bytes_of_all_lengths_have_a_text() {
    let noise: Vec<u8> = numbers().skip(192).flat_map(u64::to_le_bytes).collect();
    let families = (0..48u8).map(|family| [&[family, 0][..], &noise[..126]].concat());
    let signals =
        (0..64u8).map(|signal| [&[signal, 0, 0, 0, 9, 0, 0, 0, signal % 12, 0, 0, 0][..], &noise[..116]].concat());
    let patterns = [vec![0; 256], vec![0xff; 256], vec![0x7f; 256], noise.clone()];
    for pattern in patterns.into_iter().chain(families).chain(signals) {
        for length in (0..pattern.len().min(132)).step_by(3).chain([pattern.len().min(400)]) {
            for abi in ABIS {
                for write in STRUCTURES {
                    most(&text(|out| write(out, abi, &pattern[..length])), 4096);
                }
            }
        }
    }
}

#[test]
fn options_and_messages_of_all_lengths_have_a_text() {
    let noise: Vec<u8> = numbers().skip(192).flat_map(u64::to_le_bytes).collect();
    for level in [0, 1, 6, 17, 41, 263, 270, 999] {
        for kind in 0..90 {
            for length in (0..70).step_by(2) {
                for abi in ABIS {
                    let bytes = &noise[length..2 * length];
                    let mut out = String::new();
                    socket_option_given(&mut out, abi, level, kind, bytes);
                    socket_option_returned(&mut out, abi, level, kind, bytes);
                    control_message(&mut out, abi, level, kind, bytes);
                    most(&out, 4096);
                }
            }
        }
    }
}

#[test]
fn tables_are_in_order() {
    for (name, table) in [
        ("FCNTL", &tables::file::FCNTL),
        ("FILE_SYSTEM", &tables::file::FILE_SYSTEM),
        ("PRCTL", &tables::process::PRCTL),
        ("PTRACE", &tables::process::PTRACE),
        ("ARCH_PRCTL", &tables::process::ARCH_PRCTL),
        ("KEYCTL", &tables::process::KEYCTL),
        ("BPF", &tables::process::BPF),
        ("MADVISE", &tables::memory::MADVISE),
        ("AF", &tables::socket::AF),
        ("SOL", &tables::socket::SOL),
        ("IPPROTO", &tables::socket::IPPROTO),
        ("ETHERNET_PROTOCOL", &tables::socket::ETHERNET_PROTOCOL),
        ("HARDWARE_TYPE", &tables::socket::HARDWARE_TYPE),
        ("SOCKET_SET", &tables::option::SOCKET_SET),
        ("SOCKET_GOT", &tables::option::SOCKET_GOT),
        ("IP_GOT", &tables::option::IP_GOT),
        ("IPV6_GOT", &tables::option::IPV6_GOT),
        ("TCP", &tables::option::TCP),
    ] {
        assert!(table.names.is_sorted_by(|(a, _), (b, _)| a < b), "{name}");
    }
}
