//! What successful calls do to descriptors and to the working directory.

use renacer_events::{Abi, Peer, Text};

use super::quote::escape;
use super::values;
use super::view::{AT_FDCWD, Observed};
use crate::capture::number;
use crate::descriptors::{Process, Target};

/// O_CLOEXEC, which is also SOCK_CLOEXEC, EPOLL_CLOEXEC, EFD_CLOEXEC, SFD_CLOEXEC, TFD_CLOEXEC and IN_CLOEXEC.
const CLOEXEC: u64 = 0o2_000_000;

pub(crate) fn descriptor(value: u64) -> Option<i32> {
    Some(value as i32).filter(|&number| number != AT_FDCWD)
}

impl Observed<'_> {
    fn new_descriptor(&self) -> i32 {
        self.result.unwrap_or(-1) as i32
    }

    /// The bytes of the path that the call names, and the descriptor it starts from.
    pub(crate) fn named_path(&self) -> Option<(&[u8], Option<i32>)> {
        let (path, directory) = self.call.path?;
        let (path, ended) = self.given_string(self.arguments[path])?;
        let directory = directory.and_then(|register| descriptor(self.arguments[register]));
        ended.then_some((path, directory))
    }

    fn absolute_path(&self, process: &Process) -> Option<Vec<u8>> {
        let (path, directory) = self.named_path()?;
        process.absolute(directory, path)
    }
}

fn open_path(process: &mut Process, observed: &Observed<'_>, flags: u64) {
    let number = observed.new_descriptor();
    match observed.absolute_path(process) {
        Some(path) => process.open(number, Target::file(path), flags & CLOEXEC != 0),
        None => process.close(number),
    }
}

/// `open`: flags in the second argument.
pub(crate) fn open(process: &mut Process, observed: &Observed<'_>) {
    open_path(process, observed, observed.arguments[1]);
}

/// `openat`: flags in the third argument.
pub(crate) fn openat(process: &mut Process, observed: &Observed<'_>) {
    open_path(process, observed, observed.arguments[2]);
}

/// `openat2`: flags in the first field of its structure.
pub(crate) fn openat2(process: &mut Process, observed: &Observed<'_>) {
    let flags = observed.given(observed.arguments[2], 8).map_or(0, number);
    open_path(process, observed, flags);
}

/// `creat`, and others without flags.
pub(crate) fn creat(process: &mut Process, observed: &Observed<'_>) {
    open_path(process, observed, 0);
}

/// `open_tree`: OPEN_TREE_CLOEXEC is O_CLOEXEC.
pub(crate) fn open_tree(process: &mut Process, observed: &Observed<'_>) {
    open_path(process, observed, observed.arguments[2]);
}

fn open_named(process: &mut Process, observed: &Observed<'_>, name: &[u8], close_on_exec: bool) {
    process.open(observed.new_descriptor(), Target::file(name.to_vec()), close_on_exec);
}

/// A descriptor about which only that it exists is known.
pub(crate) fn forget(process: &mut Process, observed: &Observed<'_>) {
    process.close(observed.new_descriptor());
}

/// `epoll_create`.
pub(crate) fn epoll_create(process: &mut Process, observed: &Observed<'_>) {
    open_named(process, observed, b"anon_inode:[eventpoll]", false);
}

/// `epoll_create1`.
pub(crate) fn epoll_create1(process: &mut Process, observed: &Observed<'_>) {
    open_named(process, observed, b"anon_inode:[eventpoll]", observed.arguments[0] & CLOEXEC != 0);
}

/// `eventfd`.
pub(crate) fn eventfd(process: &mut Process, observed: &Observed<'_>) {
    open_named(process, observed, b"anon_inode:[eventfd]", false);
}

/// `eventfd2`.
pub(crate) fn eventfd2(process: &mut Process, observed: &Observed<'_>) {
    open_named(process, observed, b"anon_inode:[eventfd]", observed.arguments[1] & CLOEXEC != 0);
}

/// `signalfd` and `signalfd4`; a descriptor that existed keeps its mark.
pub(crate) fn signalfd(process: &mut Process, observed: &Observed<'_>) {
    if observed.arguments[0] as i32 == -1 {
        let close_on_exec = observed.call.name == "signalfd4" && observed.arguments[3] & CLOEXEC != 0;
        open_named(process, observed, b"anon_inode:[signalfd]", close_on_exec);
    }
}

/// `timerfd_create`.
pub(crate) fn timerfd_create(process: &mut Process, observed: &Observed<'_>) {
    open_named(process, observed, b"anon_inode:[timerfd]", observed.arguments[1] & CLOEXEC != 0);
}

/// `inotify_init`.
pub(crate) fn inotify_init(process: &mut Process, observed: &Observed<'_>) {
    open_named(process, observed, b"anon_inode:inotify", false);
}

/// `inotify_init1`.
pub(crate) fn inotify_init1(process: &mut Process, observed: &Observed<'_>) {
    open_named(process, observed, b"anon_inode:inotify", observed.arguments[0] & CLOEXEC != 0);
}

/// `fanotify_init`: FAN_CLOEXEC is 1.
pub(crate) fn fanotify_init(process: &mut Process, observed: &Observed<'_>) {
    open_named(process, observed, b"anon_inode:[fanotify]", observed.arguments[0] & 1 != 0);
}

/// `pidfd_open`: always closed by exec.
pub(crate) fn pidfd_open(process: &mut Process, observed: &Observed<'_>) {
    open_named(process, observed, b"anon_inode:[pidfd]", true);
}

/// `userfaultfd`.
pub(crate) fn userfaultfd(process: &mut Process, observed: &Observed<'_>) {
    open_named(process, observed, b"anon_inode:[userfaultfd]", observed.arguments[0] & CLOEXEC != 0);
}

/// `io_uring_setup`: always closed by exec.
pub(crate) fn io_uring_setup(process: &mut Process, observed: &Observed<'_>) {
    open_named(process, observed, b"anon_inode:[io_uring]", true);
}

/// `perf_event_open`: PERF_FLAG_FD_CLOEXEC is 8.
pub(crate) fn perf_event_open(process: &mut Process, observed: &Observed<'_>) {
    open_named(process, observed, b"anon_inode:[perf_event]", observed.arguments[4] & 8 != 0);
}

/// `memfd_create`: MFD_CLOEXEC is 1.
pub(crate) fn memfd_create(process: &mut Process, observed: &Observed<'_>) {
    let mut name = b"/memfd:".to_vec();
    name.extend_from_slice(observed.given_string(observed.arguments[0]).map_or(b"", |(name, _)| name));
    name.extend_from_slice(b" (deleted)");
    open_named(process, observed, &name, observed.arguments[1] & 1 != 0);
}

/// `close`.
pub(crate) fn close(process: &mut Process, observed: &Observed<'_>) {
    process.close(observed.arguments[0] as i32);
}

/// `close_range`: CLOSE_RANGE_UNSHARE is 2, CLOSE_RANGE_CLOEXEC is 4.
pub(crate) fn close_range(process: &mut Process, observed: &Observed<'_>) {
    let [first, last, flags, ..] = *observed.arguments;
    if flags & 2 != 0 {
        process.unshare();
    }
    process.close_range(first as u32, last as u32, flags & 4 != 0);
}

/// `dup`.
pub(crate) fn dup(process: &mut Process, observed: &Observed<'_>) {
    process.duplicate(observed.arguments[0] as i32, observed.new_descriptor(), false);
}

/// `dup2`, which leaves a descriptor alone that is duplicated onto itself.
pub(crate) fn dup2(process: &mut Process, observed: &Observed<'_>) {
    if observed.arguments[0] as i32 != observed.new_descriptor() {
        dup(process, observed);
    }
}

/// `dup3`.
pub(crate) fn dup3(process: &mut Process, observed: &Observed<'_>) {
    let close_on_exec = observed.arguments[2] & CLOEXEC != 0;
    process.duplicate(observed.arguments[0] as i32, observed.new_descriptor(), close_on_exec);
}

/// `fcntl`: F_DUPFD, F_SETFD, F_DUPFD_CLOEXEC.
pub(crate) fn fcntl(process: &mut Process, observed: &Observed<'_>) {
    let number = observed.arguments[0] as i32;
    match observed.arguments[1] as u32 {
        0 => process.duplicate(number, observed.new_descriptor(), false),
        1030 => process.duplicate(number, observed.new_descriptor(), true),
        2 => process.mark(number, observed.arguments[2] & 1 != 0),
        _ => {}
    }
}

/// `ioctl`: FIOCLEX and FIONCLEX.
pub(crate) fn ioctl(process: &mut Process, observed: &Observed<'_>) {
    match observed.arguments[1] as u32 {
        0x5451 => process.mark(observed.arguments[0] as i32, true),
        0x5450 => process.mark(observed.arguments[0] as i32, false),
        _ => {}
    }
}

fn pair(observed: &Observed<'_>, address: u64) -> Option<[i32; 2]> {
    let bytes = observed.returned(address, 8)?;
    Some([number(&bytes[..4]) as i32, number(&bytes[4..]) as i32])
}

/// `pipe` and `pipe2`. The name of a pipe is not known without asking the kernel.
pub(crate) fn pipe(process: &mut Process, observed: &Observed<'_>) {
    let close_on_exec = observed.call.name == "pipe2" && observed.arguments[1] & CLOEXEC != 0;
    for end in pair(observed, observed.arguments[0]).into_iter().flatten() {
        process.open(end, Target::socket(Peer { transport: Some("pipe"), ..Peer::default() }), close_on_exec);
    }
}

/// What the arguments of `socket` say about its ends.
fn unconnected(family: u64, kind: u64) -> Peer {
    let network = match family as u32 {
        2 => Some("ipv4"),
        10 => Some("ipv6"),
        _ => None,
    };
    let transport = match (family as u32, kind & 0xf) {
        (1, _) => Some("unix"),
        (2 | 10, 1) => Some("tcp"),
        (2 | 10, 2) => Some("udp"),
        _ => None,
    };
    Peer { transport, network, ..Peer::default() }
}

/// `socket`.
pub(crate) fn socket(process: &mut Process, observed: &Observed<'_>) {
    let [family, kind, ..] = *observed.arguments;
    process.open(observed.new_descriptor(), Target::socket(unconnected(family, kind)), kind & CLOEXEC != 0);
}

/// `socketpair`.
pub(crate) fn socketpair(process: &mut Process, observed: &Observed<'_>) {
    let [family, kind, ..] = *observed.arguments;
    for end in pair(observed, observed.arguments[3]).into_iter().flatten() {
        process.open(end, Target::socket(unconnected(family, kind)), kind & CLOEXEC != 0);
    }
}

/// What a socket address says.
pub(crate) fn address(bytes: &[u8]) -> Option<Peer> {
    let mut peer = Peer::default();
    let port = |bytes: &[u8]| bytes.get(2..4).map(|port| u16::from_be_bytes([port[0], port[1]]));
    match number(bytes.get(..2)?) {
        1 => {
            peer.transport = Some("unix");
            let path = &bytes[2..];
            let mut text = String::new();
            match path {
                [] | [0] => {}
                [0, name @ ..] => {
                    text.push('@');
                    escape(&mut text, name);
                }
                path => escape(&mut text, path.split(|&byte| byte == 0).next().unwrap_or(path)),
            }
            peer.unix_path = Some(Text::from(text)).filter(|text| !text.is_empty());
        }
        2 => {
            let address: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
            (peer.network, peer.address, peer.port) = (Some("ipv4"), Some(address.into()), port(bytes));
        }
        10 => {
            let address: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
            (peer.network, peer.address, peer.port) = (Some("ipv6"), Some(address.into()), port(bytes));
        }
        _ => return None,
    }
    Some(peer)
}

/// Fills in what an address says about the other end.
pub(crate) fn set_peer(peer: &mut Peer, found: Peer) {
    peer.transport = peer.transport.or(found.transport);
    peer.network = peer.network.or(found.network);
    (peer.address, peer.port, peer.unix_path) = (found.address, found.port, found.unix_path);
}

fn set_local(peer: &mut Peer, found: &Peer) {
    peer.transport = peer.transport.or(found.transport);
    peer.network = peer.network.or(found.network);
    peer.local = found.address.zip(found.port);
}

/// The address in the second argument, with its length in the third.
pub(crate) fn given_address(observed: &Observed<'_>) -> Option<Peer> {
    let length = (observed.arguments[2] as u32 as usize).min(values::MOST_ADDRESS);
    address(observed.given(observed.arguments[1], length)?)
}

/// The address that the call returned through its second argument, with its length behind the third.
pub(crate) fn returned_address(observed: &Observed<'_>) -> Option<Peer> {
    let length = number(observed.returned(observed.arguments[2], 4)?) as usize;
    address(observed.after.from(observed.arguments[1])?.get(..length.min(values::MOST_ADDRESS))?)
}

/// `connect`, also one that goes on in the background.
pub(crate) fn connect(process: &mut Process, observed: &Observed<'_>) {
    if let Some(found) = given_address(observed) {
        process.update_socket(observed.arguments[0] as i32, |peer| set_peer(peer, found));
        process.connect(observed.arguments[0] as i32);
    }
}

/// `bind`.
pub(crate) fn bind(process: &mut Process, observed: &Observed<'_>) {
    if let Some(found) = given_address(observed) {
        process.update_socket(observed.arguments[0] as i32, |peer| {
            set_local(peer, &found);
            // A path is not told apart by its end, and the other end of an accepted connection has none.
            if found.unix_path.is_some() && peer.unix_path.is_none() {
                peer.unix_path = found.unix_path;
            }
        });
    }
}

/// `accept` and `accept4`: of the listener's kind, with the address that was returned.
pub(crate) fn accept(process: &mut Process, observed: &Observed<'_>) {
    let listener = process.socket(observed.arguments[0] as i32).unwrap_or_default();
    let mut peer = Peer { name: None, ..listener };
    if let Some(found) = returned_address(observed).filter(|found| found.address.is_some() || found.unix_path.is_some())
    {
        set_peer(&mut peer, found);
    }
    let close_on_exec = observed.call.name == "accept4" && observed.arguments[3] & CLOEXEC != 0;
    process.open(observed.new_descriptor(), Target::connected(peer), close_on_exec);
}

/// `getsockname`.
pub(crate) fn getsockname(process: &mut Process, observed: &Observed<'_>) {
    if let Some(found) = returned_address(observed) {
        process.update_socket(observed.arguments[0] as i32, |peer| set_local(peer, &found));
    }
}

/// `getpeername`.
pub(crate) fn getpeername(process: &mut Process, observed: &Observed<'_>) {
    if let Some(found) = returned_address(observed) {
        process.update_socket(observed.arguments[0] as i32, |peer| set_peer(peer, found));
    }
}

/// `chdir`.
pub(crate) fn chdir(process: &mut Process, observed: &Observed<'_>) {
    let directory = observed.absolute_path(process);
    process.change_directory(directory);
}

/// `fchdir`.
pub(crate) fn fchdir(process: &mut Process, observed: &Observed<'_>) {
    let directory = process.absolute(Some(observed.arguments[0] as i32), b".");
    process.change_directory(directory);
}

/// `getcwd` tells what the working directory is.
pub(crate) fn getcwd(process: &mut Process, observed: &Observed<'_>) {
    let length = observed.result.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    if let Some([path @ .., 0]) = observed.returned(observed.arguments[0], length)
        && path.starts_with(b"/")
    {
        process.change_directory(Some(path.to_vec()));
    }
}

/// `unshare` with CLONE_FILES: the process has its own table from now on. (A thread that does so is taken for its whole process.)
pub(crate) fn unshare(process: &mut Process, observed: &Observed<'_>) {
    if observed.arguments[0] & 0x400 != 0 {
        process.unshare();
    }
}

/// Descriptors received in control data (SCM_RIGHTS) are new ones that nothing is known of.
pub(crate) fn received(process: &mut Process, observed: &Observed<'_>, address: u64, length: usize) {
    let Some(control) = observed.returned(address, length) else { return };
    for message in ControlMessages::new(control, observed.abi) {
        if (message.level, message.kind) == (1, 1) {
            for bytes in message.data.chunks_exact(4) {
                process.close(number(bytes) as i32);
            }
        }
    }
}

/// The messages in the control data of `sendmsg` or `recvmsg`.
pub(crate) struct ControlMessages<'a> {
    rest: &'a [u8],
    word: usize,
    /// A message was shorter than its own header.
    broken: bool,
}

/// One control message.
pub(crate) struct ControlMessage<'a> {
    pub(crate) length: u64,
    pub(crate) level: u32,
    pub(crate) kind: u32,
    pub(crate) data: &'a [u8],
}

impl<'a> ControlMessages<'a> {
    pub(crate) fn new(control: &'a [u8], abi: Abi) -> Self {
        ControlMessages { rest: control, word: abi.word_size(), broken: false }
    }

    /// How many bytes were not understood.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }
}

impl<'a> Iterator for ControlMessages<'a> {
    type Item = ControlMessage<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let header = self.word + 8;
        let head = self.rest.get(..header).filter(|_| !self.broken)?;
        let length = number(&head[..self.word]);
        self.broken = length < header as u64;
        let end = usize::try_from(length).unwrap_or(usize::MAX).clamp(header, self.rest.len());
        let message = ControlMessage {
            length,
            level: number(&head[self.word..self.word + 4]) as u32,
            kind: number(&head[self.word + 4..]) as u32,
            data: &self.rest[header..end],
        };
        self.rest = self.rest.get(end.next_multiple_of(self.word)..).unwrap_or(&[]);
        Some(message)
    }
}
