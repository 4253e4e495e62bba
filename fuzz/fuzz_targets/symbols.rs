//! Files with code, as the resolver reads them: sections, DWARF, symbol tables, Go's table. An input is such a file.

#![no_main]

use std::io::{Seek, SeekFrom, Write};

use libfuzzer_sys::fuzz_target;
use renacer_symbols::fuzzing::symbolize;

/// Where the seeds have their code.
const CODE: u64 = 0x40_00b0;

fuzz_target!(|content: &[u8]| {
    let mut file = tempfile::Builder::new().tempfile_in("/dev/shm").expect("a file in memory").into_file();
    file.write_all(content).expect("room for it");
    file.seek(SeekFrom::Start(0)).expect("a file");
    symbolize(file, (CODE..CODE + 0x40).step_by(3).chain([0, 1, u64::MAX]));
});
