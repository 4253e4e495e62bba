//! The reader: which processes publish their spans, and which span a stopped thread is in.
//!
//! A file that is mapped as code is looked at once, however many processes map it; a process without a publisher costs nothing at its
//! calls. Of a thread it is kept where its variable is and what that pointed to last, so that one read suffices while it
//! stays in one span.

use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use renacer_events::{ActiveSpan, Attribute, ContextSource, FastMap, MappedFile, Pid, ReadMemory, Text, Tid};

use crate::description;
use crate::elf::{Image, Variable};
use crate::keys;
use crate::maps::{self, Mapping};
use crate::record;
use crate::thread_local::{self, Layout, Place};

/// The most files that are remembered.
const MOST_FILES: usize = 8192;
/// The most publishers of one process.
const MOST_PUBLISHERS: usize = 16;
/// The most threads of one process that are remembered.
const MOST_THREADS: usize = 1 << 16;
/// How often a process's map is searched for its description because a thread turned out to publish.
const MOST_SEARCHES: u8 = 3;
/// The W3C flag that says that a trace is sampled.
const SAMPLED: u8 = 1;

/// A file as long as it is not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Identity {
    device: u64,
    inode: u64,
    changed: (i64, i64),
    size: u64,
}

/// Reads contexts of stopped threads.
#[derive(Debug, Default)]
pub struct ContextReader {
    processes: FastMap<Pid, Process>,
    files: HashMap<Identity, Option<Arc<Image>>>,
}

/// What is known of one process.
#[derive(Debug, Default)]
struct Process {
    publishers: Vec<Publisher>,
    /// How its threads are arranged, which its program tells.
    layout: Option<Layout>,
    threads: FastMap<Tid, Thread>,
    /// What it has mapped is to be looked up.
    unread: bool,
    searches: u8,
    /// Where it says what it is.
    description: Option<u64>,
    /// It has said something since that was last read.
    unheard: bool,
    keys: Vec<Text>,
    described: Option<Vec<Attribute>>,
}

/// A variable of a module of a process.
#[derive(Clone, Debug)]
struct Publisher {
    variable: Variable,
    bias: u64,
    /// Its code.
    range: (u64, u64),
    is_program: bool,
    place: Option<Place>,
}

/// What is known of one thread.
#[derive(Debug, Default)]
struct Thread {
    pointer: u64,
    /// One for each publisher.
    variables: Vec<Known>,
}

/// A thread's variable.
#[derive(Debug, Default)]
struct Known {
    address: Option<u64>,
    /// What it pointed to last.
    record: u64,
    /// How long that was, in bytes.
    length: usize,
    /// What was there, and what that says.
    last: Option<(Vec<u8>, Arc<ActiveSpan>)>,
}

impl ContextReader {
    /// A reader that knows nothing yet.
    pub fn new() -> Self {
        ContextReader::default()
    }

    /// The image in a file, looked at when it is first seen; `is_it` may refuse what was found at the path.
    fn image(&mut self, path: &Path, is_it: impl Fn(&Metadata) -> bool) -> Option<Arc<Image>> {
        let metadata = std::fs::metadata(path).ok().filter(|metadata| metadata.is_file() && is_it(metadata))?;
        let identity = identity(&metadata);
        if let Some(known) = self.files.get(&identity) {
            return known.clone();
        }
        // Without waiting for whatever may have taken its place.
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
        let is_same = |file: &File| file.metadata().is_ok_and(|metadata| self::identity(&metadata) == identity);
        let image = Some(file).filter(is_same).and_then(|file| Image::read(&file)).map(Arc::new);
        if self.files.len() >= MOST_FILES {
            self.files.clear();
        }
        self.files.insert(identity, image.clone());
        image
    }

    /// The program that a process runs.
    fn program(&mut self, pid: Pid) {
        let image = self.image(Path::new(&format!("/proc/{pid}/exe")), |_| true);
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let Some(image) = image else { return };
        let mut layout = image.layout();
        if !image.has_linker {
            // It may be the dynamic linker itself.
            let path = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            layout.is_musl = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"ld-musl"));
        }
        process.layout = Some(layout);
        let Some(variables) = &image.variables else { return };
        if variables.iter().any(|variable| variable.entry.is_some()) {
            // Where it is loaded has to be known.
            process.unread = true;
        } else {
            process.publish(variables, 0, (0, 0), true);
        }
    }

    /// Looks up what a process has mapped.
    fn read_maps(&mut self, pid: Pid, with_code: bool) {
        let program = std::fs::metadata(format!("/proc/{pid}/exe")).ok().map(|metadata| identity(&metadata));
        for mapping in maps::read(pid) {
            match mapping {
                Mapping::Description(address) => {
                    if let Some(process) = self.processes.get_mut(&pid) {
                        (process.description, process.unheard) = (Some(address), true);
                    }
                }
                Mapping::Code { start, end, offset, inode, path } if with_code => {
                    let [mapped, rooted] = maps::candidates(pid, start, end, &path);
                    let found = [mapped, rooted]
                        .into_iter()
                        .find_map(|path| Some((self.image(&path, |metadata| metadata.ino() == inode)?, path)));
                    let Some((image, path)) = found.filter(|(image, _)| image.variables.is_some()) else { continue };
                    let here = std::fs::metadata(path).ok().map(|metadata| identity(&metadata));
                    let is_program = image.has_linker || here.is_some() && here == program;
                    if let Some(process) = self.processes.get_mut(&pid) {
                        process.load(&image, start, end, offset, is_program);
                    }
                }
                Mapping::Code { .. } => {}
            }
        }
    }
}

fn identity(metadata: &Metadata) -> Identity {
    Identity {
        device: metadata.dev(),
        inode: metadata.ino(),
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        size: metadata.size(),
    }
}

impl Process {
    /// A module of it is loaded here.
    fn load(&mut self, image: &Image, start: u64, end: u64, offset: u64, is_program: bool) {
        let Some(variables) = &image.variables else { return };
        let Some(bias) = image.bias(start, offset) else { return };
        self.publish(variables, bias, (start, end), is_program);
    }

    fn publish(&mut self, variables: &[Variable], bias: u64, range: (u64, u64), is_program: bool) {
        for &variable in variables {
            let known = |other: &Publisher| {
                other.variable == variable && (other.bias == bias || is_program && other.is_program)
            };
            if self.publishers.iter().any(known) || self.publishers.len() >= MOST_PUBLISHERS {
                continue;
            }
            self.publishers.push(Publisher { variable, bias, range, is_program, place: None });
            self.threads.clear();
        }
    }

    fn thread(&mut self, tid: Tid, pointer: u64) -> &mut Thread {
        if self.threads.len() >= MOST_THREADS {
            self.threads.clear();
        }
        let count = self.publishers.len();
        let thread = self.threads.entry(tid).or_default();
        if thread.pointer != pointer || thread.variables.len() != count {
            *thread = Thread { pointer, variables: (0..count).map(|_| Known::default()).collect() };
        }
        thread
    }

    fn active(&mut self, tid: Tid, pointer: u64, memory: &mut dyn ReadMemory) -> Option<Arc<ActiveSpan>> {
        let layout = self.layout?;
        self.thread(tid, pointer);
        let thread = self.threads.get_mut(&tid)?;
        for (publisher, known) in self.publishers.iter_mut().zip(&mut thread.variables) {
            if known.address.is_none() {
                if publisher.place.is_none() {
                    let Publisher { variable, bias, range, is_program, .. } = *publisher;
                    publisher.place = thread_local::resolve(&variable, bias, range, is_program, memory);
                }
                let Some(place) = publisher.place else { continue };
                known.address = thread_local::address(place, pointer, layout, memory);
            }
            let Some(address) = known.address else { continue };
            if let Some(span) = known.read(address, publisher.variable.layout, &self.keys, memory) {
                return Some(span);
            }
        }
        None
    }

    /// Reads what it says of itself, if it has said anything new.
    fn hear(&mut self, memory: &mut dyn ReadMemory) {
        if !std::mem::take(&mut self.unheard) {
            return;
        }
        let Some(description) = self.description.and_then(|address| description::read(address, memory)) else { return };
        self.keys = description.keys;
        self.described = Some(description.resource).filter(|resource| !resource.is_empty());
        // Their attributes may have other keys.
        self.threads.clear();
    }
}

impl Known {
    /// The span that the variable at `address` points to.
    fn read(
        &mut self,
        address: u64,
        layout: record::Layout,
        keys: &[Text],
        memory: &mut dyn ReadMemory,
    ) -> Option<Arc<ActiveSpan>> {
        let (mut pointer, mut bytes) = ([0; 8], [0; record::MOST]);
        let expected = self.length;
        let mut count = match self.record {
            0 => (memory.read(address, &mut pointer) == pointer.len()).then_some(0)?,
            record => memory.read_two((address, &mut pointer), (record, &mut bytes[..expected]))?,
        };
        let pointer = u64::from_ne_bytes(pointer);
        if pointer == 0 {
            return None;
        }
        if pointer != self.record || count < layout.length(&bytes[..count]) {
            self.record = pointer;
            count = memory.read(pointer, &mut bytes[..layout.most()]);
        }
        self.length = layout.length(&bytes[..count]);
        let used = &bytes[..count.min(self.length)];
        let record = layout.parse(used)?;
        if let Some((last, span)) = &self.last
            && **last == *used
        {
            return Some(span.clone());
        }
        let span = Arc::new(ActiveSpan {
            trace_id: record.trace_id,
            span_id: record.span_id,
            sampled: record.flags & SAMPLED != 0,
            attributes: keys::attributes(record.attributes, keys),
        });
        self.last = Some((used.to_vec(), span.clone()));
        Some(span)
    }
}

impl ContextSource for ContextReader {
    fn publishes(&mut self, pid: Pid, memory: &mut dyn ReadMemory) -> bool {
        let Some(process) = self.processes.get_mut(&pid) else { return false };
        if std::mem::take(&mut process.unread) {
            if process.layout.is_none() {
                self.program(pid);
            }
            self.read_maps(pid, true);
        }
        let Some(process) = self.processes.get_mut(&pid) else { return false };
        if process.unheard {
            process.hear(memory);
        }
        !process.publishers.is_empty() || process.described.is_some()
    }

    fn active(
        &mut self,
        pid: Pid,
        tid: Tid,
        thread_pointer: u64,
        memory: &mut dyn ReadMemory,
    ) -> Option<Arc<ActiveSpan>> {
        let process = self.processes.get_mut(&pid)?;
        let span = process.active(tid, thread_pointer, memory)?;
        if process.description.is_none() && process.searches < MOST_SEARCHES {
            process.searches += 1;
            self.read_maps(pid, false);
        }
        Some(span)
    }

    fn described(&mut self, pid: Pid) -> Option<Vec<Attribute>> {
        self.processes.get_mut(&pid)?.described.take()
    }

    fn started(&mut self, pid: Pid, creator: Option<Pid>) {
        let process = match creator.and_then(|creator| self.processes.get(&creator)) {
            // What it says of itself is not inherited, but its keys are still what its records are written with.
            Some(creator) => Process {
                publishers: creator.publishers.clone(),
                layout: creator.layout,
                unread: creator.unread,
                keys: creator.keys.clone(),
                ..Process::default()
            },
            None => Process { unread: true, ..Process::default() },
        };
        self.processes.insert(pid, process);
    }

    fn image_replaced(&mut self, pid: Pid) {
        self.processes.insert(pid, Process::default());
        self.program(pid);
    }

    fn missed(&mut self, pid: Pid) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.unread = true;
        }
    }

    fn mapped(&mut self, pid: Pid, tid: Tid, file: MappedFile) {
        let MappedFile { address, length, descriptor, offset } = file;
        let path = format!("/proc/{tid}/fd/{descriptor}");
        let Some(image) = self.image(Path::new(&path), |_| true) else { return };
        if let Some(process) = self.processes.get_mut(&pid) {
            process.load(&image, address, address.saturating_add(length), offset, image.has_linker);
        }
    }

    fn remapped(&mut self, pid: Pid, start: u64, length: u64) {
        let Some(process) = self.processes.get_mut(&pid).filter(|process| !process.publishers.is_empty()) else {
            return;
        };
        let end = start.saturating_add(length);
        let before = process.publishers.len();
        process.publishers.retain(|publisher| publisher.range.0 >= end || start >= publisher.range.1);
        if process.publishers.len() != before {
            process.threads.clear();
        }
    }

    fn named(&mut self, pid: Pid, start: u64, name: u64, memory: &mut dyn ReadMemory) {
        let mut text = [0; 8];
        if memory.read(name, &mut text) != text.len() || text != *b"OTEL_CTX" {
            return;
        }
        if let Some(process) = self.processes.get_mut(&pid) {
            (process.description, process.unheard) = (Some(start), true);
        }
    }

    fn thread_ended(&mut self, pid: Pid, tid: Tid) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.threads.remove(&tid);
        }
    }

    fn exited(&mut self, pid: Pid) {
        self.processes.remove(&pid);
    }
}
