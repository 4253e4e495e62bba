//! Decision files that somebody else has written: whatever they hold, reading ends, and what is read is within them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use renacer_decisions::{File, Value};

/// The header's size.
const HEADER: usize = 4096;

fn check(bytes: &[u8]) {
    let Ok(file) = File::read(bytes) else { return };
    assert!(File::is_one(bytes) && file.header().executable.len() < HEADER);
    assert!(file.header().context.is_none_or(|context| context.trace_id != [0; 16] && context.span_id != [0; 8]));
    let (mut whole, mut failed) = (0, false);
    let mut records = file.records();
    while let Some(record) = records.next() {
        assert!(!failed, "nothing comes after damage");
        let Ok(record) = record else {
            failed = true;
            continue;
        };
        whole += 1;
        let texts = record
            .values
            .iter()
            .map(|(key, value)| key.len() + if let Value::Text(text) = value { text.len() } else { 0 });
        assert!(record.name.len() + texts.sum::<usize>() <= 16 * 1024);
    }
    // Each takes a head and five bytes at least.
    assert!((whole + records.unfinished()) * 8 <= bytes.len() as u64);
}

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    // Few inputs have a whole header: one is put in front, so that all of this one is records.
    let mut file = vec![0; HEADER];
    file[..8].copy_from_slice(b"DECISION");
    (file[8], file[64]) = (1, 1);
    let size = (bytes.len() as u64).to_le_bytes();
    file[16..24].copy_from_slice(&size);
    file[24..32].copy_from_slice(&size);
    file.extend_from_slice(bytes);
    check(&file);
});
