//! Expressions of `--filter`: what is understood, printed and understood again is the same; what is not gets a message.

#![no_main]

use libfuzzer_sys::fuzz_target;
use renacer_events::{Abi, Select};
use renacer_filter::Expression;
use renacer_fuzz::{Facts, check_message, read};

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match read(text, |text| Expression::parse(text, &Facts)) {
        Ok(expression) => {
            let printed = expression.to_string();
            // Printed, it is longer than it may be if it was almost that.
            if let Ok(again) =
                Expression::parse(&printed, &Facts).inspect_err(|error| assert!(printed.len() > 8192, "{error}"))
            {
                assert_eq!(again, expression);
                assert_eq!(again.to_string(), printed);
            }
            for (abi, number) in [(Abi::X86_64, 0), (Abi::I386, 102), (Abi::X32, 511)] {
                expression.before(abi, number);
            }
        }
        Err(error) => check_message(text, &error),
    }
});
