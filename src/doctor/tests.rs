//! What is said where.

use super::system::{Own, attaching_under, kernel_of};
use super::{Mark, reach};

#[test]
fn our_rights_are_read() {
    let own =
        Own::parse("Name:\tx\nUid:\t1000\t0\t0\t0\nCapEff:\t0000000000080000\nSeccomp:\t2\nSeccomp_filters:\t1\n");
    assert_eq!(own, Own { user_id: Some(1000), may_trace_all: true, is_filtered: true });
    let own = Own::parse("Uid:\t0\t0\t0\t0\nCapEff:\t000001fffff7ffff\nSeccomp:\t0\n");
    assert_eq!(own, Own { user_id: Some(0), may_trace_all: false, is_filtered: false });
    assert_eq!(Own::parse(""), Own::default());
}

#[test]
fn attaching_depends_on_yama_and_rights() {
    let own = |may_trace_all| Own { user_id: Some(7), may_trace_all, is_filtered: false };
    for (scope, may, mark, words) in [
        (None, false, Mark::Works, "processes of user 7"),
        (Some("0"), false, Mark::Works, "processes of user 7"),
        (Some("1"), false, Mark::Fails, "ptrace_scope=1"),
        (Some("1"), true, Mark::Works, "all users"),
        (Some("2"), false, Mark::Fails, "run Renacer as root"),
        (Some("3"), true, Mark::Fails, "booted anew"),
    ] {
        let line = attaching_under(scope, &own(may));
        assert!(line.mark == mark && line.text.contains(words), "{scope:?} {may}: {line}");
    }
}

#[test]
fn old_kernels_are_told_of() {
    assert_eq!(kernel_of("6.1.0-18-amd64", "x86_64").mark, Mark::Works);
    assert_eq!(kernel_of("5.3.0", "x86_64").mark, Mark::Works);
    assert_eq!(kernel_of("4.19.0", "x86_64").mark, Mark::Fails);
    assert_eq!(kernel_of("", "x86_64").mark, Mark::Unknown);
}

#[test]
fn addresses_are_found_in_urls() {
    for (url, address) in [
        ("https://debuginfod.elfutils.org/", Some("debuginfod.elfutils.org:443")),
        ("http://localhost:8002/buildid", Some("localhost:8002")),
        ("http://me:word@[::1]/x", Some("[::1]:80")),
        ("http://[::1]:99", Some("[::1]:99")),
        ("ftp://x", None),
        ("http://", None),
    ] {
        assert_eq!(reach::address(url).as_deref(), address, "{url}");
    }
    assert!(reach::connects("http://127.0.0.1:1/").is_err());
}
