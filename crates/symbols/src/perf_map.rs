//! Names of code that was made at run time, out of the maps that runtimes write for Linux's perf: `/tmp/perf-PID.map`, in
//! the target's own root and by its own process id. Node, Java, CPython's `-X perf` and others write them when asked to.
//!
//! A map says which code lies at an address at the end of what has been read, not at the time of the stop: runtimes that
//! move code are believed as far as they tell of it.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use renacer_events::Pid;

use crate::rooted::Root;

/// What is read of one map, in bytes.
const LARGEST: u64 = 256 << 20;
/// Pieces of code that are kept of one map.
const MOST_PIECES: usize = 1 << 20;
/// Longer lines are passed over.
const LONGEST_LINE: u64 = 16 << 10;
/// Processes whose maps are kept.
const MOST_PROCESSES: usize = 256;
/// How exactly a process's start and a file's change can be compared: both come from clocks that tick slowly.
const CLOCK_STEP: Duration = Duration::from_millis(50);

/// A function whose code was made at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name, without what the runtime adds.
    pub function: String,
    /// The file that it is defined in, where the runtime says so. There is no line: those that Node gives are lines of
    /// definitions, not of calls.
    pub file: Option<String>,
}

/// The maps of all processes.
#[derive(Debug)]
pub struct PerfMaps {
    maps: HashMap<Pid, Map>,
    since: SystemTime,
}

impl Default for PerfMaps {
    fn default() -> Self {
        PerfMaps { maps: HashMap::new(), since: SystemTime::now() }
    }
}

impl PerfMaps {
    /// What is at an address of a process. `own_pid` is its id in its own pid namespace, `root` its root directory; without
    /// that our own is meant. The map is read again where it has grown.
    pub fn lookup(&mut self, pid: Pid, own_pid: Pid, root: Option<&Arc<OwnedFd>>, address: u64) -> Option<Named> {
        if self.maps.len() >= MOST_PROCESSES && !self.maps.contains_key(&pid) {
            self.maps.clear();
        }
        let since = self.since;
        let map = self.maps.entry(pid).or_insert_with(|| Map::new(pid, own_pid, since));
        if map.get(address).is_none() {
            // What cannot be read names nothing.
            let _ = map.read(root);
        }
        map.get(address).map(parse)
    }
}

/// The map of one process.
#[derive(Debug)]
struct Map {
    path: PathBuf,
    owner: Owner,
    /// Device and inode of the file.
    file: (u64, u64),
    /// How much of it has been read.
    length: u64,
    pieces: BTreeMap<u64, Piece>,
}

#[derive(Debug)]
struct Piece {
    end: u64,
    name: Box<str>,
}

impl Map {
    fn new(pid: Pid, own_pid: Pid, since: SystemTime) -> Map {
        Map {
            path: format!("/tmp/perf-{own_pid}.map").into(),
            owner: Owner::of(pid, since),
            file: (0, 0),
            length: 0,
            pieces: BTreeMap::new(),
        }
    }

    fn get(&self, address: u64) -> Option<&str> {
        let (_, piece) = self.pieces.range(..=address).next_back()?;
        (address < piece.end).then_some(&*piece.name)
    }

    fn read(&mut self, root: Option<&Arc<OwnedFd>>) -> io::Result<()> {
        let root = match root {
            Some(root) => Root::of_process(Arc::clone(root)),
            None => Root::ours()?,
        };
        let file = root.open(&self.path)?;
        let metadata = file.metadata()?;
        if !self.owner.wrote(&metadata) {
            return Ok(());
        }
        let which = (metadata.dev(), metadata.ino());
        if which != self.file || metadata.len() < self.length {
            self.pieces.clear();
            (self.file, self.length) = (which, 0);
        }
        self.go_on(file, metadata.len().min(LARGEST))
    }

    /// Reads the lines that are complete, up to this size.
    fn go_on(&mut self, mut file: File, size: u64) -> io::Result<()> {
        file.seek(SeekFrom::Start(self.length))?;
        let mut reader = BufReader::new(file.take(size.saturating_sub(self.length)));
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut length = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? as u64;
            let is_whole = line.last() == Some(&b'\n');
            if !is_whole {
                match rest_of_line(&mut reader)? {
                    Some(rest) => length += rest,
                    None => return Ok(()),
                }
            }
            self.length += length;
            if is_whole {
                self.add(&line);
            }
        }
    }

    /// Adds a line: start, size (both hexadecimal) and name. What was at these addresses before is gone.
    fn add(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let mut fields = line.trim_end().splitn(3, ' ');
        let mut number = || u64::from_str_radix(fields.next()?.trim_start_matches("0x"), 16).ok();
        let (Some(start), Some(size)) = (number(), number()) else { return };
        let Some(name) = fields.next() else { return };
        let Some(end) = start.checked_add(size).filter(|end| *end > start) else { return };
        if let Some((_, before)) = self.pieces.range_mut(..start).next_back() {
            before.end = before.end.min(start);
        }
        while let Some((&within, _)) = self.pieces.range(start..end).next() {
            self.pieces.remove(&within);
        }
        if self.pieces.len() < MOST_PIECES {
            self.pieces.insert(start, Piece { end, name: name.into() });
        }
    }
}

/// Passes over the rest of a line; its length, or none if it has no end yet.
fn rest_of_line(reader: &mut impl BufRead) -> io::Result<Option<u64>> {
    let mut length = 0;
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let passed = end.map_or(bytes.len(), |end| end + 1);
        reader.consume(passed);
        length += passed as u64;
        if end.is_some() {
            return Ok(Some(length));
        }
    }
}

/// Who may have written a process's map. Anyone can put a file into the temporary folder, and files of earlier processes
/// with the same id stay there.
#[derive(Debug)]
struct Owner {
    users: Vec<u32>,
    since: SystemTime,
}

impl Owner {
    /// The process itself, since it started. If it is gone: we, or root, since we started.
    fn of(pid: Pid, since: SystemTime) -> Owner {
        Owner::of_running(pid).unwrap_or_else(|| Owner { users: vec![0, rustix::process::geteuid().as_raw()], since })
    }

    fn of_running(pid: Pid) -> Option<Owner> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The 22nd field; the second one, in parentheses, may contain anything.
        let ticks: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
        let since_boot = Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64);
        let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
        let uptime = Duration::try_from_secs_f64(uptime.split_whitespace().next()?.parse().ok()?).ok()?;
        Some(Owner {
            users: users.split_whitespace().filter_map(|user| user.parse().ok()).collect(),
            since: SystemTime::now().checked_sub(uptime.checked_sub(since_boot)?)?,
        })
    }

    fn wrote(&self, file: &std::fs::Metadata) -> bool {
        let is_new = file.modified().is_ok_and(|changed| changed + CLOCK_STEP >= self.since);
        is_new && self.users.contains(&file.uid())
    }
}

/// What V8 writes before the names of functions that are JavaScript, by kind of code.
const JAVASCRIPT: [&str; 6] = ["JS:", "LazyCompile:", "Function:", "Script:", "Eval:", "InterpretedFunction:"];

/// Takes a name apart.
fn parse(name: &str) -> Named {
    if let Some(rest) = JAVASCRIPT.iter().find_map(|kind| name.strip_prefix(kind)) {
        return javascript(rest);
    }
    let python = name.strip_prefix("py::").and_then(|rest| rest.split_once(':'));
    if let Some((function, file)) = python {
        return Named { function: function.to_owned(), file: Some(file.to_owned()) };
    }
    Named { function: java(name).unwrap_or(name).to_owned(), file: None }
}

/// `~FUNCTION FILE:LINE:COLUMN`, where the first character is about optimization, the function's name may be empty or
/// contain spaces, and the file may be a URL.
fn javascript(name: &str) -> Named {
    let name = name.trim_start_matches(['~', '^', '+', '*', '-', '!', '\'']);
    let place = |name: &str| {
        let starts = [" /", " file://", " node:"].map(|start| name.find(start));
        starts.into_iter().flatten().min()
    };
    // An anonymous function's name is empty, so a space comes first.
    let (function, file) = match place(name).or_else(|| name.rfind(' ')) {
        Some(at) => (&name[..at], name.get(at + 1..).map(without_position)),
        None => (name, None),
    };
    let function = if function.is_empty() { "(anonymous)" } else { function };
    Named { function: function.to_owned(), file: file.filter(|file| !file.is_empty()).map(local_path) }
}

/// A place less its line and column.
fn without_position(place: &str) -> &str {
    let mut rest = place;
    for _ in 0..2 {
        match rest.rsplit_once(':') {
            Some((before, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
                rest = before;
            }
            _ => break,
        }
    }
    rest
}

/// The path that a `file:` URL names; other names are as they are.
fn local_path(name: &str) -> String {
    let Some(path) = name.strip_prefix("file://") else { return name.to_owned() };
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        match digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| path.to_owned())
}

/// The method in `TYPE CLASS.METHOD(TYPES)`, as the JDK writes it.
fn java(name: &str) -> Option<&str> {
    let signature = name.strip_suffix(')')?;
    let (method, _) = signature.split_once('(')?;
    let (result, method) = method.split_once(' ')?;
    let is_plain = |text: &str| !text.is_empty() && !text.contains([' ', ':']);
    (is_plain(result) && is_plain(method) && method.contains('.')).then_some(method)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::OwnedFd;

    use super::*;

    fn named(function: &str, file: Option<&str>) -> Named {
        Named { function: function.to_owned(), file: file.map(str::to_owned) }
    }

    #[test]
    fn names_as_runtimes_write_them() {
        for (written, function, file) in [
            ("JS:~hot file:///srv/a%20b/app.mjs:2:13", "hot", Some("/srv/a b/app.mjs")),
            ("JS:*get name /srv/my app/a.js:10:3", "get name", Some("/srv/my app/a.js")),
            (
                "JS:~ node:internal/modules/esm/get_format:1:1",
                "(anonymous)",
                Some("node:internal/modules/esm/get_format"),
            ),
            ("LazyCompile:^f /a.js:1", "f", Some("/a.js")),
            ("Script:~ /a.js:1:1", "(anonymous)", Some("/a.js")),
            ("JS:~bare", "bare", None),
            ("Builtin:JSConstructStubGeneric", "Builtin:JSConstructStubGeneric", None),
            ("py::Class.method:/srv/a.py", "Class.method", Some("/srv/a.py")),
            (
                "py::_find_and_load:<frozen importlib._bootstrap>",
                "_find_and_load",
                Some("<frozen importlib._bootstrap>"),
            ),
            ("void java.util.HashMap.clear()", "java.util.HashMap.clear", None),
            ("byte[] a.B.c(java.lang.String, int)", "a.B.c", None),
            ("Ljava/lang/String;::hashCode", "Ljava/lang/String;::hashCode", None),
            ("StubRoutines (1)", "StubRoutines (1)", None),
            ("", "", None),
            ("JS:", "(anonymous)", None),
        ] {
            assert_eq!(parse(written), named(function, file), "{written}");
        }
    }

    /// A root of its own, and a process that is there: we.
    struct Fixture {
        folder: tempfile::TempDir,
        root: Arc<OwnedFd>,
        maps: PerfMaps,
    }

    impl Fixture {
        fn new() -> Fixture {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("tmp")).unwrap();
            let root = Arc::new(File::open(folder.path()).unwrap().into());
            Fixture { folder, root, maps: PerfMaps::default() }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("tmp/perf-7.map")
        }

        fn append(&self, text: &[u8]) {
            File::options().append(true).create(true).open(self.path()).unwrap().write_all(text).unwrap();
        }

        fn function(&mut self, address: u64) -> Option<String> {
            let pid = Pid::try_from(std::process::id()).unwrap();
            self.maps.lookup(pid, 7, Some(&self.root), address).map(|named| named.function)
        }
    }

    #[test]
    fn a_map_that_grows_is_read_on_and_later_lines_win() {
        let mut fixture = Fixture::new();
        assert_eq!(fixture.function(0x1000), None);
        fixture.append(b"1000 100 a\n0x1200 0x10 b\nnonsense\n1300 zz c\n");
        assert_eq!(fixture.function(0x10ff).as_deref(), Some("a"));
        assert_eq!(fixture.function(0x1100), None);
        assert_eq!(fixture.function(0x1205).as_deref(), Some("b"));
        fixture.append(b"1300 8 half");
        assert_eq!(fixture.function(0x1300), None, "the line has no end yet");
        fixture.append(b" way\n1080 20 over a\n");
        assert_eq!(fixture.function(0x1300).as_deref(), Some("half way"));
        assert_eq!(fixture.function(0x1085).as_deref(), Some("over a"));
        assert_eq!(fixture.function(0x107f).as_deref(), Some("a"));
        assert_eq!(fixture.function(0x10a0), None, "what was behind it is not known to be there still");
        let mut long = b"2000 10 ".to_vec();
        long.resize(40_000, b'x');
        fixture.append(&long);
        assert_eq!(fixture.function(0x2000), None);
        fixture.append(b"\n3000 10 after\n");
        assert_eq!(fixture.function(0x3000).as_deref(), Some("after"));
        assert_eq!(fixture.function(0x2000), None);
        // Written anew.
        std::fs::remove_file(fixture.path()).unwrap();
        fixture.append(b"4000 10 anew\n");
        assert_eq!(fixture.function(0x4000).as_deref(), Some("anew"));
        assert_eq!(fixture.function(0x1300), None);
    }

    #[test]
    fn maps_of_others_are_not_believed() {
        let mut fixture = Fixture::new();
        fixture.append(b"1000 100 a\n");
        let file = File::options().write(true).open(fixture.path()).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(86_400)).unwrap();
        assert_eq!(fixture.function(0x1000), None, "older than the process");
        file.set_modified(SystemTime::now()).unwrap();
        assert_eq!(fixture.function(0x1000).as_deref(), Some("a"));
        if rustix::process::geteuid().is_root() {
            let mut fixture = Fixture::new();
            fixture.append(b"1000 100 a\n");
            std::os::unix::fs::chown(fixture.path(), Some(12_345), None).unwrap();
            assert_eq!(fixture.function(0x1000), None, "another user's");
        }
        let mut fixture = Fixture::new();
        std::fs::create_dir(fixture.path()).unwrap();
        assert_eq!(fixture.function(0x1000), None, "no file");
    }

    #[test]
    fn noise_is_survived() {
        let mut map = Map::new(0, 0, SystemTime::UNIX_EPOCH);
        let mut state = 7_u64;
        let letters = b"0123456789abcdefx :~/%JS\xff\n";
        for _ in 0..20_000 {
            let mut line = Vec::new();
            for _ in 0..24 {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                line.push(letters[(state >> 33) as usize % letters.len()]);
            }
            map.add(&line);
            parse(&String::from_utf8_lossy(&line));
            parse(&format!("JS:{}", String::from_utf8_lossy(&line)));
        }
        for (start, piece) in &map.pieces {
            assert!(piece.end > *start);
        }
    }
}
