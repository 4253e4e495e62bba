//! A call: entry and return paired, with its arguments decoded; and what a decoder must offer for that.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use crate::{
    Abi, Caller, Entry, ExitStatus, Memory, Missed, Part, Pid, ProcessStarted, Return, Stream, Text, Tid, Way,
};

/// One system call of one thread.
#[derive(Clone, Debug)]
pub struct Call {
    /// The process that made it.
    pub pid: Pid,
    /// The thread that made it.
    pub tid: Tid,
    /// Entry, in nanoseconds since the epoch.
    pub start: u64,
    /// Return, in nanoseconds since the epoch, or when the thread was last seen if it never returned. Never before `start`.
    pub end: u64,
    /// The calling convention.
    pub abi: Abi,
    /// The call's number in that convention.
    pub number: u64,
    /// The raw arguments; of a call that stands for another one (`socketcall`), its own.
    pub raw_arguments: [u64; 6],
    /// What the kernel returned: negative errno on failure. None when the return was never seen.
    pub result: Option<i64>,
    /// Name, arguments and what else could be understood.
    pub decoded: Decoded,
    /// The code that made it.
    pub caller: Caller,
}

/// A raw call, as the decoder gets it.
#[derive(Clone, Copy, Debug)]
pub struct RawCall<'a> {
    /// The process that made it.
    pub pid: Pid,
    /// The thread that made it.
    pub tid: Tid,
    /// Its entry.
    pub entry: &'a Entry,
    /// Its return, if seen.
    pub returned: Option<&'a Return>,
    /// What its process has open was looked at ([`Decode::missed`]) while the call was made: before or after what the call did.
    pub unsure: bool,
}

impl RawCall<'_> {
    /// Memory copied at the return, empty when there was none.
    pub fn memory_after(&self) -> &Memory {
        static NONE: Memory = Memory::new();
        self.returned.map_or(&NONE, |returned| &returned.memory)
    }
}

/// What a decoder makes of a raw call.
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    /// The call's name as in the manual page; `syscall_0x1ff` for a number without one.
    pub name: Cow<'static, str>,
    /// The arguments in order, each rendered as strace renders it.
    pub arguments: Vec<Argument>,
    /// The result as strace writes it behind `= `, with the explanation in parentheses if there is one:
    /// `3`, `-1 ENOENT (No such file or directory)`, `0x7f0000000000`, `1 ([{fd=3, revents=POLLIN}])`, `?`.
    pub result: Text,
    /// The error, when the call failed.
    pub error: Option<Errno>,
    /// Absolute path of the file that the call is about, as the target sees it: escaped as strace escapes it.
    pub file_path: Option<Text>,
    /// Every path that the call names or whose descriptor it is given, as `file_path`, where they are asked for: for filters.
    pub paths: Vec<Text>,
    /// The other end of the socket that the call is about.
    pub peer: Option<Peer>,
    /// Bytes moved by a successful read- or write-like call.
    pub bytes: Option<u64>,
}

/// One rendered argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name as in the manual page.
    pub name: &'static str,
    /// Its value as strace renders it; valid UTF-8, at most 16 KiB.
    pub text: Text,
}

/// A failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno {
    /// The positive number.
    pub number: i32,
    /// `ENOENT`; kernel-internal ones too (`ERESTARTSYS`).
    pub name: &'static str,
    /// What strerror says.
    pub message: &'static str,
}

impl Errno {
    /// Whether a span with this result counts as failed: EAGAIN, EINPROGRESS, EINTR and the ERESTART family do not.
    pub fn is_failure(&self) -> bool {
        !matches!(self.name, "EAGAIN" | "EINPROGRESS" | "EINTR") && !self.name.starts_with("ERESTART")
    }
}

/// What is known of a socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// `tcp`, `udp`, `unix`, `pipe`: OpenTelemetry's `network.transport`.
    pub transport: Option<&'static str>,
    /// `ipv4` or `ipv6`: OpenTelemetry's `network.type`.
    pub network: Option<&'static str>,
    /// Address of the other end.
    pub address: Option<IpAddr>,
    /// Port of the other end.
    pub port: Option<u16>,
    /// Path or abstract name (with a leading `@`) of a Unix socket, escaped as strace escapes it.
    pub unix_path: Option<Text>,
    /// Address and port of this end.
    pub local: Option<(IpAddr, u16)>,
    /// The kernel's name for the descriptor, such as `socket:[1234]`.
    pub name: Option<Text>,
}

/// What a call does on connections.
#[derive(Clone, Debug, Default)]
pub enum Moves {
    /// Nothing.
    #[default]
    Nothing,
    /// It moves bytes.
    Bytes(Arc<Stream>, Way),
    /// It waits for the next connection.
    Accepts,
    /// It waits for several things at once, as an event loop does.
    WaitsForMany,
    /// It has a connection waited for with others.
    Registers(Arc<Stream>),
}

/// Turns raw calls into decoded ones. It keeps a descriptor table per process for that,
/// so it must be told of everything that changes one, in the order in which it happened.
pub trait Decode {
    /// A process appeared; a forked one has a copy of (or shares) its parent's table.
    fn process_started(&mut self, started: &ProcessStarted);
    /// A call ended, or will never end (`returned` is none). Updates the descriptor table when it succeeded.
    fn call(&mut self, call: RawCall<'_>) -> Decoded;
    /// Calls of a process were missed: this is how things stand now.
    fn missed(&mut self, pid: Pid, missed: &Missed);
    /// What a process does to its descriptors is not seen from here on, until [`Decode::missed`].
    fn blinded(&mut self, _pid: Pid) {}
    /// What a call that begins does on connections.
    fn moves(&mut self, _pid: Pid, _entry: &Entry) -> Moves {
        Moves::Nothing
    }
    /// What a call that [moves bytes](Moves::Bytes) has moved.
    fn parts<'a>(&self, _entry: &'a Entry, _returned: &'a Return) -> Vec<Part<'a>> {
        Vec::new()
    }
    /// A process runs a new program: descriptors marked so are closed.
    fn image_replaced(&mut self, pid: Pid);
    /// A process is gone.
    fn process_exited(&mut self, pid: Pid, status: ExitStatus);
}
