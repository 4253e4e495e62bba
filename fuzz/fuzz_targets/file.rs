//! Files of OTLP JSON lines that others wrote, as `renacer send` reads them. An input is such a file.

#![no_main]

use std::io::Write;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use renacer_file::{Encoding, Line, Reader};

/// What is read of each line that makes sense.
fn read(path: &Path, encoding: Encoding, max_bytes: usize) -> Vec<Line> {
    Reader::open(path, encoding, max_bytes).expect("a file").filter_map(Result::ok).collect()
}

/// A new file in memory.
fn file(content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().tempfile_in("/dev/shm").expect("a file in memory");
    file.write_all(content).expect("room for it");
    file
}

/// The fields of a message with this number, which has no others but strings and messages.
fn fields(mut message: &[u8], wanted: u64) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message);
        assert_eq!(tag & 7, 2, "a length follows");
        let length = varint(&mut message) as usize;
        let (field, rest) = message.split_at(length);
        message = rest;
        if tag >> 3 == wanted {
            found.push(field);
        }
    }
    found
}

/// The bytes without their order: the fields of a message may stand in any.
fn sorted(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.sort_unstable();
    bytes
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().expect("a whole number");
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return number;
        }
    }
    panic!("a number of more than ten bytes");
}

/// The spans of a request in protobuf.
fn spans(request: &[u8]) -> Vec<&[u8]> {
    let scopes = fields(request, 1).into_iter().flat_map(|resource| fields(resource, 2));
    scopes.flat_map(|scope| fields(scope, 2)).collect()
}

fuzz_target!(|content: &[u8]| {
    let original = file(content);
    let protobuf = read(original.path(), Encoding::Protobuf, usize::MAX);
    let json = read(original.path(), Encoding::Json, usize::MAX);
    let pieces = read(original.path(), Encoding::Protobuf, 300);
    assert_eq!(protobuf.len(), json.len());
    assert_eq!(protobuf.len(), pieces.len());
    for ((protobuf, json), pieces) in protobuf.iter().zip(&json).zip(&pieces) {
        assert_eq!((protobuf.number, protobuf.skipped), (json.number, json.skipped));
        let Some(request) = protobuf.requests.first() else {
            assert!(json.requests.is_empty() && pieces.requests.is_empty());
            continue;
        };
        let whole = spans(&request.bytes);
        assert_eq!(request.spans, whole.len() as u64);
        // Cut into pieces, it has the same spans.
        assert_eq!(pieces.requests.iter().flat_map(|piece| spans(&piece.bytes)).collect::<Vec<_>>(), whole);
        assert!(pieces.requests.iter().all(|piece| piece.spans == 1 || piece.bytes.len() <= 300));
        // Read again from the JSON that was made of it, it is the same.
        let again = read(file(&json.requests[0].bytes).path(), Encoding::Protobuf, usize::MAX);
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].requests.len(), protobuf.requests.len());
        for (again, request) in again[0].requests.iter().zip(&protobuf.requests) {
            assert_eq!((again.spans, sorted(&again.bytes)), (request.spans, sorted(&request.bytes)));
        }
    }
});
