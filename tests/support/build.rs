//! The C programs under `tests/programs`, built on first use into cargo's folder for test files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Whether all these tools are installed. If not, the caller returns: the reason is printed, and with `CI=true`
/// it is a failure.
pub fn available(tools: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    for tool in tools {
        if !std::env::split_paths(&path).any(|folder| folder.join(tool).is_file()) {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{tool} is not installed");
            eprintln!("skipped: {tool} is not installed");
            return false;
        }
    }
    true
}

/// The built program of `tests/programs/NAME.c`. Tests in other threads and processes may build it at the same time:
/// each builds its own file and renames it.
pub fn program(name: &str) -> PathBuf {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(name).with_extension("c");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs");
    let target = folder.join(name.replace('/', "-"));
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    if modified(&target) > modified(&source) {
        return target;
    }
    std::fs::create_dir_all(&folder).expect("a folder for the programs");
    let unfinished =
        target.with_extension(format!("{}-{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed)));
    let mut compiler = Command::new("cc");
    compiler.args(["-O1", "-g", "-w", "-D_GNU_SOURCE", "-o"]).arg(&unfinished).arg(&source);
    if name.ends_with("i386") {
        compiler.args([
            "-m32",
            "-nostdlib",
            "-static",
            "-ffreestanding",
            "-fno-pie",
            "-no-pie",
            "-fno-stack-protector",
        ]);
    } else {
        compiler.args(["-pthread", "-lrt"]);
    }
    let status = compiler.status().expect("cc runs");
    assert!(status.success(), "cc could not build {}", source.display());
    std::fs::rename(&unfinished, &target).expect("the built program can be renamed");
    target
}
