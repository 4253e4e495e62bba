//! What a process has mapped, as far as it matters here: files with code, and the mapping in which it says what it is.

use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use renacer_events::Pid;

/// The most of a process's map that is read, in bytes.
const MOST: u64 = 8 << 20;
/// Names that the mapping of a process's description may begin with.
const NAMES: [&[u8]; 3] = [b"[anon_shmem:OTEL_CTX]", b"[anon:OTEL_CTX]", b"/memfd:OTEL_CTX"];

/// One mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mapping {
    /// Code from a file.
    Code {
        start: u64,
        end: u64,
        /// Where in the file it begins.
        offset: u64,
        inode: u64,
        path: Vec<u8>,
    },
    /// What the process says of itself is here.
    Description(u64),
}

/// Reads the map of a process; empty where that is not possible.
pub(crate) fn read(pid: Pid) -> Vec<Mapping> {
    let mut text = Vec::new();
    let file = File::open(format!("/proc/{pid}/maps"));
    let _ = file.and_then(|file| file.take(MOST).read_to_end(&mut text));
    parse(&text)
}

/// The mappings in the text of /proc/PID/maps.
pub(crate) fn parse(text: &[u8]) -> Vec<Mapping> {
    text.split(|byte| *byte == b'\n').filter_map(line).collect()
}

fn line(line: &[u8]) -> Option<Mapping> {
    let mut fields = line.splitn(6, |byte| *byte == b' ');
    let mut field = || std::str::from_utf8(fields.next()?).ok();
    let (range, permissions, offset, _device, inode) = (field()?, field()?, field()?, field()?, field()?);
    let path = fields.next().unwrap_or_default().trim_ascii_start();
    let hexadecimal = |text| u64::from_str_radix(text, 16).ok();
    let (start, end) = range.split_once('-')?;
    let (start, end) = (hexadecimal(start)?, hexadecimal(end)?);
    if NAMES.iter().any(|name| path.starts_with(name)) {
        return Some(Mapping::Description(start));
    }
    let (offset, inode) = (hexadecimal(offset)?, inode.parse().ok()?);
    let is_code = permissions.as_bytes().get(2) == Some(&b'x') && inode != 0 && start < end;
    is_code.then(|| Mapping::Code { start, end, offset, inode, path: path.to_vec() })
}

/// Where the file of a mapping may be found; of the second one the inode has to be compared.
pub(crate) fn candidates(pid: Pid, start: u64, end: u64, path: &[u8]) -> [PathBuf; 2] {
    let mapped = PathBuf::from(format!("/proc/{pid}/map_files/{start:x}-{end:x}"));
    let mut rooted = format!("/proc/{pid}/root").into_bytes();
    rooted.extend_from_slice(path);
    [mapped, PathBuf::from(std::ffi::OsString::from_vec(rooted))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_descriptions_are_found() {
        let text = b"\
55d0c3a00000-55d0c3a02000 r--p 00000000 08:01 1234                       /usr/bin/a program
55d0c3a02000-55d0c3a07000 r-xp 00002000 08:01 1234                       /usr/bin/a program
7f0000000000-7f0000001000 rw-p 00000000 00:00 0 
7f1000000000-7f1000001000 r--s 00000000 00:01 77                         /memfd:OTEL_CTX (deleted)
7f1000002000-7f1000003000 r--p 00000000 00:00 0                          [anon:OTEL_CTX]
7ffd5a5c8000-7ffd5a5ca000 r-xp 00000000 00:00 0                          [vdso]
junk
";
        let code = Mapping::Code {
            start: 0x55d0_c3a0_2000,
            end: 0x55d0_c3a0_7000,
            offset: 0x2000,
            inode: 1234,
            path: b"/usr/bin/a program".to_vec(),
        };
        let expected = [code, Mapping::Description(0x7f10_0000_0000), Mapping::Description(0x7f10_0000_2000)];
        assert_eq!(parse(text), expected);
    }
}
