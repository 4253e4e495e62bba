//! Which threads PTRACE_INTERRUPT leaves undisturbed, and what undoes it in those that it disturbs.
//!
//! A thread that it stops in a blocking call leaves the call. Most calls are then begun again by the kernel, as if nothing had been. Some
//! return EINTR instead (signal(7), "Interruption of system calls and library functions by stop signals"): these are told to begin
//! again, which is the same unless they wait for a time, that would begin again too. So a thread that waits in such a call for
//! a time is left alone.

use std::fs;

use renacer_events::Tid;

/// Whether the thread can be stopped by PTRACE_INTERRUPT now without its noticing: it runs, or is blocked in a call that goes on afterwards.
pub(crate) fn may_interrupt(tid: Tid) -> bool {
    // What cannot be read is a thread that is gone.
    let text = fs::read_to_string(format!("/proc/{tid}/syscall")).unwrap_or_default();
    match parse(&text) {
        State::Runs => true,
        State::Blocked(number, arguments) => cfg!(target_arch = "x86_64") && goes_on(tid, number, &arguments),
        State::Unknown => false,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// On a processor or waiting for one, or in no call.
    Runs,
    /// In this call, with these arguments.
    Blocked(u64, [u64; 6]),
    Unknown,
}

/// Reads proc_pid_syscall(5).
fn parse(text: &str) -> State {
    let mut words = text.split_whitespace();
    let number = match words.next() {
        Some("running" | "-1") => return State::Runs,
        Some(word) => word.parse(),
        None => return State::Unknown,
    };
    let mut arguments = [0; 6];
    for argument in &mut arguments {
        match words.next().and_then(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()) {
            Some(value) => *argument = value,
            None => return State::Unknown,
        }
    }
    number.map_or(State::Unknown, |number| State::Blocked(number, arguments))
}

/// Whether a call of x86-64 that is interrupted goes on as if it had not been. What may have done a part of its work is not among
/// them: it would return that part.
pub(crate) fn goes_on(tid: Tid, number: u64, arguments: &[u64; 6]) -> bool {
    const MSG_WAITALL: u64 = 0x100;
    match number {
        // read, readv
        0 | 19 => waits_for_ever(tid, arguments[0]),
        // recvfrom, recvmsg: with this flag they may have a part already
        45 if arguments[3] & MSG_WAITALL == 0 => waits_for_ever(tid, arguments[0]),
        47 if arguments[2] & MSG_WAITALL == 0 => waits_for_ever(tid, arguments[0]),
        // accept, accept4
        43 | 288 => waits_for_ever(tid, arguments[0]),
        // open and openat of a pipe
        2 | 257 => true,
        // poll, select, pselect6, ppoll: the kernel remembers, or writes down, how much time is left
        7 | 23 | 270 | 271 => true,
        // pause, nanosleep, wait4, flock, rt_sigsuspend, restart_syscall, clock_nanosleep, waitid, mq_timedsend, mq_timedreceive, futex_waitv
        34 | 35 | 61 | 73 | 130 | 219 | 230 | 242 | 243 | 247 | 449 => true,
        // msgsnd, msgrcv
        69 | 70 => true,
        // fcntl: F_SETLKW, F_OFD_SETLKW
        72 => matches!(arguments[1], 7 | 38),
        // futex: FUTEX_WAIT, FUTEX_LOCK_PI, FUTEX_WAIT_BITSET, private or not, by whichever clock
        202 => matches!(arguments[1] & 0x7f, 0 | 6 | 9),
        // The others return EINTR, and begin again because of `begins_again`: semop
        65 => true,
        // semtimedop, rt_sigtimedwait, epoll_pwait2, epoll_wait, epoll_pwait: without a time
        220 => arguments[3] == 0,
        128 => arguments[2] == 0,
        441 => arguments[3] == 0,
        232 | 281 => (arguments[3] as i32) < 0,
        _ => false,
    }
}

/// Whether an interrupted call of x86-64 that returned EINTR has done nothing, so that it can be made again.
pub(crate) fn begins_again(number: u64) -> bool {
    // read, write, readv, writev, accept, sendto, recvfrom, sendmsg, recvmsg, semop, rt_sigtimedwait, io_getevents, semtimedop,
    // epoll_wait, epoll_pwait, accept4, recvmmsg, sendmmsg, io_pgetevents, epoll_pwait2
    matches!(number, 0 | 1 | 19 | 20 | 43..=47 | 65 | 128 | 208 | 220 | 232 | 281 | 288 | 299 | 307 | 333 | 441)
}

/// Whether reading waits until there is something: of sockets some wait for a time (SO_RCVTIMEO), and then return EINTR.
fn waits_for_ever(tid: Tid, descriptor: u64) -> bool {
    use rustix::net::sockopt::{Timeout, socket_timeout};
    use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

    let descriptor = descriptor as i32;
    let Ok(target) = fs::read_link(format!("/proc/{tid}/fd/{descriptor}")) else { return false };
    if !target.as_os_str().as_encoded_bytes().starts_with(b"socket:") {
        return true;
    }
    let Some(pid) = crate::proc::status(tid).and_then(|status| Pid::from_raw(status.pid?)) else { return false };
    // The socket itself, for the time of the question.
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
    let Ok(socket) = pidfd_getfd(process, descriptor, PidfdGetfdFlags::empty()) else { return false };
    matches!(socket_timeout(socket, Timeout::Recv), Ok(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read() {
        assert_eq!(parse("running\n"), State::Runs);
        assert_eq!(parse("-1 0x7ffd1 0x7f2\n"), State::Runs);
        assert_eq!(
            parse("232 0x3 0x7ffd 0x1 0xffffffff 0x0 0x8 0x7ffd1 0x7f2\n"),
            State::Blocked(232, [3, 0x7ffd, 1, 0xffff_ffff, 0, 8])
        );
        for text in ["", "x", "232", "232 0x3", "232 3 3 3 3 3 3"] {
            assert_eq!(parse(text), State::Unknown, "{text}");
        }
    }

    #[test]
    fn a_wait_for_a_time_that_would_begin_again_is_left_alone() {
        let tid = std::process::id() as Tid;
        let epoll = |timeout: i32| goes_on(tid, 232, &[3, 0, 1, u64::from(timeout as u32), 0, 0]);
        assert!(epoll(-1) && !epoll(0) && !epoll(1000));
        assert!(goes_on(tid, 128, &[1, 2, 0, 8, 0, 0]) && !goes_on(tid, 128, &[1, 2, 3, 8, 0, 0]));
        assert!(goes_on(tid, 35, &[1, 1, 0, 0, 0, 0]), "a sleep goes on");
        assert!(!goes_on(tid, 1, &[1, 1, 1, 0, 0, 0]), "a write may be half done");
    }

    #[test]
    fn sockets_are_asked_for_their_time() {
        use std::os::fd::AsRawFd;
        let tid = std::process::id() as Tid;
        let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
        other.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
        assert!(waits_for_ever(tid, one.as_raw_fd() as u64));
        assert!(!waits_for_ever(tid, other.as_raw_fd() as u64));
        let (reader, _writer) = std::io::pipe().unwrap();
        assert!(waits_for_ever(tid, reader.as_raw_fd() as u64));
        assert!(!waits_for_ever(tid, 999_999), "no such descriptor");
    }
}
