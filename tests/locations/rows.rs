//! The ways in which the programs are built and run.

/// What a row's marked calls must say. A wrong answer is never right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// File and line of each.
    Lines,
    /// The same and the function's name.
    Everything,
    /// File and line of 95 in 100.
    NearlyAllLines,
    /// The rows of musl, taken together: file and line of 99 in 100.
    MostLines,
    /// What line information there is does not suffice to be sure.
    NothingWrong,
    /// There is no line information; function names at most.
    Nothing,
}

/// One way.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    /// Without all of these the row is skipped.
    pub tools: Vec<&'static str>,
    /// Run by `sh -e` in the row's own folder; `$SRC` is the folder of the sources.
    pub build: String,
    /// The command to trace, in the same folder.
    pub command: Vec<&'static str>,
    /// Set for Renacer; `$HERE` is the row's folder.
    pub environment: Vec<(&'static str, &'static str)>,
    pub expected: Expected,
    /// At least so many different marks are made.
    pub marks: usize,
    /// Only root can run it.
    pub root: bool,
}

impl Row {
    fn new(name: &str, tools: &[&'static str], build: String, expected: Expected, marks: usize) -> Row {
        Row {
            name: name.to_owned(),
            tools: tools.to_vec(),
            build,
            command: vec!["./program"],
            environment: Vec::new(),
            expected,
            marks,
            root: false,
        }
    }

    /// Goes on with more shell once the program is built.
    fn then(mut self, tools: &[&'static str], script: &str) -> Row {
        self.tools.extend_from_slice(tools);
        self.build.push('\n');
        self.build.push_str(script);
        self
    }

    fn command(mut self, words: &[&'static str]) -> Row {
        self.command = words.to_vec();
        self
    }

    fn expecting(mut self, expected: Expected) -> Row {
        self.expected = expected;
        self
    }

    fn only_for_root(mut self) -> Row {
        self.root = true;
        self
    }
}

/// C with a library that is loaded while the program runs.
fn c(name: &str, compiler: &'static str, flags: &str) -> Row {
    let build = format!(
        "{compiler} {flags} -w -pthread $SRC/c/main.c $SRC/c/other.c -o program -ldl\n\
         {compiler} {flags} -w -shared -fPIC $SRC/c/plugin.c -o plugin.so"
    );
    Row::new(name, &[compiler], build, Expected::Everything, 68).command(&["./program", "./plugin.so"])
}

/// C in one file, without anything that is loaded later.
fn alone(name: &str, compiler: &'static str, flags: &str) -> Row {
    let build = format!("{compiler} {flags} -w -pthread $SRC/c/main.c $SRC/c/other.c -o program");
    Row::new(name, &[compiler], build, Expected::Everything, 58)
}

fn cpp(name: &str, compiler: &'static str, flags: &str) -> Row {
    let build = format!("{compiler} -std=c++20 {flags} -w -pthread $SRC/cpp/main.cpp $SRC/cpp/shapes.cpp -o program");
    Row::new(name, &[compiler], build, Expected::Everything, 56)
}

fn rust(name: &str, flags: &str) -> Row {
    let build = format!("rustc --edition 2024 --crate-name corpus {flags} $SRC/rust/main.rs -o program");
    Row::new(name, &["rustc"], build, Expected::Everything, 48)
}

fn go(name: &str, environment: &str, flags: &str) -> Row {
    let build = format!(
        "here=$PWD; cd $SRC/go; GOFLAGS=-mod=readonly GOWORK=off {environment} go build -buildvcs=false {flags} -o $here/program ."
    );
    Row::new(name, &["go"], build, Expected::Everything, 50)
}

/// Debug information in a file of its own, `program.debug`, and no symbols left in the program.
const SEPARATE: &str = "objcopy --only-keep-debug program program.debug; strip --strip-all program";
/// The same, put at a place derived from the build id below `$base`.
const BY_BUILD_ID: &str = "id=$(readelf -n program | sed -n 's/.*Build ID: //p'); folder=$base/$(echo $id | cut -c1-2)\n\
    objcopy --only-keep-debug program program.debug; strip --strip-all program\n\
    mkdir -p $folder; mv program.debug $folder/$(echo $id | cut -c3-).debug";

/// All C rows.
pub fn of_c() -> Vec<Row> {
    use Expected::{Lines, MostLines, Nothing};
    let mut rows = vec![
        c("gcc -O0", "gcc", "-O0 -g"),
        c("gcc -O1", "gcc", "-O1 -g"),
        c("gcc -O2", "gcc", "-O2 -g"),
        c("gcc -O3 -mavx2", "gcc", "-O3 -mavx2 -g"),
        c("gcc -Os", "gcc", "-Os -g"),
        c("gcc -Og", "gcc", "-Og -g3"),
        c("gcc .debug_frame only", "gcc", "-O2 -g -fomit-frame-pointer -fno-asynchronous-unwind-tables -fno-unwind-tables"),
        c("gcc frame pointers only", "gcc", "-O2 -g -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fno-unwind-tables")
            .then(&["objcopy"], "objcopy -R .debug_frame program; objcopy -R .debug_frame plugin.so"),
        c("gcc no .eh_frame_hdr", "gcc", "-O2 -g -Wl,--no-eh-frame-hdr"),
        c("gcc no-PIE", "gcc", "-O2 -g -fno-pie -no-pie"),
        c("gcc PIE, one segment", "gcc", "-O2 -g -fPIE -pie -Wl,-z,noseparate-code"),
        c("gcc gold", "gcc", "-O2 -g -fuse-ld=gold").then(&["gold"], ""),
        alone("gcc static", "gcc", "-O2 -g -static"),
        alone("gcc static-pie", "gcc", "-O2 -g -static-pie"),
        c("gcc unused sections dropped", "gcc", "-O2 -g -ffunction-sections -Wl,--gc-sections"),
        c("gcc DWARF 3", "gcc", "-O2 -gdwarf-3"),
        c("gcc DWARF 4", "gcc", "-O2 -gdwarf-4"),
        c("gcc DWARF 5", "gcc", "-O2 -gdwarf-5"),
        c("gcc DWARF64", "gcc", "-O2 -gdwarf-5 -gdwarf64"),
        c("gcc -g1", "gcc", "-O2 -g1").expecting(Lines),
        c("gcc zlib", "gcc", "-O2 -g -gz=zlib"),
        c("gcc zlib-gnu", "gcc", "-O2 -g").then(&["objcopy"], "objcopy --compress-debug-sections=zlib-gnu program"),
        c("gcc zstd", "gcc", "-O2 -g").then(&["objcopy"], "objcopy --compress-debug-sections=zstd program"),
        c("gcc .dwo, DWARF 5", "gcc", "-O2 -gdwarf-5 -gsplit-dwarf"),
        c("gcc .dwo, DWARF 4", "gcc", "-O2 -gdwarf-4 -gsplit-dwarf"),
        alone("gcc .dwp, DWARF 4", "gcc", "-O2 -gdwarf-4 -gsplit-dwarf").then(&["dwp"], "dwp -e program -o program.dwp; rm *.dwo"),
        c("gcc dwz", "gcc", "-O2 -g").then(&["dwz"], "dwz program"),
        c("gcc dwz, supplementary file", "gcc", "-O2 -g").then(
            &["dwz"],
            "gcc -O1 -g -w -pthread $SRC/c/main.c $SRC/c/other.c -o twin\n\
             dwz -L none -l none -m common.dwz -M $PWD/common.dwz program twin; test -s common.dwz",
        ),
        c("gcc dwz, relative supplementary file", "gcc", "-O2 -gdwarf-4").then(
            &["dwz"],
            "gcc -O1 -gdwarf-4 -w -pthread $SRC/c/main.c $SRC/c/other.c -o twin\n\
             dwz -L none -l none -r -m common.dwz program twin; test -s common.dwz",
        ),
        alone("gcc debuglink, same folder", "gcc", "-O2 -g -Wl,--build-id=none")
            .then(&["objcopy", "strip"], &format!("{SEPARATE}; objcopy --add-gnu-debuglink=program.debug program")),
        alone("gcc debuglink, .debug, zlib", "gcc", "-O2 -g -Wl,--build-id=none").then(
            &["objcopy", "strip"],
            &format!("objcopy --compress-debug-sections=zlib program; {SEPARATE}\n\
                objcopy --add-gnu-debuglink=program.debug program; mkdir -p .debug; mv program.debug .debug"),
        ),
        alone("gcc debuglink to another build", "gcc", "-O2 -g -Wl,--build-id=none")
            .then(
                &["objcopy", "strip"],
                "mkdir -p other; sed '1i //' $SRC/c/main.c >other/main.c; cp $SRC/c/*.h other\n\
                 gcc -O2 -g -w -pthread -Wl,--build-id=none other/main.c $SRC/c/other.c -o other/program\n\
                 objcopy --only-keep-debug program program.debug; strip --strip-all program\n\
                 objcopy --add-gnu-debuglink=program.debug program; objcopy --only-keep-debug other/program program.debug",
            )
            .expecting(Nothing),
        alone("gcc build id, the target's root", "gcc", "-O2 -g -static-pie")
            .then(&["objcopy", "strip", "chroot"], &format!("base=root/usr/lib/debug/.build-id\n{BY_BUILD_ID}\nmv program root"))
            .command(&["chroot", "root", "/program"])
            .only_for_root(),
        alone("gcc debuginfod's cache", "gcc", "-O2 -g").then(
            &["objcopy", "strip"],
            &format!("id=$(readelf -n program | sed -n 's/.*Build ID: //p'); {SEPARATE}; mkdir -p cache/$id; mv program.debug cache/$id/debuginfo"),
        ),
        c("gcc LTO", "gcc", "-O2 -g -flto"),
        c("gcc LTO -O3 no-PIE", "gcc", "-O3 -g -flto -fno-pie -no-pie"),
        c("gcc stripped of debug", "gcc", "-O2 -g").then(&["strip"], "strip --strip-debug program plugin.so").expecting(Nothing),
        c("gcc stripped of all", "gcc", "-O2 -g").then(&["strip"], "strip --strip-all program plugin.so").expecting(Nothing),
        c("gcc deleted while it runs", "gcc", "-O1 -g")
            .command(&["sh", "-c", "cp program gone; exec 9<gone; rm gone; exec /proc/self/fd/9 ./plugin.so"]),
        alone("gcc in a memfd", "gcc", "-O1 -g").then(&["python3"], "").command(&[
            "python3",
            "-c",
            "import os; f = os.memfd_create('m'); os.write(f, open('program', 'rb').read()); os.execv(f'/proc/self/fd/{f}', ['name'])",
        ]),
        alone("gcc below another mount", "gcc", "-O1 -g")
            .then(&["unshare", "mount"], "cp /bin/true host; cp program inner")
            .command(&["unshare", "-m", "sh", "-c", "mount --bind inner host && exec ./host"])
            .only_for_root(),
        c("gcc path of the source relative", "gcc", "-O2 -g").then(
            &[],
            "here=$PWD; cd $SRC; gcc -O2 -g -w -pthread ./c/../c/main.c cpp/../c/other.c -o $here/program -ldl",
        ),
        c("clang -O0", "clang", "-O0 -g"),
        c("clang -O2", "clang", "-O2 -g"),
        c("clang -O3 -mavx2", "clang", "-O3 -mavx2 -g"),
        c("clang DWARF 4", "clang", "-O2 -gdwarf-4"),
        c("clang line tables only", "clang", "-O2 -gline-tables-only"),
        c("clang .dwo, DWARF 5", "clang", "-O2 -gdwarf-5 -gsplit-dwarf").then(
            &[],
            "clang -O2 -gdwarf-5 -gsplit-dwarf -w -c $SRC/c/main.c $SRC/c/other.c; clang -pthread main.o other.o -o program -ldl",
        ),
        alone("clang .dwp, DWARF 5", "clang", "-O2 -gdwarf-5 -gsplit-dwarf").then(
            &["llvm-dwp"],
            "clang -O2 -gdwarf-5 -gsplit-dwarf -w -c $SRC/c/main.c $SRC/c/other.c; clang -pthread main.o other.o -o program\n\
             llvm-dwp main.dwo other.dwo -o program.dwp; rm *.dwo",
        ),
        c("clang lld", "clang", "-O2 -g -fuse-ld=lld").then(&["ld.lld"], ""),
        c("clang lld no-PIE", "clang", "-O1 -g -fuse-ld=lld -fno-pie -no-pie").then(&["ld.lld"], ""),
        c("clang LTO", "clang", "-O2 -g -flto -fuse-ld=lld").then(&["ld.lld"], ""),
        c("clang thin LTO -O3", "clang", "-O3 -g -flto=thin -fuse-ld=lld").then(&["ld.lld"], ""),
        alone("musl -O0", "musl-gcc", "-O0 -g -static").expecting(MostLines),
        alone("musl -O1", "musl-gcc", "-O1 -g -static").expecting(MostLines),
        alone("musl -O2", "musl-gcc", "-O2 -g -static").expecting(MostLines),
        alone("musl -O3 DWARF 4", "musl-gcc", "-O3 -gdwarf-4 -static").expecting(MostLines),
    ];
    for flags in ["-O0", "-O2"] {
        let build = format!(
            "gcc -m32 {flags} -g -w -nostdlib -static -ffreestanding -fno-pie -no-pie -fno-stack-protector $SRC/c/i386.c -o program"
        );
        rows.push(Row::new(&format!("gcc -m32 {flags}"), &["gcc"], build, Expected::Everything, 6));
    }
    for row in &mut rows {
        if row.name.contains("debuginfod") {
            row.environment.push(("DEBUGINFOD_CACHE_PATH", "$HERE/cache"));
        }
    }
    rows
}

/// All C++ rows.
pub fn of_cpp() -> Vec<Row> {
    vec![
        cpp("g++ -O0", "g++", "-O0 -g"),
        cpp("g++ -O1", "g++", "-O1 -g"),
        cpp("g++ -O2", "g++", "-O2 -g"),
        cpp("g++ -O3 -mavx2", "g++", "-O3 -mavx2 -g"),
        cpp("g++ DWARF 4, type units", "g++", "-O2 -gdwarf-4 -fdebug-types-section"),
        cpp("g++ -g1", "g++", "-O2 -g1").expecting(Expected::Lines),
        cpp("g++ static", "g++", "-O2 -g -static"),
        cpp("g++ LTO", "g++", "-O2 -g -flto"),
        cpp("g++ .dwo", "g++", "-O2 -g -gsplit-dwarf"),
        cpp("g++ .dwo lost", "g++", "-O2 -g -gsplit-dwarf").then(&[], "rm *.dwo").expecting(Expected::NothingWrong),
        cpp("g++ dwz", "g++", "-O1 -g").then(&["dwz"], "dwz -L none -l none program"),
        cpp("clang++ -O0", "clang++", "-O0 -g"),
        cpp("clang++ -O2", "clang++", "-O2 -g"),
        cpp("clang++ line tables only", "clang++", "-O2 -gline-tables-only").expecting(Expected::Lines),
        cpp("clang++ thin LTO", "clang++", "-O2 -g -flto=thin -fuse-ld=lld").then(&["ld.lld"], ""),
    ]
}

/// All Rust rows.
pub fn of_rust() -> Vec<Row> {
    vec![
        rust("rustc debug", "-g"),
        rust("rustc release, debug=1", "-O -C debuginfo=1"),
        rust("rustc release, debug=2", "-C opt-level=3 -g"),
        rust("rustc -Os, line tables only", "-C opt-level=s -C debuginfo=line-tables-only").expecting(Expected::Lines),
        rust("rustc fat LTO", "-O -C debuginfo=1 -C lto=fat -C codegen-units=1"),
        rust("rustc thin LTO", "-O -g -C lto=thin"),
        rust("rustc split, packed", "-O -g -C split-debuginfo=packed"),
        rust("rustc split, unpacked", "-g -C split-debuginfo=unpacked"),
        rust("rustc split, lost", "-O -g -C split-debuginfo=unpacked")
            .then(&[], "rm *.dwo")
            .expecting(Expected::NothingWrong),
        rust("rustc panic=abort", "-O -C debuginfo=1 -C panic=abort"),
        rust("rustc static", "-O -g -C target-feature=+crt-static"),
        rust("rustc v0 names", "-O -g -C symbol-mangling-version=v0"),
        rust("rustc stripped", "-O -C strip=symbols").expecting(Expected::Nothing),
    ]
}

/// All Go rows.
pub fn of_go() -> Vec<Row> {
    vec![
        go("go", "CGO_ENABLED=0", ""),
        go("go stripped", "CGO_ENABLED=0", "-ldflags='-s -w'"),
        go("go without optimisation", "CGO_ENABLED=0", "-gcflags='-N -l'"),
        go("go stripped, without optimisation", "CGO_ENABLED=0", "-gcflags='-N -l' -ldflags='-s -w'"),
        go("go trimpath", "CGO_ENABLED=0", "-trimpath"),
        go("go with C", "CGO_ENABLED=1", "-tags=native").then(&["gcc"], ""),
        go("go PIE", "CGO_ENABLED=0", "-buildmode=pie"),
        go("go PIE stripped", "CGO_ENABLED=0", "-buildmode=pie -ldflags='-s -w'"),
    ]
}
