//! Stacks made of frames in real programs, and what they are told.

use std::fs::{self, File};
use std::path::Path;
use std::sync::RwLock;

use object::{Object, ObjectSymbol};
use renacer_events::{Frame, FrameKind, ModuleId, StackEnd, Text, Value};

use super::*;
use crate::dwarf::tests::{has, run};
use crate::modules::{Code, Interpreted, Module};

fn add(modules: &Modules, code: Code, path: &str, is_program: bool) -> ModuleId {
    modules.add(Module { code, path: path.as_bytes().to_vec(), is_program, root: None }).expect("room")
}

fn add_program(modules: &Modules, path: &Path) -> ModuleId {
    let file = File::open(path).expect("a program");
    add(modules, Code::File(file), path.to_str().expect("a name"), true)
}

fn address(program: &Path, symbol: &str) -> u64 {
    let data = fs::read(program).expect("a program");
    let elf = object::File::parse(&*data).expect("ELF");
    let named = |one: &object::Symbol<'_, '_>| one.name().is_ok_and(|name| name == symbol || name.contains(symbol));
    elf.symbols().filter(|one| one.is_definition()).find(named).expect(symbol).address()
}

/// A frame whose call ends at the first byte behind a function's beginning, so that its line is the function's.
fn frame(module: ModuleId, address: u64) -> Frame {
    Frame { module, kind: FrameKind::Return, address: address + 1 }
}

/// Resolves stacks as the thread does.
fn resolve(modules: Arc<Modules>, options: Options, stacks: &[&[Frame]]) -> (Vec<Arc<Stack>>, Counts) {
    let (sender, handle) = Resolver::new(modules, options).start().expect("a thread");
    let stacks: Vec<_> = stacks.iter().map(|&frames| Arc::new(Stack::new(frames.into(), StackEnd::Complete))).collect();
    for stack in &stacks {
        sender.send(stack.clone()).expect("a receiver");
    }
    drop(sender);
    let counts = handle.join();
    (stacks, counts)
}

fn told(stack: &Stack) -> Vec<(String, String)> {
    let text = |value: &Value| match value {
        Value::Text(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    stack.source().attributes.iter().map(|one| (one.key.to_string(), text(&one.value))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

const C: &str = "void leaf(void) {}
void library(void) {
    leaf();
}
int main(void) {
    library();
    return 0;
}
";

#[test]
fn the_innermost_function_of_the_user_is_told() {
    if !has("gcc", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().to_str().expect("a name");
    fs::write(folder.path().join("work.c"), C).expect("a source");
    // What looks like a package's is one, unless the user says otherwise.
    let package = "/root/.cargo/registry/src/index/dep-1.0";
    run(folder.path(), "gcc -g work.c -o plain && gcc work.c -o symbols && gcc work.c -s -o stripped");
    run(folder.path(), &format!("gcc -g -ffile-prefix-map={at}={package} work.c -o package"));
    let modules = Arc::new(Modules::default());
    let [plain, symbols, stripped, in_package] =
        ["plain", "symbols", "stripped", "package"].map(|name| add_program(&modules, &folder.path().join(name)));
    let libc = fs::read_to_string("/proc/self/maps").expect("our own maps");
    let libc = libc.lines().find_map(|line| line.split_whitespace().last().filter(|path| path.contains("libc.so")));
    let library = add(&modules, Code::File(File::open(libc.expect("libc")).expect("libc")), libc.expect("libc"), false);
    let vdso = add(&modules, Code::Unreadable, "/usr/lib/gone.so", false);
    let main = |name: &str| address(&folder.path().join(name), "main");
    let leaf = |name: &str| address(&folder.path().join(name), "leaf");
    let file = format!("{at}/work.c");
    let unknown = Frame { module: ModuleId(77), kind: FrameKind::Exact, address: 1 };
    let stacks: [&[Frame]; 6] = [
        &[frame(vdso, 4096), frame(plain, leaf("plain")), frame(plain, main("plain"))],
        &[frame(library, 4096), frame(symbols, leaf("symbols"))],
        &[frame(stripped, main("symbols"))],
        &[frame(in_package, leaf("package"))],
        &[unknown],
        &[],
    ];
    let (found, counts) = resolve(modules.clone(), Options::default(), &stacks);
    let in_c = |function: &str, file: &str, line: &str| {
        pairs(&[
            ("code.function.name", function),
            ("code.file.path", file),
            ("code.line.number", line),
            ("code.column.number", "17"),
        ])
    };
    assert_eq!(told(&found[0]), in_c("leaf", &file, "1"));
    assert!(found[0].source().is_user_code);
    let inherited = &found[0].source().inherited;
    assert_eq!(inherited[..4], found[0].source().attributes[..]);
    assert_eq!(inherited[4..], [Attribute::new("renacer.code.inherited", true)]);
    assert_eq!(told(&found[1]), pairs(&[("code.function.name", "leaf"), ("renacer.code.origin", "symbol")]));
    assert!(found[1].source().is_user_code);
    for stack in &found[2..3] {
        assert_eq!(told(stack), []);
        assert!(!stack.source().is_user_code && stack.source().inherited.is_empty());
    }
    // The package that has main is the user's.
    assert_eq!(told(&found[3]), in_c("leaf", &format!("{package}/work.c"), "1"));
    assert_eq!((told(&found[4]), told(&found[5])), (Vec::new(), Vec::new()));
    assert_eq!((counts.stacks, counts.stacks_unknown, counts.frames), (6, 3, 8));

    let options = Options { not_user_code: vec![package.into()], ..Options::default() };
    let (found, _) = resolve(modules, options, &stacks[3..4]);
    let mut expected = in_c("leaf", &format!("{package}/work.c"), "1");
    expected.extend(pairs(&[("renacer.code.origin", "dependency")]));
    assert_eq!(told(&found[0]), expected);
    assert!(!found[0].source().is_user_code);
}

#[test]
fn stacks_are_shown_as_text_in_both_forms() {
    if !has("gcc", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().to_str().expect("a name");
    let source = "static inline __attribute__((always_inline)) int in(void) {
    __asm__ volatile(\"nop\"); return 1;
}
int work(void) { return in() + 1; }
int main(void) { return work(); }
";
    fs::write(folder.path().join("work.c"), source).expect("a source");
    run(folder.path(), "gcc -O1 -g work.c -o work");
    let program = folder.path().join("work");
    let modules = Arc::new(Modules::default());
    let module = add_program(&modules, &program);
    let gone = add(&modules, Code::Unreadable, "/opt/gone.so", false);
    let interpreted = Interpreted { function: "Loader.load".into(), file: "/home/me/app.py".into(), line: 12 };
    let python = add(&modules, Code::Interpreter(RwLock::new(vec![interpreted.into()])), "python", false);
    let work = address(&program, "work");
    let exact = |module, address| Frame { module, kind: FrameKind::Exact, address };
    let by_name = Frame { module: python, kind: FrameKind::Interpreted, address: 0 };
    let frames = [exact(gone, 0x1a2f), exact(module, work), by_name];
    let options = Options { stacktrace: Some(9), ..Options::default() };
    let (found, _) = resolve(modules.clone(), options, &[&frames]);
    let (path, file) = (format!("{at}/work"), format!("{at}/work.c"));
    let trace = told(&found[0]).pop().expect("a stack").1;
    let expected = format!(
        "#0 ?? in /opt/gone.so+0x1a2f\n#1 in (inlined) at {file}:2:5\n#2 work at {file}:4:25\n#3 Loader.load at /home/me/app.py:12"
    );
    assert_eq!(trace, expected);
    let lines = [
        " > /opt/gone.so() [0x1a2f]".to_owned(),
        format!(" > {path}(in) [{work:#x}] {file}:2 (inlined)"),
        format!(" > {path}(work+0x0) [{work:#x}] {file}:4"),
        " > python(Loader.load) [0x0] /home/me/app.py:12".to_owned(),
    ];
    assert_eq!(found[0].source().lines, lines.map(Text::from));
    let options = Options { stacktrace: Some(1), ..Options::default() };
    let (found, _) = resolve(modules, options, &[&frames]);
    let trace = told(&found[0]).pop().expect("a stack").1;
    assert_eq!(trace, "#0 ?? in /opt/gone.so+0x1a2f\n... (more frames)");
    assert_eq!(found[0].source().lines.len(), 1);
}

#[test]
fn a_rust_programs_open_is_its_own_function_not_the_librarys() {
    if !has("rustc", "--version") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let source = "mod files {
    #[inline(never)]
    pub fn open() -> bool {
        std::fs::File::open(\"/dev/null\").is_ok()
    }
}
fn main() {
    std::process::exit(files::open() as i32);
}
";
    fs::write(folder.path().join("app.rs"), source).expect("a source");
    for flags in ["-g", "-O -g", "-O -C debuginfo=1"] {
        run(folder.path(), &format!("rustc --edition 2024 {flags} app.rs -o app"));
        let program = folder.path().join("app");
        let modules = Arc::new(Modules::default());
        let module = add_program(&modules, &program);
        let (start, size) = {
            let data = fs::read(&program).expect("a program");
            let elf = object::File::parse(&*data).expect("ELF");
            let symbol = elf.symbols().find(|one| one.name().is_ok_and(|name| name.contains("5files4open")));
            symbol.map(|symbol| (symbol.address(), symbol.size())).expect("a symbol")
        };
        // Wherever in the function, what is told is a place in it, though the library's code is inlined into it.
        let frames: Vec<[Frame; 1]> = (start..start + size).map(|address| [frame(module, address)]).collect();
        let stacks: Vec<&[Frame]> = frames.iter().map(|frames| &frames[..]).collect();
        let (found, counts) = resolve(modules, Options::default(), &stacks);
        assert_eq!((counts.stacks_unknown, counts.frames_unknown, counts.files_refused), (0, 0, 0));
        let file = folder.path().join("app.rs");
        let at_line_4 = found.iter().filter(|stack| {
            let told = told(stack);
            assert_eq!(told[0], ("code.function.name".to_owned(), "app::files::open".to_owned()), "{flags}");
            assert_eq!(told[1], ("code.file.path".to_owned(), file.to_str().expect("a name").to_owned()), "{flags}");
            told[2] == ("code.line.number".to_owned(), "4".to_owned())
        });
        assert!(at_line_4.count() > 10, "{flags}");
    }
}

#[test]
fn files_that_are_no_programs_are_refused_and_counted_and_all_stacks_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let noise: Vec<u8> =
        b"\x7fELF\x02\x01\x01".iter().copied().chain((0..9000_u32).map(|i| (i * 7919) as u8)).collect();
    fs::write(folder.path().join("noise"), &noise).expect("a file");
    let modules = Arc::new(Modules::default());
    let noise = add_program(&modules, &folder.path().join("noise"));
    let image = add(&modules, Code::Image(vec![0; 64].into()), "[vdso]", false);
    let stacks: Vec<[Frame; 2]> = (0..100).map(|i| [frame(noise, i), frame(image, i)]).collect();
    let stacks: Vec<&[Frame]> = stacks.iter().map(|frames| &frames[..]).collect();
    let (found, counts) = resolve(modules, Options::default(), &stacks);
    assert!(found.iter().all(|stack| stack.source().attributes.is_empty()));
    let expected =
        Counts { stacks: 100, stacks_unknown: 100, frames: 200, frames_unknown: 200, files_refused: 2, redacted: 0 };
    assert_eq!(counts, expected);
}
