//! From frames to functions and lines, each different frame once.
//!
//! What a module's file says is read when its first frame comes, and forgotten when others need the memory.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use renacer_events::{Frame, FrameKind, ModuleId};

use crate::debug_files::{DebugFiles, Lookup};
use crate::dwarf::{DebugInfo, Error, Place};
use crate::golang::{self, GoTable};
use crate::modules::{Code, Module, Modules};
use crate::names;
use crate::object_file::ObjectFile;
use crate::perf_map::PerfMaps;
use crate::symbol_table::{Symbol, SymbolTable};
use crate::user_code::{self, Owner, Rules, Sources};

/// A function of a frame: the frame's own, or one that was inlined into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// Its name, qualified.
    pub(crate) function: Option<String>,
    /// Path of the source file.
    pub(crate) file: Option<String>,
    /// Line, 0 where unknown.
    pub(crate) line: u32,
    /// Column, 0 where unknown.
    pub(crate) column: u32,
    /// Whether it was inlined into the next one.
    pub(crate) is_inlined: bool,
    /// Whose code it is.
    pub(crate) owner: Owner,
    /// Functions between this one and its caller may be missing.
    pub(crate) is_partial: bool,
    /// How far the frame's address is from the beginning of the function that has the code.
    pub(crate) offset: Option<u64>,
}

/// What happened, for the closing counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) frames: u64,
    pub(crate) unresolved: u64,
    pub(crate) refused: u64,
}

/// Memory for what modules' files say, in bytes, beyond the one that is in use.
const MEMORY: usize = 64 << 20;
/// Different frames that are remembered.
const MOST_FRAMES: usize = 1 << 15;

/// Finds functions and lines.
pub(crate) struct Symbolizer {
    modules: Arc<Modules>,
    files: Arc<DebugFiles>,
    rules: Rules,
    perf_maps: PerfMaps,
    states: HashMap<ModuleId, State>,
    frames: HashMap<Frame, Rc<[Named]>>,
    clock: u64,
    tally: Tally,
}

#[derive(Default)]
struct State {
    /// Its DWARF, or the whole file, is not to be tried (again).
    is_refused: bool,
    /// Known once they were asked for.
    sources: Option<ProgramSources>,
    loaded: Option<Loaded>,
    used: u64,
}

/// Where a program's sources are.
#[derive(Clone, Debug, Default)]
struct ProgramSources {
    sources: Sources,
    /// Its own code has lines; what has none is of others.
    has_lines: bool,
}

/// What has been read of a module's file.
struct Loaded {
    object: ObjectFile,
    /// Go's own table, which is asked first: it is complete for Go's functions, and cheaper.
    go: Option<GoTable>,
    dwarf: Dwarf,
    symbols: Option<SymbolTable>,
    symbols_read: bool,
}

enum Dwarf {
    Untried,
    Absent,
    Open(Box<DebugInfo>),
}

impl Symbolizer {
    pub(crate) fn new(modules: Arc<Modules>, rules: Rules) -> Symbolizer {
        Symbolizer {
            modules,
            files: Arc::new(DebugFiles::from_environment()),
            rules,
            perf_maps: PerfMaps::default(),
            states: HashMap::new(),
            frames: HashMap::new(),
            clock: 0,
            tally: Tally::default(),
        }
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally { refused: self.tally.refused + self.files.refused(), ..self.tally }
    }

    pub(crate) fn module(&self, id: ModuleId) -> Option<Arc<Module>> {
        self.modules.get(id)
    }

    /// The functions of a frame, innermost first; empty if nothing is known.
    pub(crate) fn frame(&mut self, frame: Frame) -> Rc<[Named]> {
        if let Some(known) = self.frames.get(&frame) {
            return known.clone();
        }
        let found = catch_unwind(AssertUnwindSafe(|| self.look_up(frame)));
        let (named, is_final) = found.unwrap_or_else(|_| {
            // Whatever it was in, it is not read again.
            let state = self.states.entry(frame.module).or_default();
            (state.is_refused, state.loaded) = (true, None);
            self.tally.refused += 1;
            (Vec::new(), true)
        });
        let named: Rc<[Named]> = named.into();
        if is_final {
            self.tally.frames += 1;
            self.tally.unresolved += u64::from(!named.iter().any(|named| named.function.is_some() || named.line != 0));
            if self.frames.len() >= MOST_FRAMES {
                self.frames.clear();
            }
            self.frames.insert(frame, named.clone());
        }
        named
    }

    /// What is known of a frame, and whether that is all that there will be.
    fn look_up(&mut self, frame: Frame) -> (Vec<Named>, bool) {
        let Some(module) = self.modules.get(frame.module) else { return (Vec::new(), true) };
        let path = String::from_utf8_lossy(&module.path);
        match &module.code {
            Code::File(_) | Code::Image(_) => self.in_file(frame, &module, &path),
            Code::Interpreter(table) => {
                let table = table.read().unwrap_or_else(std::sync::PoisonError::into_inner);
                let index = usize::try_from(frame.address).ok();
                let Some(found) = index.and_then(|index| table.get(index)) else { return (Vec::new(), true) };
                let named = Named {
                    function: Some(names::cut(&found.function).to_owned()),
                    file: Some(names::cut(&found.file).to_owned()),
                    line: found.line,
                    column: 0,
                    is_inlined: false,
                    owner: user_code::of_interpreted(&self.rules, &found.file),
                    is_partial: false,
                    offset: None,
                };
                (vec![named], true)
            }
            &Code::Generated { pid, own_pid } => {
                let address = frame.address.wrapping_sub(u64::from(frame.kind == FrameKind::Return));
                let found = self.perf_maps.lookup(pid, own_pid, module.root.as_ref(), address);
                // The map may not be complete yet.
                let Some(found) = found else { return (Vec::new(), false) };
                let named = Named {
                    owner: user_code::of_generated(&self.rules, &found.function, found.file.as_deref()),
                    function: Some(names::cut(&found.function).to_owned()),
                    file: found.file.map(|file| names::cut(&file).to_owned()),
                    line: 0,
                    column: 0,
                    is_inlined: false,
                    is_partial: false,
                    offset: None,
                };
                (vec![named], true)
            }
            Code::Unreadable => (Vec::new(), true),
        }
    }

    fn in_file(&mut self, frame: Frame, module: &Module, path: &str) -> (Vec<Named>, bool) {
        let address = instruction(frame);
        self.make_room(frame.module);
        self.clock += 1;
        let state = self.states.entry(frame.module).or_default();
        state.used = self.clock;
        let is_system = is_system(module, path);
        let (mut places, is_final) = state.places(module, &self.files, is_system, address, &mut self.tally);
        // The function that a symbol names may not be the one that the line is in.
        let needs_symbol =
            places.last().is_none_or(|place| (place.function.is_none() || place.is_bare) && !place.is_partial);
        if needs_symbol && let Some(symbol) = state.symbol(address) {
            if places.is_empty() {
                places.push(Place::default());
            }
            if let Some(place) = places.last_mut() {
                place.start = Some(symbol.address);
                let name = names::demangle(&symbol.name);
                // A symbol may be that of another name of the same code: it must be the same function.
                let fits = |bare: &String| {
                    let last = bare.rsplit("::").next().unwrap_or(bare);
                    name.contains(last.split('<').next().unwrap_or(last))
                };
                if place.function.as_ref().is_none_or(fits) {
                    place.function = Some(name);
                }
            }
        }
        let owners: Vec<Owner> =
            places.iter().map(|place| state.owner(place, &self.rules, module, path, &mut self.tally)).collect();
        let named = places.into_iter().zip(owners).map(|(place, owner)| Named {
            offset: place.start.and_then(|start| frame.address.checked_sub(start)),
            function: place.function,
            file: place.file,
            line: place.line,
            column: place.column,
            is_inlined: place.is_inlined,
            is_partial: place.is_partial,
            owner,
        });
        (named.collect(), is_final)
    }

    /// Forgets the modules that were not used for longest, but for the one that is used next.
    fn make_room(&mut self, next: ModuleId) {
        let size = |state: &State| state.loaded.as_ref().map_or(0, Loaded::size);
        while self.states.values().map(size).sum::<usize>() > MEMORY {
            let others = self.states.iter_mut().filter(|(id, state)| **id != next && state.loaded.is_some());
            let Some((_, oldest)) = others.min_by_key(|(_, state)| state.used) else { return };
            oldest.loaded = None;
        }
    }
}

/// An address within the instruction that a frame is at.
fn instruction(frame: Frame) -> u64 {
    match frame.kind {
        FrameKind::Exact => frame.address,
        FrameKind::Return | FrameKind::Interpreted => frame.address.wrapping_sub(1),
    }
}

/// Libraries whose DWARF is not worth its costs, as nobody but their makers looks at it.
fn is_system(module: &Module, path: &str) -> bool {
    matches!(module.code, Code::Image(_)) || (!module.is_program && user_code::is_system_library(path))
}

impl State {
    fn load(&mut self, module: &Module, tally: &mut Tally) -> Option<&mut Loaded> {
        if self.loaded.is_none() && !self.is_refused {
            let object = match &module.code {
                Code::File(file) => ObjectFile::open(file),
                Code::Image(bytes) => ObjectFile::from_image(bytes),
                _ => return None,
            };
            match object {
                Ok(object) => {
                    let go = GoTable::read(&object);
                    let loaded = Loaded { object, go, dwarf: Dwarf::Untried, symbols: None, symbols_read: false };
                    self.loaded = Some(loaded);
                }
                Err(_) => {
                    self.is_refused = true;
                    tally.refused += 1;
                }
            }
        }
        self.loaded.as_mut()
    }

    /// What DWARF says of an address, and whether that is all that there will be.
    fn places(
        &mut self,
        module: &Module,
        files: &Arc<DebugFiles>,
        is_system: bool,
        address: u64,
        tally: &mut Tally,
    ) -> (Vec<Place>, bool) {
        let is_refused = self.is_refused;
        let Some(loaded) = self.load(module, tally) else { return (Vec::new(), true) };
        let mut is_final = true;
        if is_system || is_refused {
            return (Vec::new(), true);
        }
        if let Some(go) = &loaded.go {
            let places = go.places(address);
            if !places.is_empty() {
                return (places, true);
            }
        }
        if matches!(loaded.dwarf, Dwarf::Untried) {
            loaded.dwarf = match files.find(module, &loaded.object) {
                Lookup::Found(debug) => match DebugInfo::open(files, debug, &loaded.object) {
                    Ok(info) => Dwarf::Open(Box::new(info)),
                    Err(_) => {
                        tally.refused += 1;
                        Dwarf::Absent
                    }
                },
                Lookup::Pending => {
                    is_final = false;
                    Dwarf::Untried
                }
                Lookup::Absent => Dwarf::Absent,
            };
        }
        let Dwarf::Open(info) = &mut loaded.dwarf else { return (Vec::new(), is_final) };
        match info.places(address) {
            Ok(places) => (places, true),
            Err(Error::Malformed(_)) => (Vec::new(), true),
            Err(_) => {
                tally.refused += 1;
                loaded.dwarf = Dwarf::Absent;
                (Vec::new(), true)
            }
        }
    }

    fn symbol(&mut self, address: u64) -> Option<Symbol> {
        self.loaded.as_mut()?.symbols()?.find(address)
    }

    fn owner(&mut self, place: &Place, rules: &Rules, module: &Module, path: &str, tally: &mut Tally) -> Owner {
        let told = place.file.as_deref().and_then(|file| rules.told(file)).or_else(|| rules.told(path));
        if let Some(told) = told {
            return told;
        }
        if is_system(module, path) || user_code::is_interpreter(path) {
            return Owner::Runtime;
        }
        let Some(file) = &place.file else {
            return match &place.function {
                _ if !module.is_program => Owner::Dependency,
                Some(function) if user_code::is_runtime_name(function) => Owner::Runtime,
                _ if self.sources(module, tally).has_lines => Owner::Runtime,
                _ => Owner::User,
            };
        };
        let is_go = self.loaded.as_ref().is_some_and(|loaded| loaded.go.is_some());
        if is_go && golang::is_library(file) {
            return Owner::Runtime;
        }
        let owner = rules.of_file(file, &Sources::default());
        // Which package is the program's own is looked up only where it matters.
        if module.is_program && (is_go || owner == Owner::Dependency) {
            return rules.of_file(file, &self.sources(module, tally).sources);
        }
        owner
    }

    /// Where the sources of a program are, by its `main`.
    fn sources(&mut self, module: &Module, tally: &mut Tally) -> ProgramSources {
        if let Some(known) = &self.sources {
            return known.clone();
        }
        let found = self.load(module, tally).map(Loaded::find_sources).unwrap_or_default();
        self.sources.insert(found).clone()
    }
}

impl Loaded {
    fn symbols(&mut self) -> Option<&SymbolTable> {
        if !self.symbols_read {
            self.symbols_read = true;
            let debug = match &self.dwarf {
                Dwarf::Open(info) => SymbolTable::read(info.object()),
                _ => None,
            };
            self.symbols = debug.or_else(|| SymbolTable::read(&self.object));
        }
        self.symbols.as_ref()
    }

    fn find_sources(&mut self) -> ProgramSources {
        let mut found = ProgramSources::default();
        if let Some(go) = &self.go {
            found.sources.go = go.library();
            found.sources.root = go.main().and_then(|file| user_code::package_of(&file));
            found.has_lines = true;
            return found;
        }
        let mains = self.symbols().map(|symbols| symbols.named(is_main)).unwrap_or_default();
        let Dwarf::Open(info) = &mut self.dwarf else { return found };
        // Without symbols nobody knows which of the code is the program's.
        found.has_lines = mains.is_empty();
        for address in mains {
            let Ok(places) = info.places(address) else { continue };
            let Some(file) = places.last().and_then(|place| place.file.clone()) else { continue };
            found.has_lines = true;
            let folder = info.folder(address).ok().flatten().filter(|folder| folder.starts_with('/'));
            let folder = folder.filter(|folder| folder.len() > 1 && file.starts_with(&format!("{folder}/")));
            found.sources.root = user_code::package_of(&file).or(folder);
            if found.sources.root.is_some() {
                break;
            }
        }
        found
    }

    fn size(&self) -> usize {
        let dwarf = match &self.dwarf {
            Dwarf::Open(info) => info.size(),
            _ => 0,
        };
        dwarf + self.symbols.as_ref().map_or(0, SymbolTable::size)
    }
}

/// `main` of C and C++, and of Rust, where it stands in the root of a crate.
fn is_main(name: &[u8]) -> bool {
    // Of very many names: a hash of 16 digits is at the end of those of Rust's older mangling.
    let legacy =
        || name.len().checked_sub(25).is_some_and(|at| name.starts_with(b"_ZN") && &name[at..at + 8] == b"4main17h");
    let v0 = || name.starts_with(b"_R") && name.ends_with(b"4main");
    if name == b"main" {
        return true;
    }
    if !legacy() && !v0() {
        return false;
    }
    let Ok(name) = std::str::from_utf8(name) else { return false };
    names::demangle(name).strip_suffix("::main").is_some_and(|of| !of.contains("::"))
}
