//! What goes over a connection: any bytes, in any parts. An input is a list of parts: a byte for the way and for whether the part was
//! copied, one for its length, its bytes. Split further, they must say the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use renacer_events::{Part, Stream, Way};

/// Tells a stream of the parts, in pieces of at most `most` bytes; which of its first requests is current after each part.
fn follow(mut input: &[u8], most: usize) -> Vec<Option<u64>> {
    let (stream, mut seen) = (Stream::default(), Vec::new());
    while let [kind, length, rest @ ..] = input {
        let (bytes, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        input = rest;
        let way = if kind & 1 == 0 { Way::In } else { Way::Out };
        for piece in bytes.chunks(most) {
            let part = if kind & 2 == 0 { Part::Bytes(piece) } else { Part::Gap(piece.len() as u64) };
            stream.begins(way);
            stream.carried(way, [part].into_iter());
        }
        seen.push((0..8).find(|&number| stream.is_current(number)));
    }
    seen
}

fuzz_target!(|input: &[u8]| {
    let whole = follow(input, usize::MAX);
    for most in [1, 7] {
        assert_eq!(whole, follow(input, most));
    }
});
