//! Arguments and results as text.

use renacer_events::{Abi, Decode, Entry, Memory, RawCall, Return};

use super::Outcome::{Error, Never, Value};
use super::{CLOEXEC, CWD, Pieces, Tracer, ints, line, text, words};
use crate::capture::Options;
use crate::decode::{DecodeOptions, Decoder};

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
        stack: None,
        context: None,
        watched: false,
    };
    let returned = Return { value: -38, is_error: true, memory: Memory::new() };
    let decoded = decoder.call(RawCall { pid: 1, tid: 1, entry: &entry, returned: Some(&returned), unsure: false });
    assert_eq!(line(&decoded), "syscall_0x3ff(0x1, 0x2, 0x3, 0x4, 0x5, 0xff) = -1 ENOSYS (Function not implemented)");
}
