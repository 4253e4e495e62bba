//! What goes wrong is said in words, with the exit status that env, timeout and docker use.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use support::spans::Trace;
use support::{Finished, finish, renacer};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Runs Renacer in a folder and checks what holds for every failure: the status, some words, and no Rust speak.
fn fails(folder: &Path, arguments: &[&str], code: i32, words: &str) -> Finished {
    let finished = finish(renacer().args(arguments).current_dir(folder));
    assert_eq!(finished.status.code(), Some(code), "{arguments:?}: {finished:?}");
    assert!(finished.stderr.contains(words), "{arguments:?}: no {words:?} in {:?}", finished.stderr);
    for speech in ["panicked", "RUST_BACKTRACE", "backtrace", "Os {", "unwrap"] {
        assert!(!finished.stderr.contains(speech), "{arguments:?}: {}", finished.stderr);
    }
    assert!(finished.stdout.is_empty(), "{arguments:?}: {}", finished.text());
    finished
}

#[test]
fn program_that_is_not_there() {
    let folder = folder();
    fails(folder.path(), &["trace", "--", "/no/such/program"], 127, "/no/such/program");
    fails(folder.path(), &["trace", "--", "no-such-program-anywhere"], 127, "no-such-program-anywhere");
    fails(folder.path(), &["no-such-program-anywhere"], 127, "no-such-program-anywhere");
    std::fs::write(folder.path().join("script"), "#!/no/such/interpreter\n").expect("a file");
    std::fs::set_permissions(folder.path().join("script"), PermissionsExt::from_mode(0o755)).expect("chmod");
    fails(folder.path(), &["trace", "--", "./script"], 127, "script");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).expect("the folder").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["script"], "files left behind");
}

#[test]
fn program_that_cannot_be_run() {
    let folder = folder();
    std::fs::write(folder.path().join("plain"), "no program").expect("a file");
    fails(folder.path(), &["trace", "--", "./plain"], 126, "plain");
    fails(folder.path(), &["trace", "--", "/"], 126, "/");
}

#[test]
fn wrong_command_line() {
    let folder = folder();
    fails(folder.path(), &["trace", "--no-such-option", "--", "true"], 125, "--no-such-option");
    fails(folder.path(), &["trace"], 125, "");
    fails(folder.path(), &["trace", "-p", "many"], 125, "many");
    fails(folder.path(), &["send", "no-such-file.jsonl"], 125, "no-such-file.jsonl");
}

#[test]
fn help_and_version() {
    for arguments in [&["--help"][..], &["trace", "--help"], &["--version"]] {
        let finished = finish(renacer().args(arguments));
        assert!(finished.status.success(), "{finished:?}");
        assert!(finished.text().contains("renacer") && finished.stderr.is_empty(), "{finished:?}");
    }
}

#[test]
fn process_that_is_not_there() {
    let folder = folder();
    // Beyond the largest process id that Linux gives.
    fails(folder.path(), &["trace", "-p", "4194305"], 125, "4194305");
    // A zombie cannot be traced.
    let mut ended = Command::new("true").spawn().expect("true runs");
    support::wait_until("a zombie", || support::state(ended.id() as i32) == Some('Z'));
    fails(folder.path(), &["trace", "-p", &ended.id().to_string()], 125, &ended.id().to_string());
    ended.wait().expect("wait");
}

/// The program is not run when its trace could not be kept.
#[test]
fn output_that_cannot_be_written() {
    let folder = folder();
    fails(folder.path(), &["trace", "-o", "no/such/folder/file", "--", "touch", "ran"], 125, "no/such/folder/file");
    fails(folder.path(), &["trace", "-o", ".", "--", "touch", "ran"], 125, ".");
    assert!(!folder.path().join("ran").exists(), "the program was run");
}

#[test]
fn output_that_exists() {
    let folder = folder();
    let file = folder.path().join("file");
    std::fs::write(&file, "precious\n").expect("a file");
    fails(folder.path(), &["trace", "-o", "file", "--", "touch", "ran"], 125, "--force");
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), "precious\n");
    assert!(!folder.path().join("ran").exists(), "the program was run");
    let forced = finish(renacer().args(["trace", "--force", "-o", "file", "--", "true"]).current_dir(folder.path()));
    assert!(forced.status.success(), "{forced:?}");
    assert!(!Trace::read(&file).spans.is_empty());
    assert_eq!(file.metadata().expect("the file").permissions().mode() & 0o777, 0o600);
}

#[test]
fn output_through_a_symlink() {
    let folder = folder();
    std::fs::write(folder.path().join("elsewhere"), "precious\n").expect("a file");
    std::os::unix::fs::symlink("elsewhere", folder.path().join("file")).expect("a link");
    for force in [&[][..], &["--force"]] {
        let mut arguments = vec!["trace", "-o", "file"];
        arguments.extend(force);
        arguments.extend(["--", "true"]);
        finish(renacer().args(arguments).current_dir(folder.path()));
        assert_eq!(std::fs::read_to_string(folder.path().join("elsewhere")).expect("the file"), "precious\n");
    }
}

/// `renacer yes | head -1`: the program dies of SIGPIPE as it does alone, and Renacer with it.
#[test]
fn broken_pipe_of_the_program() {
    let folder = folder();
    let script = "\"$0\" trace --quiet -o file -- yes | head -1; echo ${PIPESTATUS[0]}";
    let finished = finish(renacer_as_argument("bash", script).current_dir(folder.path()));
    assert_eq!((finished.text().as_str(), finished.stderr.as_str()), ("y\n141\n", ""));
    assert!(!Trace::read(&folder.path().join("file")).spans.is_empty());
}

/// Renacer's own lines go into a pipe that nobody reads, or nowhere at all: the program does not notice.
#[test]
fn broken_pipe_of_renacer() {
    let folder = folder();
    let script = "{ \"$0\" trace --text -o one -- sh -c 'seq 1 100 >numbers; exit 7' 2>&1 >&3 | head -1 >first; } 3>&1
        echo ${PIPESTATUS[0]} >/dev/null
        \"$0\" trace --text -o two -- sh -c 'echo out; exit 7' 2>&-; echo $?
        \"$0\" trace -o three -- sh -c 'exit 7' >&- 2>&- <&-; echo $?";
    let finished = finish(renacer_as_argument("bash", script).current_dir(folder.path()));
    assert_eq!((finished.text().as_str(), finished.stderr.as_str()), ("out\n7\n7\n", ""));
    assert_eq!(std::fs::read_to_string(folder.path().join("numbers")).expect("its file").lines().count(), 100);
    for file in ["one", "two", "three"] {
        assert!(!Trace::read(&folder.path().join(file)).spans.is_empty(), "{file}");
    }
}

fn renacer_as_argument(shell: &str, script: &str) -> Command {
    let mut command = Command::new(shell);
    command.args(["-c", script]).arg(renacer().get_program());
    command
}

/// Nobody listens: the program does not notice, and every span is in the file.
#[test]
fn collector_that_is_not_there() {
    let folder = folder();
    // A port that was free a moment ago, and that nothing else will be given: it is taken and not listened at.
    let holder = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", holder.local_addr().expect("its address"));
    let mut command = renacer();
    command.args(["trace", "--otlp-endpoint", &endpoint, "--", "sh", "-c", "echo out; exit 17"]);
    let finished = finish(command.current_dir(folder.path()));
    assert_eq!((finished.status.code(), finished.text().as_str()), (Some(17), "out\n"), "{finished:?}");
    let files: Vec<_> =
        std::fs::read_dir(folder.path()).expect("the folder").flatten().map(|entry| entry.path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    let trace = Trace::read(file);
    assert_eq!(trace.faults(), Vec::<String>::new());
    assert!(trace.counts()["execve"] == 1, "{:?}", trace.counts());
}
