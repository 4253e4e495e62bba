//! What is said of this machine: its kernel, its clock, our rights, the container.

use std::fs;
use std::path::Path;

use renacer_ptrace::probe::Findings;

use super::{Line, Mark};

/// linux/capability.h
const CAP_SYS_PTRACE: u32 = 19;
/// The first kernel with PTRACE_GET_SYSCALL_INFO.
const OLDEST: (u32, u32) = (5, 3);

/// Our own rights.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) user_id: Option<u32>,
    pub(super) may_trace_all: bool,
    /// Renacer runs under a seccomp filter.
    pub(super) is_filtered: bool,
}

impl Own {
    pub(super) fn read() -> Own {
        Own::parse(&fs::read_to_string("/proc/self/status").unwrap_or_default())
    }

    pub(super) fn parse(status: &str) -> Own {
        let value = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            line.and_then(|line| line.split_whitespace().next())
        };
        let capabilities = value("CapEff").and_then(|text| u64::from_str_radix(text, 16).ok()).unwrap_or(0);
        Own {
            user_id: value("Uid").and_then(|text| text.parse().ok()),
            may_trace_all: capabilities >> CAP_SYS_PTRACE & 1 != 0,
            is_filtered: value("Seccomp") == Some("2"),
        }
    }
}

pub(super) fn attaching(findings: &Findings, own: &Own) -> Line {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok();
    match &findings.tracing {
        Ok(()) => attaching_under(scope.as_deref().map(str::trim), own),
        Err(_) => Line::new(Mark::Fails, "attaching", "tracing does not work"),
    }
}

/// `scope` is kernel.yama.ptrace_scope, where there is one.
pub(super) fn attaching_under(scope: Option<&str>, own: &Own) -> Line {
    let line = |mark, text: &str| Line::new(mark, "attaching", text);
    match (scope, own.may_trace_all) {
        (Some("3"), _) => line(Mark::Fails, "kernel.yama.ptrace_scope=3 forbids it until the machine is booted anew"),
        (_, true) => line(Mark::Works, "-p attaches to processes of all users (CAP_SYS_PTRACE)"),
        (Some("1"), false) => line(
            Mark::Fails,
            "kernel.yama.ptrace_scope=1 allows only programs that Renacer starts: run Renacer as root or with CAP_SYS_PTRACE, \
             or set it to 0 (sysctl kernel.yama.ptrace_scope=0)",
        ),
        (Some("2"), false) => line(Mark::Fails, "kernel.yama.ptrace_scope=2 needs CAP_SYS_PTRACE: run Renacer as root"),
        (_, false) => {
            let user = own.user_id.map_or("our own user".to_owned(), |id| format!("user {id}"));
            line(Mark::Works, &format!("-p attaches to processes of {user}; others need root or CAP_SYS_PTRACE"))
        }
    }
}

pub(super) fn kernel() -> Line {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    kernel_of(release.trim(), std::env::consts::ARCH)
}

pub(super) fn kernel_of(release: &str, machine: &str) -> Line {
    let topic = "kernel";
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(|number| number.parse::<u32>());
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return Line::new(Mark::Unknown, topic, format!("Linux {release:?} on {machine}"));
    };
    match (major, minor) >= OLDEST {
        true => Line::new(Mark::Works, topic, format!("Linux {release} on {machine}")),
        false => Line::new(Mark::Fails, topic, format!("Linux {release} on {machine}: 5.3 or newer is needed")),
    }
}

pub(super) fn clock() -> Line {
    let topic = "clock";
    let (first, epoch, second) = (renacer_ptrace::monotonic(), renacer_ptrace::realtime(), renacer_ptrace::monotonic());
    // 2020: spans from before it are of a machine whose clock was never set.
    const EARLIEST: u64 = 1_577_836_800_000_000_000;
    let source = fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    let source = source.unwrap_or_default();
    match (second >= first && first > 0, epoch >= EARLIEST, source.trim()) {
        (false, ..) => Line::new(Mark::Fails, topic, "CLOCK_MONOTONIC goes backwards: times of spans will be wrong"),
        (_, false, _) => Line::new(Mark::Fails, topic, "it was never set: a collector may refuse spans of that time"),
        (.., source @ ("hpet" | "acpi_pm")) => {
            Line::new(Mark::Works, topic, format!("it goes, but reading it is slow (clock source {source})"))
        }
        (.., "") => Line::new(Mark::Works, topic, "it goes"),
        (.., source) => Line::new(Mark::Works, topic, format!("it goes (clock source {source})")),
    }
}

pub(super) fn container() -> Line {
    let hints = [
        (Path::new("/.dockerenv").exists(), "/.dockerenv"),
        (Path::new("/run/.containerenv").exists(), "/run/.containerenv"),
        (std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(), "KUBERNETES_SERVICE_HOST"),
        (std::env::var_os("container").is_some(), "the variable `container`"),
    ];
    let seen: Vec<&str> = hints.iter().filter(|(is_there, _)| *is_there).map(|(_, hint)| *hint).collect();
    match seen.is_empty() {
        true => Line::new(Mark::Works, "container", "none is seen"),
        false => Line::new(
            Mark::Works,
            "container",
            format!("this seems to be one ({}): processes outside cannot be traced from here", seen.join(", ")),
        ),
    }
}
