//! Reads which span of the program's own a stopped thread is in, and what the program says of itself.
//!
//! Programs publish both in their memory for whoever looks at them from outside: the span in a thread-local variable
//! (OpenTelemetry's proposal 4947, and Elastic's older one), themselves in a mapping with a name (proposal 4719). Nothing that is
//! read is trusted: it is bounded, and what is not exactly as it must be is as good as absent.

mod description;
mod elf;
mod keys;
mod maps;
mod reader;
mod record;
mod thread_local;

pub use reader::ContextReader;

/// The parts that read input from outside, for the fuzzer.
#[cfg(fuzzing)]
pub mod fuzzing {
    use renacer_events::{Attribute, ReadMemory};

    /// Reads a file and looks for what it publishes in this memory.
    pub fn file(content: &[u8], memory: &mut dyn ReadMemory) {
        let Some(image) = crate::elf::Image::read(&content) else { return };
        for variable in image.variables.iter().flat_map(|variables| variables.iter()) {
            for is_program in [false, true] {
                let place = crate::thread_local::resolve(variable, 0x1000, (0, 0), is_program, memory);
                let place = place.and_then(|place| crate::thread_local::address(place, 0x7000, image.layout(), memory));
                std::hint::black_box(place);
            }
        }
    }

    /// Reads a record, with keys that a description has.
    pub fn record(content: &[u8], description: &[u8]) -> Option<Vec<Attribute>> {
        let description = crate::description::parse(description)?;
        crate::maps::parse(content);
        let record = crate::record::thread_context(content).or_else(|| crate::record::elastic(content))?;
        Some(crate::keys::attributes(record.attributes, &description.keys))
    }
}
