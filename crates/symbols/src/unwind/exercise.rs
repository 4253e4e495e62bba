//! Follows whatever rules a file has, on whatever registers and memory: for tests and for the fuzzer.

use renacer_events::{Machine, ModuleId, ReadMemory};

use super::cfi::Context;
use super::image::Image;
use super::rule::{Rule, Step};
use super::signal_frame;
use super::state::{State, word_size};
use super::window::{Buffers, Window};
use crate::object_file::ObjectFile;

/// Finds the rule at each address and follows it, from registers that all are `register`. How many rules there were.
pub fn exercise(
    image: &[u8],
    machine: Machine,
    addresses: impl Iterator<Item = u64>,
    register: u64,
    memory: &mut dyn ReadMemory,
) -> usize {
    let Ok(file) = ObjectFile::from_image(image) else { return 0 };
    let mut image = Image::new(ModuleId(0), b"", Some(file), false);
    let mut context = Context::new();
    let mut buffers = Buffers::default();
    let mut found = 0;
    for address in addresses {
        let rule = image.rule(machine, address, &mut context);
        image.function(address);
        image.has_no_rules(machine);
        let mut state = State { machine, pc: address, general: [register; 32], unknown: 0, used: Default::default() };
        let mut window = Window::new(memory, &mut buffers, register, word_size(machine));
        let step = match rule {
            Some(Rule::Small(small)) => small.apply(&mut state, &mut window),
            Some(Rule::Full(full)) => full.apply(&mut state, &mut window),
            Some(_) => signal_frame::apply(&mut state, &mut window),
            None => continue,
        };
        window.learn(state.stack());
        found += usize::from(step != Step::Lost);
    }
    found
}
