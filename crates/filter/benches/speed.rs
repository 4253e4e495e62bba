//! How long deciding takes: `cargo bench -p renacer-filter`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Instant;

use renacer_events::{Abi, Argument, Select};
use renacer_filter::{Filter, Specs};
use support::{Facts, call};

fn main() {
    let mut read = call(Abi::X86_64, "read", [3, 0x7ff0, 4096, 0, 0, 0]);
    read.decoded.arguments = vec![Argument { name: "count", text: "4096".into() }];
    read.decoded.paths = vec!["/tmp/some/file/of/the/usual/length.txt".into()];
    read.decoded.bytes = Some(4096);
    let cases = [
        ("-e read", Some("read"), ""),
        ("-e !%network", Some("!%network"), ""),
        ("syscall", None, r#"syscall in ["write", "openat", "read"]"#),
        ("class", None, r#"class == "desc""#),
        ("regex", None, r#"path =~ "\.txt$""#),
        ("numbers", None, "fd == 3 and bytes > 1KiB and arg.count == 4096 and duration < 1ms"),
        ("mixed", Some("%desc"), r#"(path =~ "^/etc/" or path =~ "^/tmp") and not error == "ENOENT""#),
        ("-P", None, ""),
    ];
    for (name, qualifier, expression) in cases {
        let specs = Specs {
            qualifiers: qualifier.into_iter().map(str::to_owned).collect(),
            expressions: Some(expression).filter(|text| !text.is_empty()).into_iter().map(str::to_owned).collect(),
            paths: if name == "-P" { vec!["/etc/passwd".into()] } else { Vec::new() },
            ..Specs::default()
        };
        let start = Instant::now();
        let filter = Filter::new(&specs, &Facts).unwrap();
        let parsed = start.elapsed();
        let start = Instant::now();
        let wanted = (0..1_000_000).filter(|_| filter.wants(std::hint::black_box(&read), "bash")).count();
        let decided = start.elapsed() / 1_000_000;
        println!("{name:10} read in {parsed:?}, a call in {decided:?}, wanted: {}", wanted > 0);
    }
}
