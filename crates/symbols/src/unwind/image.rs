//! What the walker keeps of one module: its file, where its code is, and what leads from frame to frame in it.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use object::{Object, ObjectSegment, ObjectSymbol, SymbolKind};
use renacer_events::{Machine, ModuleId};

use super::cfi::{Cfi, Context};
use super::golang::Table;
use super::rule::Rule;
use super::v8;
use crate::object_file::ObjectFile;
use crate::python::Runtime;

/// The most functions whose beginnings are kept of one file.
const MOST_FUNCTIONS: usize = 1 << 20;

/// The size of `_start`, in bytes, at most.
const ENTRY_SIZE: u64 = 64;

/// One module.
#[derive(Debug)]
pub(crate) struct Image {
    /// Its place in the table that is shared with the resolver.
    pub module: ModuleId,
    /// None where it cannot be read, or is no file.
    pub file: Option<ObjectFile>,
    /// Code made at run time: its addresses are absolute.
    pub is_generated: bool,
    /// It is an interpreter of Python, whose frames can be read.
    pub python: Option<Arc<Runtime>>,
    /// Where in the file its segments are: address, offset, size.
    segments: Vec<(u64, u64, u64)>,
    entry: Option<u64>,
    cfi: Lazy<Cfi>,
    go: Lazy<Table>,
    v8: Lazy<Range<u64>>,
    functions: Option<Vec<(u64, u64)>>,
}

/// What is looked for once.
#[derive(Debug)]
enum Lazy<T> {
    Unknown,
    Known(Option<T>),
}

impl<T> Lazy<T> {
    fn get(&mut self, find: impl FnOnce() -> Option<T>) -> Option<&mut T> {
        if let Lazy::Unknown = self {
            // If it panics, there is none, and it is not tried again.
            *self = Lazy::Known(None);
            *self = Lazy::Known(find());
        }
        match self {
            Lazy::Known(known) => known.as_mut(),
            Lazy::Unknown => None,
        }
    }
}

impl Image {
    /// `path` is the one by which it was mapped.
    pub fn new(module: ModuleId, path: &[u8], file: Option<ObjectFile>, is_generated: bool) -> Image {
        let find = || Runtime::find(file.as_ref()?, path).map(Arc::new);
        let python = catch_unwind(AssertUnwindSafe(find)).unwrap_or_default();
        let segments = file.as_ref().and_then(|file| {
            let elf = file.elf().ok()?;
            let segment = |segment: object::Segment<'_, '_>| {
                let (offset, size) = segment.file_range();
                (segment.address(), offset, size)
            };
            Some(elf.segments().map(segment).collect())
        });
        let segments = segments.unwrap_or_default();
        let entry = file.as_ref().and_then(|file| Some(file.elf().ok()?.entry())).filter(|entry| *entry != 0);
        let (cfi, go, v8) = (Lazy::Unknown, Lazy::Unknown, Lazy::Unknown);
        Image { module, file, is_generated, python, segments, entry, cfi, go, v8, functions: None }
    }

    /// The rule that the file itself has for an address; none where it has none. Reading a hostile file may find a
    /// mistake in the parser: then there is no rule either.
    pub fn rule(&mut self, machine: Machine, address: u64, context: &mut Context) -> Option<Rule> {
        catch_unwind(AssertUnwindSafe(|| self.find_rule(machine, address, context))).unwrap_or(Some(Rule::Unknown))
    }

    fn find_rule(&mut self, machine: Machine, address: u64, context: &mut Context) -> Option<Rule> {
        let file = self.file.as_ref()?;
        if let Some(rule) = self.go.get(|| Table::new(file, machine)).and_then(|table| table.rule(file, address)) {
            return Some(rule);
        }
        self.cfi.get(|| Cfi::new(file, machine))?.rule(file, machine, address, context)
    }

    /// Whether an address is in a function of Go's runtime at which stacks begin.
    pub fn is_top_of_go(&mut self, machine: Machine, address: u64) -> bool {
        let Some(file) = &self.file else { return false };
        let find = || {
            let table = self.go.get(|| Table::new(file, machine))?;
            table.rule(file, address)
        };
        matches!(catch_unwind(AssertUnwindSafe(find)), Ok(Some(Rule::End)))
    }

    /// Whether an address is in the few instructions with which the kernel starts a program or its loader.
    pub fn is_entry(&self, address: u64) -> bool {
        self.entry.and_then(|entry| address.checked_sub(entry)).is_some_and(|within| within < ENTRY_SIZE)
    }

    /// Whether the function that has this address, and no rules, keeps a frame pointer.
    pub fn keeps_frame_pointer(&mut self, address: u64) -> bool {
        let Some(file) = &self.file else { return false };
        self.v8.get(|| v8::builtins(file)).is_some_and(|builtins| builtins.contains(&address))
    }

    /// Whether frame pointers are all that there can be.
    pub fn has_no_rules(&mut self, machine: Machine) -> bool {
        let Some(file) = &self.file else { return self.is_generated };
        catch_unwind(AssertUnwindSafe(|| self.cfi.get(|| Cfi::new(file, machine)).is_none_or(|cfi| cfi.is_empty(file))))
            .unwrap_or(false)
    }

    /// The beginning of the function that an address is in, and where it ends if that is known.
    pub fn function(&mut self, address: u64) -> Option<(u64, u64)> {
        if self.functions.is_none() {
            let found = self.file.as_ref().and_then(|file| catch_unwind(AssertUnwindSafe(|| functions(file))).ok());
            self.functions = Some(found.unwrap_or_default());
        }
        let functions = self.functions.as_deref()?;
        let after = functions.partition_point(|(start, _)| *start <= address);
        let (start, end) = *functions.get(after.checked_sub(1)?)?;
        (address < end).then_some((start, end))
    }

    /// Whether a function begins after `start`, at `end` or before.
    pub fn begins_within(&self, start: u64, end: u64) -> bool {
        let functions = self.functions.as_deref().unwrap_or_default();
        let after = functions.partition_point(|(function, _)| *function <= start);
        functions.get(after).is_some_and(|(function, _)| *function <= end)
    }

    /// Bytes of code at an address, up to `most`.
    pub fn code(&self, address: u64, most: usize) -> Option<&[u8]> {
        let file = self.file.as_ref()?;
        self.segments.iter().find_map(|(start, offset, size)| {
            let within = address.checked_sub(*start)?;
            let left = size.checked_sub(within).filter(|left| *left > 0)?;
            let start = usize::try_from(offset.checked_add(within)?).ok()?;
            let end = start.checked_add(most.min(usize::try_from(left).ok()?))?;
            file.data().get(start..end)
        })
    }
}

/// All functions in order of address, each with its end: what its symbol says, else the beginning of the next.
fn functions(file: &ObjectFile) -> Vec<(u64, u64)> {
    let Ok(elf) = file.elf() else { return Vec::new() };
    let mut found: Vec<(u64, u64)> = elf
        .symbols()
        .chain(elf.dynamic_symbols())
        .take(MOST_FUNCTIONS)
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition())
        .map(|symbol| (symbol.address(), symbol.size()))
        .collect();
    // Of two at one place, the longer one.
    found.sort_unstable_by_key(|(start, size)| (*start, std::cmp::Reverse(*size)));
    found.dedup_by_key(|(start, _)| *start);
    let next: Vec<u64> = found.iter().skip(1).map(|(start, _)| *start).chain([u64::MAX]).collect();
    for ((start, size), next) in found.iter_mut().zip(next) {
        *size = if *size == 0 { next } else { start.saturating_add(*size) };
    }
    found
}
