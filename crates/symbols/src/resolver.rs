//! The thread that tells stacks their sources.
//!
//! Exporters wait for a stack's source, so each stack that comes in gets one, whatever happens to this thread.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use renacer_events::{Attribute, Receiver, Redact, Sender, Source, Stack, channel};

use crate::modules::Modules;
use crate::stacktrace::{self, Shown};
use crate::symbolizer::{Named, Symbolizer};
use crate::user_code::{Owner, Rules};

/// Stacks that may wait for this thread; a walker that finds a new one waits when there are more.
const QUEUE: usize = 1 << 16;
/// For the demanglers, which recurse.
const STACK_SIZE: usize = 8 << 20;

/// What is wanted.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The most functions in `code.stacktrace` and in the lines of the text output; none if they are not wanted.
    pub stacktrace: Option<usize>,
    /// Sources below these paths are the user's, whatever they look like.
    pub user_code: Vec<PathBuf>,
    /// Sources below these paths are not, whatever they look like.
    pub not_user_code: Vec<PathBuf>,
    /// What is removed from all texts.
    pub redact: Option<Arc<dyn Redact>>,
}

/// What has been done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Different stacks.
    pub stacks: u64,
    /// Stacks for which nothing could be told.
    pub stacks_unknown: u64,
    /// Different frames.
    pub frames: u64,
    /// Frames with neither a name nor a line.
    pub frames_unknown: u64,
    /// Files, or the DWARF of files, that were not read: malformed, too large or too slow.
    pub files_refused: u64,
    /// Texts that a secret was removed from.
    pub redacted: u64,
}

/// Finds the sources of stacks.
#[derive(Debug)]
pub struct Resolver {
    modules: Arc<Modules>,
    options: Options,
}

/// The running thread.
#[derive(Debug)]
pub struct Handle(JoinHandle<Counts>);

impl Resolver {
    /// For stacks whose frames are in these modules.
    pub fn new(modules: Arc<Modules>, options: Options) -> Resolver {
        Resolver { modules, options }
    }

    /// Starts the thread, which ends when the sender is gone and all is told. It masks no signals and must come after forks.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn start(self) -> io::Result<(Sender<Arc<Stack>>, Handle)> {
        allow_descriptors();
        let (sender, receiver) = channel(QUEUE);
        let builder = std::thread::Builder::new().name("symbols".to_owned()).stack_size(STACK_SIZE);
        let thread = builder.spawn(move || self.run(&receiver))?;
        Ok((sender, Handle(thread)))
    }

    fn run(self, receiver: &Receiver<Arc<Stack>>) -> Counts {
        let rules =
            Rules { user_code: self.options.user_code.clone(), not_user_code: self.options.not_user_code.clone() };
        let mut symbolizer = Symbolizer::new(self.modules.clone(), rules);
        let mut counts = Counts::default();
        let mut batch = VecDeque::new();
        while receiver.take_all(&mut batch, Duration::ZERO).is_ok() {
            for stack in batch.drain(..) {
                counts.stacks += 1;
                let told = catch_unwind(AssertUnwindSafe(|| self.source(&mut symbolizer, &stack)));
                let mut source = told.unwrap_or_default();
                if let Some(redact) = &self.options.redact {
                    counts.redacted += source.redact(&**redact);
                }
                stack.resolve(source);
                counts.stacks_unknown += u64::from(stack.source().attributes.is_empty());
            }
        }
        let tally = symbolizer.tally();
        Counts { frames: tally.frames, frames_unknown: tally.unresolved, files_refused: tally.refused, ..counts }
    }

    fn source(&self, symbolizer: &mut Symbolizer, stack: &Stack) -> Source {
        let named: Vec<_> = stack.frames.iter().map(|&frame| symbolizer.frame(frame)).collect();
        let functions = || named.iter().flat_map(|named| named.iter());
        // Behind a function of whose callers some may be missing, what is found is not the innermost of the user's.
        let known = || {
            let mut is_whole = true;
            functions().take_while(move |named| {
                let was_whole = is_whole;
                is_whole &= !named.is_partial;
                was_whole && named.function.as_deref() != Some(UNKNOWN_JAVASCRIPT)
            })
        };
        let best = pick(known);
        let mut attributes = best.map(attributes).unwrap_or_default();
        let mut lines = Vec::new();
        if let Some(most) = self.options.stacktrace {
            let modules: Vec<_> = stack.frames.iter().map(|frame| symbolizer.module(frame.module)).collect();
            let paths = modules
                .iter()
                .map(|module| module.as_ref().map_or("?".into(), |module| String::from_utf8_lossy(&module.path)));
            let paths: Vec<_> = paths.collect();
            let shown = stack.frames.iter().zip(&paths).zip(&named);
            let shown: Vec<_> = shown.map(|((&frame, module), named)| Shown { frame, module, named }).collect();
            attributes.push(Attribute::new("code.stacktrace", stacktrace::attribute(&shown, stack.end, most)));
            lines = stacktrace::lines(&shown, most);
        }
        let is_user_code = best.is_some_and(|best| best.owner == Owner::User);
        let inherited = match is_user_code {
            true => {
                let mark = Attribute::new("renacer.code.inherited", true);
                attributes.iter().cloned().chain([mark]).collect()
            }
            false => Vec::new(),
        };
        Source { is_user_code, attributes, inherited, lines }
    }
}

impl Handle {
    /// Waits for the end, which comes when the sender is gone.
    pub fn join(self) -> Counts {
        self.0.join().unwrap_or_default()
    }
}

/// V8's interpreter. What it runs is not known, so whatever lies beyond is not what the call was made in.
const UNKNOWN_JAVASCRIPT: &str = "Builtins_InterpreterEntryTrampoline";

/// Each file with code stays open: as many are allowed as the system lets us. A program that was started before keeps its own limit.
fn allow_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where that is refused, files beyond the limit are counted as not read.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// The function to name: the innermost of the user's with a line, else of the user's, else of a package, else of all.
fn pick<'a, I: Iterator<Item = &'a Named>>(functions: impl Fn() -> I) -> Option<&'a Named> {
    let says = |named: &&Named| named.function.is_some() || has_line(named);
    let of = |owner| move |named: &&Named| named.owner == owner;
    functions()
        .find(|named| named.owner == Owner::User && has_line(named))
        .or_else(|| functions().filter(of(Owner::User)).find(says))
        .or_else(|| functions().filter(of(Owner::Dependency)).find(says))
        .or_else(|| functions().find(says))
}

fn has_line(named: &Named) -> bool {
    named.file.is_some() && named.line != 0
}

fn attributes(named: &Named) -> Vec<Attribute> {
    let mut attributes = Vec::with_capacity(5);
    if let Some(function) = &named.function {
        attributes.push(Attribute::new("code.function.name", function.as_str()));
    }
    if let Some(file) = &named.file {
        attributes.push(Attribute::new("code.file.path", file.as_str()));
        if named.line != 0 {
            attributes.push(Attribute::new("code.line.number", i64::from(named.line)));
            if named.column != 0 {
                attributes.push(Attribute::new("code.column.number", i64::from(named.column)));
            }
        }
    }
    let origin = match named.owner {
        Owner::User if has_line(named) => None,
        Owner::User => Some("symbol"),
        Owner::Dependency => Some("dependency"),
        Owner::Runtime => Some("runtime"),
    };
    attributes.extend(origin.map(|origin| Attribute::new("renacer.code.origin", origin)));
    attributes
}

#[cfg(test)]
mod tests;
