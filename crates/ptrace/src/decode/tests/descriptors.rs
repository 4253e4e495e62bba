//! What descriptors and paths refer to.

use renacer_events::{Abi, Decode, DescriptorTarget, ExitStatus, OpenDescriptor, Origin};

use super::Outcome::{Error, Value};
use super::{CLOEXEC, CWD, PID, Pieces, Tracer, ints, line, started};
use crate::capture::Options;
use crate::decode::{DecodeOptions, Decoder};

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
    tracer.call(Abi::X86_64, "close", &[3], none(), Error(9), none());
    assert_eq!(tracer.path_of(3).as_deref(), Some("/etc/hosts"));
    let closed = tracer.call(Abi::X86_64, "close", &[3], none(), Error(5), none());
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
fn what_happens_unseen_makes_descriptors_unknown() {
    let none = Pieces::default;
    let mut tracer = Tracer::new(Options::default());
    tracer.decoder.process_started(&started(200, Origin::Forked { pid: PID, tid: PID, shares_descriptors: true }));
    tracer.open("/a", 0, 3);
    tracer.decoder.blinded(PID);
    tracer.decoder.blinded(PID);
    let path = |tracer: &mut Tracer, pid, number| {
        tracer.call_of(pid, Abi::X86_64, "fsync", &[number], none(), Value(0), none()).file_path.map(String::from)
    };
    let relative = |tracer: &mut Tracer| {
        let path = Pieces::default().with(0x1000, "x\0");
        let decoded = tracer.call(Abi::X86_64, "unlinkat", &[CWD, 0x1000], path, Value(0), none());
        decoded.file_path.map(String::from)
    };
    assert_eq!((path(&mut tracer, PID, 3), path(&mut tracer, 200, 3), relative(&mut tracer)), (None, None, None));
    // Nor is what is seen meanwhile: it may be closed again unseen.
    tracer.open("/b", 0, 4);
    assert_eq!(path(&mut tracer, PID, 4), None);
    // A child that has its own copy begins with what was found when it was born.
    let own = Origin::Forked { pid: PID, tid: PID, shares_descriptors: false };
    let mut child = started(300, own);
    let at = |number, path: &str| {
        let target = DescriptorTarget::Path(path.into());
        OpenDescriptor { number, target, close_on_exec: false }
    };
    child.descriptors = vec![at(5, "/c")];
    tracer.decoder.process_started(&child);
    assert_eq!([3, 4, 5].map(|number| path(&mut tracer, 300, number)), [None, None, Some("/c".into())]);
    // The table is known again when all that share it are seen.
    tracer.decoder.blinded(200);
    let missed = |number, path: &str| renacer_events::Missed {
        calls: 0,
        descriptors: vec![at(number, path)],
        working_directory: Some("/home/other".into()),
    };
    tracer.decoder.missed(PID, &missed(6, "/d"));
    assert_eq!((path(&mut tracer, PID, 6), relative(&mut tracer).as_deref()), (None, Some("/home/other/x")));
    tracer.decoder.missed(200, &missed(7, "/e"));
    let known = |tracer: &mut Tracer, pid| [3, 4, 6, 7].map(|number| path(tracer, pid, number));
    let expected = [None, None, None, Some("/e".to_owned())];
    assert_eq!((known(&mut tracer, PID), known(&mut tracer, 200)), (expected.clone(), expected));
    // What ends unseen leaves nothing certain to the others.
    tracer.decoder.blinded(200);
    tracer.decoder.process_exited(200, ExitStatus::Exited(0));
    assert_eq!(path(&mut tracer, PID, 7), None);
    tracer.decoder.blinded(PID);
    tracer.decoder.missed(PID, &missed(8, "/f"));
    assert_eq!(path(&mut tracer, PID, 8).as_deref(), Some("/f"));
    // Exec takes a table of its own, as unknown as it was.
    tracer.decoder.blinded(PID);
    tracer.decoder.image_replaced(PID);
    assert_eq!(path(&mut tracer, PID, 8), None);
    tracer.decoder.missed(PID, &missed(9, "/g"));
    assert_eq!(path(&mut tracer, PID, 9).as_deref(), Some("/g"));
}

#[test]
fn a_call_in_flight_while_descriptors_are_read_leaves_nothing_certain() {
    let none = Pieces::default;
    let mut tracer = Tracer::new(Options::default());
    for number in [3, 4, 5] {
        tracer.open("/a", 0, number);
    }
    for (name, arguments, result) in [("close", [3, 0, 0], 0), ("dup", [4, 0, 0], 5), ("fcntl", [4, 2, 1], 0)] {
        tracer.unsure = true;
        let decoded = tracer.call(Abi::X86_64, name, &arguments, none(), Value(result), none());
        assert_eq!(decoded.file_path, None, "{name}");
    }
    tracer.unsure = false;
    assert_eq!([3, 4, 5].map(|number| tracer.path_of(number)), [None, None, None]);
    tracer.open("/b", 0, 3);
    assert_eq!(tracer.path_of(3).as_deref(), Some("/b"));
    let fsync = tracer.call(Abi::X86_64, "fsync", &[3], none(), Value(0), none());
    assert_eq!(fsync.file_path.as_deref(), Some("/b"));
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
    let mut tracer = Tracer { decoder, options: Options::default(), unsure: false };
    let none = Pieces::default;
    let mut write = |descriptor| tracer.call(Abi::X86_64, "write", &[descriptor, 0x1000, 2], none(), Value(2), none());
    let (terminal, pipe) = (write(1), write(2));
    assert_eq!(line(&terminal), "write(1</dev/pts/0>, 0x1000, 2) = 2");
    assert_eq!(terminal.file_path.as_deref(), Some("/dev/pts/0"));
    assert_eq!((line(&pipe).as_str(), pipe.file_path), ("write(2<pipe:[123]>, 0x1000, 2) = 2", None));
}
