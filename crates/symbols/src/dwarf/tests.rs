//! Programs are built with the compilers of this machine, and each address that an oracle (binutils, LLVM) knows must have
//! the same functions, files and lines here.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use object::ObjectSymbol;
use rustix::fs::{Mode, OFlags};

use super::*;
use crate::modules::{Code, Module};

pub(crate) fn run(folder: &Path, command: &str) {
    let done = Command::new("sh").args(["-c", command]).current_dir(folder).output().expect("a shell");
    assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Whether a tool is there; a test that lacks it says so.
pub(crate) fn has(tool: &str, version: &str) -> bool {
    let found = Command::new(tool).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
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
pub(crate) fn addresses(object: &ObjectFile, every: usize) -> Vec<u64> {
    let elf = object.elf().expect("ELF");
    let functions = elf.symbols().filter(|symbol| symbol.is_definition() && symbol.size() > 0);
    let functions = functions.filter(|symbol| symbol.kind() == object::SymbolKind::Text);
    let mut all: Vec<u64> =
        functions.flat_map(|symbol| (symbol.address()..symbol.address() + symbol.size()).step_by(every)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// A function as an oracle names it, its file and line.
pub(crate) type Asked = (String, String, u32);

/// Whom to ask. Version 2.40 of `addr2line` takes the wrong file for lines of headers, so C++ and Rust ask LLVM.
#[derive(Clone, Copy)]
pub(crate) enum Oracle {
    Addr2line,
    Symbolizer,
}

/// What the oracle says: for each address its functions, innermost first, with names as the file has them.
pub(crate) fn asked(oracle: Oracle, program: &Path, addresses: &[u64]) -> Vec<Vec<Asked>> {
    let list: String = addresses.iter().map(|address| format!("{address:#x}\n")).collect();
    let input = program.with_extension("addresses");
    fs::write(&input, list).expect("a list");
    let command = match oracle {
        Oracle::Addr2line => "addr2line -fia",
        Oracle::Symbolizer => {
            "llvm-symbolizer --functions=linkage --no-demangle --inlines --addresses --output-style=LLVM"
        }
    };
    let command = format!("{command} -e {} < {}", program.display(), input.display());
    let done = Command::new("sh").args(["-c", &command]).output().expect("an oracle");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    let mut all: Vec<Vec<Asked>> = Vec::new();
    let mut lines = text.lines().filter(|line| !line.is_empty());
    while let Some(line) = lines.next() {
        if line.starts_with("0x") {
            all.push(Vec::new());
            continue;
        }
        let mut place = lines.next().expect("a place").split(" (discriminator").next().expect("a part");
        if matches!(oracle, Oracle::Symbolizer) {
            place = place.rsplit_once(':').expect("a column").0;
        }
        let (file, number) = place.rsplit_once(':').expect("file and line");
        all.last_mut().expect("an address").push((line.to_owned(), file.to_owned(), number.parse().unwrap_or(0)));
    }
    all
}

/// Compares both on each address that the oracle knows, and returns how many these were.
fn compare(oracle: Oracle, program: &Path, every: usize) -> usize {
    let (mut info, object) = open(program);
    let addresses = addresses(&object, every);
    let expected = asked(oracle, program, &addresses);
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
            let qualified = place.function.is_none() && found.len() == 1
                || head(name) == head(&wanted)
                || name.ends_with(&format!("::{wanted}"))
                || (place.is_bare && wanted.contains(&last(name)));
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

const RUST: &str = r#"
use std::collections::BTreeMap;
mod shapes {
    pub trait Area { fn area(&self) -> u64; }
    pub struct Square(pub u64);
    impl Area for Square { fn area(&self) -> u64 { self.0 * self.0 } }
    pub fn total<T: Area>(all: &[T]) -> u64 { all.iter().map(|one| one.area()).sum() }
}
fn main() {
    let mut counts = BTreeMap::new();
    for word in std::env::args() { *counts.entry(word).or_insert(0_u64) += 1; }
    let squares: Vec<_> = counts.values().map(|&n| shapes::Square(n)).collect();
    println!("{} {:?}", shapes::total(&squares), std::fs::read("/dev/null"));
}
"#;

#[test]
fn c_equals_addr2line() {
    if !has("gcc", "--version") || !has("addr2line", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("work.c"), C).expect("a source");
    for flags in ["-O0 -g", "-O2 -g", "-O2 -gdwarf-4", "-Os -g1", "-O2 -g -static", "-O1 -g -gz=zlib", "-O2 -g -flto"] {
        run(folder.path(), &format!("gcc {flags} work.c -o work"));
        let known = compare(Oracle::Addr2line, &folder.path().join("work"), 1);
        assert!(known > 40, "{flags}: {known}");
    }
}

#[test]
fn cpp_equals_llvm() {
    if !has("g++", "--version") || !has("llvm-symbolizer", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("work.cpp"), CPP).expect("a source");
    for flags in ["-O0 -g", "-O2 -g", "-O2 -gdwarf-4", "-O3 -g1"] {
        run(folder.path(), &format!("g++ {flags} work.cpp -o work"));
        let known = compare(Oracle::Symbolizer, &folder.path().join("work"), 13);
        assert!(known > 150, "{flags}: {known}");
    }
}

#[test]
fn clangs_cpp_equals_llvm() {
    if !has("clang++", "--version") || !has("llvm-symbolizer", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("work.cpp"), CPP).expect("a source");
    // Clang makes no .debug_aranges, and for tables of lines alone no functions.
    for flags in ["-O0 -g", "-O2 -g", "-O2 -gdwarf-4", "-O2 -gline-tables-only"] {
        run(folder.path(), &format!("clang++ {flags} work.cpp -o work"));
        let known = compare(Oracle::Symbolizer, &folder.path().join("work"), 29);
        assert!(known > 60, "{flags}: {known}");
    }
}

#[test]
fn rust_equals_llvm() {
    if !has("rustc", "--version") || !has("llvm-symbolizer", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("work.rs"), RUST).expect("a source");
    for flags in ["-g", "-O -g", "-O -C debuginfo=1", "-O -C debuginfo=line-tables-only -C symbol-mangling-version=v0"]
    {
        run(folder.path(), &format!("rustc --edition 2024 {flags} work.rs -o work"));
        let known = compare(Oracle::Symbolizer, &folder.path().join("work"), 997);
        assert!(known > 100, "{flags}: {known}");
    }
}

/// Compares what is found with and without a change to where the DWARF is.
fn same(folder: &Path, plain: &str, changed: &str) {
    let (mut plain, object) = open(&folder.join(plain));
    let (mut changed_info, _) = open(&folder.join(changed));
    let mut known = 0;
    for address in addresses(&object, 29) {
        let expected = plain.places(address).expect("sound DWARF");
        known += usize::from(expected.iter().any(|place| place.is_inlined));
        assert_eq!(changed_info.places(address).expect("sound DWARF"), expected, "{changed} at {address:#x}");
    }
    assert!(known > 10, "{known}");
}

#[test]
fn split_units_say_the_same_in_files_and_in_packages() {
    if !has("g++", "--version") || !has("dwp", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::write(folder.join("work.cpp"), CPP).expect("a source");
    for version in [4, 5] {
        run(folder, &format!("g++ -O2 -gdwarf-{version} work.cpp -o plain"));
        run(folder, &format!("g++ -O2 -gdwarf-{version} -gsplit-dwarf -c work.cpp -o work.o && g++ work.o -o split"));
        same(folder, "plain", "split");
    }
    // This machine's dwp may know version 4 only.
    run(folder, "g++ -O2 -gdwarf-4 work.cpp -o plain && g++ -O2 -gdwarf-4 -gsplit-dwarf -c work.cpp -o work.o");
    run(folder, "g++ work.o -o split && dwp -e split && rm work.dwo && test -f split.dwp");
    same(folder, "plain", "split");
    // Without either, what the skeletons say: lines.
    run(folder, "rm split.dwp");
    let (mut info, object) = open(&folder.join("split"));
    let main = object.elf().expect("ELF").symbols().find(|symbol| symbol.name() == Ok("main")).expect("main").address();
    let found = info.places(main).expect("sound DWARF");
    assert_eq!((found.len(), found[0].function.as_deref()), (1, None));
    assert!(found[0].file.as_deref().is_some_and(|file| file.ends_with("/work.cpp")) && found[0].line > 0);
}

#[test]
fn what_dwz_moves_elsewhere_is_found() {
    if !has("g++", "--version") || !has("dwz", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::write(folder.join("work.cpp"), CPP).expect("a source");
    run(
        folder,
        "g++ -O2 -g work.cpp -o plain && cp plain one && cp plain two && dwz -m shared one two && test -f shared",
    );
    same(folder, "plain", "one");
}

#[test]
fn separate_debug_files_say_the_same() {
    if !has("g++", "--version") || !has("objcopy", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::write(folder.join("work.cpp"), CPP).expect("a source");
    run(folder, "g++ -O2 -g work.cpp -o plain && objcopy --only-keep-debug plain bare.debug");
    run(folder, "strip -g plain -o bare && objcopy --add-gnu-debuglink=bare.debug bare");
    same(folder, "plain", "bare");
}

#[test]
fn units_without_a_table_of_addresses_are_found_too() {
    if !has("g++", "--version") || !has("objcopy", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::write(folder.join("work.cpp"), CPP).expect("a source");
    run(folder, "g++ -O2 -g work.cpp -o plain && objcopy --remove-section=.debug_aranges plain without");
    same(folder, "plain", "without");
    run(folder, "g++ -O2 -gdwarf-4 work.cpp -o plain && objcopy --remove-section=.debug_aranges plain without");
    same(folder, "plain", "without");
}

#[test]
fn units_are_forgotten_and_read_again() {
    if !has("gcc", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let unit = |number: u32| format!("int f{number}(int x) {{\n    return x + {number};\n}}\n");
    for number in 0..12 {
        fs::write(folder.join(format!("f{number}.c")), unit(number)).expect("a source");
    }
    fs::write(folder.join("main.c"), "int main(void) { return 0; }\n").expect("a source");
    run(folder, "gcc -g *.c -o many");
    let (mut info, object) = open(&folder.join("many"));
    info.units = Units::new(120 << 10);
    let elf = object.elf().expect("ELF");
    let address = |number| {
        let name = format!("f{number}");
        elf.symbols().find(|symbol| symbol.name() == Ok(&name)).map(|symbol| symbol.address()).expect("a function")
    };
    for round in 0..3 {
        for number in 0..12 {
            let found = info.places(address(number)).expect("sound DWARF");
            assert_eq!(found[0].function, Some(format!("f{number}")), "round {round}");
            assert_eq!(found[0].line, 1);
            // One more than there is room for.
            assert!(info.units.size() <= 180 << 10, "{}", info.units.size());
        }
    }
}

#[test]
fn noise_in_dwarf_neither_panics_nor_hangs() {
    if !has("g++", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("work.cpp"), CPP).expect("a source");
    run(folder.path(), "g++ -O1 -g work.cpp -o work");
    let sound = fs::read(folder.path().join("work")).expect("the program");
    let object = ObjectFile::from_image(&sound).expect("an ELF file");
    let every = addresses(&object, 13);
    let elf = object.elf().expect("ELF");
    use object::ObjectSection;
    let sections: Vec<(u64, u64)> = elf
        .sections()
        .filter(|section| section.name().is_ok_and(|name| name.starts_with(".debug_")))
        .filter_map(|section| section.file_range())
        .collect();
    let mut seed = 7_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut bytes = sound.clone();
    let (mut found, mut failed) = (0, 0);
    for _ in 0..150 {
        let mut changed = Vec::new();
        for _ in 0..1 + random(20) {
            let (start, size) = sections[random(sections.len() as u64) as usize];
            // Headers and tables of abbreviations are at the beginning.
            let within = if random(2) == 0 { size.min(256) } else { size };
            let at = (start + random(within)) as usize;
            changed.push(at);
            bytes[at] = if random(4) == 0 { 0xff } else { random(256) as u8 };
        }
        fs::write(folder.path().join("noisy"), &bytes).expect("a file");
        changed.into_iter().for_each(|at| bytes[at] = sound[at]);
        let file = fs::File::open(folder.path().join("noisy")).expect("a file");
        let Ok(object) = ObjectFile::open(&file) else { continue };
        let path = b"/noisy".to_vec();
        let module = Module { code: Code::File(file), path, is_program: true, root: None };
        let files = Arc::new(DebugFiles::from_environment());
        let Lookup::Found(debug) = files.find(&module, &object) else { continue };
        let Ok(mut info) = DebugInfo::open(&files, debug, &object) else {
            failed += 1;
            continue;
        };
        for _ in 0..20 {
            match info.places(every[random(every.len() as u64) as usize]) {
                Ok(places) => found += places.len(),
                Err(_) => failed += 1,
            }
        }
    }
    assert!(found > 100, "{found} found, {failed} failed");
}
