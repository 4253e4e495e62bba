//! What the assembler's tests share: a decoder that knows a few calls, a sink that keeps everything, and events by hand.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Assembler, Options, Sink, Totals};
use crate::{
    Abi, Argument, Attribute, Call, Clock, Container, Decode, Decoded, Entry, Errno, Event, EventKind, ExitStatus,
    Image, Memory, Origin, Peer, Pid, ProcessStarted, RawCall, ResourceOptions, Return, Signal, Span, SpanId, Tid,
    TraceId, Value,
};

pub(super) const READ: u64 = 0;
pub(super) const GETPID: u64 = 39;
pub(super) const CONNECT: u64 = 42;
pub(super) const CLONE: u64 = 56;
pub(super) const EXECVE: u64 = 59;
pub(super) const EXIT: u64 = 60;
pub(super) const RESTART: u64 = 219;
pub(super) const EXIT_GROUP: u64 = 231;
pub(super) const OPENAT: u64 = 257;

/// Epoch time of the monotonic time 0.
pub(super) const EPOCH: u64 = 1_700_000_000_000_000_000;
pub(super) const ROOT: SpanId = SpanId([7; 8]);
pub(super) const TRACE: TraceId = TraceId([9; 16]);

/// Decodes by tables, and writes down what it is told.
#[derive(Default)]
pub(super) struct FakeDecoder {
    pub(super) log: std::rc::Rc<std::cell::RefCell<Vec<String>>>,
}

impl Decode for FakeDecoder {
    fn process_started(&mut self, started: &ProcessStarted) {
        self.log.borrow_mut().push(format!("started {}", started.pid));
    }

    fn missed(&mut self, pid: Pid, missed: &crate::Missed) {
        self.log.borrow_mut().push(format!("missed {} of {pid}", missed.calls));
    }

    fn call(&mut self, call: RawCall<'_>) -> Decoded {
        let mut decoded = Decoded { name: name(call.entry.number), ..Decoded::default() };
        self.log.borrow_mut().push(format!("{} {} by {}", decoded.name, call.pid, call.tid));
        decoded.error = call.returned.and_then(|returned| match returned.value {
            -2 => Some(Errno { number: 2, name: "ENOENT", message: "No such file or directory" }),
            -11 => Some(Errno { number: 11, name: "EAGAIN", message: "Resource temporarily unavailable" }),
            -516 => Some(Errno { number: 516, name: "ERESTART_RESTARTBLOCK", message: "Interrupted by signal" }),
            _ => None,
        });
        match call.entry.number {
            OPENAT => {
                let pathname = format!("\"{}\"", "p".repeat(call.entry.arguments[1] as usize));
                decoded.arguments = vec![
                    Argument { name: "dirfd", text: "AT_FDCWD".into() },
                    Argument { name: "pathname", text: pathname.into() },
                ];
                decoded.file_path = Some("/lib/libc.so.6".into());
            }
            CONNECT => {
                decoded.peer = Some(Peer {
                    transport: Some("tcp"),
                    network: Some("ipv4"),
                    address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
                    port: Some(443),
                    local: Some((IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 50_000)),
                    ..Peer::default()
                });
            }
            READ => {
                decoded.bytes = call.returned.and_then(|returned| u64::try_from(returned.value).ok());
                decoded.peer =
                    Some(Peer { transport: Some("unix"), unix_path: Some("/run/user/bus".into()), ..Peer::default() });
            }
            _ => {}
        }
        decoded
    }

    fn image_replaced(&mut self, pid: Pid) {
        self.log.borrow_mut().push(format!("replaced {pid}"));
    }

    fn process_exited(&mut self, pid: Pid, status: ExitStatus) {
        self.log.borrow_mut().push(format!("exited {pid} {status:?}"));
    }
}

fn name(number: u64) -> Cow<'static, str> {
    Cow::Borrowed(match number {
        READ => "read",
        GETPID => "getpid",
        CONNECT => "connect",
        CLONE => "clone",
        EXECVE => "execve",
        EXIT => "exit",
        RESTART => "restart_syscall",
        EXIT_GROUP => "exit_group",
        OPENAT => "openat",
        _ => return Cow::Owned(format!("syscall_{number:#x}")),
    })
}

/// Keeps all that it gets.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) spans: Vec<Span>,
    pub(super) calls: Vec<Call>,
    /// Everything but spans, in order, as short lines.
    pub(super) lines: Vec<String>,
}

impl Sink for Kept {
    fn call(&mut self, call: &Call, comm: &str) {
        self.lines.push(format!("{comm} {} {}", call.tid, call.decoded.name));
        self.calls.push(call.clone());
    }
    fn span(&mut self, span: Span) {
        self.spans.push(span);
    }
    fn signal(&mut self, at: u64, pid: Pid, tid: Tid, signal: &Signal) {
        self.lines.push(format!("{} {pid}/{tid} signal {}", at - EPOCH, signal.number));
    }
    fn stopped(&mut self, at: u64, pid: Pid, tid: Tid, signal: i32) {
        self.lines.push(format!("{} {pid}/{tid} stopped {signal}", at - EPOCH));
    }
    fn exited(&mut self, at: u64, pid: Pid, tid: Tid, status: ExitStatus) {
        self.lines.push(format!("{} {pid}/{tid} {status:?}", at - EPOCH));
    }
    fn superseded(&mut self, at: u64, pid: Pid, former_tid: Tid) {
        self.lines.push(format!("{} {pid}/{former_tid} superseded", at - EPOCH));
    }
}

pub(super) fn options() -> Options {
    Options {
        trace_id: TRACE,
        root_span_id: ROOT,
        parent: None,
        sampled: true,
        join_callers: true,
        join_requests: true,
        clock: Clock::new(EPOCH, 0),
        rotate: None,
        span_names_target: false,
        redact: None,
        resource: ResourceOptions::default(),
    }
}

/// An assembler under test. Times are those of the monotonic clock.
pub(super) struct Run {
    assembler: Assembler<FakeDecoder, Kept>,
    log: std::rc::Rc<std::cell::RefCell<Vec<String>>>,
}

impl Run {
    pub(super) fn new(options: Options) -> Self {
        let decoder = FakeDecoder::default();
        let log = decoder.log.clone();
        Run { assembler: Assembler::new(options, decoder, Kept::default()), log }
    }

    /// A run whose program 100 has begun: launched at 5, its exec entered at 10, seen at 11, returned at 12.
    pub(super) fn launched(options: Options) -> Self {
        let mut run = Run::new(options);
        run.start(5, 100, Origin::Launched, "renacer");
        run.enter(10, 100, EXECVE);
        run.exec(11, 100, 100, "program");
        run.leave(12, 100, 0);
        run
    }

    pub(super) fn event(&mut self, at: u64, tid: Tid, kind: EventKind) {
        self.assembler.event(Event { at, tid, kind });
    }

    pub(super) fn totals(&self) -> Totals {
        self.assembler.totals()
    }

    pub(super) fn start(&mut self, at: u64, pid: Pid, origin: Origin, name: &str) {
        self.event(at, pid, EventKind::ProcessStarted(Box::new(started(pid, origin, name))));
    }

    pub(super) fn fork(&mut self, at: u64, pid: Pid, parent: Pid, creator: Tid) {
        self.start(at, pid, Origin::Forked { pid: parent, tid: creator, shares_descriptors: false }, "program");
    }

    pub(super) fn thread(&mut self, at: u64, pid: Pid, tid: Tid, creator: Option<Tid>) {
        self.event(at, tid, EventKind::ThreadStarted { pid, creator, name: "worker".into() });
    }

    pub(super) fn enter(&mut self, at: u64, tid: Tid, number: u64) {
        self.event(at, tid, EventKind::Entered(entry(number)));
    }

    pub(super) fn leave(&mut self, at: u64, tid: Tid, value: i64) {
        self.event(at, tid, EventKind::Returned(returned(value)));
    }

    /// A whole call, from `at` to `at + 1`.
    pub(super) fn call(&mut self, at: u64, tid: Tid, number: u64, value: i64) {
        self.enter(at, tid, number);
        self.leave(at + 1, tid, value);
    }

    pub(super) fn exec(&mut self, at: u64, pid: Pid, former_tid: Tid, name: &str) {
        self.event(at, pid, EventKind::ImageReplaced { former_tid, image: Box::new(image(name)) });
    }

    pub(super) fn signal(&mut self, at: u64, tid: Tid, number: i32) {
        self.event(at, tid, EventKind::SignalDelivered(signal(number)));
    }

    pub(super) fn thread_exit(&mut self, at: u64, tid: Tid, code: i32) {
        self.event(at, tid, EventKind::ThreadExited(ExitStatus::Exited(code)));
    }

    pub(super) fn exit(&mut self, at: u64, pid: Pid, status: ExitStatus) {
        self.event(at, pid, EventKind::ThreadExited(status));
        self.event(at, pid, EventKind::ProcessExited(status));
    }

    /// What the decoder was told so far.
    pub(super) fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    pub(super) fn finish(self) -> Done {
        self.finish_with(Vec::new())
    }

    pub(super) fn finish_with(self, attributes: Vec<Attribute>) -> Done {
        let (totals, kept) = self.assembler.finish(attributes);
        let log = self.log.take();
        Done { totals, spans: kept.spans, calls: kept.calls, lines: kept.lines, log }
    }
}

/// The outcome of a run.
pub(super) struct Done {
    pub(super) totals: Totals,
    pub(super) spans: Vec<Span>,
    pub(super) calls: Vec<Call>,
    pub(super) lines: Vec<String>,
    /// What the decoder was told.
    pub(super) log: Vec<String>,
}

impl Done {
    /// The only span with this name.
    pub(super) fn span(&self, name: &str) -> &Span {
        let found = self.named(name);
        assert_eq!(found.len(), 1, "spans named {name}");
        found[0]
    }

    pub(super) fn named(&self, name: &str) -> Vec<&Span> {
        self.spans.iter().filter(|span| span.name == name).collect()
    }

    pub(super) fn by_id(&self, id: SpanId) -> &Span {
        self.spans.iter().find(|span| span.span_id == id).expect("a span with this id")
    }
}

/// The value of a span's attribute.
pub(super) fn get<'a>(span: &'a Span, key: &str) -> Option<&'a Value> {
    span.attributes.iter().find(|attribute| attribute.key == key).map(|attribute| &attribute.value)
}

/// The keys of a span's attributes.
pub(super) fn keys(span: &Span) -> Vec<&str> {
    span.attributes.iter().map(|attribute| &*attribute.key).collect()
}

/// Start and end of a span on the monotonic clock.
pub(super) fn times(span: &Span) -> (u64, u64) {
    (span.start - EPOCH, span.end - EPOCH)
}

pub(super) fn started(pid: Pid, origin: Origin, name: &str) -> ProcessStarted {
    ProcessStarted { pid, parent_pid: Some(1), origin, image: image(name), descriptors: Vec::new() }
}

pub(super) fn image(name: &str) -> Image {
    Image {
        executable: Some(PathBuf::from(format!("/bin/{name}"))),
        command_args: vec![name.as_bytes().to_vec(), b"-v".to_vec()],
        working_directory: Some(PathBuf::from("/tmp")),
        name: name.to_owned(),
        vpid: Some(7),
        user_id: Some(1000),
        container: Some(Arc::new(Container {
            id: Some("ab".repeat(32)),
            pod_uid: Some("4f6e".into()),
            name: Some("app".into()),
            namespace: Some("shop".into()),
            host_name: None,
        })),
        caller: None,
    }
}

/// `openat` has a path of 3 characters here.
pub(super) fn entry(number: u64) -> Entry {
    Entry {
        abi: Abi::X86_64,
        number,
        arguments: [0, 3, 0, 0, 0, 0],
        instruction_pointer: 0,
        stack_pointer: 0,
        memory: Memory::new(),
        stack: None,
        context: None,
        watched: false,
    }
}

pub(super) fn returned(value: i64) -> Return {
    Return { value, is_error: (-4095..0).contains(&value), memory: Memory::new() }
}

pub(super) fn signal(number: i32) -> Signal {
    Signal { number, code: 0, errno: 0, sender_pid: Some(55), sender_uid: Some(0), info: Vec::new() }
}
