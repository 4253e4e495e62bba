//! Turns raw calls into what a person reads: names, flags, structures, paths, errors.

pub(crate) mod calls;
mod effect;
pub(crate) mod indirect;
mod number;
pub(crate) mod quote;
pub(crate) mod spec;
#[cfg(test)]
mod tests;
pub(crate) mod transfer;
mod values;
mod view;

use std::borrow::Cow;

use compact_str::format_compact;
use renacer_events::{
    Abi, Argument, Decode, Decoded, Entry, Errno, ExitStatus, FastMap, Missed, Moves, Origin, Part, Peer, Pid,
    ProcessStarted, RawCall, Return, Signal, Text, Tid,
};

use self::number::{hex, push_decimal, push_octal};
use self::spec::{Kind, Resolved, ResultKind, resolved};
use self::view::{Observed, View};
use crate::capture::Options;
use crate::descriptors::Process;

/// How calls are rendered.
#[derive(Clone, Copy, Debug)]
pub struct DecodeOptions {
    /// How many bytes of a string or buffer are shown (`-s`).
    pub string_limit: usize,
    /// Whether the contents of buffers that are read or written are shown.
    pub show_data: bool,
    /// Whether descriptors are followed by what they refer to (`-y`): `3</etc/passwd>`.
    pub descriptors_in_text: bool,
    /// Whether every path that a call is about is listed, for filters that ask for one.
    pub all_paths: bool,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        DecodeOptions::new(&Options::default())
    }
}

impl DecodeOptions {
    /// Shows what is captured.
    pub fn new(capture: &Options) -> Self {
        DecodeOptions {
            string_limit: capture.string_limit,
            show_data: capture.capture_data,
            descriptors_in_text: false,
            all_paths: false,
        }
    }
}

/// The name of what `restart_syscall` is shown with: no argument, but which call it goes on with.
pub(crate) const INTERRUPTED: &str = "interrupted";

pub(crate) use self::values::error_table;

/// Renders calls as strace does, and keeps a descriptor table per process for that.
#[derive(Debug)]
pub struct Decoder {
    options: DecodeOptions,
    processes: FastMap<Pid, Process>,
    /// The calls that were interrupted and wait to be restarted.
    interrupted: FastMap<Tid, (Pid, &'static str)>,
    /// For the text in the making, so that short texts need no allocation.
    scratch: String,
}

/// A delivered signal's siginfo as strace writes it: `{si_signo=SIGCHLD, si_code=CLD_EXITED, …}`.
pub fn signal_info(signal: &Signal) -> String {
    // What ptrace tells is laid out for the tracer, whatever the tracee is.
    let own = if cfg!(target_arch = "aarch64") { Abi::Aarch64 } else { Abi::X86_64 };
    let mut text = String::new();
    values::siginfo(&mut text, own, &signal.info);
    text
}

impl Decoder {
    /// A decoder that knows no process yet.
    pub fn new(options: DecodeOptions) -> Self {
        Decoder { options, processes: FastMap::default(), interrupted: FastMap::default(), scratch: String::new() }
    }
}

impl Decode for Decoder {
    fn process_started(&mut self, started: &ProcessStarted) {
        let parent = match started.origin {
            Origin::Forked { pid, shares_descriptors, .. } => {
                self.processes.get(&pid).map(|parent| (parent, shares_descriptors))
            }
            Origin::Launched | Origin::Attached => None,
        };
        let process = match parent {
            Some((parent, shares_descriptors)) => Process::forked(parent, shares_descriptors, started),
            None => Process::new(started),
        };
        self.processes.insert(started.pid, process);
    }

    fn missed(&mut self, pid: Pid, missed: &Missed) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.renew(missed);
        }
    }

    fn blinded(&mut self, pid: Pid) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.blind();
        }
    }

    fn call(&mut self, raw: RawCall<'_>) -> Decoded {
        let process = self.processes.entry(raw.pid).or_default();
        let (call, arguments) = match indirect_call(raw) {
            Some((call, arguments)) => (Some(call), arguments),
            None => (resolved(raw.entry.abi, raw.entry.number), raw.entry.arguments),
        };
        let Some(call) = call else { return unknown(raw, &mut self.scratch) };
        process.doubt(raw.unsure);
        let mut decoded = decode(call, &arguments, raw, process, &self.options, &mut self.scratch);
        process.doubt(false);
        if call.name == "restart_syscall"
            && let Some((_, interrupted)) = self.interrupted.remove(&raw.tid)
        {
            let text = format_compact!("<... resuming interrupted {interrupted} ...>");
            decoded.arguments.push(Argument { name: INTERRUPTED, text });
            if restarts(raw) {
                self.interrupted.insert(raw.tid, (raw.pid, interrupted));
            }
        } else if restarts(raw) {
            self.interrupted.insert(raw.tid, (raw.pid, call.name));
        }
        decoded
    }

    fn moves(&mut self, pid: Pid, entry: &Entry) -> Moves {
        self.processes.get(&pid).map_or(Moves::Nothing, |process| transfer::moves(process, entry))
    }

    fn parts<'a>(&self, entry: &'a Entry, returned: &'a Return) -> Vec<Part<'a>> {
        transfer::parts(entry, &returned.memory, returned.value)
    }

    fn image_replaced(&mut self, pid: Pid) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.exec();
        }
    }

    fn process_exited(&mut self, pid: Pid, _status: ExitStatus) {
        if let Some(mut process) = self.processes.remove(&pid) {
            process.leave();
        }
        self.interrupted.retain(|_, (process, _)| *process != pid);
    }
}

/// Whether a call was interrupted in a way that only `restart_syscall` can go on from.
fn restarts(raw: RawCall<'_>) -> bool {
    // ERESTART_RESTARTBLOCK
    raw.returned.is_some_and(|returned| returned.is_error && returned.value == -516)
}

/// The call that a raw call stands for, where that is another one.
fn indirect_call(raw: RawCall<'_>) -> Option<(&'static Resolved, [u64; 6])> {
    let entry = raw.entry;
    let (address, length) = indirect::words(entry.abi, entry.number, &entry.arguments)?;
    let words = if length == 0 { &[] } else { entry.memory.get(address, length)? };
    indirect::direct(entry.number, &entry.arguments, words)
}

fn decode(
    call: &Resolved,
    arguments: &[u64; 6],
    raw: RawCall<'_>,
    process: &mut Process,
    options: &DecodeOptions,
    scratch: &mut String,
) -> Decoded {
    let observed = Observed {
        abi: raw.entry.abi,
        call,
        arguments,
        stack_pointer: raw.entry.stack_pointer,
        before: &raw.entry.memory,
        after: raw.memory_after(),
        result: raw.returned.map(|returned| returned.value),
        failed: raw.returned.is_none_or(|returned| returned.is_error),
    };
    let mut texts = Vec::with_capacity(call.slots.len());
    let view = View { observed, options, process };
    for slot in &call.slots {
        let kind = view.chosen(slot.kind);
        if !matches!(kind, Kind::Absent) {
            scratch.clear();
            view.write(scratch, kind, slot.register);
            texts.push(Argument { name: slot.name, text: Text::from(scratch.as_str()) });
        }
    }
    let error = match raw.returned {
        Some(returned) if returned.is_error => Some(errno(returned.value)),
        _ => None,
    };
    // What a descriptor referred to before the call is what the call was about; `close` and `dup2` change that.
    let mut file_path = file_path(&observed, process);
    let mut peer = peer(&observed, process);
    let paths = if options.all_paths { all_paths(&observed, process) } else { Vec::new() };
    let ended_in_effect = match error {
        // The connection goes on in the background.
        Some(error) if matches!(error.name, "EINPROGRESS" | "EINTR") && call.name == "connect" => true,
        // The descriptor is closed whatever the file had to say.
        Some(error) => call.name == "close" && error.name != "EBADF",
        None => !observed.failed,
    };
    if ended_in_effect && let Some(effect) = call.effect {
        effect(process, &observed);
        if matches!(call.result, ResultKind::Fd) {
            let opened = observed.result.unwrap_or(-1) as i32;
            file_path = file_path.or_else(|| process.path(opened));
            peer = process.socket(opened).filter(is_socket).or(peer);
        }
    }
    scratch.clear();
    let view = View { observed, options, process };
    write_result(scratch, &view, error);
    let bytes = observed.result.filter(|_| call.moves_bytes && !observed.failed);
    Decoded {
        name: Cow::Borrowed(call.name),
        arguments: texts,
        result: Text::from(scratch.as_str()),
        error,
        file_path,
        paths,
        peer,
        bytes: bytes.and_then(|bytes| u64::try_from(bytes).ok()),
    }
}

/// A call whose number has no name.
fn unknown(raw: RawCall<'_>, scratch: &mut String) -> Decoded {
    const NAMES: [&str; 6] = ["a1", "a2", "a3", "a4", "a5", "a6"];
    let mut text = |write: &dyn Fn(&mut String)| {
        scratch.clear();
        write(scratch);
        Text::from(scratch.as_str())
    };
    let arguments = NAMES.iter().zip(raw.entry.arguments);
    let arguments = arguments.map(|(name, value)| Argument { name, text: text(&|out| hex(out, value)) }).collect();
    let error = raw.returned.filter(|returned| returned.is_error).map(|returned| errno(returned.value));
    let result = text(&|out| match (raw.returned, error) {
        (Some(_), Some(error)) => write_error(out, error),
        (Some(returned), None) => hex(out, returned.value as u64),
        (None, _) => out.push('?'),
    });
    let name = format!("syscall_{:#x}", raw.entry.number);
    Decoded { name: Cow::Owned(name), arguments, result, error, ..Decoded::default() }
}

/// The error behind a negative result.
fn errno(result: i64) -> Errno {
    let number = i32::try_from(result.unsigned_abs()).unwrap_or(i32::MAX);
    values::errno(number).unwrap_or(Errno { number, name: "", message: "" })
}

fn write_error(out: &mut String, error: Errno) {
    match error.name {
        "" => {
            out.push_str("-1 (errno ");
            push_decimal(out, error.number.into());
            out.push(')');
            return;
        }
        name if name.starts_with("ERESTART") => out.push_str("? "),
        _ => out.push_str("-1 "),
    }
    out.push_str(error.name);
    out.push_str(" (");
    out.push_str(error.message);
    out.push(')');
}

fn write_result(out: &mut String, view: &View<'_>, error: Option<Errno>) {
    let Some(value) = view.result else {
        return out.push('?');
    };
    let kind = match view.call.result {
        ResultKind::Select(select) => select(view.arguments),
        kind => kind,
    };
    match (error, kind) {
        (_, ResultKind::Never | ResultKind::Select(_)) => return out.push('?'),
        (Some(error), _) => write_error(out, error),
        (None, ResultKind::Decimal) => push_decimal(out, view.signed(value as u64)),
        (None, ResultKind::Hex) => hex(out, view.unsigned(value as u64)),
        (None, ResultKind::Octal) => push_octal(out, view.unsigned(value as u64), 3),
        (None, ResultKind::Fd) => view.descriptor(out, value as i32),
    }
    if let Some(note) = view.call.note {
        let before = out.len();
        out.push_str(" (");
        let empty = out.len();
        note(out, view);
        if out.len() == empty {
            out.truncate(before);
        } else {
            out.push(')');
        }
    }
}

/// The absolute path that the call is about: the first that it names, else that of its first descriptor.
fn file_path(observed: &Observed<'_>, process: &Process) -> Option<Text> {
    if let Some((path, directory)) = observed.named_path() {
        let mut text = String::new();
        quote::escape(&mut text, &process.absolute(directory, path)?);
        return Some(text.into());
    }
    process.path(observed.arguments[observed.call.descriptor?] as i32)
}

/// Every path that the call names, and those behind the descriptors that it gets.
fn all_paths(observed: &Observed<'_>, process: &Process) -> Vec<Text> {
    let mut paths = Vec::new();
    let mut directory = None;
    for slot in &observed.call.slots {
        let value = observed.arguments[slot.register];
        match observed.chosen(slot.kind) {
            Kind::Fd => paths.extend(process.path(value as i32)),
            Kind::DirFd => {
                directory = effect::descriptor(value);
                paths.extend(process.path(value as i32));
            }
            Kind::Path => {
                if let Some((path, true)) = observed.given_string(value)
                    && let Some(path) = process.absolute(directory, path)
                {
                    let mut text = String::new();
                    quote::escape(&mut text, &path);
                    paths.push(text.into());
                }
            }
            _ => {}
        }
    }
    if calls::WAITS.contains(&observed.call.name) {
        paths.extend(calls::waited_for(observed).into_iter().filter_map(|number| process.path(number)));
    }
    paths
}

/// The other end of the socket that the call is about: as its own arguments say, else as the descriptor is known.
fn peer(observed: &Observed<'_>, process: &Process) -> Option<Peer> {
    let known = process.socket(observed.arguments[observed.call.descriptor?] as i32).filter(is_socket);
    let told = calls::told_peer(observed);
    match (known, told) {
        (Some(mut known), Some(told)) => {
            effect::set_peer(&mut known, told);
            Some(known)
        }
        (known, told) => told.or(known),
    }
}

fn is_socket(peer: &Peer) -> bool {
    peer.transport != Some("pipe")
}
