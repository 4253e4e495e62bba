//! Decompression of sections: never more than what was declared, and not for longer than there is time.

use std::io::{self, Read};
use std::time::Duration;

use flate2::bufread::ZlibDecoder;
use object::CompressionFormat;

use crate::object_file::Refused;
use crate::stopwatch::Stopwatch;

/// Between looks at the clock.
const STEP: usize = 1 << 20;
/// What a compressed form may be longer than what it stands for.
const OVERHEAD: u64 = 64 << 10;
/// A decoder of Zstandard keeps 2 to the power of this of what it has written; linkers use up to 8 MiB.
const MOST_WINDOW: u32 = 25;
const MALFORMED: Refused = Refused::Malformed("compressed section");

/// Decompresses `stored`, which declares `size` bytes, and takes the time it took from `time_left`.
pub(crate) fn decompress(
    stored: &[u8],
    format: CompressionFormat,
    size: u64,
    time_left: &mut Duration,
) -> Result<Vec<u8>, Refused> {
    if stored.len() as u64 > size.saturating_add(OVERHEAD) {
        return Err(MALFORMED);
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(size).map_err(|_| Refused::TooLarge)?).map_err(|_| Refused::TooLarge)?;
    let watch = Stopwatch::start();
    let in_time = || if watch.spent() < *time_left { Ok(()) } else { Err(Refused::TooSlow) };
    let result = match format {
        CompressionFormat::Zlib => fill(ZlibDecoder::new(stored), &mut bytes, in_time),
        // Some linkers write one frame for each piece; the decoder goes on to the next.
        CompressionFormat::Zstandard => {
            let decoder = zstd::Decoder::with_buffer(stored).and_then(|mut decoder| {
                decoder.window_log_max(MOST_WINDOW)?;
                Ok(decoder)
            });
            decoder.map_err(malformed).and_then(|decoder| fill(decoder, &mut bytes, in_time))
        }
        _ => Err(MALFORMED),
    };
    *time_left = time_left.saturating_sub(watch.spent());
    result?;
    if bytes.len() as u64 == size { Ok(bytes) } else { Err(MALFORMED) }
}

/// Fills `bytes` to its capacity at most; more is an error.
fn fill(mut decoder: impl Read, bytes: &mut Vec<u8>, in_time: impl Fn() -> Result<(), Refused>) -> Result<(), Refused> {
    let size = bytes.capacity();
    loop {
        in_time()?;
        let step = STEP.min(size - bytes.len());
        if decoder.by_ref().take(step as u64).read_to_end(bytes).map_err(malformed)? == 0 {
            break;
        }
    }
    // The end must follow, with the checksum in it.
    if decoder.read(&mut [0]).map_err(malformed)? == 0 { Ok(()) } else { Err(MALFORMED) }
}

fn malformed(_: io::Error) -> Refused {
    MALFORMED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_limited_and_used_up() {
        // One block of zstd that stands for 100 kB, many times: magic, descriptor, window of 1 MB, blocks of repetition.
        let mut stored = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x50];
        for block in 0..40u8 {
            let header = (100_000u32 << 3) | (1 << 1) | u32::from(block == 39);
            stored.extend(&header.to_le_bytes()[..3]);
            stored.push(block);
        }
        let mut left = Duration::from_secs(600);
        let bytes = decompress(&stored, CompressionFormat::Zstandard, 4_000_000, &mut left).unwrap();
        assert!(bytes.chunks(100_000).enumerate().all(|(block, chunk)| chunk.iter().all(|&byte| byte == block as u8)));
        assert!(left < Duration::from_secs(600));
        let mut none = Duration::ZERO;
        let refused = decompress(&stored, CompressionFormat::Zstandard, 4_000_000, &mut none);
        assert!(matches!(refused, Err(Refused::TooSlow)));
        let zlib = [0x78, 0x9c, 0x03, 0, 0, 0, 0, 1];
        assert!(decompress(&zlib, CompressionFormat::Zlib, 0, &mut left).unwrap().is_empty());
        assert!(matches!(decompress(&zlib, CompressionFormat::Zlib, 0, &mut none), Err(Refused::TooSlow)));
    }

    #[test]
    fn a_window_beyond_what_linkers_use_is_refused() {
        // The descriptor of the window says 2 to the power of 10 + 20 bytes.
        let stored = [0x28, 0xb5, 0x2f, 0xfd, 0, 20 << 3, 1, 0, 0];
        let mut left = Duration::from_secs(600);
        let refused = decompress(&stored, CompressionFormat::Zstandard, 0, &mut left);
        assert!(matches!(refused, Err(Refused::Malformed(_))), "{refused:?}");
    }
}
