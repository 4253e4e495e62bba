//! strace's specifications, as `-e` takes them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use renacer_events::{Abi, Select, Test};
use renacer_filter::{Filter, Specs};
use renacer_fuzz::{Facts, check_message, read};

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let specs = Specs { qualifiers: vec![text.to_owned()], ..Specs::default() };
    match read(text, |_| Filter::new(&specs, &Facts)) {
        Ok(filter) => {
            for (abi, number) in [(Abi::X86_64, 0), (Abi::I386, 102), (Abi::X32, 511)] {
                let before = filter.before(abi, number);
                assert!(matches!(before, Test::Always | Test::Never), "{before:?}");
                assert!(!filter.is_everything() || before == Test::Always);
            }
            filter.signals().map(|signals| signals.contains(15));
        }
        Err(error) => check_message(text, &error),
    }
});
