//! What the kernel tells of a signal, and how a process wants to get one.

use std::borrow::Cow;

use renacer_events::{Abi, signal_code_name};

use super::errno::errno;
use super::fields::{Fields, address};
use super::signal::{signal, signal_set};
use super::tables::signal as tables;
use super::time::clock_ticks;
use super::{field, id, int, word_at};
use crate::decode::number::{push_hex, push_unsigned};
use crate::table;

/// Size of a `siginfo_t`.
pub(crate) const SIGINFO_SIZE: usize = 128;

/// Appends a `siginfo_t`: `{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=1, si_uid=0, si_status=0, si_utime=0, si_stime=0}`.
///
/// It is laid out as the ABI has it; what ptrace gives a tracer is always laid out as the tracer's own ABI has it.
pub(crate) fn siginfo(out: &mut String, abi: Abi, bytes: &[u8]) {
    let (number, code) = (int(bytes, 0), int(bytes, 8));
    let mut fields = Fields::new(out);
    if number == 0 {
        return fields.end();
    }
    signal(fields.name("si_signo"), number as u64);
    si_code(fields.name("si_code"), number, code);
    let error = int(bytes, 4);
    if error != 0 {
        let out = fields.name("si_errno");
        match i32::try_from(error).ok().and_then(errno) {
            Some(error) => out.push_str(error.name),
            None => push_unsigned(out, error as u32 as u64),
        }
    }
    let word = abi.word_size();
    // The union starts at a multiple of the size of a pointer.
    let rest = bytes.get(if word == 8 { 16 } else { 12 }..).unwrap_or_default();
    let info = Info { rest, word, abi };
    match code {
        SI_USER | SI_TKILL => info.sender(&mut fields),
        SI_TIMER => {
            fields.hex("si_timerid", field(rest, 0, 4));
            fields.signed("si_overrun", int(rest, 4));
            info.value(&mut fields, 8);
        }
        SI_SIGIO => info.band(&mut fields),
        SI_KERNEL | 1.. if info.fault_or_child(&mut fields, number, code) => {}
        _ => {
            // The kernel's own reasons need no sender, and none needs a value.
            if code < 0 || field(rest, 0, 8) != 0 {
                info.sender(&mut fields);
            }
            if field(rest, 8, word) != 0 {
                info.value(&mut fields, 8);
            }
        }
    }
    fields.end();
}

const CLD_EXITED: i64 = 1;
const SI_USER: i64 = 0;
const SI_KERNEL: i64 = 128;
const SI_TIMER: i64 = -2;
const SI_SIGIO: i64 = -5;
const SI_TKILL: i64 = -6;

/// Appends the cause of a signal: `SI_USER`, `CLD_EXITED`, or its number.
fn si_code(out: &mut String, number: i64, code: i64) {
    match signal_code_name(number as i32, code as i32) {
        Cow::Borrowed(name) => out.push_str(name),
        Cow::Owned(_) => push_hex(out, code as u32 as u64),
    }
}

/// What follows the first three members.
struct Info<'a> {
    rest: &'a [u8],
    word: usize,
    abi: Abi,
}

impl Info<'_> {
    fn sender(&self, fields: &mut Fields<'_>) {
        fields.signed("si_pid", int(self.rest, 0));
        id(fields.name("si_uid"), field(self.rest, 4, 4));
    }

    fn value(&self, fields: &mut Fields<'_>, offset: usize) {
        fields.signed("si_int", int(self.rest, offset));
        fields.address("si_ptr", field(self.rest, offset, self.word));
    }

    fn band(&self, fields: &mut Fields<'_>) {
        let band = word_at(self.rest, 0, self.word);
        fields.signed("si_band", band);
        fields.signed("si_fd", int(self.rest, self.word));
    }

    /// What the signals tell that the kernel sends for a reason of their own. Says whether this is one.
    fn fault_or_child(&self, fields: &mut Fields<'_>, number: i64, code: i64) -> bool {
        let (rest, word) = (self.rest, self.word);
        match number {
            17 => {
                self.sender(fields);
                let status = int(rest, 8);
                if code == CLD_EXITED {
                    fields.signed("si_status", status);
                } else {
                    signal(fields.name("si_status"), status as u64);
                }
                let first = if self.abi == Abi::I386 { 12 } else { 16 };
                clock_ticks(fields.name("si_utime"), word_at(rest, first, word) as u64);
                clock_ticks(fields.name("si_stime"), word_at(rest, first + word, word) as u64);
            }
            4 | 5 | 7 | 8 | 11 => {
                fields.address("si_addr", field(rest, 0, word));
                match (number, code) {
                    (7, 4 | 5) => fields.hex("si_addr_lsb", field(rest, word, 2)),
                    (11, 3) => {
                        fields.address("si_lower", field(rest, 2 * word, word));
                        fields.address("si_upper", field(rest, 3 * word, word));
                    }
                    (11, 4) => fields.unsigned("si_pkey", field(rest, 2 * word, 4)),
                    _ => {}
                }
            }
            29 => {
                if (1..=6).contains(&code) {
                    self.band(fields);
                }
            }
            31 => {
                address(fields.name("si_call_addr"), field(rest, 0, word));
                let (number, architecture) = (field(rest, word, 4), field(rest, word + 4, 4));
                call(fields.name("si_syscall"), self.abi, number, architecture);
                tables::ARCHITECTURE.write(fields.name("si_arch"), architecture);
            }
            _ => return false,
        }
        true
    }
}

/// Appends a call of that audit architecture by name: `__NR_execve`, or `59 /* execve */` if it is not that of the ABI.
fn call(out: &mut String, abi: Abi, number: u64, architecture: u64) {
    let known = match architecture {
        0xc000_003e => Some(Abi::X86_64),
        0x4000_0003 => Some(Abi::I386),
        0xc000_00b7 => Some(Abi::Aarch64),
        _ => None,
    };
    match known.and_then(|known| Some((known, table::signature(known, number)?.name))) {
        Some((known, name)) if known == abi => {
            out.push_str("__NR_");
            out.push_str(name);
        }
        Some((_, name)) => {
            push_unsigned(out, number);
            out.push_str(" /* ");
            out.push_str(name);
            out.push_str(" */");
        }
        None => push_unsigned(out, number),
    }
}

/// Size of the structure of rt_sigaction.
pub(crate) fn sigaction_size(word: usize) -> usize {
    3 * word + 8
}

/// Appends the structure of rt_sigaction: `{sa_handler=SIG_IGN, sa_mask=[], sa_flags=0}`.
pub(crate) fn sigaction(out: &mut String, word: usize, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    handler(fields.name("sa_handler"), word, field(bytes, 0, word));
    let mask = bytes.get(3 * word..).unwrap_or_default();
    signal_set(fields.name("sa_mask"), &mask[..mask.len().min(8)]);
    flags_and_restorer(fields, field(bytes, word, word), field(bytes, 2 * word, word));
}

/// Size of the structure of i386's sigaction.
pub(crate) const OLD_SIGACTION_SIZE: usize = 16;

/// Appends the structure of i386's sigaction.
pub(crate) fn old_sigaction(out: &mut String, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    handler(fields.name("sa_handler"), 4, field(bytes, 0, 4));
    let mask = bytes.get(4..).unwrap_or_default();
    signal_set(fields.name("sa_mask"), &mask[..mask.len().min(4)]);
    flags_and_restorer(fields, field(bytes, 8, 4), field(bytes, 12, 4));
}

fn flags_and_restorer(mut fields: Fields<'_>, flags: u64, restorer: u64) {
    const SA_RESTORER: u64 = 0x400_0000;
    tables::SA_FLAGS.write(fields.name("sa_flags"), flags);
    if flags & SA_RESTORER != 0 {
        fields.address("sa_restorer", restorer);
    }
    fields.end();
}

/// Appends a signal handler: `SIG_DFL`, `SIG_IGN` or its address.
pub(crate) fn handler(out: &mut String, word: usize, value: u64) {
    match value {
        0 => out.push_str("SIG_DFL"),
        1 => out.push_str("SIG_IGN"),
        // strace does not know it in 32 bits.
        u64::MAX if word == 8 => out.push_str("SIG_ERR"),
        _ => push_hex(out, value),
    }
}

/// Size of a `stack_t`.
pub(crate) fn stack_size(word: usize) -> usize {
    3 * word
}

/// Appends the `stack_t` of sigaltstack.
pub(crate) fn stack(out: &mut String, word: usize, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    fields.address("ss_sp", field(bytes, 0, word));
    tables::STACK.write(fields.name("ss_flags"), field(bytes, word, 4));
    fields.unsigned("ss_size", field(bytes, 2 * word, word));
    fields.end();
}

#[cfg(test)]
mod tests {
    use super::super::{text, words};
    use super::*;

    // The expected texts are what strace 6.1 prints for these bytes.

    /// A siginfo with these numbers of 4 bytes behind the padding.
    fn info(number: i32, error: i32, code: i32, rest: &[u64]) -> String {
        let mut bytes = words(4, &[number as u64, error as u64, code as u64, 0]);
        bytes.extend(words(4, rest));
        bytes.resize(SIGINFO_SIZE, 0);
        text(|out| siginfo(out, Abi::X86_64, &bytes))
    }

    #[test]
    fn signals_that_were_sent() {
        assert_eq!(info(10, 0, 0, &[5, 6]), "{si_signo=SIGUSR1, si_code=SI_USER, si_pid=5, si_uid=6}");
        assert_eq!(
            info(10, 9, -6, &[5, 6]),
            "{si_signo=SIGUSR1, si_code=SI_TKILL, si_errno=EBADF, si_pid=5, si_uid=6}"
        );
        assert_eq!(info(10, 0, -1, &[5, 6]), "{si_signo=SIGUSR1, si_code=SI_QUEUE, si_pid=5, si_uid=6}");
        assert_eq!(
            info(34, 3, -1, &[5, 6, 0x1234]),
            "{si_signo=SIGRT_2, si_code=SI_QUEUE, si_errno=ESRCH, si_pid=5, si_uid=6, si_int=4660, si_ptr=0x1234}"
        );
        assert_eq!(
            info(1, 600, -12, &[11, 12, 0x5566_7788, 0x1122_3344]),
            "{si_signo=SIGHUP, si_code=0xfffffff4, si_errno=600, si_pid=11, si_uid=12, si_int=1432778632, \
             si_ptr=0x1122334455667788}"
        );
        assert_eq!(
            info(1, 0, 128, &[11, 12, 1]),
            "{si_signo=SIGHUP, si_code=SI_KERNEL, si_pid=11, si_uid=12, si_int=1, si_ptr=0x1}"
        );
        assert_eq!(
            info(10, 0, -2, &[5, 6]),
            "{si_signo=SIGUSR1, si_code=SI_TIMER, si_timerid=0x5, si_overrun=6, si_int=0, si_ptr=NULL}"
        );
        assert_eq!(info(1, 0, -5, &[11, 12, 7]), "{si_signo=SIGHUP, si_code=SI_SIGIO, si_band=51539607563, si_fd=7}");
        assert_eq!(info(0, 0, 0, &[]), "{}");
        assert_eq!(info(99, 0, 0, &[]), "{si_signo=99, si_code=SI_USER, si_pid=0, si_uid=0}");
    }

    #[test]
    fn signals_about_children() {
        assert_eq!(
            info(17, 0, 1, &[5, 6, 3, 0, 70, 0, 80]),
            "{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=5, si_uid=6, si_status=3, si_utime=70 /* 0.70 s */, \
             si_stime=80 /* 0.80 s */}"
        );
        assert_eq!(
            info(17, 0, 2, &[5, 6, 9]),
            "{si_signo=SIGCHLD, si_code=CLD_KILLED, si_pid=5, si_uid=6, si_status=SIGKILL, si_utime=0, si_stime=0}"
        );
        let mut bytes = words(4, &[17, 0, 1, 4, 5, 6, 3, 70]);
        bytes.resize(SIGINFO_SIZE, 0);
        assert_eq!(
            text(|out| siginfo(out, Abi::I386, &bytes)),
            "{si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=4, si_uid=5, si_status=6, si_utime=3 /* 0.03 s */, \
             si_stime=70 /* 0.70 s */}"
        );
    }

    #[test]
    fn signals_of_faults() {
        assert_eq!(info(11, 0, 1, &[]), "{si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL}");
        assert_eq!(
            info(11, 0, 3, &[0x1000, 0, 0x22, 0, 0x33, 0, 0x44]),
            "{si_signo=SIGSEGV, si_code=SEGV_BNDERR, si_addr=0x1000, si_lower=0x33, si_upper=0x44}"
        );
        assert_eq!(
            info(11, 0, 4, &[0x1000, 0, 0, 0, 51]),
            "{si_signo=SIGSEGV, si_code=SEGV_PKUERR, si_addr=0x1000, si_pkey=51}"
        );
        assert_eq!(
            info(7, 0, 4, &[0xb, 0xc, 0x5566_7788]),
            "{si_signo=SIGBUS, si_code=BUS_MCEERR_AR, si_addr=0xc0000000b, si_addr_lsb=0x7788}"
        );
        assert_eq!(info(5, 0, 7, &[1]), "{si_signo=SIGTRAP, si_code=0x7, si_addr=0x1}");
        assert_eq!(info(29, 0, 1, &[4161, 0, 7]), "{si_signo=SIGIO, si_code=POLL_IN, si_band=4161, si_fd=7}");
        assert_eq!(info(29, 0, 7, &[4161, 0, 7]), "{si_signo=SIGIO, si_code=0x7}");
        assert_eq!(
            info(31, 0, 2, &[]),
            "{si_signo=SIGSYS, si_code=SYS_USER_DISPATCH, si_call_addr=NULL, si_syscall=0, \
             si_arch=0 /* AUDIT_ARCH_??? */}"
        );
        assert_eq!(
            info(31, 0, 1, &[0x1000, 0, 59, 0xc000_003e]),
            "{si_signo=SIGSYS, si_code=SYS_SECCOMP, si_call_addr=0x1000, si_syscall=__NR_execve, \
             si_arch=AUDIT_ARCH_X86_64}"
        );
        assert_eq!(
            info(31, 0, 1, &[0x1000, 0, 39, 0x4000_0003]),
            "{si_signo=SIGSYS, si_code=SYS_SECCOMP, si_call_addr=0x1000, si_syscall=39 /* mkdir */, \
             si_arch=AUDIT_ARCH_I386}"
        );
    }

    #[test]
    fn actions() {
        let action = |numbers: &[u64]| text(|out| sigaction(out, 8, &words(8, numbers)));
        assert_eq!(
            action(&[1, 0x1400_0000, 0x7000, 2]),
            "{sa_handler=SIG_IGN, sa_mask=[INT], sa_flags=SA_RESTORER|SA_RESTART, sa_restorer=0x7000}"
        );
        assert_eq!(action(&[0x5000, 4, 0x7000, u64::MAX]), "{sa_handler=0x5000, sa_mask=~[], sa_flags=SA_SIGINFO}");
        assert_eq!(action(&[u64::MAX, 0, 0, 0]), "{sa_handler=SIG_ERR, sa_mask=[], sa_flags=0}");
        let narrow = words(4, &[0x5000, 0x1400_0004, 0x7000, 2, 0]);
        assert_eq!(
            text(|out| sigaction(out, 4, &narrow)),
            "{sa_handler=0x5000, sa_mask=[INT], sa_flags=SA_RESTORER|SA_RESTART|SA_SIGINFO, sa_restorer=0x7000}"
        );
        let old = words(4, &[0x5000, 0x10000, 0x1400_0000, 0x7000]);
        assert_eq!(
            text(|out| old_sigaction(out, &old)),
            "{sa_handler=0x5000, sa_mask=[CHLD], sa_flags=SA_RESTORER|SA_RESTART, sa_restorer=0x7000}"
        );
    }

    #[test]
    fn stacks() {
        let wide = |flags: u64| text(|out| stack(out, 8, &words(8, &[0x1000, flags, 8192])));
        assert_eq!(wide(2), "{ss_sp=0x1000, ss_flags=SS_DISABLE, ss_size=8192}");
        assert_eq!(wide(0x8000_0000), "{ss_sp=0x1000, ss_flags=SS_AUTODISARM, ss_size=8192}");
        let narrow = words(4, &[0, 0x7fff_ff00, 1]);
        assert_eq!(text(|out| stack(out, 4, &narrow)), "{ss_sp=NULL, ss_flags=0x7fffff00 /* SS_??? */, ss_size=1}");
    }
}
