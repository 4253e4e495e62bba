//! Decision files: what a program has recorded of its decisions becomes spans, each from a decision to its result.

mod places;

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use renacer_decisions::{Header, Kind, Record, Value as Recorded};
use renacer_events::{
    Attribute, Caller, Clock, Redact, Resource, Span, SpanId, SpanKind, Status, Text, TraceId, Value,
};

pub use self::places::Places;

/// The largest file that is read.
const MAX_FILE: u64 = 1 << 30;

/// One decision, or a result that no decision was found for.
#[derive(Debug)]
struct Decision {
    name: Text,
    tid: u32,
    /// Nanoseconds since the epoch.
    start: u64,
    end: u64,
    attributes: Vec<Attribute>,
}

/// What a file holds.
#[derive(Debug)]
pub struct Decisions {
    path: PathBuf,
    header: Header,
    decisions: Vec<Decision>,
    /// Records that found no room, and that never became whole.
    lost: u64,
    /// It belongs to a forked child of the program that was asked for.
    of_child: bool,
}

/// What is not among the spans of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Losses {
    /// Records that found no room in their file, or never became whole.
    pub lost: u64,
    /// Decisions at a time, or of a process, that is in no span of the trace.
    pub outside: u64,
    /// Files that could not be read.
    pub files: u64,
}

/// Whether a file that begins like a decision file is there.
pub fn is_one(path: &Path) -> bool {
    // Of a pipe nothing must be taken.
    let is_file = path.metadata().is_ok_and(|metadata| metadata.is_file());
    let mut beginning = [0; renacer_decisions::MAGIC.len()];
    let mut read = || File::open(path)?.read_exact(&mut beginning);
    is_file && read().is_ok() && renacer_decisions::File::is_one(&beginning)
}

/// Reads a file. Times are shifted by `clock`, or by the file's own clocks. Adds to `redacted` how many texts `redact` has changed.
///
/// # Errors
///
/// When it cannot be read or is no whole decision file. Up to a damaged record it counts.
pub fn read(
    path: &Path,
    clock: Option<Clock>,
    redact: Option<&dyn Redact>,
    redacted: &mut u64,
) -> anyhow::Result<Decisions> {
    let name = || path.display().to_string();
    let mut file = File::open(path).with_context(name)?;
    let metadata = file.metadata().with_context(name)?;
    ensure!(metadata.is_file(), "{}: it is no regular file", path.display());
    ensure!(metadata.len() <= MAX_FILE, "{}: it is larger than {} MiB", path.display(), MAX_FILE >> 20);
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    file.by_ref().take(MAX_FILE).read_to_end(&mut bytes).with_context(name)?;
    let file = renacer_decisions::File::read(&bytes).with_context(name)?;
    let header = file.header().clone();
    let epoch = |at| clock.map_or_else(|| header.epoch(at), |clock| clock.epoch(at));
    let mut records = file.records();
    let mut decisions: Vec<Decision> = Vec::new();
    // Of each thread and name, those without a result, the latest last.
    let mut open: HashMap<(u32, &str), Vec<usize>> = HashMap::new();
    for record in records.by_ref() {
        let record = match record {
            Ok(record) => record,
            Err(error) if decisions.is_empty() => bail!("{}: {error}", path.display()),
            Err(error) => {
                crate::exit::say(&format!("renacer: {}: {error}; what stands before it counts", path.display()));
                break;
            }
        };
        let waiting = open.entry((record.tid, record.name)).or_default();
        match record.kind {
            Kind::Result if let Some(index) = waiting.pop() => {
                let decision = &mut decisions[index];
                decision.end = epoch(record.at);
                values(&mut decision.attributes, "decision.result.", &record, redact, redacted);
            }
            kind => {
                let (prefix, is_decision) = match kind {
                    Kind::Decision => ("decision.input.", true),
                    Kind::Result => ("decision.result.", false),
                };
                if is_decision {
                    waiting.push(decisions.len());
                }
                let mut decision = begin(&record, epoch(record.at), redact, redacted);
                values(&mut decision.attributes, prefix, &record, redact, redacted);
                decisions.push(decision);
            }
        }
    }
    let lost = header.dropped + records.unfinished();
    Ok(Decisions { path: path.to_owned(), header, decisions, lost, of_child: false })
}

fn begin(record: &Record<'_>, start: u64, redact: Option<&dyn Redact>, redacted: &mut u64) -> Decision {
    let mut name = Text::from(record.name);
    *redacted += redact.map_or(0, |redact| u64::from(redact.text(&mut name)));
    let (category, rest) = match name.split_once("::") {
        Some((category, rest)) => (Some(Attribute::new("decision.category", category)), Text::from(rest)),
        None => (None, name.clone()),
    };
    let attributes = [Attribute::new("linux.tid", i64::from(record.tid))];
    let attributes = attributes.into_iter().chain(category).chain([Attribute::new("decision.name", rest)]).collect();
    Decision { name, tid: record.tid, start, end: start, attributes }
}

/// Adds a record's values, each key once.
fn values(
    attributes: &mut Vec<Attribute>,
    prefix: &str,
    record: &Record<'_>,
    redact: Option<&dyn Redact>,
    redacted: &mut u64,
) {
    for (key, value) in &record.values {
        let key = format!("{prefix}{key}");
        if attributes.iter().any(|known| known.key == key) {
            continue;
        }
        let value = match *value {
            Recorded::Bool(value) => Value::Bool(value),
            Recorded::Int(value) => Value::Int(value),
            Recorded::Double(value) if value.is_finite() => Value::Double(value),
            Recorded::Double(value) => Value::from(value.to_string()),
            Recorded::Text(value) => {
                let (text, changed) = clean(&key[prefix.len()..], value, redact);
                *redacted += u64::from(changed);
                Value::Text(text)
            }
        };
        attributes.push(Attribute { key: key.into(), value });
    }
}

/// A text without secrets: its key may tell that it is one.
fn clean(key: &str, value: &str, redact: Option<&dyn Redact>) -> (Text, bool) {
    let Some(redact) = redact else { return (value.into(), false) };
    let mut pair = Text::from(format!("{key}={value}"));
    let changed = redact.text(&mut pair);
    match pair.strip_prefix(key).and_then(|rest| rest.strip_prefix('=')) {
        Some(text) => (text.into(), changed),
        None => (pair, changed),
    }
}

impl Decisions {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Records that are missing.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Its spans in a trace of their own, or in the one that the program was started in.
    pub fn alone(self) -> Vec<Span> {
        let executable = String::from_utf8_lossy(&self.header.executable).into_owned();
        let name = executable.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("process").to_owned();
        // A UUID of version 8 (RFC 9562), as all resources of Renacer have.
        let id = u128::from_be_bytes(self.header.run) & !(0xf << 76 | 0b11 << 62) | 0x8 << 76 | 0b10 << 62;
        let [a, b, c, d, e] =
            [id >> 96, id >> 80 & 0xffff, id >> 64 & 0xffff, id >> 48 & 0xffff, id & 0xffff_ffff_ffff];
        let mut attributes = vec![
            Attribute::new("service.instance.id", format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")),
            Attribute::new("service.name", name.clone()),
            Attribute::new("process.pid", i64::from(self.header.pid)),
            Attribute::new("process.executable.name", name),
        ];
        if !executable.is_empty() {
            attributes.push(Attribute::new("process.executable.path", executable));
        }
        let resource = Arc::new(Resource { attributes });
        let (trace_id, parent) = match self.header.context {
            Some(context) => (TraceId(context.trace_id), Some(SpanId(context.span_id))),
            None => (TraceId(self.header.run), None),
        };
        let run = self.header.run;
        let spans = self.decisions.into_iter().enumerate();
        spans
            .map(|(index, decision)| span(decision, id_of(run, index), trace_id, parent, true, resource.clone()))
            .collect()
    }
}

/// Always the same for one decision, so that what is sent twice is recognisably the same.
fn id_of(run: [u8; 16], index: usize) -> SpanId {
    let base = u64::from_le_bytes(*run.first_chunk().unwrap_or(&[1; 8]));
    let id = base.wrapping_add((index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    SpanId(id.max(1).to_be_bytes())
}

fn span(
    decision: Decision,
    span_id: SpanId,
    trace_id: TraceId,
    parent_id: Option<SpanId>,
    parent_is_remote: bool,
    resource: Arc<Resource>,
) -> Span {
    Span {
        trace_id,
        span_id,
        parent_id,
        trace_state: None,
        parent_is_remote: parent_is_remote && parent_id.is_some(),
        kind: SpanKind::Decision,
        name: decision.name,
        start: decision.start,
        end: decision.end.max(decision.start.saturating_add(1)),
        attributes: decision.attributes,
        caller: Caller::default(),
        dropped_attributes: 0,
        events: Vec::new(),
        dropped_events: 0,
        links: Vec::new(),
        status: Status::Unset,
        resource,
        call: None,
    }
}

/// The files that `--decisions` names, and those of forked children beside them. What cannot be read is told and counted.
pub fn read_all(paths: &[PathBuf], clock: Clock, redact: Option<&dyn Redact>) -> (Vec<Decisions>, Losses, u64) {
    let (mut all, mut losses, mut redacted) = (Vec::new(), Losses::default(), 0);
    for path in paths {
        let children = children(path);
        for (path, of_child) in std::iter::once((path, false)).chain(children.iter().map(|child| (child, true))) {
            match read(path, Some(clock), redact, &mut redacted) {
                Ok(decisions) => all.push(Decisions { of_child, ..decisions }),
                Err(error) => {
                    losses.files += 1;
                    crate::exit::say(&format!("renacer: --decisions: {error:#}"));
                }
            }
        }
    }
    (all, losses, redacted)
}

/// `FILE.PID`, as forked children name theirs.
fn children(path: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_child = |path: &PathBuf| {
        let other = path.file_name().unwrap_or_default().as_encoded_bytes();
        let pid = other.strip_prefix(name.as_encoded_bytes()).and_then(|rest| rest.strip_prefix(b"."));
        pid.is_some_and(|pid| !pid.is_empty() && pid.iter().all(u8::is_ascii_digit)) && is_one(path)
    };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_child).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests;
