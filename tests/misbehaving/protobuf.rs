//! The little protobuf that a collector needs to know which spans it got.

/// The contents of all fields with this number, which must be length-delimited.
fn fields(mut bytes: &[u8], wanted: u64) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let length = match tag & 7 {
            0 => {
                varint(&mut bytes);
                continue;
            }
            1 => 8,
            5 => 4,
            2 => varint(&mut bytes) as usize,
            other => panic!("no wire type {other}"),
        };
        let (content, rest) = bytes.split_at(length);
        if tag == wanted << 3 | 2 {
            found.push(content);
        }
        bytes = rest;
    }
    found
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().expect("a whole number");
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if *first < 0x80 {
            break;
        }
    }
    number
}

/// The ids of the spans of an ExportTraceServiceRequest.
pub fn span_ids(request: &[u8]) -> Vec<u64> {
    let scopes = fields(request, 1).into_iter().flat_map(|resource| fields(resource, 2));
    let spans = scopes.flat_map(|scope| fields(scope, 2));
    spans.map(|span| u64::from_be_bytes(fields(span, 2)[0].try_into().expect("eight bytes"))).collect()
}

/// An ExportTraceServiceResponse that rejects fewer than 128 spans.
pub fn partial_success(rejected: u64) -> Vec<u8> {
    vec![0x0a, 7, 0x08, rejected as u8, 0x12, 3, b'o', b'l', b'd']
}
