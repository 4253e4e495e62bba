//! Merging: many like calls become one span with exact totals, so that a long run stays readable and cheap to keep.
//!
//! Spans that matter by themselves are never merged: those of processes and threads, failures, slow calls, calls that
//! create or end processes, connects, and whatever another span links to. The counts over merged and whole spans always
//! equal the calls seen.

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::{Attribute, Caller, FastMap, Span, SpanId, SpanKind, Status, Text, Tid, TraceId, Value};

/// A thread that makes more calls of one name in a second has them merged, whatever else is allowed.
const HOT: u32 = 10_000;
/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;
/// Most groups that are open at once.
const MAX_GROUPS: usize = 8192;
/// Most threads whose habits are remembered; the ids of ended ones gather until then.
const MAX_THREADS: usize = 65_536;

/// How much of a run becomes spans of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Every call.
    Full,
    /// Every call up to a number of spans; then like calls are merged.
    Auto,
    /// One span for each thread and call name in each second.
    Summary,
}

/// What is merged.
#[derive(Clone, Copy, Debug)]
pub struct MergeOptions {
    /// How much is kept.
    pub detail: Detail,
    /// How many spans `Auto` keeps before it merges.
    pub max_spans: u64,
    /// A call that takes this long or longer stays whole.
    pub slow: Duration,
}

/// What has been merged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MergeCounts {
    /// Calls that have no span of their own.
    pub calls: u64,
    /// The spans that stand for them.
    pub spans: u64,
}

/// What merging needs to know of a call's span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallFacts {
    /// The thread that made it.
    pub tid: Tid,
    /// Bytes moved, where the call moves any.
    pub bytes: Option<u64>,
    /// What the kernel returned, if that is a negative errno; else 0.
    pub errno: i32,
    /// It must keep a span of its own: it creates, replaces or ends something, it never returned, or others link to it.
    pub is_event: bool,
    /// Its parent is a span of the program's own, maybe in another trace than the run's.
    pub in_context: bool,
}

/// Spans in, fewer spans out.
#[derive(Debug)]
pub struct Merger {
    options: MergeOptions,
    groups: FastMap<u64, Group>,
    /// The group that each thread's last call is in, while only runs of calls are merged.
    runs: FastMap<Tid, u64>,
    rates: FastMap<Tid, Rate>,
    /// The present trace, and its spans that were handed on.
    trace: Option<TraceId>,
    made: u64,
    counts: MergeCounts,
    /// The latest end of a call.
    now: u64,
    swept: u64,
}

/// Calls that will become one span.
#[derive(Debug)]
struct Group {
    first: Span,
    target: Option<Text>,
    facts: CallFacts,
    count: u64,
    errors: u64,
    sum: u64,
    min: u64,
    max: u64,
    bytes: Option<u64>,
    end: u64,
}

/// How often a thread calls what it calls now.
#[derive(Debug)]
struct Rate {
    second: u64,
    names: Vec<(Text, u32)>,
    hot: Vec<Text>,
}

impl Merger {
    /// A merger that has seen nothing yet.
    pub fn new(options: MergeOptions) -> Self {
        Merger {
            options,
            groups: FastMap::default(),
            runs: FastMap::default(),
            rates: FastMap::default(),
            trace: None,
            made: 0,
            counts: MergeCounts::default(),
            now: 0,
            swept: 0,
        }
    }

    /// Takes a span; what is ready goes to `out`.
    pub fn push(&mut self, span: Span, out: &mut Vec<Span>) {
        if self.options.detail == Detail::Full {
            return out.push(span);
        }
        let in_context = span.call.is_some_and(|facts| facts.in_context);
        if !in_context && self.trace != Some(span.trace_id) {
            // Another trace has room for as many spans.
            self.close_all(out);
            (self.trace, self.made) = (Some(span.trace_id), 0);
        }
        let SpanKind::Call = span.kind else {
            return self.lifecycle(span, out);
        };
        let Some(facts) = span.call else { return self.hand_on(span, out) };
        self.now = self.now.max(span.end);
        let is_hot = self.is_hot(&span, facts.tid);
        let merges = match self.options.detail {
            Detail::Full => false,
            Detail::Auto => is_hot || self.made >= self.options.max_spans,
            Detail::Summary => true,
        };
        if !merges || !self.may_merge(&span, &facts) {
            self.break_run(facts.tid, None, out);
            return self.hand_on(span, out);
        }
        let target = (!self.by_window()).then(|| target(&span)).flatten();
        let errno = if self.options.detail == Detail::Summary { 0 } else { facts.errno };
        let key = key(&span, &facts, target.as_ref(), errno);
        if !self.by_window() {
            self.break_run(facts.tid, Some(key), out);
        }
        match self.groups.get_mut(&key) {
            Some(group) if group.is_like(&span, &facts, target.as_ref(), self.options.detail) => {
                group.add(&span, &facts)
            }
            _ => {
                self.close(key, out);
                if self.groups.len() >= MAX_GROUPS {
                    self.close_all(out);
                }
                self.groups.insert(key, Group::new(span, target, facts));
            }
        }
        self.sweep(self.now, out);
    }

    /// The end of a process or thread: nothing comes any more from what ends here.
    fn lifecycle(&mut self, mut span: Span, out: &mut Vec<Span>) {
        // What has the counts of the run comes last.
        if span.attributes.iter().any(|attribute| attribute.key == "renacer.calls") {
            self.close_all(out);
            if self.counts.calls > 0 {
                span.attributes.push(Attribute::new("renacer.calls.merged", self.counts.calls as i64));
                span.attributes.push(Attribute::new("renacer.spans.merged", self.counts.spans as i64));
            }
        } else {
            self.close_children(span.span_id, out);
        }
        self.hand_on(span, out);
    }

    /// Hands on what has gathered for long enough; `now` in nanoseconds since the epoch.
    pub fn sweep(&mut self, now: u64, out: &mut Vec<Span>) {
        let window = self.window();
        if now.saturating_sub(self.swept) < window.min(SECOND) / 4 {
            return;
        }
        self.swept = now;
        let old = |group: &Group| now.saturating_sub(group.first.start) >= window;
        let keys: Vec<u64> = self.groups.iter().filter(|(_, group)| old(group)).map(|(&key, _)| key).collect();
        keys.into_iter().for_each(|key| self.close(key, out));
    }

    /// Hands on everything.
    pub fn close_all(&mut self, out: &mut Vec<Span>) {
        let mut keys: Vec<(u64, u64)> = self.groups.iter().map(|(&key, group)| (group.first.start, key)).collect();
        keys.sort_unstable();
        keys.into_iter().for_each(|(_, key)| self.close(key, out));
    }

    /// What has been merged so far; exact when everything has been handed on.
    pub fn counts(&self) -> MergeCounts {
        self.counts
    }

    fn may_merge(&self, span: &Span, facts: &CallFacts) -> bool {
        let failed = span.status != Status::Unset;
        let slow = u128::from(span.end - span.start) >= self.options.slow.as_nanos();
        let kept = match self.options.detail {
            Detail::Summary => false,
            Detail::Auto | Detail::Full => failed || slow,
        };
        !facts.is_event && !kept && span.links.is_empty() && span.events.is_empty()
    }

    /// How many more spans than allowed there are, in tenths of what is allowed.
    fn excess(&self) -> u64 {
        let allowed = self.options.max_spans.max(10);
        self.made.saturating_sub(allowed) * 10 / allowed
    }

    /// Runs of like calls do not suffice to stay within bounds: whatever is like within a window is merged.
    fn by_window(&self) -> bool {
        self.options.detail == Detail::Summary || self.excess() >= 1
    }

    /// How long a group gathers, in nanoseconds: ever longer, so that the number of spans grows with the logarithm of time only.
    fn window(&self) -> u64 {
        match self.options.detail {
            Detail::Summary => SECOND,
            _ => SECOND << (self.excess() * 2).min(16),
        }
    }

    fn is_hot(&mut self, span: &Span, tid: Tid) -> bool {
        let second = span.start / SECOND;
        if self.rates.len() >= MAX_THREADS {
            self.rates.clear();
        }
        let rate = self.rates.entry(tid).or_insert_with(|| Rate { second, names: Vec::new(), hot: Vec::new() });
        if rate.second != second {
            rate.second = second;
            let hot = rate.names.drain(..).filter(|(_, count)| *count > HOT).map(|(name, _)| name);
            rate.hot = hot.collect();
        }
        let count = match rate.names.iter_mut().find(|(name, _)| *name == span.name) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                // Of so many names none is made often.
                if rate.names.len() < 64 {
                    rate.names.push((span.name.clone(), 1));
                }
                1
            }
        };
        count > HOT || rate.hot.contains(&span.name)
    }

    fn break_run(&mut self, tid: Tid, next: Option<u64>, out: &mut Vec<Span>) {
        if self.runs.len() >= MAX_THREADS {
            self.close_all(out);
            self.runs.clear();
        }
        let last = match next {
            Some(key) => self.runs.insert(tid, key),
            None => self.runs.remove(&tid),
        };
        if let Some(last) = last.filter(|&last| Some(last) != next)
            && !self.by_window()
        {
            self.close(last, out);
        }
    }

    fn close_children(&mut self, parent: SpanId, out: &mut Vec<Span>) {
        let is_child = |group: &Group| group.first.parent_id == Some(parent);
        let keys: Vec<u64> = self.groups.iter().filter(|(_, group)| is_child(group)).map(|(&key, _)| key).collect();
        for key in keys {
            if let Some(group) = self.groups.get(&key) {
                let tid = group.facts.tid;
                self.rates.remove(&tid);
                self.runs.remove(&tid);
            }
            self.close(key, out);
        }
    }

    fn close(&mut self, key: u64, out: &mut Vec<Span>) {
        if let Some(group) = self.groups.remove(&key) {
            if group.count > 1 {
                self.counts.calls += group.count;
                self.counts.spans += 1;
            }
            self.hand_on(group.finish(self.options.detail), out);
        }
    }

    fn hand_on(&mut self, span: Span, out: &mut Vec<Span>) {
        self.made += 1;
        out.push(span);
    }
}

impl Group {
    fn new(first: Span, target: Option<Text>, facts: CallFacts) -> Self {
        let duration = first.end - first.start;
        Group {
            target,
            facts,
            count: 1,
            errors: u64::from(first.status != Status::Unset),
            sum: duration,
            min: duration,
            max: duration,
            bytes: facts.bytes,
            end: first.end,
            first,
        }
    }

    /// Whether a call belongs here: the key is only a hash.
    fn is_like(&self, span: &Span, facts: &CallFacts, target: Option<&Text>, detail: Detail) -> bool {
        self.first.name == span.name
            && self.first.parent_id == span.parent_id
            && self.first.trace_id == span.trace_id
            && self.facts.tid == facts.tid
            && (self.facts.errno == facts.errno || detail == Detail::Summary)
            && self.target.as_ref() == target
    }

    fn add(&mut self, span: &Span, facts: &CallFacts) {
        let duration = span.end - span.start;
        self.count += 1;
        self.errors += u64::from(span.status != Status::Unset);
        self.sum += duration;
        self.min = self.min.min(duration);
        self.max = self.max.max(duration);
        self.bytes = match (self.bytes, facts.bytes) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
        self.end = self.end.max(span.end);
        let same = |a: &Option<_>, b: &Option<_>| match (a, b) {
            (Some(a), Some(b)) => std::sync::Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        if !same(&self.first.caller.stack, &span.caller.stack) {
            self.first.caller = Caller::default();
        }
        if self.count == 2 {
            // From here on it stands for several: what only the first one had goes.
            self.first.attributes.retain(|attribute| !attribute.key.starts_with("syscall.arg."));
        }
    }

    /// One call is its own span; several are one with totals.
    fn finish(self, detail: Detail) -> Span {
        let mut span = self.first;
        if self.count < 2 {
            return span;
        }
        span.end = self.end;
        span.status = Status::Unset;
        let target = self.target.is_some();
        span.attributes.retain(|attribute| match &*attribute.key {
            "syscall.result" => self.facts.errno != 0 && detail != Detail::Summary,
            "error.type" => false,
            "file.path" => target,
            key if key.starts_with("network.") => target,
            _ => true,
        });
        let mut add = |key: &'static str, value: u64| {
            span.attributes.push(Attribute::new(key, Value::Int(i64::try_from(value).unwrap_or(i64::MAX))));
        };
        add("syscall.count", self.count);
        add("syscall.duration.sum", self.sum);
        add("syscall.duration.min", self.min);
        add("syscall.duration.max", self.max);
        if let Some(bytes) = self.bytes {
            add("syscall.bytes", bytes);
        }
        if self.errors > 0 {
            add("syscall.errors", self.errors);
        }
        span
    }
}

/// What a call is about: a file, or the other end of a socket.
fn target(span: &Span) -> Option<Text> {
    let find =
        |key: &str| span.attributes.iter().find(|attribute| attribute.key == key).map(|attribute| &attribute.value);
    if let Some(Value::Text(path)) = find("file.path") {
        return Some(path.clone());
    }
    match (find("network.peer.address"), find("network.peer.port")) {
        (Some(Value::Text(address)), Some(Value::Int(port))) => Some(compact_str::format_compact!("{address} {port}")),
        (Some(Value::Text(address)), _) => Some(address.clone()),
        _ => None,
    }
}

fn key(span: &Span, facts: &CallFacts, target: Option<&Text>, errno: i32) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    (span.trace_id, span.parent_id, facts.tid, errno, &span.name, target).hash(&mut hasher);
    hasher.finish()
}
