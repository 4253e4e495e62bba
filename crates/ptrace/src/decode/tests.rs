//! Calls as a decoder gets them, from hand-made memory. The expected texts are what strace 6.1 prints.

use std::path::PathBuf;

use renacer_events::{
    Abi, Decode, DescriptorTarget, Entry, ExitStatus, Image, Memory, OpenDescriptor, Origin, Pid, ProcessStarted,
    RawCall, Return,
};

use super::{DecodeOptions, Decoded, Decoder};
use crate::capture::{self, Options, ReadMemory};

/// A tracee's memory: pieces at addresses, and nothing else is readable.
#[derive(Default)]
struct Pieces(Vec<(u64, Vec<u8>)>);

impl Pieces {
    fn with(mut self, address: u64, bytes: impl AsRef<[u8]>) -> Self {
        self.0.push((address, bytes.as_ref().to_vec()));
        self
    }
}

impl ReadMemory for Pieces {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        for (start, bytes) in &self.0 {
            if let Some(rest) = address.checked_sub(*start).and_then(|skip| bytes.get(skip as usize..)) {
                let length = rest.len().min(buffer.len());
                buffer[..length].copy_from_slice(&rest[..length]);
                if length > 0 {
                    return length;
                }
            }
        }
        0
    }
}

fn number(abi: Abi, name: &str) -> u64 {
    (0..1024).find(|&number| crate::table::signature(abi, number).is_some_and(|call| call.name == name)).unwrap()
}

/// What a call returned.
enum Outcome {
    Value(i64),
    Error(i64),
    Never,
}
use Outcome::{Error, Never, Value};

const PID: Pid = 100;

struct Tracer {
    decoder: Decoder,
    options: Options,
}

impl Tracer {
    fn new(options: Options) -> Self {
        let mut decoder = Decoder::new(DecodeOptions::new(&options));
        decoder.process_started(&started(PID, Origin::Launched));
        Tracer { decoder, options }
    }

    fn call(
        &mut self,
        abi: Abi,
        name: &str,
        arguments: &[u64],
        before: Pieces,
        outcome: Outcome,
        after: Pieces,
    ) -> Decoded {
        self.call_of(PID, abi, name, arguments, before, outcome, after)
    }

    #[expect(clippy::too_many_arguments)]
    fn call_of(
        &mut self,
        pid: Pid,
        abi: Abi,
        name: &str,
        arguments: &[u64],
        mut before: Pieces,
        outcome: Outcome,
        mut after: Pieces,
    ) -> Decoded {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        let number = number(abi, name);
        let memory = capture::at_entry(abi, number, &all, 0, &self.options, &mut before);
        let entry = Entry { abi, number, arguments: all, instruction_pointer: 0, stack_pointer: 0, memory };
        let (value, is_error) = match outcome {
            Value(value) => (value, false),
            Error(number) => (-number, true),
            Never => return self.decoder.call(RawCall { pid, tid: pid, entry: &entry, returned: None }),
        };
        let memory = capture::at_return(&entry, value, is_error, &self.options, &mut after);
        let returned = Return { value, is_error, memory };
        self.decoder.call(RawCall { pid, tid: pid, entry: &entry, returned: Some(&returned) })
    }

    fn open(&mut self, path: &str, flags: u64, descriptor: i64) {
        let memory = Pieces::default().with(0x1000, format!("{path}\0"));
        self.call(Abi::X86_64, "openat", &[CWD, 0x1000, flags], memory, Value(descriptor), Pieces::default());
    }

    fn path_of(&mut self, descriptor: u64) -> Option<String> {
        let none = Pieces::default;
        let decoded = self.call(Abi::X86_64, "fsync", &[descriptor], none(), Value(0), none());
        decoded.file_path.map(String::from)
    }
}

const CWD: u64 = -100i64 as u64;
const CLOEXEC: u64 = 0o2_000_000;

fn started(pid: Pid, origin: Origin) -> ProcessStarted {
    let image = Image { working_directory: Some(PathBuf::from("/home/user")), ..Image::default() };
    ProcessStarted { pid, parent_pid: None, origin, image, descriptors: Vec::new() }
}

fn line(decoded: &Decoded) -> String {
    let arguments: Vec<_> = decoded.arguments.iter().map(|argument| argument.text.as_str()).collect();
    format!("{}({}) = {}", decoded.name, arguments.join(", "), decoded.result)
}

/// A call on its own, as a line.
fn text(abi: Abi, name: &str, arguments: &[u64], before: Pieces, outcome: Outcome, after: Pieces) -> String {
    line(&Tracer::new(Options::default()).call(abi, name, arguments, before, outcome, after))
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn ints(ints: &[u32]) -> Vec<u8> {
    ints.iter().flat_map(|int| int.to_le_bytes()).collect()
}

#[test]
fn paths_flags_and_modes() {
    let path = || Pieces::default().with(0x1000, b"/etc/passwd\0");
    let open = |flags, outcome| text(Abi::X86_64, "openat", &[CWD, 0x1000, flags, 0o644], path(), outcome, path());
    assert_eq!(open(CLOEXEC, Value(3)), r#"openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3"#);
    assert_eq!(open(0o101, Value(3)), r#"openat(AT_FDCWD, "/etc/passwd", O_WRONLY|O_CREAT, 0644) = 3"#);
    assert_eq!(
        open(0, Error(2)),
        r#"openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = -1 ENOENT (No such file or directory)"#
    );
    assert_eq!(open(0, Never), r#"openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = ?"#);
    let unreadable = text(Abi::X86_64, "chdir", &[0x9000], path(), Error(14), path());
    assert_eq!(unreadable, "chdir(0x9000) = -1 EFAULT (Bad address)");
    assert_eq!(text(Abi::X86_64, "chdir", &[0], path(), Error(14), path()), "chdir(NULL) = -1 EFAULT (Bad address)");
}

#[test]
fn a_path_that_is_too_long_or_runs_into_nothing() {
    let endless = || Pieces::default().with(0x1000, [b'a'; 5000]);
    let expected = format!("chdir(\"{}\"...) = -1 ENAMETOOLONG (File name too long)", "a".repeat(4095));
    assert_eq!(text(Abi::X86_64, "chdir", &[0x1000], endless(), Error(36), endless()), expected);
    let cut = || Pieces::default().with(0x1000, b"abc");
    assert_eq!(
        text(Abi::X86_64, "chdir", &[0x1000], cut(), Error(14), cut()),
        "chdir(0x1000) = -1 EFAULT (Bad address)"
    );
    let edge = Pieces::default().with(0x1ffd, b"ab\0");
    assert_eq!(text(Abi::X86_64, "chdir", &[0x1ffd], edge, Value(0), cut()), r#"chdir("ab") = 0"#);
}

#[test]
fn contents_are_shown_only_on_request() {
    let memory = || Pieces::default().with(0x1000, b"hello world, this is a long line of text");
    let read = |tracer: &mut Tracer, length| {
        line(&tracer.call(Abi::X86_64, "read", &[0, 0x1000, 1024], memory(), Value(length), memory()))
    };
    let write = |tracer: &mut Tracer, length: u64| {
        let arguments = [1, 0x1000, length];
        line(&tracer.call(Abi::X86_64, "write", &arguments, memory(), Value(length as i64), memory()))
    };
    let mut plain = Tracer::new(Options::default());
    assert_eq!(read(&mut plain, 5), "read(0, 0x1000, 1024) = 5");
    assert_eq!(write(&mut plain, 5), "write(1, 0x1000, 5) = 5");
    let mut shown = Tracer::new(Options { capture_data: true, ..Options::default() });
    assert_eq!(read(&mut shown, 5), r#"read(0, "hello", 1024) = 5"#);
    assert_eq!(read(&mut shown, 0), r#"read(0, "", 1024) = 0"#);
    assert_eq!(write(&mut shown, 32), r#"write(1, "hello world, this is a long line", 32) = 32"#);
    assert_eq!(write(&mut shown, 33), r#"write(1, "hello world, this is a long line"..., 33) = 33"#);
    assert_eq!(write(&mut shown, 300), "write(1, \"hello world, this is a long line\"..., 300) = 300");
}

#[test]
fn an_argument_vector_and_the_size_of_the_environment() {
    let memory = |count: u64| {
        let mut pointers: Vec<u64> = (0..count).map(|index| 0x4000 + index * 16).collect();
        pointers.push(0);
        let mut memory = Pieces::default().with(0x1000, b"/bin/ls\0").with(0x2000, words(&pointers));
        for index in 0..count {
            memory = memory.with(0x4000 + index * 16, format!("a{index}\0"));
        }
        memory.with(0x3000, words(&[0x4000, 0x4010, 0]))
    };
    let exec =
        |memory, result| text(Abi::X86_64, "execve", &[0x1000, 0x2000, 0x3000], memory, result, Pieces::default());
    assert_eq!(exec(memory(2), Value(0)), r#"execve("/bin/ls", ["a0", "a1"], 0x3000 /* 2 vars */) = 0"#);
    assert_eq!(exec(memory(0), Value(0)), r#"execve("/bin/ls", [], 0x3000 /* 2 vars */) = 0"#);
    let many = exec(memory(33), Value(0));
    assert!(many.contains(r#""a31", ...], 0x3000"#), "{many}");
    assert!(!exec(memory(32), Value(0)).contains("..."));
    let broken = Pieces::default().with(0x1000, b"x\0").with(0x2000, words(&[0x4000])).with(0x4000, b"a\0");
    assert_eq!(exec(broken, Error(14)), r#"execve("x", ["a", ... /* 0x2008 */], 0x3000) = -1 EFAULT (Bad address)"#);
}

#[test]
fn structures_are_shown_in_the_direction_that_carries_data() {
    let after = || Pieces::default().with(0x2000, words(&[5, 6]));
    let clock = |outcome| text(Abi::X86_64, "clock_gettime", &[1, 0x2000], Pieces::default(), outcome, after());
    assert_eq!(clock(Value(0)), "clock_gettime(CLOCK_MONOTONIC, {tv_sec=5, tv_nsec=6}) = 0");
    assert_eq!(clock(Error(22)), "clock_gettime(CLOCK_MONOTONIC, 0x2000) = -1 EINVAL (Invalid argument)");
    assert_eq!(clock(Never), "clock_gettime(CLOCK_MONOTONIC, 0x2000) = ?");
    let narrow = Pieces::default().with(0x2000, ints(&[5, 6]));
    assert_eq!(
        text(Abi::I386, "clock_gettime", &[1, 0x2000], Pieces::default(), Value(0), narrow),
        "clock_gettime(CLOCK_MONOTONIC, {tv_sec=5, tv_nsec=6}) = 0"
    );
}

#[test]
fn a_sleep_that_was_interrupted_shows_what_was_left() {
    let request = || Pieces::default().with(0x1000, words(&[2, 0]));
    let rest = || Pieces::default().with(0x2000, words(&[1, 500]));
    let sleep = |outcome| text(Abi::X86_64, "nanosleep", &[0x1000, 0x2000], request(), outcome, rest());
    assert_eq!(
        sleep(Error(516)),
        "nanosleep({tv_sec=2, tv_nsec=0}, {tv_sec=1, tv_nsec=500}) = ? ERESTART_RESTARTBLOCK (Interrupted by signal)"
    );
    assert_eq!(sleep(Value(0)), "nanosleep({tv_sec=2, tv_nsec=0}, 0x2000) = 0");
    let none = Pieces::default;
    let mut tracer = Tracer::new(Options::default());
    tracer.call(Abi::X86_64, "nanosleep", &[0x1000, 0x2000], request(), Error(516), rest());
    let again = |tracer: &mut Tracer| line(&tracer.call(Abi::X86_64, "restart_syscall", &[], none(), Value(0), none()));
    assert_eq!(again(&mut tracer), "restart_syscall(<... resuming interrupted nanosleep ...>) = 0");
    assert_eq!(again(&mut tracer), "restart_syscall() = 0");
}

#[test]
fn results_have_their_own_forms_and_explanations() {
    let none = Pieces::default;
    let result = |name, arguments: &[u64], outcome| text(Abi::X86_64, name, arguments, none(), outcome, none());
    assert_eq!(result("brk", &[0], Value(0x5555_0000)), "brk(NULL) = 0x55550000");
    assert_eq!(result("umask", &[0o22], Value(0o77)), "umask(022) = 077");
    assert_eq!(result("exit_group", &[3], Never), "exit_group(3) = ?");
    assert_eq!(result("fcntl", &[3, 1], Value(1)), "fcntl(3, F_GETFD) = 0x1 (flags FD_CLOEXEC)");
    assert_eq!(result("fcntl", &[3, 1], Value(0)), "fcntl(3, F_GETFD) = 0");
    assert_eq!(result("fcntl", &[3, 3], Value(0o2001)), "fcntl(3, F_GETFL) = 0x401 (flags O_WRONLY|O_APPEND)");
    assert_eq!(result("fcntl", &[3, 2, 1], Value(0)), "fcntl(3, F_SETFD, FD_CLOEXEC) = 0");
    assert_eq!(result("sched_getscheduler", &[0], Value(0)), "sched_getscheduler(0) = 0 (SCHED_OTHER)");
    assert_eq!(result("pause", &[], Error(514)), "pause() = ? ERESTARTNOHAND (To be restarted if no handler)");
    assert_eq!(result("getpid", &[], Error(999)), "getpid() = -1 (errno 999)");
}

#[test]
fn poll_tells_what_is_ready() {
    let set = |ready: u64| {
        let entry = |descriptor: u64, events: u64, ready: u64| words(&[descriptor | events << 32 | ready << 48]);
        Pieces::default().with(0x1000, [entry(3, 1, ready), entry(0xffff_ffff, 4, 0)].concat())
    };
    let poll = |outcome, ready| text(Abi::X86_64, "poll", &[0x1000, 2, -1i64 as u64], set(0), outcome, set(ready));
    assert_eq!(
        poll(Value(1), 0x11),
        "poll([{fd=3, events=POLLIN}, {fd=-1}], 2, -1) = 1 ([{fd=3, revents=POLLIN|POLLHUP}])"
    );
    assert_eq!(poll(Value(0), 0), "poll([{fd=3, events=POLLIN}, {fd=-1}], 2, -1) = 0 (Timeout)");
    let bits = |bits: u64| Pieces::default().with(0x1000, words(&[bits])).with(0x2000, words(&[1, 2]));
    assert_eq!(
        text(Abi::X86_64, "select", &[6, 0x1000, 0, 0, 0x2000], bits(0b101000), Value(1), bits(0b1000)),
        "select(6, [3 5], NULL, NULL, {tv_sec=1, tv_usec=2}) = 1 (in [3], left {tv_sec=1, tv_usec=2})"
    );
}

#[test]
fn wide_arguments_take_two_registers_where_registers_are_narrow() {
    let none = Pieces::default;
    assert_eq!(
        text(Abi::I386, "pread64", &[3, 0x1000, 10, 5, 1], none(), Value(10), none()),
        "pread64(3, 0x1000, 10, 4294967301) = 10"
    );
    assert_eq!(
        text(Abi::X86_64, "pread64", &[3, 0x1000, 10, 5 | 1 << 32], none(), Value(10), none()),
        "pread64(3, 0x1000, 10, 4294967301) = 10"
    );
    assert_eq!(text(Abi::I386, "lseek", &[3, 0xffff_fff6, 1], none(), Value(0), none()), "lseek(3, -10, SEEK_CUR) = 0");
    let narrow = Pieces::default().with(0x1000, ints(&[0x5000, 7])).with(0x5000, b"1234567");
    assert_eq!(
        text(Abi::I386, "writev", &[1, 0x1000, 1], narrow, Value(7), none()),
        "writev(1, [{iov_base=0x5000, iov_len=7}], 1) = 7"
    );
}

#[test]
fn calls_behind_one_number_are_shown_as_themselves() {
    let none = Pieces::default;
    let mut tracer = Tracer::new(Options::default());
    let words = |words: &[u32]| Pieces::default().with(0x2000, ints(words));
    let socket = tracer.call(Abi::I386, "socketcall", &[1, 0x2000], words(&[2, 1, 6]), Value(3), none());
    assert_eq!(line(&socket), "socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 3");
    let address = [2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let given = words(&[3, 0x3000, 16]).with(0x3000, address);
    let connect = tracer.call(Abi::I386, "socketcall", &[3, 0x2000], given, Value(0), none());
    assert_eq!(
        line(&connect),
        "connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0"
    );
    let write = tracer.call(Abi::I386, "write", &[3, 0x2000, 5], none(), Value(5), none());
    assert_eq!(write.peer.and_then(|peer| peer.port), Some(80));
    let get = tracer.call(Abi::I386, "ipc", &[23, 0, 4096, 0o600], none(), Value(7), none());
    assert_eq!(line(&get), "shmget(IPC_PRIVATE, 4096, 0600) = 7");
    let unreadable = tracer.call(Abi::I386, "socketcall", &[1, 0x2000], none(), Error(14), none());
    assert_eq!(line(&unreadable), "socketcall(1, 0x2000) = -1 EFAULT (Bad address)");
}

#[test]
fn a_number_without_a_name() {
    let mut decoder = Decoder::new(DecodeOptions::default());
    let entry = Entry {
        abi: Abi::X86_64,
        number: 0x3ff,
        arguments: [1, 2, 3, 4, 5, 0xff],
        instruction_pointer: 0,
        stack_pointer: 0,
        memory: Memory::new(),
    };
    let returned = Return { value: -38, is_error: true, memory: Memory::new() };
    let decoded = decoder.call(RawCall { pid: 1, tid: 1, entry: &entry, returned: Some(&returned) });
    assert_eq!(line(&decoded), "syscall_0x3ff(0x1, 0x2, 0x3, 0x4, 0x5, 0xff) = -1 ENOSYS (Function not implemented)");
}

#[test]
fn descriptors_are_followed_through_copies_forks_and_exec() {
    let none = Pieces::default;
    let mut tracer = Tracer::new(Options::default());
    tracer.open("/etc/hosts", 0, 3);
    tracer.open("notes", CLOEXEC, 4);
    assert_eq!(tracer.path_of(3).as_deref(), Some("/etc/hosts"));
    assert_eq!(tracer.path_of(4).as_deref(), Some("/home/user/notes"));
    tracer.call(Abi::X86_64, "dup2", &[3, 7], none(), Value(7), none());
    tracer.call(Abi::X86_64, "fcntl", &[4, 1030, 10], none(), Value(10), none());
    tracer.call(Abi::X86_64, "fcntl", &[7, 2, 1], none(), Value(0), none());
    assert_eq!(tracer.path_of(7).as_deref(), Some("/etc/hosts"));
    assert_eq!(tracer.path_of(10).as_deref(), Some("/home/user/notes"));
    let origin = Origin::Forked { pid: PID, tid: PID, shares_descriptors: false };
    tracer.decoder.process_started(&started(200, origin));
    tracer.call_of(200, Abi::X86_64, "close", &[3], none(), Value(0), none());
    tracer.decoder.image_replaced(200);
    let mut child = |descriptor| {
        let decoded = tracer.call_of(200, Abi::X86_64, "fsync", &[descriptor], none(), Value(0), none());
        decoded.file_path.map(String::from)
    };
    assert_eq!([3, 4, 7, 10].map(&mut child), [None, None, None, None]);
    assert_eq!(tracer.path_of(3).as_deref(), Some("/etc/hosts"));
    let closed = tracer.call(Abi::X86_64, "close", &[3], none(), Value(0), none());
    assert_eq!(closed.file_path.as_deref(), Some("/etc/hosts"));
    assert_eq!(tracer.path_of(3), None);
    tracer.call(Abi::X86_64, "close_range", &[5, u64::from(u32::MAX), 0], none(), Value(0), none());
    assert_eq!(tracer.path_of(7), None);
    assert_eq!(tracer.path_of(4).as_deref(), Some("/home/user/notes"));
    tracer.decoder.process_exited(PID, ExitStatus::Exited(0));
    assert_eq!(tracer.path_of(4), None);
}

#[test]
fn a_shared_table_is_shared_until_exec() {
    let mut tracer = Tracer::new(Options::default());
    let origin = Origin::Forked { pid: PID, tid: PID, shares_descriptors: true };
    tracer.decoder.process_started(&started(200, origin));
    tracer.open("/a", 0, 3);
    let none = Pieces::default;
    let child = |tracer: &mut Tracer| {
        tracer.call_of(200, Abi::X86_64, "fsync", &[3], none(), Value(0), none()).file_path.map(String::from)
    };
    assert_eq!(child(&mut tracer).as_deref(), Some("/a"));
    tracer.decoder.image_replaced(200);
    tracer.open("/b", 0, 3);
    assert_eq!(child(&mut tracer).as_deref(), Some("/a"));
}

#[test]
fn relative_paths_start_at_the_working_directory_or_a_descriptor() {
    let none = Pieces::default;
    let mut tracer = Tracer::new(Options::default());
    let at = |path: &str| Pieces::default().with(0x1000, format!("{path}\0"));
    let path = |tracer: &mut Tracer, directory: u64, path: &str| {
        let decoded = tracer.call(Abi::X86_64, "unlinkat", &[directory, 0x1000], at(path), Value(0), none());
        decoded.file_path.map(String::from)
    };
    assert_eq!(path(&mut tracer, CWD, "x").as_deref(), Some("/home/user/x"));
    assert_eq!(path(&mut tracer, CWD, "./x").as_deref(), Some("/home/user/x"));
    assert_eq!(path(&mut tracer, CWD, "../x\n").as_deref(), Some("/home/user/../x\\n"));
    assert_eq!(path(&mut tracer, CWD, "dir//").as_deref(), Some("/home/user/dir"));
    assert_eq!(path(&mut tracer, CWD, "/").as_deref(), Some("/"));
    assert_eq!(path(&mut tracer, 9, "x"), None);
    assert_eq!(path(&mut tracer, 9, "/x").as_deref(), Some("/x"));
    tracer.open("/srv", 0, 9);
    assert_eq!(path(&mut tracer, 9, "x").as_deref(), Some("/srv/x"));
    tracer.call(Abi::X86_64, "chdir", &[0x1000], at("sub"), Value(0), none());
    assert_eq!(path(&mut tracer, CWD, "x").as_deref(), Some("/home/user/sub/x"));
    tracer.call(Abi::X86_64, "chdir", &[0x1000], at("/nowhere"), Error(2), none());
    assert_eq!(path(&mut tracer, CWD, "x").as_deref(), Some("/home/user/sub/x"));
    tracer.call(Abi::X86_64, "fchdir", &[9], none(), Value(0), none());
    assert_eq!(path(&mut tracer, CWD, "x").as_deref(), Some("/srv/x"));
}

#[test]
fn sockets_know_their_other_end() {
    let none = Pieces::default;
    let mut tracer = Tracer::new(Options::default());
    let address = |port: u8| Pieces::default().with(0x1000, [2, 0, 0, port, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    tracer.call(Abi::X86_64, "socket", &[2, 1 | CLOEXEC, 0], none(), Value(3), none());
    let connect = tracer.call(Abi::X86_64, "connect", &[3, 0x1000, 16], address(80), Error(115), none());
    assert_eq!(
        line(&connect),
        "connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = -1 EINPROGRESS \
         (Operation now in progress)"
    );
    let peer = connect.peer.unwrap();
    assert_eq!((peer.transport, peer.network), (Some("tcp"), Some("ipv4")));
    assert_eq!((peer.address, peer.port), (Some([127, 0, 0, 1].into()), Some(80)));
    tracer.call(Abi::X86_64, "dup", &[3], none(), Value(4), none());
    let write = tracer.call(Abi::X86_64, "write", &[4, 0x1000, 2], none(), Value(2), none());
    assert_eq!((write.peer.unwrap().port, write.bytes, write.file_path), (Some(80), Some(2), None));
    let accepted = [2, 0, 0, 90, 10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0];
    let before = Pieces::default().with(0x2000, ints(&[128]));
    let after = Pieces::default().with(0x2000, ints(&[16])).with(0x1000, accepted);
    let accept = tracer.call(Abi::X86_64, "accept4", &[3, 0x1000, 0x2000, CLOEXEC], before, Value(5), after);
    assert_eq!(
        line(&accept),
        "accept4(3, {sa_family=AF_INET, sin_port=htons(90), sin_addr=inet_addr(\"10.0.0.9\")}, [128 => 16], \
         SOCK_CLOEXEC) = 5"
    );
    let read = tracer.call(Abi::X86_64, "read", &[5, 0x1000, 2], none(), Value(2), none());
    assert_eq!(read.peer.unwrap().address, Some([10, 0, 0, 9].into()));
}

#[test]
fn descriptors_that_were_open_before_are_known() {
    let mut decoder = Decoder::new(DecodeOptions { descriptors_in_text: true, ..DecodeOptions::default() });
    let mut process = started(PID, Origin::Attached);
    let path = |path: &str| DescriptorTarget::Path(path.as_bytes().to_vec());
    process.descriptors = vec![
        OpenDescriptor { number: 1, target: path("/dev/pts/0"), close_on_exec: false },
        OpenDescriptor { number: 2, target: path("pipe:[123]"), close_on_exec: false },
    ];
    decoder.process_started(&process);
    let mut tracer = Tracer { decoder, options: Options::default() };
    let none = Pieces::default;
    let mut write = |descriptor| tracer.call(Abi::X86_64, "write", &[descriptor, 0x1000, 2], none(), Value(2), none());
    let (terminal, pipe) = (write(1), write(2));
    assert_eq!(line(&terminal), "write(1</dev/pts/0>, 0x1000, 2) = 2");
    assert_eq!(terminal.file_path.as_deref(), Some("/dev/pts/0"));
    assert_eq!((line(&pipe).as_str(), pipe.file_path), ("write(2<pipe:[123]>, 0x1000, 2) = 2", None));
}

#[test]
fn calls_without_pointers_read_nothing() {
    struct Untouchable;
    impl ReadMemory for Untouchable {
        fn read(&mut self, address: u64, _: &mut [u8]) -> usize {
            panic!("read at {address:#x}");
        }
    }
    for name in ["getpid", "close", "lseek", "mmap", "brk", "dup3", "kill", "epoll_create1", "read", "write", "exit"] {
        let number = number(Abi::X86_64, name);
        let arguments = [3, 0x1000, 8, 0, 0, 0];
        let memory = capture::at_entry(Abi::X86_64, number, &arguments, 0, &Options::default(), &mut Untouchable);
        assert!(memory.is_empty());
        let entry = Entry { abi: Abi::X86_64, number, arguments, instruction_pointer: 0, stack_pointer: 0, memory };
        assert!(capture::at_return(&entry, 8, false, &Options::default(), &mut Untouchable).is_empty());
    }
}

/// Memory that is readable in odd places, with contents that depend on the address alone; counts what is read of it.
struct Noise {
    seed: u64,
    read: usize,
}

fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

impl ReadMemory for Noise {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        for (index, byte) in buffer.iter_mut().enumerate() {
            let at = address.wrapping_add(index as u64);
            if mix(self.seed ^ at >> 12).is_multiple_of(7) {
                self.read += index;
                return index;
            }
            let word = mix(self.seed ^ at >> 3);
            // Small numbers are more interesting than large ones.
            *byte = if word.is_multiple_of(3) { (word >> 8) as u8 } else { (word >> (8 * (at & 7))) as u8 & 0x13 };
        }
        self.read += buffer.len();
        buffer.len()
    }
}

#[test]
fn nothing_panics_and_nothing_grows_whatever_the_arguments_and_the_memory() {
    let mut decoders = [false, true].map(|descriptors_in_text| {
        Decoder::new(DecodeOptions { string_limit: 32, show_data: descriptors_in_text, descriptors_in_text })
    });
    let mut state = 1u64;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(state)
    };
    for round in 0..24u64 {
        for abi in [Abi::X86_64, Abi::I386, Abi::X32, Abi::Aarch64] {
            for number in 0..480 {
                let options =
                    Options { string_limit: [32, 0, 4000][(round % 3) as usize], capture_data: round % 2 == 1 };
                let arguments: [u64; 6] = std::array::from_fn(|_| {
                    let value = next();
                    let value = match value % 5 {
                        0 => value >> 8,
                        1 => value >> 8 & 0xff,
                        2 => 0,
                        3 => value >> 8 & 0xffff_ffff,
                        _ => u64::MAX - (value >> 8 & 0xfff),
                    };
                    if abi == Abi::I386 { value & 0xffff_ffff } else { value }
                });
                let mut noise = Noise { seed: next(), read: 0 };
                let memory = capture::at_entry(abi, number, &arguments, next(), &options, &mut noise);
                let entry = Entry { abi, number, arguments, instruction_pointer: 0, stack_pointer: next(), memory };
                let is_error = next() % 3 == 0;
                let value = if is_error { -((next() % 600) as i64) } else { (next() >> (next() % 64)) as i64 };
                let memory = capture::at_return(&entry, value, is_error, &options, &mut noise);
                assert!(noise.read <= 2 * 64 * 1024 + 8 * 4096, "{abi:?} {number} reads {} bytes", noise.read);
                let returned = Return { value, is_error, memory };
                let returned = (next() % 8 != 0).then_some(&returned);
                for decoder in &mut decoders {
                    let decoded = decoder.call(RawCall { pid: 1, tid: 1, entry: &entry, returned });
                    let length: usize = decoded.arguments.iter().map(|argument| argument.text.len()).sum();
                    assert!(length < 1 << 20, "{} makes {length} bytes", decoded.name);
                }
            }
        }
    }
}
