//! Programs are built with the compilers of this machine, and each address that `addr2line` (binutils) is asked about must
//! have the same functions, files and lines here.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use object::ObjectSymbol;
use rustix::fs::{Mode, OFlags};

use super::*;
use crate::modules::{Code, Module};

fn run(folder: &Path, command: &str) {
    let done = Command::new("sh").args(["-c", command]).current_dir(folder).output().expect("a shell");
    assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Whether a tool is there; a test that lacks it says so.
fn has(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("skipped: there is no {tool}");
    }
    found
}

fn open(program: &Path) -> (DebugInfo, ObjectFile) {
    let file = fs::File::open(program).expect("the program");
    let object = ObjectFile::open(&file).expect("an ELF file");
    let root = rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).expect("the root");
    let module = Module {
        code: Code::File(file),
        path: program.as_os_str().as_encoded_bytes().to_vec(),
        is_program: true,
        root: Some(Arc::new(root)),
    };
    let files = Arc::new(DebugFiles::from_environment());
    let Lookup::Found(debug) = files.find(&module, &object) else { panic!("no DWARF for {}", program.display()) };
    (DebugInfo::open(&files, debug, &object).expect("DWARF"), object)
}

/// Addresses all over the functions of a program, `every` bytes apart.
fn addresses(object: &ObjectFile, every: usize) -> Vec<u64> {
    let elf = object.elf().expect("ELF");
    let functions = elf.symbols().filter(|symbol| symbol.is_definition() && symbol.size() > 0);
    let functions = functions.filter(|symbol| symbol.kind() == object::SymbolKind::Text);
    let mut all: Vec<u64> =
        functions.flat_map(|symbol| (symbol.address()..symbol.address() + symbol.size()).step_by(every)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What `addr2line -fiea` says: for each address the file and line of each function, innermost first, and the name as DWARF
/// has it.
fn asked(program: &Path, addresses: &[u64]) -> Vec<Vec<(String, String, u32)>> {
    let list: String = addresses.iter().map(|address| format!("{address:#x}\n")).collect();
    let names = program.with_extension("addresses");
    fs::write(&names, list).expect("a list");
    let command = format!("addr2line -fia -e {} < {}", program.display(), names.display());
    let done = Command::new("sh").args(["-c", &command]).output().expect("addr2line");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    let mut all: Vec<Vec<(String, String, u32)>> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("0x") {
            all.push(Vec::new());
            continue;
        }
        let place = lines.next().expect("a place").split(" (discriminator").next().expect("a part");
        let (file, number) = place.rsplit_once(':').expect("file and line");
        all.last_mut().expect("an address").push((line.to_owned(), file.to_owned(), number.parse().unwrap_or(0)));
    }
    all
}

/// Compares both on each address that the oracle knows, and returns how many these were.
fn compare(program: &Path, every: usize) -> usize {
    let (mut info, object) = open(program);
    let addresses = addresses(&object, every);
    let expected = asked(program, &addresses);
    assert_eq!(addresses.len(), expected.len());
    let mut known = 0;
    for (address, expected) in addresses.iter().zip(&expected) {
        let found = info.places(*address).expect("sound DWARF");
        // A file without a line is from the symbol table.
        if expected[0].1 == "??" || (expected[0].2 == 0 && !expected[0].1.contains('/')) {
            continue;
        }
        known += 1;
        let files: Vec<_> = found.iter().map(|place| (place.file.clone().unwrap_or_default(), place.line)).collect();
        let wanted: Vec<_> = expected.iter().map(|(_, file, line)| (readable::absolute(None, file), *line)).collect();
        // The oracle has no name for the unit of a link-time optimisation, and gives it to its lines.
        if wanted.iter().any(|(file, _)| file.ends_with("/<artificial>")) {
            continue;
        }
        assert_eq!(files, wanted, "{} at {address:#x}", program.display());
        for (place, (function, ..)) in found.iter().zip(expected) {
            let name = place.function.as_deref().unwrap_or_default();
            let wanted = readable::demangle(function);
            // GCC's names of template instances leave default arguments out.
            let head = |name: &str| name.split('<').next().unwrap_or_default().to_owned();
            let last = |name: &str| head(name).rsplit("::").next().unwrap_or_default().to_owned();
            let qualified = head(name) == head(&wanted)
                || name.ends_with(&format!("::{wanted}"))
                || (place.is_bare && last(name) == last(&wanted));
            assert!(qualified, "{} at {address:#x}: {name} is not {wanted}", program.display());
        }
    }
    known
}

const C: &str = r#"
#include <stdio.h>
#include <string.h>
struct counter { int value; };
static inline __attribute__((always_inline)) int step(struct counter *c, int by) { c->value += by; return c->value; }
static inline __attribute__((always_inline)) int twice(struct counter *c, int by) {
    int first = step(c, by);
    return first + step(c, by + 1);
}
__attribute__((noinline)) int work(struct counter *c, const char *text) {
    int sum = 0;
    for (size_t i = 0; i < strlen(text); i++)
        sum += twice(c, text[i]);
    return sum;
}
int main(int argc, char **argv) {
    struct counter c = { argc };
    printf("%d\n", work(&c, argv[0]));
    return 0;
}
"#;

const CPP: &str = r#"
#include <algorithm>
#include <map>
#include <string>
#include <vector>
namespace outer { namespace { struct Hidden { int get(int x) const; }; __attribute__((noinline)) int Hidden::get(int x) const { return x * 3; } }
template <class T> struct Box { T value; static T twice(T v) { return v + v; } T apply(int (*f)(int)) { return f(twice(value)); } };
struct Runner { virtual ~Runner() {} virtual int run(std::vector<int> &v); };
int Runner::run(std::vector<int> &v) {
    std::sort(v.begin(), v.end(), [](int a, int b) { return a > b; });
    Hidden hidden;
    Box<int> box{v[0]};
    return box.apply([](int x) { return x + 1; }) + hidden.get(v[1]);
} }
int main(int argc, char **argv) {
    std::map<std::string, int> names;
    std::vector<int> v;
    for (int i = 0; i < argc + 10; i++) { names[argv[0] + std::to_string(i)] = i; v.push_back(i ^ argc); }
    outer::Runner runner;
    return runner.run(v) + names.size();
}
"#;

#[test]
fn c_equals_addr2line() {
    if !has("gcc") || !has("addr2line") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("work.c"), C).expect("a source");
    for flags in ["-O0 -g", "-O2 -g", "-O2 -gdwarf-4", "-Os -g1", "-O2 -g -static", "-O1 -g -gz=zlib", "-O2 -g -flto"] {
        run(folder.path(), &format!("gcc {flags} work.c -o work"));
        let known = compare(&folder.path().join("work"), 1);
        assert!(known > 40, "{flags}: {known}");
    }
}

#[test]
fn cpp_equals_addr2line() {
    if !has("g++") || !has("addr2line") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("work.cpp"), CPP).expect("a source");
    for flags in ["-O0 -g", "-O2 -g", "-O2 -gdwarf-4", "-O3 -g1"] {
        run(folder.path(), &format!("g++ {flags} work.cpp -o work"));
        let known = compare(&folder.path().join("work"), 3);
        assert!(known > 400, "{flags}: {known}");
    }
}
