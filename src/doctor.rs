//! `renacer doctor`: what works here, and what to do where it does not. Each topic has one line; nothing takes longer than a few seconds.

mod reach;
mod system;
#[cfg(test)]
mod tests;

use std::fmt::{self, Display, Formatter};
use std::io::Write;

use renacer_ptrace::probe::{Filter, Findings, Memory, probe};

use crate::cli::DoctorOptions;
use crate::exit::Ending;

/// What the state of a topic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Works,
    Fails,
    Unknown,
}

/// A topic, and what is to be said of it.
#[derive(Debug)]
struct Line {
    mark: Mark,
    topic: &'static str,
    text: String,
}

impl Line {
    fn new(mark: Mark, topic: &'static str, text: impl Into<String>) -> Self {
        Line { mark, topic, text: text.into() }
    }
}

impl Display for Line {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let mark = match self.mark {
            Mark::Works => "ok",
            Mark::Fails => "no",
            Mark::Unknown => "?",
        };
        // Words of others may have several lines.
        write!(out, "{mark:<3} {:<12} {}", self.topic, self.text.replace('\n', " "))
    }
}

/// Runs the whole verb: status 0 if programs can be traced, whatever else fails.
pub fn doctor(options: &DoctorOptions) -> anyhow::Result<Ending> {
    // Before any thread exists.
    let findings = probe();
    let own = system::Own::read();
    let mut lines = vec![
        match &findings.tracing {
            Ok(()) => Line::new(Mark::Works, "tracing", "a child was traced from call to call"),
            Err(why) if own.is_filtered => Line::new(
                Mark::Fails,
                "tracing",
                format!("{why}; Renacer runs under a seccomp filter, which may forbid ptrace"),
            ),
            Err(why) => Line::new(Mark::Fails, "tracing", why),
        },
        system::attaching(&findings, &own),
        call_details(&findings),
        memory(&findings),
        filters(&findings, &own),
        system::kernel(),
        system::clock(),
        system::container(),
    ];
    lines.extend(reach::debug_files());
    lines.push(reach::collector(&options.collector));
    let mut out = std::io::stdout();
    for line in lines {
        // Nobody reads any further where that fails; the status still tells.
        let _ = writeln!(out, "{line}");
    }
    Ok(Ending::Status(i32::from(findings.tracing.is_err())))
}

fn call_details(findings: &Findings) -> Line {
    let topic = "calls";
    match &findings.call_details {
        Some(Ok(())) => Line::new(Mark::Works, topic, "PTRACE_GET_SYSCALL_INFO tells which call is made"),
        Some(Err(why)) => {
            Line::new(Mark::Fails, topic, format!("PTRACE_GET_SYSCALL_INFO fails: {why}; Linux 5.3 or newer is needed"))
        }
        None => Line::new(Mark::Unknown, topic, "not tried, because tracing does not work"),
    }
}

fn memory(findings: &Findings) -> Line {
    let topic = "memory";
    let slower = "process_vm_readv is refused; a container needs --cap-add SYS_PTRACE for it";
    match findings.memory {
        Some(Memory::VmRead) => Line::new(Mark::Works, topic, "arguments are read by process_vm_readv"),
        Some(Memory::ProcMem) => Line::new(
            Mark::Works,
            topic,
            format!("arguments are read from /proc/PID/mem, which costs a little more: {slower}"),
        ),
        Some(Memory::Peek) => {
            Line::new(Mark::Works, topic, format!("arguments are read word by word, which costs much more: {slower}"))
        }
        Some(Memory::None) => {
            Line::new(Mark::Fails, topic, "a tracee's memory cannot be read: arguments will be addresses only")
        }
        None => Line::new(Mark::Unknown, topic, "not tried, because tracing does not work"),
    }
}

fn filters(findings: &Findings, own: &system::Own) -> Line {
    let topic = "filters";
    let slower = "calls that are filtered out still stop the program, and cost as much as others";
    match &findings.filter {
        Err(_) if findings.tracing.is_err() => {
            Line::new(Mark::Unknown, topic, "not tried, because tracing does not work")
        }
        Err(why) => Line::new(Mark::Fails, topic, format!("{why}: {slower}")),
        Ok(_) if own.is_filtered => Line::new(
            Mark::Fails,
            topic,
            format!(
                "Renacer runs under a seccomp filter, whose refusals must be seen: {slower}; \
                 in a container, --security-opt seccomp=unconfined helps"
            ),
        ),
        Ok(Filter::AsWeAre) => {
            Line::new(Mark::Works, topic, "the kernel filters calls (seccomp), so that others run at full speed")
        }
        Ok(Filter::WithoutRights) => Line::new(
            Mark::Works,
            topic,
            "the kernel filters calls (seccomp), so that others run at full speed; without root, the program gives up \
             set-user-id for that (no_new_privs)",
        ),
    }
}
