//! Object files: sections against objcopy, hand-made hostile files, files that shrink while they are read.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::*;

/// Runs a program that must succeed.
pub(crate) fn run(program: &str, arguments: &[&str], folder: &Path) {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Compiles a program with a few functions.
pub(crate) fn compile(folder: &Path, name: &str, options: &[&str]) -> PathBuf {
    let source = format!("{name}.c");
    let mut text = String::from("static int sum;\n");
    for number in 0..50 {
        text += &format!("int add_{number}(int a, int b) {{\n  sum += a * {number};\n  return sum + b;\n}}\n");
    }
    text += "int main(int count, char **texts) { return add_7(count, texts[0][0]); }\n";
    fs::write(folder.join(&source), text).unwrap();
    let mut arguments = vec!["-O1", "-o", name, &source];
    arguments.extend(options);
    run("gcc", &arguments, folder);
    folder.join(name)
}

pub(crate) fn open(path: &Path) -> Result<ObjectFile, Refused> {
    ObjectFile::open(&File::open(path).unwrap())
}

fn open_bytes(bytes: &[u8]) -> Result<ObjectFile, Refused> {
    ObjectFile::from_image(bytes)
}

struct Part {
    name: &'static str,
    kind: u32,
    flags: u64,
    bytes: Vec<u8>,
}

fn part(name: &'static str, bytes: impl Into<Vec<u8>>) -> Part {
    Part { name, kind: 1, flags: 0, bytes: bytes.into() }
}

/// With `SHF_COMPRESSED` and its header.
fn compressed(name: &'static str, algorithm: u32, size: u64, stored: &[u8]) -> Part {
    let mut bytes = [algorithm.to_le_bytes(), [0; 4]].concat();
    bytes.extend([size.to_le_bytes(), 1u64.to_le_bytes()].concat());
    bytes.extend(stored);
    Part { name, kind: 1, flags: 0x800, bytes }
}

const ZLIB: u32 = 1;
const ZSTD: u32 = 2;
const SECTION_HEADER: usize = 64;

/// A 64-bit little-endian file: header, segments (offset, size, address, flags), sections, names, section headers.
fn elf(segments: &[(u64, u64, u64, u32)], parts: &[Part]) -> Vec<u8> {
    let mut names = b"\0.shstrtab\0".to_vec();
    let mut bytes = vec![0; 64];
    for &(offset, size, address, flags) in segments {
        bytes.extend([1u32.to_le_bytes(), flags.to_le_bytes()].concat());
        bytes.extend([offset, address, address, size, size, 4096].map(u64::to_le_bytes).concat());
    }
    let mut headers = vec![0; SECTION_HEADER];
    let mut section = |name: u32, kind: u32, flags: u64, offset: usize, size: usize| {
        headers.extend([name.to_le_bytes(), kind.to_le_bytes()].concat());
        headers.extend([flags, 0, offset as u64, size as u64].map(u64::to_le_bytes).concat());
        headers.extend([0; 24]);
    };
    for part in parts {
        section(names.len() as u32, part.kind, part.flags, bytes.len(), part.bytes.len());
        names.extend(part.name.as_bytes());
        names.push(0);
        bytes.extend(&part.bytes);
    }
    section(1, 3, 0, bytes.len(), names.len());
    bytes.extend(&names);
    let table = bytes.len() as u64;
    bytes.extend(&headers);
    let header = [
        &[0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &[3, 0, 62, 0, 1, 0, 0, 0],
        &[0; 8],
        &64u64.to_le_bytes(),
        &table.to_le_bytes(),
        &[0, 0, 0, 0, 64, 0, 56, 0, segments.len() as u8, 0, 64, 0],
        &(parts.len() as u16 + 2).to_le_bytes(),
        &(parts.len() as u16 + 1).to_le_bytes(),
    ];
    bytes[..64].copy_from_slice(&header.concat());
    bytes
}

/// Changes a field of the header of the section at `index` (0 is the null section).
fn change_section(bytes: &mut [u8], index: usize, field: usize, value: &[u8]) {
    let table = u64::from_le_bytes(bytes[40..48].try_into().unwrap()) as usize;
    let at = table + index * SECTION_HEADER + field;
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

#[test]
fn every_form_of_section_equals_what_objcopy_makes_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let names = [".debug_info", ".debug_line", ".debug_str", ".debug_abbrev", ".eh_frame", ".text"];
    let plain = compile(folder.path(), "plain", &["-g"]);
    for form in ["none", "zlib", "zlib-gnu", "zstd"] {
        let option = format!("--compress-debug-sections={form}");
        run("objcopy", &[&option, "plain", form], folder.path());
        let file = open(&folder.path().join(form)).unwrap();
        let mut different = false;
        for name in names {
            run(
                "objcopy",
                &["-O", "binary", "--dump-section", &format!("{name}=expected"), "plain", "/dev/null"],
                folder.path(),
            );
            let expected = fs::read(folder.path().join("expected")).unwrap();
            let section = file.section(name).unwrap().expect(name);
            assert_eq!(&section[..], expected, "{form} {name}");
            let again = file.section(name).unwrap().unwrap();
            assert_eq!(again.as_ptr(), section.as_ptr(), "not decompressed twice");
            let stored = section.as_ptr_range().start >= file.data().as_ptr_range().start
                && section.as_ptr_range().end <= file.data().as_ptr_range().end;
            different |= !stored;
        }
        assert_eq!(different, form != "none", "{form} is the form that is meant");
    }
    let file = open(&plain).unwrap();
    assert!(file.section(".debug_nothing").unwrap().is_none());
    assert!(file.section(".bss").unwrap().is_none(), "no contents");
    assert!(!file.has_section(".bss") && file.has_section(".debug_info"));
}

#[test]
fn a_section_outlives_its_file() {
    let section = open_bytes(&elf(&[], &[part(".a", *b"abc")])).unwrap().section(".a").unwrap().unwrap();
    assert_eq!(&section[..], b"abc");
    assert_eq!(&section.slice(1, 2).unwrap()[..], b"bc");
    assert!(section.slice(1, 3).is_none() && section.slice(4, 0).is_none() && section.slice(2, usize::MAX).is_none());
}

#[test]
fn the_build_id_is_that_of_the_linker() {
    let folder = tempfile::tempdir().unwrap();
    let path = compile(folder.path(), "program", &["-Wl,--build-id=0x0123456789abcdef"]);
    assert_eq!(open(&path).unwrap().build_id(), Some(&[0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef][..]));
    let path = compile(folder.path(), "program", &["-Wl,--build-id=none"]);
    assert_eq!(open(&path).unwrap().build_id(), None);
    // Without section headers it is found by way of the segments.
    let path = compile(folder.path(), "program", &["-Wl,--build-id=0xabcdef"]);
    let mut bytes = fs::read(path).unwrap();
    bytes[40..48].fill(0);
    bytes[60..64].fill(0);
    let file = open_bytes(&bytes).unwrap();
    assert_eq!(file.build_id(), Some(&[0xab, 0xcd, 0xef][..]));
    assert!(file.section(".text").unwrap().is_none());
}

#[test]
fn addresses_follow_the_executable_segment_that_holds_the_offset() {
    // As rust-lld lays files out: another difference of address and offset in each segment.
    let segments = [
        (0, 0x1000, 0x20_0000, 4),
        (0x1080, 0x800, 0x20_2080, 5),
        (0x1880, 0x100, 0x20_3880, 6),
        (0x3010, 0x20, 0x90_0010, 5),
    ];
    let file = open_bytes(&elf(&segments, &[])).unwrap();
    assert_eq!(file.address_of_offset(0x1080), Some(0x20_2080));
    assert_eq!(file.address_of_offset(0x187f), Some(0x20_287f));
    assert_eq!(file.address_of_offset(0x1880), None, "data");
    assert_eq!(file.address_of_offset(0x1000), Some(0x20_2000), "the page that the kernel maps begins here");
    assert_eq!(file.address_of_offset(0xfff), None);
    assert_eq!(file.address_of_offset(0x302f), Some(0x90_002f));
    assert_eq!(file.address_of_offset(0x3030), None);
    assert_eq!(file.address_of_offset(u64::MAX), None);
    let extreme = open_bytes(&elf(&[(u64::MAX - 1, u64::MAX, 5, 5)], &[])).unwrap();
    assert_eq!(extreme.address_of_offset(u64::MAX), Some(6));
    assert_eq!(extreme.address_of_offset(0), None);
}

#[test]
fn what_is_no_elf_file_is_refused() {
    for path in ["/dev/null", "/", "/proc/self/maps"] {
        assert!(matches!(open(Path::new(path)), Err(Refused::NotElf)), "{path}");
    }
    let whole = elf(&[(0, 1, 0, 5)], &[part(".debug_info", *b"abc")]);
    assert!(open_bytes(&whole).is_ok());
    for length in 0..whole.len() {
        assert!(open_bytes(&whole[..length]).is_err(), "cut at {length}");
    }
}

#[test]
fn a_section_beyond_the_end_is_refused_and_the_others_are_read() {
    let mut bytes = elf(&[], &[part(".debug_info", *b"abc"), part(".debug_line", *b"line")]);
    let end = bytes.len() as u64;
    for (offset, size) in [(end - 2, 3), (end + 1, 0), (u64::MAX, 1), (u64::MAX, u64::MAX), (0, end + 1), (1, u64::MAX)]
    {
        change_section(&mut bytes, 1, 24, &[offset, size].map(u64::to_le_bytes).concat());
        let file = open_bytes(&bytes).unwrap();
        assert!(matches!(file.section(".debug_info"), Err(Refused::Truncated)), "{offset:x} {size:x}");
        assert_eq!(&file.section(".debug_line").unwrap().unwrap()[..], b"line");
    }
    // Over the header, over another section, and empty: strange, but there.
    change_section(&mut bytes, 1, 24, &[0, end].map(u64::to_le_bytes).concat());
    assert_eq!(open_bytes(&bytes).unwrap().section(".debug_info").unwrap().unwrap()[..], bytes[..]);
    change_section(&mut bytes, 1, 24, &[end, 0].map(u64::to_le_bytes).concat());
    let file = open_bytes(&bytes).unwrap();
    assert_eq!(file.section(".debug_info").unwrap().unwrap().len(), 0);
    assert!(!file.has_section(".debug_info"));
}

#[test]
fn compressed_sections_give_what_they_declare_or_nothing() {
    let text: Vec<u8> = (0..200_000u32).flat_map(|n| (n / 3).to_le_bytes()).collect();
    let size = text.len() as u64;
    let (head, tail) = text.split_at(300_000);
    let skipped = [&0x184d_2a51u32.to_le_bytes()[..], &3u32.to_le_bytes(), b"abc"].concat();
    let frames = [zstd(head), skipped, zstd(tail)].concat();
    for (algorithm, stored) in [(ZLIB, zlib(&text)), (ZSTD, zstd(&text)), (ZSTD, frames)] {
        let open =
            |size, stored: &[u8]| open_bytes(&elf(&[], &[compressed(".debug_info", algorithm, size, stored)])).unwrap();
        assert_eq!(open(size, &stored).section(".debug_info").unwrap().unwrap()[..], text);
        // A bomb has more than it declares.
        for declared in [0, 1, size / 2, size - 1, size + 1, 2 * size] {
            let result = open(declared, &stored).section(".debug_info");
            assert!(matches!(result, Err(Refused::Malformed(_))), "{algorithm}: {declared}");
        }
        for kept in [0, 1, 2, 3, 10, stored.len() / 2, stored.len() - 1] {
            let result = open(size, &stored[..kept]).section(".debug_info");
            assert!(matches!(result, Err(Refused::Malformed(_))), "{algorithm}: {kept} bytes kept");
        }
    }
    let unknown = open_bytes(&elf(&[], &[compressed(".debug_info", 77, 3, b"abc")])).unwrap();
    assert!(matches!(unknown.section(".debug_info"), Err(Refused::Malformed(_))));
}

#[test]
fn the_memory_of_a_file_is_limited_over_all_its_sections() {
    let bomb = |name, size| compressed(name, ZLIB, size, &zlib(b"tiny"));
    let file = open_bytes(&elf(
        &[],
        &[
            bomb(".debug_a", MOST_MEMORY + 1),
            bomb(".debug_b", u64::MAX),
            bomb(".debug_c", MOST_MEMORY - 4),
            bomb(".debug_d", 4),
            bomb(".debug_e", 4),
        ],
    ))
    .unwrap();
    assert!(matches!(file.section(".debug_a"), Err(Refused::TooLarge)));
    assert!(matches!(file.section(".debug_b"), Err(Refused::TooLarge)));
    // Declares what is allowed, and has less. Its share is gone.
    assert!(matches!(file.section(".debug_c"), Err(Refused::Malformed(_))));
    assert_eq!(&file.section(".debug_d").unwrap().unwrap()[..], b"tiny");
    assert!(matches!(file.section(".debug_e"), Err(Refused::TooLarge)));
    assert_eq!(&file.section(".debug_d").unwrap().unwrap()[..], b"tiny", "what is there stays");
}

#[test]
fn names_and_counts_without_end_are_refused() {
    // Every section's name is the whole of a large table that has no end of a name.
    let mut many = elf(&[], &(0..2000).map(|_| part(".a", [])).collect::<Vec<_>>());
    let long = many.len() as u64;
    many.extend(vec![b'x'; 8 << 10]);
    many.push(0);
    change_section(&mut many, 2001, 24, &[long, (8 << 10) + 1].map(u64::to_le_bytes).concat());
    assert!(matches!(open_bytes(&many), Err(Refused::Malformed(_))));
    let mut endless = elf(&[], &[part(".a", [])]);
    change_section(&mut endless, 2, 32, &2u64.to_le_bytes());
    assert!(matches!(open_bytes(&endless), Err(Refused::Malformed(_))));
    // A count of sections in the null section, as files with many have.
    let mut counted = elf(&[], &[part(".a", [])]);
    counted[60..62].fill(0);
    for count in [u64::MAX, 1 << 40, 4] {
        change_section(&mut counted, 0, 32, &count.to_le_bytes());
        assert!(open_bytes(&counted).is_err(), "{count}");
    }
    change_section(&mut counted, 0, 32, &3u64.to_le_bytes());
    assert!(open_bytes(&counted).unwrap().section(".a").unwrap().is_some());
    let table = counted.len() - 3 * SECTION_HEADER;
    counted.resize(table + (MOST_SECTIONS + 1) * SECTION_HEADER, 0);
    change_section(&mut counted, 0, 32, &(MOST_SECTIONS as u64 + 1).to_le_bytes());
    assert!(matches!(open_bytes(&counted), Err(Refused::TooLarge)));
    let mut segments = elf(&[], &[]);
    segments.resize(segments.len() + 56 * 65_534, 0);
    segments[56..58].copy_from_slice(&65_534u16.to_le_bytes());
    assert!(matches!(open_bytes(&segments), Err(Refused::TooLarge)));
}

/// Bytes changed at random, most of them in the headers; what is said about the file does not matter, that it is said does.
#[test]
fn noise_is_survived() {
    let text = vec![7; 5000];
    let parts = [
        part(".debug_line", *b"line"),
        compressed(".debug_info", ZLIB, 5000, &zlib(&text)),
        compressed(".debug_str", ZSTD, 5000, &zstd(&text)),
        Part { name: ".note", kind: 7, flags: 2, bytes: b"\x04\0\0\0\x08\0\0\0\x03\0\0\0GNU\0buildid!".to_vec() },
    ];
    let whole = elf(&[(0, 0x100, 0, 5), (0x100, 0x80, 0x4000, 5)], &parts);
    assert_eq!(open_bytes(&whole).unwrap().build_id(), Some(&b"buildid!"[..]));
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % below
    };
    let mut opened = 0;
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        let tables = whole.len() - 6 * SECTION_HEADER;
        for _ in 0..=random(6) {
            let at = match random(3) {
                0 => random(176),
                1 => tables + random(6 * SECTION_HEADER),
                _ => random(whole.len()),
            };
            bytes[at] = [0, 1, 0x7f, 0xff, random(256) as u8][random(5)];
        }
        bytes.truncate(whole.len() - [0, 0, 0, random(whole.len())][random(4)]);
        let Ok(file) = open_bytes(&bytes) else { continue };
        opened += 1;
        for name in [".debug_line", ".debug_info", ".debug_str", ".note"] {
            let _ = file.section(name);
            let _ = file.section_address(name);
            file.has_section(name);
        }
        file.address_of_offset(random(0x4000) as u64);
    }
    assert!(opened > 1000, "{opened} of 20000 were opened");
}

#[test]
fn a_file_that_shrinks_is_read_on_as_zeros() {
    let mut bytes = elf(&[], &[part(".debug_line", vec![7; 1 << 20]), part(".debug_info", *b"abc")]);
    bytes.extend([9; 1000]);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    let other = open(file.path()).unwrap();
    let object = open(file.path()).unwrap();
    let section = object.section(".debug_line").unwrap().unwrap();
    assert!(section.iter().all(|&byte| byte == 7));
    assert!(!object.lost());

    file.as_file().set_len(10_000).unwrap();
    let page = rustix::param::page_size();
    let end = 10_000usize.next_multiple_of(page) - page;
    // Reads what was mapped, page by page from the end, so that the handler is called at several places.
    assert_eq!(object.data().last(), Some(&0), "was 9");
    assert!(object.lost());
    assert!(!other.lost(), "has not been touched since");
    assert!(object.data()[10_000..].iter().rev().all(|&byte| byte == 0));
    assert_eq!(object.data()[..end], bytes[..end], "what the file still has");
    assert!(section[..end - 64].iter().all(|&byte| byte == 7));
    assert_eq!(section[(1 << 20) - 1], 0);
    // The headers are gone.
    assert!(matches!(object.section(".debug_info"), Err(_) | Ok(None)));
    assert!(object.elf().is_err() || object.section_address(".debug_info").is_none());

    file.as_file().set_len(0).unwrap();
    assert!(other.data().iter().all(|&byte| byte == 0));
    assert!(other.lost());
    // A new file at the same addresses is a new one.
    drop((object, section, other));
    fs::write(file.path(), &bytes).unwrap();
    let again = open(file.path()).unwrap();
    assert!(!again.lost());
    assert_eq!(again.data(), bytes);
}

#[test]
fn threads_read_a_file_while_it_shrinks() {
    let bytes = elf(&[], &[part(".debug_line", vec![7; 8 << 20])]);
    for _ in 0..5 {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        let object = open(file.path()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| while object.data().chunks(512).any(|chunk| chunk[0] != 0) {});
            }
            for length in (0..8).rev() {
                file.as_file().set_len(length << 20).unwrap();
            }
        });
        assert!(object.lost());
    }
}
