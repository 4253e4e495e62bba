//! What the descriptors of each process refer to, and where its relative paths start.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use renacer_events::{DescriptorTarget, FastMap, Missed, OpenDescriptor, Peer, ProcessStarted, Stream, Text};

use crate::decode::quote::escape;

/// What a descriptor refers to. All copies of a descriptor share it.
#[derive(Debug)]
pub(crate) enum Target {
    /// A file, or an object with a name like `anon_inode:[eventpoll]`: its name in bytes, and escaped.
    File(Vec<u8>, Text),
    /// A socket, with what is known of its ends, and the connection whose first byte is to be seen.
    Socket(Mutex<Peer>, OnceLock<Arc<Stream>>),
}

impl Target {
    /// A file or a named object.
    pub(crate) fn file(name: Vec<u8>) -> Arc<Target> {
        let mut text = String::new();
        escape(&mut text, &name);
        Arc::new(Target::File(name, text.into()))
    }

    /// A socket.
    pub(crate) fn socket(peer: Peer) -> Arc<Target> {
        Arc::new(Target::Socket(Mutex::new(peer), OnceLock::new()))
    }

    /// A socket that has just been connected.
    pub(crate) fn connected(peer: Peer) -> Arc<Target> {
        let target = Target::socket(peer);
        target.connect();
        target
    }

    fn connect(&self) {
        if let Target::Socket(peer, stream) = self
            && matches!(lock(peer).transport, Some("tcp" | "unix"))
        {
            stream.get_or_init(Arc::default);
        }
    }
}

/// A descriptor.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor {
    pub(crate) target: Arc<Target>,
    pub(crate) close_on_exec: bool,
}

/// A descriptor table.
#[derive(Clone, Debug, Default)]
struct Files {
    open: FastMap<i32, Descriptor>,
    /// How many of the processes that share it do things to it that are not seen.
    blind: usize,
    /// Such things were done since it was last looked at: nothing in it is certain.
    unknown: bool,
}

impl Files {
    /// What a descriptor refers to, if that is known.
    fn get(&self, number: i32) -> Option<&Descriptor> {
        self.open.get(&number).filter(|_| !self.unknown)
    }
}

/// The descriptors and the working directory of one process.
#[derive(Debug, Default)]
pub(crate) struct Process {
    files: Arc<Mutex<Files>>,
    directory: Option<Vec<u8>>,
    /// What it does to its descriptors and its working directory is not seen.
    blind: bool,
    /// The call that is looked at was made while its table was: nothing is certain of what that did, and of what it was about.
    unsure: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every critical section leaves a consistent value behind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    /// A process that was not forked by one that is known.
    pub(crate) fn new(started: &ProcessStarted) -> Self {
        let mut process = Process::default();
        process.adopt(started);
        process
    }

    /// A forked process: with its parent's descriptors or a copy of them.
    pub(crate) fn forked(parent: &Process, shares_descriptors: bool, started: &ProcessStarted) -> Self {
        if !shares_descriptors && lock(&parent.files).unknown {
            // It was looked at for that reason.
            return Process::new(started);
        }
        let mut process =
            Process { files: parent.files.clone(), directory: parent.directory.clone(), ..Process::default() };
        if !shares_descriptors {
            process.unshare();
        }
        process.adopt(started);
        process
    }

    fn adopt(&mut self, started: &ProcessStarted) {
        if let Some(directory) = &started.image.working_directory {
            self.directory = Some(directory.as_os_str().as_encoded_bytes().to_vec());
        }
        self.adopt_all(&started.descriptors);
    }

    /// Whether the call that is looked at next may have been made before or after its table was read.
    pub(crate) fn doubt(&mut self, unsure: bool) {
        self.unsure = unsure;
    }

    /// What it does is not seen from here on: nothing that is known of its descriptors is certain.
    pub(crate) fn blind(&mut self) {
        if std::mem::replace(&mut self.blind, true) {
            return;
        }
        let mut files = lock(&self.files);
        files.blind += 1;
        files.unknown = true;
        files.open.clear();
    }

    /// Takes over how things stand after calls that were not seen.
    pub(crate) fn renew(&mut self, missed: &Missed) {
        let seen = {
            let mut files = lock(&self.files);
            files.blind -= usize::from(std::mem::take(&mut self.blind));
            // Another process that shares the table may do things to it yet.
            files.unknown = files.blind > 0;
            files.open.clear();
            !files.unknown
        };
        self.directory = missed.working_directory.as_ref().map(|path| path.as_os_str().as_encoded_bytes().to_vec());
        if seen {
            self.adopt_all(&missed.descriptors);
        }
    }

    /// It is gone, or leaves its table to others: these cannot rely on what it did unseen.
    pub(crate) fn leave(&mut self) {
        if std::mem::take(&mut self.blind) {
            lock(&self.files).blind -= 1;
        }
    }

    /// A copy of its table that no other process has.
    fn copy(&mut self) -> Files {
        let files = lock(&self.files).clone();
        Files { blind: usize::from(self.blind), ..files }
    }

    fn adopt_all(&mut self, descriptors: &[OpenDescriptor]) {
        for OpenDescriptor { number, target, close_on_exec } in descriptors {
            let target = match target {
                DescriptorTarget::Path(path) => Target::file(path.clone()),
                DescriptorTarget::Socket(peer) => Target::socket(peer.clone()),
            };
            self.open(*number, target, *close_on_exec);
        }
    }

    /// Runs a new program: descriptors marked so are closed, and the table is no longer shared.
    pub(crate) fn exec(&mut self) {
        let mut files = self.copy();
        files.open.retain(|_, descriptor| !descriptor.close_on_exec);
        if self.blind {
            lock(&self.files).blind -= 1;
        }
        self.files = Arc::new(Mutex::new(files));
    }

    /// No longer shares its table.
    pub(crate) fn unshare(&mut self) {
        let files = self.copy();
        if self.blind {
            lock(&self.files).blind -= 1;
        }
        self.files = Arc::new(Mutex::new(files));
    }

    /// A descriptor now refers to `target`.
    pub(crate) fn open(&mut self, number: i32, target: Arc<Target>, close_on_exec: bool) {
        if self.unsure {
            return self.close(number);
        }
        lock(&self.files).open.insert(number, Descriptor { target, close_on_exec });
    }

    /// A descriptor is closed.
    pub(crate) fn close(&mut self, number: i32) {
        lock(&self.files).open.remove(&number);
    }

    /// The descriptors from `first` to `last` are closed, or marked to be closed by exec.
    pub(crate) fn close_range(&mut self, first: u32, last: u32, only_mark: bool) {
        let range = first..=last;
        let mut files = lock(&self.files);
        if only_mark {
            for (number, descriptor) in files.open.iter_mut() {
                descriptor.close_on_exec |= range.contains(&(*number as u32));
            }
        } else {
            files.open.retain(|number, _| !range.contains(&(*number as u32)));
        }
    }

    /// A descriptor is marked to be closed by exec, or no longer.
    pub(crate) fn mark(&mut self, number: i32, close_on_exec: bool) {
        if self.unsure {
            return self.close(number);
        }
        if let Some(descriptor) = lock(&self.files).open.get_mut(&number) {
            descriptor.close_on_exec = close_on_exec;
        }
    }

    /// `copy` now refers to what `number` refers to; if that is unknown, so is what the copy refers to.
    pub(crate) fn duplicate(&mut self, number: i32, copy: i32, close_on_exec: bool) {
        if self.unsure {
            return self.close(copy);
        }
        let mut files = lock(&self.files);
        match files.open.get(&number).map(|descriptor| descriptor.target.clone()) {
            Some(target) => {
                files.open.insert(copy, Descriptor { target, close_on_exec });
            }
            None => {
                files.open.remove(&copy);
            }
        }
    }

    /// What a descriptor refers to, if that is known.
    pub(crate) fn target(&self, number: i32) -> Option<Arc<Target>> {
        if self.unsure {
            return None;
        }
        lock(&self.files).get(number).map(|descriptor| descriptor.target.clone())
    }

    /// Changes what is known of a socket's ends.
    pub(crate) fn update_socket(&mut self, number: i32, change: impl FnOnce(&mut Peer)) {
        match self.target(number).as_deref() {
            Some(Target::Socket(peer, _)) => change(&mut lock(peer)),
            Some(Target::File(..)) => {}
            None => {
                let mut peer = Peer::default();
                change(&mut peer);
                self.open(number, Target::socket(peer), false);
            }
        }
    }

    /// The socket is connected from here on.
    pub(crate) fn connect(&self, number: i32) {
        self.target(number).iter().for_each(|target| target.connect());
    }

    /// The connection that a descriptor refers to, where it was seen to begin.
    pub(crate) fn stream(&self, number: i32) -> Option<Arc<Stream>> {
        match self.target(number)?.as_ref() {
            Target::Socket(_, stream) => stream.get().cloned(),
            Target::File(..) => None,
        }
    }

    /// What is known of a socket's ends.
    pub(crate) fn socket(&self, number: i32) -> Option<Peer> {
        match self.target(number)?.as_ref() {
            Target::Socket(peer, _) => Some(lock(peer).clone()),
            Target::File(..) => None,
        }
    }

    /// The absolute path behind a descriptor, escaped.
    pub(crate) fn path(&self, number: i32) -> Option<Text> {
        match self.target(number)?.as_ref() {
            Target::File(name, text) if name.starts_with(b"/") => Some(text.clone()),
            _ => None,
        }
    }

    /// Calls `use_name` with the escaped name of what a descriptor refers to, if it has one.
    pub(crate) fn with_name(&self, number: i32, use_name: impl FnOnce(&str)) {
        match self.target(number).as_deref() {
            Some(Target::File(_, text)) => use_name(text),
            Some(Target::Socket(peer, _)) => {
                if let Some(name) = &lock(peer).name {
                    use_name(name);
                }
            }
            None => {}
        }
    }

    /// The working directory, if it is known.
    pub(crate) fn directory(&self) -> Option<&[u8]> {
        self.directory.as_deref().filter(|_| !self.blind && !self.unsure)
    }

    /// The working directory changed; none if it is no longer known.
    pub(crate) fn change_directory(&mut self, directory: Option<Vec<u8>>) {
        self.directory = directory.filter(|_| !self.unsure);
    }

    /// `path` made absolute: joined to the directory behind `directory` (the working directory if none). `..` is left as it stands.
    pub(crate) fn absolute(&self, directory: Option<i32>, path: &[u8]) -> Option<Vec<u8>> {
        if path.starts_with(b"/") {
            return Some(without_slashes(path).to_vec());
        }
        let target = directory.and_then(|number| self.target(number));
        let base: &[u8] = match (directory, target.as_deref()) {
            (None, _) => self.directory()?,
            (Some(_), Some(Target::File(name, _))) if name.starts_with(b"/") => name,
            _ => return None,
        };
        let mut path = without_slashes(path);
        while let Some(rest) = path.strip_prefix(b"./") {
            path = &rest[rest.iter().position(|&byte| byte != b'/').unwrap_or(rest.len())..];
        }
        let mut joined = base.to_vec();
        if !path.is_empty() && path != b"." {
            if joined.last() != Some(&b'/') {
                joined.push(b'/');
            }
            joined.extend_from_slice(path);
        }
        Some(joined)
    }
}

/// A path without slashes at its end.
fn without_slashes(mut path: &[u8]) -> &[u8] {
    while let [start @ .., b'/'] = path {
        if start.is_empty() {
            break;
        }
        path = start;
    }
    path
}
