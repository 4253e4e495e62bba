//! What works on this machine, tried on children of our own.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use renacer_events::Pid;

use crate::attach::why_not_permitted;
use crate::proc;
use crate::sys::process::{Change, wait};
use crate::sys::{memory, probe, ptrace, signal};

/// How long one of the children may take.
const LONGEST: Duration = Duration::from_secs(2);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// linux/ptrace.h
const EVENT_SECCOMP: i32 = 7;

/// What was found out.
#[derive(Debug)]
pub struct Findings {
    /// Whether a child was traced from call to call; else why not, and what helps.
    pub tracing: Result<(), String>,
    /// Whether PTRACE_GET_SYSCALL_INFO tells which call a tracee is at; not known where tracing does not work.
    pub call_details: Option<Result<(), String>>,
    /// How a tracee's memory can be read, best first; none where tracing does not work.
    pub memory: Option<Memory>,
    /// Whether a seccomp filter reports calls.
    pub filter: Result<Filter, String>,
}

/// How a tracee's memory can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// By process_vm_readv(2): the cheapest way.
    VmRead,
    /// By `/proc/PID/mem`.
    ProcMem,
    /// By PTRACE_PEEKDATA, a word at a time.
    Peek,
    /// Not at all.
    None,
}

/// How a seccomp filter can be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// As we are.
    AsWeAre,
    /// Only by a process that gives up the gain of rights by exec (no_new_privs).
    WithoutRights,
}

/// Tries everything; takes 4 seconds at most. Our process must have one thread and no children.
pub fn probe() -> Findings {
    let mut findings = Findings { tracing: Ok(()), call_details: None, memory: None, filter: Err(String::new()) };
    findings.tracing = calls(&mut findings);
    findings.filter = match &findings.tracing {
        Ok(()) => filter(),
        Err(_) => Err("tracing does not work".into()),
    };
    findings
}

fn calls(findings: &mut Findings) -> Result<(), String> {
    let mut child = Child::start(false, ptrace::ALWAYS)?;
    ptrace::interrupt(child.pid).map_err(|error| format!("PTRACE_INTERRUPT fails: {error}"))?;
    let mut stops = 0;
    while let Some(change) = child.change()? {
        let Change::Stopped { signal, event } = change else { break };
        if signal == libc::SIGTRAP | 0x80 {
            stops += 1;
            match ptrace::syscall_info(child.pid) {
                Ok(ptrace::SyscallInfo::Entry { number, .. }) if number == probe::CALL as u64 => {
                    findings.call_details = Some(Ok(()));
                    findings.memory = Some(read_memory(child.pid));
                }
                Ok(_) => {}
                Err(error) => findings.call_details = Some(Err(error.to_string())),
            }
        }
        child.open();
        child.resume(signal, event)?;
    }
    if stops == 0 { Err("the kernel reported no system call of a traced child".into()) } else { Ok(()) }
}

fn filter() -> Result<Filter, String> {
    let mut child = Child::start(true, ptrace::ALWAYS | libc::PTRACE_O_TRACESECCOMP)?;
    child.open();
    let mut reported = false;
    while let Some(change) = child.change()? {
        match change {
            Change::Stopped { signal, event } => {
                reported |= event == EVENT_SECCOMP;
                child.resume(signal, event)?;
            }
            Change::Exited(probe::FILTERED) if reported => return Ok(Filter::AsWeAre),
            Change::Exited(probe::FILTERED_WITHOUT_RIGHTS) if reported => return Ok(Filter::WithoutRights),
            Change::Exited(probe::REFUSED) => return Err("the kernel refuses a filter".into()),
            Change::Exited(_) | Change::Killed { .. } => break,
        }
    }
    Err("a filter was installed, but did not report its call".into())
}

fn read_memory(pid: Pid) -> Memory {
    let address = probe::MARK.as_ptr() as u64;
    let mut buffer = [0; probe::MARK.len()];
    if memory::vm_read(pid, address, &mut buffer).is_ok() && buffer == probe::MARK {
        return Memory::VmRead;
    }
    let read = File::open(format!("/proc/{pid}/mem")).and_then(|file| file.read_at(&mut buffer, address));
    if read.is_ok() && buffer == probe::MARK {
        return Memory::ProcMem;
    }
    let aligned = address.next_multiple_of(8);
    let offset = (aligned - address) as usize;
    match ptrace::peek(pid, aligned) {
        Ok(word) if probe::MARK.get(offset..offset + word.len()) == Some(&word[..]) => Memory::Peek,
        _ => Memory::None,
    }
}

/// What is in the way of tracing a child.
fn not_permitted(pid: Pid) -> String {
    match proc::status(pid).and_then(|status| status.tracer).filter(|&tracer| tracer != 0) {
        // It was traced from its birth, as its parent is.
        Some(tracer) => format!("Renacer itself is traced, by process {tracer} ({})", proc::name(tracer)),
        None => why_not_permitted(None),
    }
}

/// A traced child, which ends with this.
struct Child {
    pid: Pid,
    gate: Option<OwnedFd>,
    since: Instant,
    has_ended: bool,
}

impl Child {
    /// Traces a child that waits for [`Child::open`].
    fn start(filtered: bool, options: i32) -> Result<Child, String> {
        let fork = || {
            let (theirs, ours) = io::pipe()?;
            let (theirs, ours): (OwnedFd, OwnedFd) = (theirs.into(), ours.into());
            io::Result::Ok((probe::fork(&theirs, &ours, filtered)?, ours))
        };
        let (pid, gate) = fork().map_err(|error| format!("cannot start a process: {error}"))?;
        let child = Child { pid, gate: Some(gate), since: Instant::now(), has_ended: false };
        match ptrace::seize(pid, options | ptrace::EXITKILL) {
            Ok(()) => Ok(child),
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => Err(not_permitted(pid)),
            Err(error) => Err(format!("PTRACE_SEIZE fails: {error}")),
        }
    }

    /// Lets it do its work.
    fn open(&mut self) {
        if let Some(gate) = self.gate.take() {
            // If it cannot be told, it ends, which is reported.
            let _ = File::from(gate).write_all(&[1]);
        }
    }

    /// What it does next; none when it is gone.
    fn change(&mut self) -> Result<Option<Change>, String> {
        while self.since.elapsed() < LONGEST {
            match wait(true) {
                Ok(Some((pid, change))) if pid == self.pid => {
                    self.has_ended = !matches!(change, Change::Stopped { .. });
                    return Ok(Some(change));
                }
                Ok(_) => std::thread::sleep(LOOK_EVERY),
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
                Err(_) => {
                    self.has_ended = true;
                    return Ok(None);
                }
            }
        }
        Err(format!("a traced child did not end within {LONGEST:?}"))
    }

    /// Lets it go on to its next call.
    fn resume(&self, signal: i32, event: i32) -> Result<(), String> {
        let is_ours = event != 0 || signal == libc::SIGTRAP | 0x80;
        let resumed = ptrace::syscall(self.pid, if is_ours { 0 } else { signal });
        resumed.map_err(|error| format!("PTRACE_SYSCALL fails: {error}"))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.has_ended {
            let _ = signal::kill(self.pid, libc::SIGKILL);
            self.since = Instant::now();
            while let Ok(Some(Change::Stopped { .. })) = self.change() {}
        }
    }
}
