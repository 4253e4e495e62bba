//! Creating the program's process, and waiting for whatever we trace.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use super::seccomp::{self, Instruction};
use super::signal::{self, Mask};

/// Everything that exec needs, prepared before the fork, since a forked child must not allocate.
pub struct Prepared {
    path: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    mask: Mask,
    user: Option<User>,
    filter: Vec<Instruction>,
}

/// Whom the program runs as (`-u`).
pub struct User {
    /// Its user id.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    /// All its groups.
    pub groups: Vec<u32>,
}

impl Prepared {
    /// `mask` is the signal mask that the program shall have, `filter` its seccomp filter (empty: none).
    pub fn new(
        path: CString,
        arguments: Vec<CString>,
        environment: Vec<CString>,
        mask: Mask,
        user: Option<User>,
        filter: Vec<Instruction>,
    ) -> Self {
        Prepared { path, arguments, environment, mask, user, filter }
    }
}

/// Forks a child that waits for a byte from `gate`, then becomes the program. Returns its process id.
/// Must be called while our process has one thread. The child ends with status 127 if exec fails, or if the gate closes without a byte.
pub fn fork_exec(prepared: &Prepared, gate: &OwnedFd, own_end: &OwnedFd) -> io::Result<i32> {
    let pointers = |strings: &[CString]| -> Vec<*const libc::c_char> {
        strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (arguments, environment) = (pointers(&prepared.arguments), pointers(&prepared.environment));
    // SAFETY: the child runs only async-signal-safe system calls on memory that was prepared above; it never returns into
    // Rust code of the caller and never unwinds. `arguments` and `environment` are null-terminated arrays of C strings.
    unsafe {
        let pid = super::check(libc::fork().into())? as i32;
        if pid != 0 {
            return Ok(pid);
        }
        libc::close(own_end.as_raw_fd());
        let mut byte = 0u8;
        let mut count;
        loop {
            count = libc::read(gate.as_raw_fd(), (&raw mut byte).cast(), 1);
            if count != -1 || io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
                break;
            }
        }
        if count != 1 {
            // Our tracer is gone.
            libc::_exit(127);
        }
        libc::close(gate.as_raw_fd());
        for descriptor in 0..3 {
            if signal::was_closed(descriptor) {
                libc::close(descriptor);
            }
        }
        if !signal::sigpipe_was_ignored() {
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        }
        if !prepared.filter.is_empty() {
            // While we may still have the right to. The tracer sees the call, and whether it succeeds.
            seccomp::install(&prepared.filter);
        }
        if let Some(user) = &prepared.user
            && (libc::setgroups(user.groups.len(), user.groups.as_ptr()) == -1
                || libc::setgid(user.gid) == -1
                || libc::setuid(user.uid) == -1)
        {
            libc::_exit(126);
        }
        prepared.mask.set();
        libc::execve(prepared.path.as_ptr(), arguments.as_ptr(), environment.as_ptr());
        libc::_exit(127)
    }
}

/// The ids of the user of this name (`-u`), from the system's user database.
pub fn user(name: &CStr) -> io::Result<Option<User>> {
    let mut buffer = vec![0 as libc::c_char; 16 * 1024];
    // SAFETY: all pointers are valid for the calls; getpwnam_r fills `entry` with pointers into `buffer`, which outlives them.
    // getgrouplist writes at most `count` ids into `groups`.
    unsafe {
        let mut entry: libc::passwd = std::mem::zeroed();
        let mut found = std::ptr::null_mut();
        let error = libc::getpwnam_r(name.as_ptr(), &mut entry, buffer.as_mut_ptr(), buffer.len(), &mut found);
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        if found.is_null() {
            return Ok(None);
        }
        let mut groups = vec![0u32; 1024];
        let mut count = groups.len() as i32;
        if libc::getgrouplist(name.as_ptr(), entry.pw_gid, groups.as_mut_ptr(), &mut count) == -1 {
            return Err(io::Error::other("the user is in more than 1024 groups"));
        }
        groups.truncate(count as usize);
        Ok(Some(User { uid: entry.pw_uid, gid: entry.pw_gid, groups }))
    }
}

/// What waitpid reported of one thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It ended by exit.
    Exited(i32),
    /// A signal ended it.
    Killed {
        /// The signal.
        signal: i32,
        /// Whether a core was dumped.
        core_dumped: bool,
    },
    /// It stopped; it stays so until it is resumed or detached.
    Stopped {
        /// The signal; SIGTRAP | 0x80 for a system call.
        signal: i32,
        /// The ptrace event, 0 for none.
        event: i32,
    },
}

/// Waits for the next change of any thread that we trace; if `now`, only takes one that is there already. Fails with EINTR, or
/// with ECHILD when there is none left.
pub fn wait(now: bool) -> io::Result<Option<(i32, Change)>> {
    let mut status = 0;
    // The call itself: the library's function makes itself a cancellation point first, at every stop. All tracees are those of the
    // calling thread.
    let options = libc::__WALL | libc::__WNOTHREAD | if now { libc::WNOHANG } else { 0 };
    // SAFETY: `status` is a valid place for the status; a null place for resource use is allowed.
    let tid = super::check(unsafe { libc::syscall(libc::SYS_wait4, -1, &raw mut status, options, 0usize) })? as i32;
    if tid == 0 {
        return Ok(None);
    }
    let change = if libc::WIFEXITED(status) {
        Change::Exited(libc::WEXITSTATUS(status))
    } else if libc::WIFSIGNALED(status) {
        Change::Killed { signal: libc::WTERMSIG(status), core_dumped: libc::WCOREDUMP(status) }
    } else {
        Change::Stopped { signal: (status >> 8) & 0xff, event: (status >> 16) & 0xff }
    };
    Ok(Some((tid, change)))
}

/// Writes like write(2), but to the end even if our process is killed meanwhile: the kernel ends a killed process's write in the middle
/// (`generic_perform_write` asks at each page). So another process makes the call, which shares our memory and lasts no longer than that,
/// while the calling thread waits. Where there can be no other process, the thread itself makes the call.
pub fn write_to_the_end(file: BorrowedFd, bytes: &[u8]) -> io::Result<usize> {
    const STACK: usize = 16 * 1024;

    struct Job {
        file: i32,
        start: *const u8,
        length: usize,
        result: libc::c_long,
        errno: Option<i32>,
    }

    extern "C" fn run(job: *mut libc::c_void) -> i32 {
        // SAFETY: our caller's job, which it keeps, and which nobody else touches while it waits; the bytes outlive the call.
        unsafe {
            let job = &mut *job.cast::<Job>();
            job.result = libc::syscall(libc::SYS_write, job.file, job.start, job.length);
            job.errno = (job.result == -1).then(|| io::Error::last_os_error().raw_os_error()).flatten();
        }
        0
    }

    let mut job = Job { file: file.as_raw_fd(), start: bytes.as_ptr(), length: bytes.len(), result: -1, errno: None };
    let job = &raw mut job;
    let mut stack = vec![0u128; STACK / size_of::<u128>()];
    let flags = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_VFORK;
    // SAFETY: with CLONE_VFORK this thread waits until `run` has ended, so that the two never run at once; `run` makes one system call on
    // memory that stays for as long, on a stack of its own, whose end is aligned as every processor wants it. It sends no signal at its
    // end, and only this thread waits for it, as tracers wait for their own children only.
    unsafe {
        let pid = libc::clone(run, stack.as_mut_ptr_range().end.cast(), flags, job.cast());
        if pid == -1 {
            run(job.cast());
        } else {
            while libc::waitpid(pid, std::ptr::null_mut(), libc::__WALL) == -1
                && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
            {}
        }
        match ((*job).result, (*job).errno) {
            (-1, Some(errno)) => Err(io::Error::from_raw_os_error(errno)),
            // It was killed by itself.
            (-1, None) => Err(io::ErrorKind::Interrupted.into()),
            (count, _) => Ok(count as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn bytes_are_written_and_errors_told() {
        let flags = rustix::fs::MemfdFlags::CLOEXEC;
        let mut file = std::fs::File::from(rustix::fs::memfd_create("written", flags).unwrap());
        let bytes: Vec<u8> = (0..1 << 20).map(|at| (at % 251) as u8).collect();
        assert_eq!(write_to_the_end(file.as_fd(), &bytes).unwrap(), bytes.len());
        let mut read = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = write_to_the_end(full.as_fd(), b"x").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOSPC));
        // Nobody is left to be waited for.
        // SAFETY: a null place for the status is allowed.
        let left = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::__WALL | libc::__WNOTHREAD | libc::WNOHANG) };
        assert_eq!((left, io::Error::last_os_error().raw_os_error()), (-1, Some(libc::ECHILD)));
    }
}
