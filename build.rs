//! Builds the native part of the Python package that the binary carries for `--inject-context python` (`src/inject.rs`).

use std::path::PathBuf;
use std::process::Command;

const SOURCE: &str = "publishers/python/src/thread_record.c";

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    let object = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("_thread_record.so");
    let target = std::env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets CARGO_CFG_TARGET_ARCH");
    let mut build = cc::Build::new();
    build.opt_level(2).pic(true).cargo_metadata(false);
    if target == "x86_64" {
        // Tracers that know thread-local variables find them by this way of addressing; on Arm it is the only one. Older clangs lack it.
        build.flag_if_supported("-mtls-dialect=gnu2");
    }
    // It needs no library, so it fits every C library.
    let mut link: Command = build.get_compiler().to_command();
    link.args(["-shared", "-nostdlib", "-s", "-o"]).arg(&object).arg(SOURCE);
    match link.status() {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("{link:?} failed: {status}"),
        Err(error) => {
            panic!("a C compiler is needed to build Renacer (Debian: apt-get install gcc): {link:?}: {error}")
        }
    }
}
