//! Ways in for the fuzzer, which are there only when it is.

use std::fs::File;
use std::sync::Arc;

use renacer_events::{Frame, FrameKind};

use crate::modules::{Code, Module, Modules};
use crate::symbolizer::Symbolizer;
use crate::user_code::Rules;

pub use crate::unwind::exercise::exercise as unwind;

/// Looks up the source of each address in a file; how many functions that gave.
pub fn symbolize(file: File, addresses: impl Iterator<Item = u64>) -> usize {
    let modules = Arc::new(Modules::default());
    let module = Module { code: Code::File(file), path: b"/program".to_vec(), is_program: true, root: None };
    let Some(module) = modules.add(module) else { return 0 };
    let rules = Rules { user_code: Vec::new(), not_user_code: Vec::new() };
    let mut symbolizer = Symbolizer::new(modules, rules);
    addresses.map(|address| symbolizer.frame(Frame { module, kind: FrameKind::Return, address }).len()).sum()
}
