//! The files and regions of code that frames refer to: one table for the whole run.
//!
//! A module is entered at first sight, while its process stands still, and keeps what is needed to read it later: the
//! process may be gone by then, and its files may be out of reach by name.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::{Arc, PoisonError, RwLock};

use renacer_events::{ModuleId, Pid};

/// A file or region that frames are in.
#[derive(Debug)]
pub struct Module {
    /// Where its code is.
    pub code: Code,
    /// Its path as the target sees it, in bytes, without the kernel's " (deleted)"; `[vdso]` and the like for regions.
    pub path: Vec<u8>,
    /// The process's executable, as opposed to a library.
    pub is_program: bool,
    /// The root directory of the process that mapped it (O_PATH), where that could be opened.
    pub root: Option<Arc<OwnedFd>>,
}

/// Where the code of a module is.
#[derive(Debug)]
pub enum Code {
    /// In a file, opened at first sight.
    File(File),
    /// In a file that could not be opened.
    Unreadable,
    /// In an ELF image that exists in memory only (the vDSO), copied.
    Image(Box<[u8]>),
    /// Made at run time by this process, which may describe it in a perf map.
    Generated {
        /// The process.
        pid: Pid,
        /// Its id in its own pid namespace, by which it names the map.
        own_pid: Pid,
    },
    /// Frames of an interpreter: see [`Interpreted`]. `address` of their frames is the index.
    Interpreter(RwLock<Vec<Arc<Interpreted>>>),
}

/// A frame of an interpreter, resolved at the stop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Interpreted {
    /// The function's qualified name.
    pub function: String,
    /// The file that the interpreter names.
    pub file: String,
    /// The line in it, 0 where unknown.
    pub line: u32,
}

/// The table. Modules are added, never changed or removed: there are as many as different files were mapped.
#[derive(Debug, Default)]
pub struct Modules {
    table: RwLock<Vec<Arc<Module>>>,
}

impl Modules {
    /// Adds one; none if there are 2³² already.
    pub fn add(&self, module: Module) -> Option<ModuleId> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let id = u32::try_from(table.len()).ok()?;
        table.push(Arc::new(module));
        Some(ModuleId(id))
    }

    /// The module of this id.
    pub fn get(&self, id: ModuleId) -> Option<Arc<Module>> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.get(id.0 as usize).cloned()
    }
}
