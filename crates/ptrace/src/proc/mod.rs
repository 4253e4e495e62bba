//! What `/proc` says of a tracee at a stop. A process may vanish at any time, so whatever cannot be read is absent.

pub mod container;
pub mod descriptors;
mod sockets;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Arc;

use renacer_events::{Image, Pid, SpanContext, Tid};

/// What must be propagated of a `tracestate` at least; a longer one is left out as a whole.
const MOST_STATE: usize = 512;

/// What `/proc/TID/status` tells.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Status {
    /// The process that the thread belongs to.
    pub pid: Option<Pid>,
    /// The process's parent.
    pub parent: Option<Pid>,
    /// Real user id.
    pub user_id: Option<u32>,
    /// The id in its innermost pid namespace, where there is one besides ours.
    pub inner_id: Option<Pid>,
    /// Who traces it; 0 is nobody.
    pub tracer: Option<Pid>,
    /// The state's letter: R, S, D, T, t, Z.
    pub state: Option<char>,
    /// The thread's own name.
    pub name: Option<String>,
}

/// Reads `/proc/TID/status`.
pub fn status(tid: Tid) -> Option<Status> {
    // It is read at each exec, while the tracee waits: one read into a buffer that is large enough.
    let mut buffer = [0; 4096];
    let count = File::open(format!("/proc/{tid}/status")).ok()?.read(&mut buffer).ok()?;
    Some(parse_status(&buffer[..count]))
}

fn parse_status(text: &[u8]) -> Status {
    let mut status = Status::default();
    for line in String::from_utf8_lossy(text).lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let mut words = value.split_whitespace();
        let number = |word: Option<&str>| word.and_then(|word| word.parse().ok());
        match key {
            // The kernel escapes a name's newlines here; the rest of such a name is in `/proc/TID/comm`.
            "Name" => status.name = Some(value.strip_prefix('\t').unwrap_or(value).to_owned()),
            "Tgid" => status.pid = number(words.next()),
            "PPid" => status.parent = number(words.next()),
            "TracerPid" => status.tracer = number(words.next()),
            "Uid" => status.user_id = words.next().and_then(|word| word.parse().ok()),
            "State" => status.state = words.next().and_then(|word| word.chars().next()),
            // NStgid goes from the reader's namespace inward; one entry: no other namespace.
            "NStgid" => {
                let ids: Vec<&str> = words.collect();
                status.inner_id = if ids.len() > 1 { number(ids.last().copied()) } else { None };
            }
            _ => {}
        }
    }
    status
}

/// The program that a process runs after an exec, which leaves its control group, its namespaces and its real user as they were:
/// `/proc/PID/status` costs as much as the rest and is read only where the user is not known.
pub fn image_after_exec(pid: Pid, before: Option<&Image>) -> Image {
    let container = before.and_then(|before| before.container.clone());
    match before {
        Some(&Image { vpid, user_id: Some(user), .. }) => {
            Image { name: name(pid), vpid, user_id: Some(user), container, ..program(pid) }
        }
        _ => Image { container, ..image_but_container(pid) },
    }
}

/// The program that a process runs.
pub fn image(pid: Pid) -> Image {
    Image { container: container::of(pid).map(Arc::new), ..image_but_container(pid) }
}

fn image_but_container(pid: Pid) -> Image {
    let status = status(pid).unwrap_or_default();
    Image {
        name: status.name.filter(|name| !name.contains('\\')).unwrap_or_else(|| self::name(pid)),
        vpid: status.inner_id,
        user_id: status.user_id,
        ..program(pid)
    }
}

/// What exec changes.
pub(crate) fn program(pid: Pid) -> Image {
    Image {
        executable: link(pid, "exe"),
        command_args: contents(&format!("/proc/{pid}/cmdline"))
            .map(|bytes| split_arguments(&bytes))
            .unwrap_or_default(),
        working_directory: link(pid, "cwd"),
        caller: caller(pid),
        ..Image::default()
    }
}

/// The caller that the environment names which the program was started with.
fn caller(pid: Pid) -> Option<SpanContext> {
    let environment = contents(&format!("/proc/{pid}/environ")).ok()?;
    let value = |name: &[u8]| {
        let given = environment.split(|&byte| byte == 0).find_map(|entry| entry.strip_prefix(name))?;
        str::from_utf8(given).ok()
    };
    let mut caller = SpanContext::from_traceparent(value(b"TRACEPARENT=")?)?;
    caller.trace_state = value(b"TRACESTATE=").filter(|state| is_state(state)).unwrap_or_default().to_owned();
    Some(caller)
}

/// Whether it can be a `tracestate` at all: printable, and no longer than must be propagated.
fn is_state(text: &str) -> bool {
    text.len() <= MOST_STATE && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// A whole file of `/proc`, which most of the time takes one read: `std::fs::read` asks for a size, which these files do not have,
/// and then gropes its way.
fn contents(path: &str) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut buffer = [0; 4096];
    let count = file.read(&mut buffer)?;
    let mut bytes = buffer[..count].to_vec();
    if count == buffer.len() {
        file.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn split_arguments(bytes: &[u8]) -> Vec<Vec<u8>> {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    if bytes.is_empty() { Vec::new() } else { bytes.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect() }
}

/// How our own calls are filtered (proc_pid_status(5), Seccomp): 0 is not at all.
pub fn seccomp_mode() -> Option<u32> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("Seccomp:"))?.trim().parse().ok()
}

/// Where a process is now.
pub fn working_directory(pid: Pid) -> Option<PathBuf> {
    link(pid, "cwd")
}

/// The thread's own name, lossily as text; empty when it is gone.
pub fn name(tid: Tid) -> String {
    let bytes = contents(&format!("/proc/{tid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(bytes.strip_suffix(b"\n").unwrap_or(&bytes)).into_owned()
}

/// All threads of a process, the first one first.
pub fn threads(pid: Pid) -> std::io::Result<Vec<Tid>> {
    let mut threads: Vec<Tid> = fs::read_dir(format!("/proc/{pid}/task"))?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    threads.sort_by_key(|&tid| (tid != pid, tid));
    Ok(threads)
}

fn link(pid: Pid, what: &str) -> Option<PathBuf> {
    let path = fs::read_link(format!("/proc/{pid}/{what}")).ok()?;
    // The kernel marks a file that is unlinked by now; the path is still the one that was run.
    let bytes = path.into_os_string().into_vec();
    let bytes = bytes.strip_suffix(b" (deleted)").map(<[u8]>::to_vec).unwrap_or(bytes);
    Some(PathBuf::from(OsString::from_vec(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_of_ourselves() {
        let own = std::process::id() as Pid;
        let status = status(own).unwrap();
        assert_eq!(status.pid, Some(own));
        assert_eq!(status.tracer, Some(0));
        assert!(threads(own).unwrap().contains(&own));
    }

    #[test]
    fn status_of_a_process_in_another_namespace() {
        let status = parse_status(b"Name:\tx\nState:\tT (stopped)\nTgid:\t77\nPPid:\t1\nTracerPid:\t5\nUid:\t1000\t0\t0\t0\nNStgid:\t77\t3\t1\n");
        let expected = Status {
            pid: Some(77),
            parent: Some(1),
            user_id: Some(1000),
            inner_id: Some(1),
            tracer: Some(5),
            state: Some('T'),
            name: Some("x".into()),
        };
        assert_eq!(status, expected);
    }

    #[test]
    fn arguments_may_be_empty_strings() {
        assert_eq!(split_arguments(b"a\0\0b\0"), [&b"a"[..], b"", b"b"]);
        assert_eq!(split_arguments(b""), Vec::<Vec<u8>>::new());
        assert_eq!(split_arguments(b"title without end"), [b"title without end"]);
    }
}
