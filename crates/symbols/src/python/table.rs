//! The numbers under which frames of one interpreter's file are known to the resolver.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use renacer_events::ModuleId;

use crate::modules::{Code, Interpreted, Module, Modules};

/// Different places in Python code that are kept of a run. A program that makes code for ever must not fill our memory.
const MOST: usize = 1 << 18;

/// A table of interpreted frames, shared by all processes that run this interpreter.
#[derive(Debug)]
pub(super) struct Table {
    id: ModuleId,
    module: Arc<Module>,
    numbers: HashMap<Arc<Interpreted>, u32>,
}

impl Table {
    /// An empty one for an interpreter's file, of which it takes path and root.
    pub fn new(modules: &Modules, interpreter: ModuleId) -> Option<Table> {
        let file = modules.get(interpreter)?;
        let id = modules.add(Module {
            code: Code::Interpreter(RwLock::default()),
            path: file.path.clone(),
            is_program: false,
            root: file.root.clone(),
        })?;
        Some(Table { id, module: modules.get(id)?, numbers: HashMap::new() })
    }

    /// Its module.
    pub fn id(&self) -> ModuleId {
        self.id
    }

    /// The number of a place; none if there are too many.
    pub fn number(&mut self, function: &str, file: &str, line: u32) -> Option<u32> {
        let frame = Interpreted { function: function.to_owned(), file: file.to_owned(), line };
        if let Some(number) = self.numbers.get(&frame) {
            return Some(*number);
        }
        let Code::Interpreter(frames) = &self.module.code else { return None };
        if self.numbers.len() >= MOST {
            return None;
        }
        let frame = Arc::new(frame);
        let mut frames = frames.write().unwrap_or_else(PoisonError::into_inner);
        let number = u32::try_from(frames.len()).ok()?;
        frames.push(Arc::clone(&frame));
        self.numbers.insert(frame, number);
        Some(number)
    }
}
