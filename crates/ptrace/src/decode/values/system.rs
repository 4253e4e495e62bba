//! What the system tells of itself and of a process's use of it: uname, sysinfo, limits, usage, capabilities.

use super::fields::Fields;
use super::tables::process;
use super::time::{Width, timeval};
use super::{field, int};
use crate::decode::number::{hex, push_unsigned};
use crate::decode::quote::quote;

/// Size of a `struct new_utsname`.
pub(crate) const UTSNAME_SIZE: usize = 390;

/// Appends a `struct new_utsname`, its first two members.
pub(crate) fn utsname(out: &mut String, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    for (index, name) in ["sysname", "nodename"].into_iter().enumerate() {
        let text = bytes.get(index * 65..).unwrap_or_default();
        let text = &text[..text.len().min(65)];
        let out = fields.name(name);
        match text.iter().position(|&byte| byte == 0) {
            Some(end) => quote(out, &text[..end], false),
            None => quote(out, &text[..text.len().min(64)], true),
        }
    }
    fields.end_cut();
}

/// Size of a `struct sysinfo`, for words of that size.
pub(crate) fn sysinfo_size(word: usize) -> usize {
    if word == 8 { 112 } else { 64 }
}

/// Appends a `struct sysinfo`.
pub(crate) fn sysinfo(out: &mut String, word: usize, bytes: &[u8]) {
    let get = |index| field(bytes, index * word, word);
    let mut fields = Fields::new(out);
    fields.unsigned("uptime", get(0));
    let loads = fields.name("loads");
    loads.push('[');
    push_unsigned(loads, get(1));
    loads.push_str(", ");
    push_unsigned(loads, get(2));
    loads.push_str(", ");
    push_unsigned(loads, get(3));
    loads.push(']');
    let names = ["totalram", "freeram", "sharedram", "bufferram", "totalswap", "freeswap"];
    for (index, name) in names.into_iter().enumerate() {
        fields.unsigned(name, get(4 + index));
    }
    fields.unsigned("procs", field(bytes, 10 * word, 2));
    fields.unsigned("totalhigh", get(11));
    fields.unsigned("freehigh", get(12));
    fields.unsigned("mem_unit", field(bytes, 13 * word, 4));
    fields.end();
}

/// Appends a `struct rlimit` of two numbers of that size (8 also for prlimit64): `{rlim_cur=8192*1024, rlim_max=RLIM64_INFINITY}`.
pub(crate) fn rlimit(out: &mut String, size: usize, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    for (index, name) in ["rlim_cur", "rlim_max"].into_iter().enumerate() {
        let out = fields.name(name);
        match (field(bytes, index * size, size), size) {
            (u64::MAX, _) => out.push_str("RLIM64_INFINITY"),
            (0xffff_ffff, 4) => out.push_str("RLIM_INFINITY"),
            (value, _) if value > 1024 && value % 1024 == 0 => {
                push_unsigned(out, value / 1024);
                out.push_str("*1024");
            }
            (value, _) => push_unsigned(out, value),
        }
    }
    fields.end();
}

/// Size of a `struct rusage`.
pub(crate) fn rusage_size(width: Width) -> usize {
    9 * width.size()
}

/// Appends a `struct rusage`, its first two members.
pub(crate) fn rusage(out: &mut String, width: Width, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    timeval(fields.name("ru_utime"), width, bytes);
    timeval(fields.name("ru_stime"), width, bytes.get(width.size()..).unwrap_or_default());
    fields.end_cut();
}

/// Size of the header of capget and capset.
pub(crate) const CAPABILITY_HEADER_SIZE: usize = 8;

/// Appends the header of capget and capset.
pub(crate) fn capability_header(out: &mut String, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    process::CAPABILITY_VERSION.write(fields.name("version"), field(bytes, 0, 4));
    fields.signed("pid", int(bytes, 4));
    fields.end();
}

/// Size of the sets of capget and capset, for the version in the header.
pub(crate) fn capability_sets_size(version: u64) -> usize {
    if matches!(version, 0x2007_1026 | 0x2008_0522) { 24 } else { 12 }
}

/// Appends the sets of capget and capset, in as many bytes as the version wants.
pub(crate) fn capability_sets(out: &mut String, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    for (index, name) in ["effective", "permitted", "inheritable"].into_iter().enumerate() {
        let high = if bytes.len() >= 24 { field(bytes, 12 + index * 4, 4) } else { 0 };
        capabilities(fields.name(name), high << 32 | field(bytes, index * 4, 4));
    }
    fields.end();
}

/// Appends a set of capabilities: `1<<CAP_CHOWN|1<<CAP_KILL`.
fn capabilities(out: &mut String, set: u64) {
    let start = out.len();
    for &(bit, name) in process::CAPABILITY.names {
        if set & 1 << bit != 0 {
            if out.len() > start {
                out.push('|');
            }
            out.push_str("1<<");
            out.push_str(name);
        }
    }
    let known = process::CAPABILITY.names.iter().fold(0, |known, &(bit, _)| known | 1 << bit);
    // What is unknown stands in the upper half, and is written as a half of its own.
    let (rest, named) = (set & !known, set & known >> 32 << 32 != 0);
    if rest != 0 {
        if out.len() > start {
            out.push('|');
        }
        hex(out, rest >> 32);
        if !named {
            out.push_str(" /* CAP_??? */");
        }
    } else if set == 0 {
        out.push('0');
    }
}

#[cfg(test)]
mod tests {
    use super::super::{text, words};
    use super::*;

    // The expected texts are what strace 6.1 prints for these bytes.

    #[test]
    fn names_of_the_system() {
        let bytes = |names: [&[u8]; 2]| {
            let mut bytes = vec![0; UTSNAME_SIZE];
            bytes[..names[0].len()].copy_from_slice(names[0]);
            bytes[65..65 + names[1].len()].copy_from_slice(names[1]);
            bytes
        };
        let linux = bytes([b"Linux", b"h\"ost"]);
        assert_eq!(text(|out| utsname(out, &linux)), r#"{sysname="Linux", nodename="h\"ost", ...}"#);
        let full = bytes([&[b'a'; 65], b""]);
        let expected = format!(r#"{{sysname="{}"..., nodename="", ...}}"#, "a".repeat(64));
        assert_eq!(text(|out| utsname(out, &full)), expected);
    }

    #[test]
    fn state_of_the_system() {
        let expected = "{uptime=100, loads=[65536, 2, 3], totalram=4, freeram=5, sharedram=6, bufferram=7, \
                        totalswap=8, freeswap=9, procs=10, totalhigh=11, freehigh=12, mem_unit=1}";
        let numbers = [100, 65536, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 1];
        assert_eq!(text(|out| sysinfo(out, 8, &words(8, &numbers))), expected);
        assert_eq!(text(|out| sysinfo(out, 4, &words(4, &numbers))), expected);
    }

    #[test]
    fn limits() {
        let limit = |numbers: [u64; 2]| text(|out| rlimit(out, 8, &words(8, &numbers)));
        assert_eq!(limit([1024, u64::MAX]), "{rlim_cur=1024, rlim_max=RLIM64_INFINITY}");
        assert_eq!(limit([8192 * 1024, 1_000_000]), "{rlim_cur=8192*1024, rlim_max=1000000}");
        assert_eq!(limit([0, 0xffff_ffff]), "{rlim_cur=0, rlim_max=4294967295}");
        let narrow = words(4, &[8192 * 1024, 0xffff_ffff]);
        assert_eq!(text(|out| rlimit(out, 4, &narrow)), "{rlim_cur=8192*1024, rlim_max=RLIM_INFINITY}");
    }

    #[test]
    fn usage() {
        let expected = "{ru_utime={tv_sec=1, tv_usec=2}, ru_stime={tv_sec=3, tv_usec=4}, ...}";
        assert_eq!(text(|out| rusage(out, Width::Wide, &words(8, &[1, 2, 3, 4]))), expected);
        assert_eq!(text(|out| rusage(out, Width::Narrow, &words(4, &[1, 2, 3, 4]))), expected);
    }

    #[test]
    fn capabilities_of_a_thread() {
        let header = words(4, &[0x2008_0522, 5]);
        let expected = "{version=_LINUX_CAPABILITY_VERSION_3, pid=5}";
        assert_eq!(text(|out| capability_header(out, &header)), expected);
        let sets = words(4, &[0, 3, 1, 0x8000_0000, 0x201, 0]);
        assert_eq!(
            text(|out| capability_sets(out, &sets)),
            "{effective=0x80000000 /* CAP_??? */, permitted=1<<CAP_CHOWN|1<<CAP_DAC_OVERRIDE|1<<CAP_MAC_OVERRIDE|0x200, \
             inheritable=1<<CAP_CHOWN}"
        );
        let sets = words(4, &[0, 0, 1, 0, 0, 0x8000_0000]);
        assert!(
            text(|out| capability_sets(out, &sets)).ends_with("inheritable=1<<CAP_CHOWN|0x80000000 /* CAP_??? */}")
        );
        assert_eq!(
            text(|out| capability_sets(out, &words(4, &[0, 0, 1]))),
            "{effective=0, permitted=0, inheritable=1<<CAP_CHOWN}"
        );
    }
}
