//! The span of a system call.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use compact_str::format_compact;

use super::open::{Other, Trace, link};
use crate::FastMap;
use crate::escape::shorten;
use crate::{Abi, Attribute, Call, CallFacts, Errno, Peer, Resource, Span, SpanId, SpanKind, Status, Text, Value};

/// Where a call's span stands.
pub(super) struct Place {
    pub(super) id: SpanId,
    pub(super) trace: Trace,
    pub(super) parent: SpanId,
    pub(super) link: Option<Other>,
    /// Others link to it, or may.
    pub(super) is_linked: bool,
    pub(super) unfinished: bool,
    pub(super) resource: Arc<Resource>,
}

/// Makes spans of calls.
#[derive(Debug)]
pub(super) struct CallSpans {
    keys: ArgumentKeys,
    /// Names carry what the call is about.
    target: bool,
    /// Texts that had to be shortened.
    pub(super) truncated: u64,
}

impl CallSpans {
    pub(super) fn new(target: bool) -> Self {
        CallSpans { keys: ArgumentKeys::default(), target, truncated: 0 }
    }

    /// The span of a call, which gives its texts away.
    pub(super) fn span(&mut self, call: Call, place: Place) -> Span {
        let decoded = call.decoded;
        let facts = CallFacts {
            tid: call.tid,
            bytes: decoded.bytes,
            errno: call.result.map_or(0, |result| if (-4095..0).contains(&result) { result as i32 } else { 0 }),
            is_event: place.is_linked || call.result.is_none() || is_event(&decoded.name),
            in_context: false,
        };
        let name = match self.target.then(|| target(decoded.file_path.as_deref(), decoded.peer.as_ref())).flatten() {
            Some(target) => self.limit(format_compact!("{} {target}", decoded.name)),
            None => self.limit(Text::from(decoded.name)),
        };
        let mut attributes = Vec::with_capacity(decoded.arguments.len() + 7);
        attributes.push(Attribute::new("linux.tid", call.tid));
        attributes.push(Attribute::new("syscall.number", call.number as i64));
        if let Some(abi) = foreign(call.abi) {
            attributes.push(Attribute::new("syscall.abi", abi));
        }
        for argument in decoded.arguments {
            let value = Value::Text(self.limit(argument.text));
            attributes.push(Attribute { key: Cow::Borrowed(self.keys.key(argument.name)), value });
        }
        if let Some(result) = call.result {
            attributes.push(Attribute::new("syscall.result", result));
        }
        let mut status = Status::Unset;
        if let Some(error) = decoded.error.filter(Errno::is_failure) {
            attributes.push(Attribute::new("error.type", error.name));
            status = Status::Error(Text::const_new(error.message));
        }
        if let Some(path) = decoded.file_path {
            attributes.push(Attribute::new("file.path", self.limit(path)));
        }
        if let Some(peer) = decoded.peer {
            self.peer(peer, &mut attributes);
        }
        if place.unfinished {
            attributes.push(Attribute::new("syscall.unfinished", true));
        }
        Span {
            trace_id: place.trace.id,
            span_id: place.id,
            parent_id: Some(place.parent),
            trace_state: place.trace.state,
            parent_is_remote: false,
            kind: SpanKind::Call,
            name,
            start: call.start,
            end: call.end.max(call.start.saturating_add(1)),
            attributes,
            caller: call.caller,
            dropped_attributes: 0,
            events: Vec::new(),
            dropped_events: 0,
            links: place.link.map(link).into_iter().collect(),
            status,
            resource: place.resource,
            call: Some(facts),
        }
    }

    fn peer(&mut self, peer: Peer, attributes: &mut Vec<Attribute>) {
        attributes.extend(peer.transport.map(|transport| Attribute::new("network.transport", transport)));
        attributes.extend(peer.network.map(|network| Attribute::new("network.type", network)));
        match (peer.address, peer.unix_path) {
            (Some(address), _) => attributes.push(Attribute::new("network.peer.address", address_text(address))),
            (None, Some(path)) => attributes.push(Attribute::new("network.peer.address", self.limit(path))),
            (None, None) => {}
        }
        attributes.extend(peer.port.map(|port| Attribute::new("network.peer.port", i64::from(port))));
        if let Some((address, port)) = peer.local {
            attributes.push(Attribute::new("network.local.address", address_text(address)));
            attributes.push(Attribute::new("network.local.port", i64::from(port)));
        }
    }

    fn limit(&mut self, mut text: Text) -> Text {
        self.truncated += u64::from(shorten(&mut text));
        text
    }
}

/// Calls that create, replace or end a process or thread, or reach for another machine: each keeps a span of its own.
fn is_event(name: &str) -> bool {
    matches!(name, "execve" | "execveat" | "fork" | "vfork" | "clone" | "clone3" | "exit" | "exit_group" | "connect")
}

fn address_text(address: IpAddr) -> Text {
    format_compact!("{address}")
}

/// The convention's name where it is not the one that a call's number belongs to without further words.
fn foreign(abi: Abi) -> Option<&'static str> {
    match abi {
        Abi::X86_64 | Abi::Aarch64 => None,
        Abi::I386 => Some("i386"),
        Abi::X32 => Some("x32"),
    }
}

/// What a call is about, in short: a file's base name or a peer's port.
fn target(path: Option<&str>, peer: Option<&Peer>) -> Option<Text> {
    if let Some(path) = path.or_else(|| peer?.unix_path.as_deref()) {
        let name = path.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty());
        return Some(name.unwrap_or(path).into()).filter(|name: &Text| !name.is_empty());
    }
    peer?.port.map(|port| format_compact!("{port}"))
}

/// `syscall.arg.NAME` for each argument name, made once.
#[derive(Debug, Default)]
struct ArgumentKeys {
    /// By the name's address and length: cheaper than its bytes, and a name in the program never changes.
    known: FastMap<(usize, usize), &'static str>,
}

impl ArgumentKeys {
    fn key(&mut self, name: &'static str) -> &'static str {
        self.known.entry((name.as_ptr() as usize, name.len())).or_insert_with(|| intern(name))
    }
}

/// One key for each different name, for the life of the program: as many as there are names of arguments in it.
fn intern(name: &'static str) -> &'static str {
    static KEYS: Mutex<Option<HashMap<&'static str, &'static str>>> = Mutex::new(None);
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    keys.get_or_insert_default().entry(name).or_insert_with(|| format!("syscall.arg.{name}").leak())
}
