//! What is known of each call by hand: its arguments, what they point to and when, its result, and what it does to descriptors.
//!
//! Capture (on the tracer's thread) and rendering (behind the queue) both follow these descriptions, so they cannot disagree.

use std::collections::HashMap;
use std::sync::OnceLock;

use renacer_events::Abi;

use super::calls;
use super::values::{Flags, Names};
use super::view::{Observed, View};
use crate::capture::Copier;
use crate::descriptors::Process;
use crate::table;

/// What a successful call does to the descriptors of its process.
pub(crate) type Effect = fn(&mut Process, &Observed<'_>);

/// How one argument is to be understood.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Not shown, because of what the other arguments say.
    Absent,
    /// `int`.
    Int,
    /// `unsigned int`.
    Uint,
    /// `long`, of the ABI's register size.
    Long,
    /// `unsigned long`, `size_t`.
    Ulong,
    /// `unsigned long` in hexadecimal.
    Hex,
    /// `unsigned int` in hexadecimal.
    HexInt,
    /// 64 bits, signed: two registers on 32-bit ABIs.
    Wide,
    /// 64 bits, unsigned: two registers on 32-bit ABIs.
    WideUnsigned,
    /// Combined flags in 64 bits: two registers on 32-bit ABIs.
    WideFlags(&'static Flags),
    /// 64 bits in two registers on every ABI, the lower half first (`preadv`); a 64-bit register holds all of it.
    WideLowHigh,
    /// An address whose target is not looked at.
    Pointer,
    /// A descriptor.
    Fd,
    /// A descriptor that relative paths start from.
    DirFd,
    /// A user or group id, where -1 means none.
    Id,
    /// A 16-bit user or group id of the old i386 calls.
    Id16,
    /// File mode bits.
    Mode,
    /// Combined flags in an `int`.
    Flags(&'static Flags),
    /// Combined flags in a `long`.
    LongFlags(&'static Flags),
    /// One of several values in an `int`.
    Names(&'static Names),
    /// One of several values in a `long`.
    LongNames(&'static Names),
    /// A value with a text of its own.
    Word(fn(&mut String, u64)),
    /// A value whose text depends on more than its bits.
    Seen(fn(&mut String, &View<'_>, u64)),
    /// Depends on the other arguments.
    Select(fn(Abi, &[u64; 6]) -> Kind),
    /// A path that the call gets.
    Path,
    /// A string that the call gets, shown up to the string limit.
    Str,
    /// Contents that the call gets, with their length in that argument. Shown only on request.
    Written(usize),
    /// Contents that the call returns, as many as its result says but no more than that argument. Shown only on request.
    Read(usize),
    /// Bytes that the call gets, with their length in that argument; always shown.
    BytesIn(usize),
    /// Text that the call returns, as many bytes as its result says; always shown.
    BytesOut,
    /// A structure that the call gets.
    In(&'static Struct),
    /// A structure that the call returns.
    Out(&'static Struct),
    /// Anything else in memory.
    Complex(&'static Complex),
}

/// A structure of a fixed size.
pub(crate) struct Struct {
    /// Its size in bytes.
    pub size: fn(Abi) -> usize,
    /// Appends its text.
    pub write: fn(&mut String, &View<'_>, &[u8]),
}

/// Memory that needs code of its own to be found and shown.
pub(crate) struct Complex {
    /// Copies what the call gets through the pointer (second argument).
    pub at_entry: Option<fn(&mut Copier<'_>, u64)>,
    /// Copies what the call returned through the pointer. Not run when it failed.
    pub at_return: Option<fn(&mut Copier<'_>, u64, i64)>,
    /// Appends the text for the pointer.
    pub write: fn(&mut String, &View<'_>, u64),
}

/// How a successful result is written.
#[derive(Clone, Copy)]
pub(crate) enum ResultKind {
    /// Signed.
    Decimal,
    /// An address or the like.
    Hex,
    /// File mode bits.
    Octal,
    /// A new descriptor.
    Fd,
    /// The call does not return.
    Never,
    /// Depends on the arguments.
    Select(fn(&[u64; 6]) -> ResultKind),
}

/// One argument of a call.
pub(crate) struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    /// The register, where it is not the one behind the previous parameter's.
    pub register: Option<u8>,
}

/// An argument in the next register.
pub(crate) const fn arg(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, register: None }
}

/// An argument in that register.
pub(crate) const fn arg_at(register: u8, name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, register: Some(register) }
}

/// A call.
pub(crate) struct Spec {
    pub name: &'static str,
    pub parameters: &'static [Parameter],
    pub result: ResultKind,
    /// Appends the explanation of a result, without its parentheses; nothing if there is none.
    pub note: Option<fn(&mut String, &View<'_>)>,
    pub effect: Option<Effect>,
    /// Its result is a number of bytes moved.
    pub moves_bytes: bool,
    /// Memory is copied at its return also when it was interrupted and may go on.
    pub even_interrupted: bool,
}

/// A call with a plain result.
pub(crate) const fn call(name: &'static str, parameters: &'static [Parameter]) -> Spec {
    Spec {
        name,
        parameters,
        result: ResultKind::Decimal,
        note: None,
        effect: None,
        moves_bytes: false,
        even_interrupted: false,
    }
}

impl Spec {
    pub(crate) const fn returns(mut self, result: ResultKind) -> Spec {
        self.result = result;
        self
    }

    /// Returns a new descriptor.
    pub(crate) const fn opens(mut self, effect: Effect) -> Spec {
        self.result = ResultKind::Fd;
        self.effect = Some(effect);
        self
    }

    pub(crate) const fn effect(mut self, effect: Effect) -> Spec {
        self.effect = Some(effect);
        self
    }

    pub(crate) const fn note(mut self, note: fn(&mut String, &View<'_>)) -> Spec {
        self.note = Some(note);
        self
    }

    pub(crate) const fn even_interrupted(mut self) -> Spec {
        self.even_interrupted = true;
        self
    }

    pub(crate) const fn moves_bytes(mut self) -> Spec {
        self.moves_bytes = true;
        self
    }
}

/// A parameter of a [`Resolved`] call.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    pub name: &'static str,
    pub kind: Kind,
    /// The (first) register that carries it.
    pub register: usize,
}

/// A call as one ABI makes it.
pub(crate) struct Resolved {
    pub name: &'static str,
    pub slots: Vec<Slot>,
    pub result: ResultKind,
    pub note: Option<fn(&mut String, &View<'_>)>,
    pub effect: Option<Effect>,
    pub moves_bytes: bool,
    pub even_interrupted: bool,
    /// Whether anything may have to be copied at the entry.
    pub looks_at_entry: bool,
    /// Whether anything may have to be copied at the return.
    pub looks_at_return: bool,
    /// Whether what is copied at the return may depend on what was copied at the entry.
    pub looks_back: bool,
    /// Registers of the first path, and of the descriptor that it starts from.
    pub path: Option<(usize, Option<usize>)>,
    /// Register of the first descriptor.
    pub descriptor: Option<usize>,
}

impl Resolved {
    fn new(name: &'static str, abi: Abi, parameters: impl Iterator<Item = Slot>, spec: Option<&Spec>) -> Self {
        let mut resolved = Resolved {
            name,
            slots: Vec::new(),
            result: spec.map_or(ResultKind::Decimal, |spec| spec.result),
            note: spec.and_then(|spec| spec.note),
            effect: spec.and_then(|spec| spec.effect),
            moves_bytes: spec.is_some_and(|spec| spec.moves_bytes),
            even_interrupted: spec.is_some_and(|spec| spec.even_interrupted),
            looks_at_entry: false,
            looks_at_return: false,
            looks_back: false,
            path: None,
            descriptor: None,
        };
        let (mut next, mut directory) = (0, None);
        for mut slot in parameters {
            if slot.register == usize::MAX {
                slot.register = next;
            }
            next = slot.register + registers(slot.kind, abi);
            if next > 6 {
                break;
            }
            let (entry, ret) = looks(slot.kind);
            resolved.looks_at_entry |= entry;
            resolved.looks_at_return |= ret;
            resolved.looks_back |= ret && matches!(slot.kind, Kind::Complex(_) | Kind::Select(_));
            match slot.kind {
                Kind::DirFd => directory = Some(slot.register),
                Kind::Path if resolved.path.is_none() => resolved.path = Some((slot.register, directory)),
                _ => {}
            }
            if matches!(slot.kind, Kind::Fd | Kind::DirFd) && resolved.descriptor.is_none() {
                resolved.descriptor = Some(slot.register);
            }
            resolved.slots.push(slot);
        }
        resolved
    }

    /// A described call as one ABI makes it.
    pub(crate) fn from_spec(spec: &Spec, abi: Abi) -> Self {
        let slots = spec.parameters.iter().map(|parameter| Slot {
            name: parameter.name,
            kind: parameter.kind,
            register: parameter.register.map_or(usize::MAX, usize::from),
        });
        Resolved::new(spec.name, abi, slots, Some(spec))
    }

    fn from_signature(signature: &table::Signature, abi: Abi) -> Self {
        let slots = signature.arguments.iter().map(|parameter| Slot {
            name: parameter.name,
            kind: kind_of_type(parameter.name, parameter.ctype),
            register: usize::MAX,
        });
        Resolved::new(signature.name, abi, slots, None)
    }
}

/// How many registers an argument takes.
fn registers(kind: Kind, abi: Abi) -> usize {
    match kind {
        Kind::Wide | Kind::WideUnsigned | Kind::WideFlags(_) if abi == Abi::I386 => 2,
        Kind::WideLowHigh => 2,
        _ => 1,
    }
}

/// Whether there may be memory to copy at the entry and at the return.
fn looks(kind: Kind) -> (bool, bool) {
    match kind {
        Kind::Path | Kind::Str | Kind::BytesIn(_) | Kind::In(_) | Kind::Written(_) => (true, false),
        Kind::BytesOut | Kind::Out(_) | Kind::Read(_) => (false, true),
        Kind::Complex(complex) => (complex.at_entry.is_some(), complex.at_return.is_some()),
        Kind::Select(_) => (true, true),
        _ => (false, false),
    }
}

/// What an argument of a call without a description is, as far as its C type tells.
fn kind_of_type(name: &str, ctype: &str) -> Kind {
    let ctype = ctype.trim();
    if ctype.contains('*') || ctype.contains("sighandler") {
        return match name {
            "pathname" | "path" | "filename" if ctype.starts_with("const char") => Kind::Path,
            _ => Kind::Pointer,
        };
    }
    match name {
        "fd" | "fildes" | "epfd" | "ufd" | "pidfd" | "mqdes" => return Kind::Fd,
        "dfd" | "dirfd" | "olddfd" | "newdfd" => return Kind::DirFd,
        "flags" => return Kind::Hex,
        _ => {}
    }
    match ctype {
        "umode_t" | "mode_t" => Kind::Mode,
        "uid_t" | "gid_t" | "qid_t" => Kind::Id,
        "old_uid_t" | "old_gid_t" => Kind::Id16,
        "loff_t" => Kind::Wide,
        "u64" | "__u64" => Kind::Wide,
        "size_t" | "unsigned long" | "aio_context_t" | "compat_ulong_t" | "compat_size_t" => Kind::Ulong,
        "long" | "off_t" | "ssize_t" | "compat_long_t" => Kind::Long,
        "unsigned" | "unsigned int" | "u32" | "__u32" | "uint32_t" => Kind::Uint,
        _ => Kind::Int,
    }
}

/// All calls of one ABI, by number.
struct Numbers(Vec<Option<Resolved>>);

/// Numbers from this one on are not looked up: no ABI has as many.
const MOST_CALLS: u64 = 1024;

impl Numbers {
    fn new(abi: Abi, specs: &HashMap<&str, &'static Spec>) -> Self {
        let resolve = |number| {
            let signature = table::signature(abi, number)?;
            Some(match specs.get(signature.name) {
                Some(spec) => Resolved::from_spec(calls::variant(spec, abi), abi),
                None => Resolved::from_signature(signature, abi),
            })
        };
        let mut numbers: Vec<_> = (0..MOST_CALLS).map(resolve).collect();
        while numbers.last().is_some_and(Option::is_none) {
            numbers.pop();
        }
        Numbers(numbers)
    }
}

/// The call with that number, if there is one.
pub(crate) fn resolved(abi: Abi, number: u64) -> Option<&'static Resolved> {
    // Each made when it is needed first: one is enough for most runs.
    static TABLES: [OnceLock<Numbers>; 4] = [const { OnceLock::new() }; 4];
    let table = match abi {
        Abi::X86_64 => 0,
        Abi::I386 => 1,
        Abi::X32 => 2,
        Abi::Aarch64 => 3,
    };
    let numbers = TABLES[table].get_or_init(|| {
        let specs: HashMap<_, _> = calls::all().map(|spec| (spec.name, spec)).collect();
        Numbers::new(abi, &specs)
    });
    numbers.0.get(usize::try_from(number).ok()?)?.as_ref()
}
