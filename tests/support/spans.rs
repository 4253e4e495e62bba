//! Reads the local file back: OTLP JSON lines into spans, with what a test wants to know of their tree.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

/// A span as it stands in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub trace_id: String,
    pub span_id: String,
    pub parent_id: Option<String>,
    pub name: String,
    /// Renacer made it; in a server there may be spans of other programs.
    pub ours: bool,
    pub start: u64,
    pub end: u64,
    pub attributes: BTreeMap<String, Value>,
    pub events: Vec<Event>,
    pub links: usize,
    pub error: bool,
    /// `service.instance.id` of its resource.
    pub instance: String,
    /// All of its resource.
    pub resource: Arc<BTreeMap<String, Value>>,
}

/// Something that happened in a span.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub name: String,
    pub attributes: BTreeMap<String, Value>,
}

/// What a span stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Process,
    Thread,
    Call,
    Gap,
    Decision,
}

impl Span {
    pub fn kind(&self) -> Kind {
        if self.attributes.contains_key("syscall.number") {
            Kind::Call
        } else if self.attributes.contains_key("process.pid") {
            Kind::Process
        } else if self.attributes.contains_key("decision.name") {
            Kind::Decision
        } else if self.name == "untraced" {
            Kind::Gap
        } else {
            assert!(self.name.starts_with("thread "), "a span of no known kind: {self:?}");
            Kind::Thread
        }
    }

    /// A whole-number attribute.
    pub fn int(&self, key: &str) -> Option<i64> {
        self.attributes.get(key).and_then(Value::as_i64)
    }

    /// A text attribute.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.attributes.get(key).and_then(Value::as_str)
    }
}

/// All spans of one file.
#[derive(Debug)]
pub struct Trace {
    pub spans: Vec<Span>,
}

impl Trace {
    /// Reads a file; every line must be whole and valid.
    pub fn read(path: &Path) -> Trace {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(text.is_empty() || text.ends_with('\n'), "the last line is not whole");
        let mut trace = Trace { spans: Vec::new() };
        for line in text.lines() {
            assert!(line.len() < 1 << 20, "a line of {} bytes", line.len());
            trace.add(&serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
        }
        assert!(trace.spans.iter().all(|span| span.ours), "Renacer's own file has spans of another scope");
        trace
    }

    /// The spans of one `TracesData`, as a server gives it.
    pub fn from_data(data: &Value) -> Trace {
        let mut trace = Trace { spans: Vec::new() };
        trace.add(data);
        trace
    }

    fn add(&mut self, data: &Value) {
        for resource in array(data, "resourceSpans") {
            let attributes = Arc::new(attributes(&resource["resource"]));
            // Other programs' spans, in a server, may have none.
            let instance = attributes.get("service.instance.id").and_then(Value::as_str).unwrap_or_default().to_owned();
            for scope in array(resource, "scopeSpans") {
                let ours = scope["scope"]["name"] == "renacer";
                assert!(!ours || !instance.is_empty(), "service.instance.id is missing");
                self.spans.extend(
                    array(scope, "spans").iter().map(|span| Span { ours, ..read_span(span, &instance, &attributes) }),
                );
            }
        }
    }

    /// Renacer's spans of one kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Span> {
        self.spans.iter().filter(move |span| span.ours && span.kind() == kind)
    }

    /// The number of calls per name.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in self.of(Kind::Call) {
            *counts.entry(call.name.clone()).or_default() += 1;
        }
        counts
    }

    /// What is wrong with the tree; empty when it is as it must be. One trace, one process at its root, every parent present, no id twice,
    /// time going forward, calls of a thread one after another, spans within their parents (but for processes, which may
    /// outlive theirs).
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let by_id: HashMap<&str, &Span> = self.spans.iter().map(|span| (&*span.span_id, span)).collect();
        if by_id.len() != self.spans.len() {
            faults.push(format!("{} spans have only {} ids", self.spans.len(), by_id.len()));
        }
        let traces: HashSet<&str> = self.spans.iter().map(|span| &*span.trace_id).collect();
        if traces.len() != 1 {
            faults.push(format!("{} traces", traces.len()));
        }
        // One process, and each program that it ran.
        let roots: Vec<&Span> = self.spans.iter().filter(|span| span.parent_id.is_none()).collect();
        let processes: HashSet<_> =
            roots.iter().map(|root| (root.kind() == Kind::Process, root.int("process.pid"))).collect();
        if processes.len() != 1 || processes.iter().any(|(process, _)| !process) {
            faults.push(format!("the roots are not one process: {roots:?}"));
        }
        for span in &self.spans {
            if span.end <= span.start {
                faults.push(format!("ends before it starts: {span:?}"));
            }
            let Some(parent_id) = &span.parent_id else { continue };
            let Some(parent) = by_id.get(&**parent_id) else {
                faults.push(format!("its parent is missing: {span:?}"));
                continue;
            };
            let fits = match span.kind() {
                Kind::Call | Kind::Gap | Kind::Decision => {
                    matches!(parent.kind(), Kind::Process | Kind::Thread) && parent.instance == span.instance
                }
                Kind::Thread => parent.kind() == Kind::Process && parent.instance == span.instance,
                Kind::Process => parent.kind() == Kind::Process,
            };
            if !fits {
                faults.push(format!("a wrong parent: {span:?} below {parent:?}"));
            }
            let outlives = span.kind() == Kind::Process;
            if span.start < parent.start || (span.end > parent.end && !outlives) {
                faults.push(format!("outside its parent: {span:?} in {parent:?}"));
            }
        }
        self.add_overlaps(&mut faults);
        faults
    }

    /// What Renacer itself says of what is missing: its counts on the first process's span must be those of the file.
    pub fn losses(&self) -> Vec<String> {
        let mut totals = self.spans.iter().filter(|span| span.attributes.contains_key("renacer.calls"));
        let Some(total) = totals.next() else { return vec!["no span has the counts of the run".to_owned()] };
        let calls = self.of(Kind::Call).count() as i64;
        let unfinished = self.of(Kind::Call).filter(|call| call.attributes.contains_key("syscall.unfinished")).count();
        let expected = [("renacer.calls", calls), ("renacer.calls.unfinished", unfinished as i64)];
        let counted = total.attributes.iter().filter(|(key, _)| {
            key.starts_with("renacer.")
                && !expected.iter().any(|(known, _)| known == key)
                && *key != "renacer.signals.dropped"
                // Names of code that nobody has are no loss of the run.
                && !(key.starts_with("renacer.code.") && key.ends_with(".unknown"))
        });
        let mut losses: Vec<String> = counted.map(|(key, value)| format!("{key} = {value}")).collect();
        for (key, expected) in expected {
            if total.int(key).unwrap_or(0) != expected {
                losses.push(format!("{key} is {:?}, the file has {expected}", total.int(key)));
            }
        }
        losses.extend(totals.map(|span| format!("the counts stand twice: {span:?}")));
        losses
    }

    /// A thread makes one call at a time, and none while it is not traced.
    fn add_overlaps(&self, faults: &mut Vec<String>) {
        let mut threads: HashMap<i64, Vec<&Span>> = HashMap::new();
        for call in self.of(Kind::Call).chain(self.of(Kind::Gap)) {
            match call.int("linux.tid") {
                Some(tid) => threads.entry(tid).or_default().push(call),
                None => faults.push(format!("no linux.tid: {call:?}")),
            }
        }
        for calls in threads.values_mut() {
            calls.sort_by_key(|call| call.start);
            for pair in calls.windows(2) {
                // A call that takes no time at all is still given one nanosecond.
                if pair[0].end > pair[1].start + 1 {
                    faults.push(format!("two calls at once: {:?} and {:?}", pair[0], pair[1]));
                }
            }
        }
    }
}

fn array<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("no array {key} in {value}"))
}

fn attributes(holder: &Value) -> BTreeMap<String, Value> {
    let listed = holder["attributes"].as_array().map_or(&[][..], Vec::as_slice);
    let mut attributes = BTreeMap::new();
    for attribute in listed {
        let key = attribute["key"].as_str().expect("a key").to_owned();
        let previous = attributes.insert(key, plain(&attribute["value"]));
        assert!(previous.is_none(), "an attribute stands twice: {attribute}");
    }
    attributes
}

/// A value without OTLP's wrapping; 64-bit numbers are strings in OTLP JSON.
fn plain(value: &Value) -> Value {
    if let Some(number) = value.get("intValue") {
        let text = number.as_str().unwrap_or_else(|| panic!("an integer must be a string: {value}"));
        return Value::from(text.parse::<i64>().expect("an integer"));
    }
    if let Some(list) = value.get("arrayValue") {
        return list["values"].as_array().into_iter().flatten().map(plain).collect();
    }
    let known = ["stringValue", "boolValue", "doubleValue"];
    known.iter().find_map(|key| value.get(key)).unwrap_or_else(|| panic!("a value of no known type: {value}")).clone()
}

fn read_span(span: &Value, instance: &str, resource: &Arc<BTreeMap<String, Value>>) -> Span {
    let id = |key: &str, length: usize| {
        let text = span[key].as_str().unwrap_or_default();
        assert!(text.is_empty() || (text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())));
        text.to_owned()
    };
    let time =
        |key: &str| span[key].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{key}: {span}"));
    Span {
        trace_id: id("traceId", 32),
        span_id: id("spanId", 16),
        parent_id: Some(id("parentSpanId", 16)).filter(|id| !id.is_empty()),
        name: span["name"].as_str().expect("a name").to_owned(),
        ours: false,
        start: time("startTimeUnixNano"),
        end: time("endTimeUnixNano"),
        attributes: attributes(span),
        events: span["events"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|event| Event {
                name: event["name"].as_str().expect("a name").to_owned(),
                attributes: attributes(event),
            })
            .collect(),
        links: span["links"].as_array().map_or(0, Vec::len),
        error: span["status"]["code"] == 2,
        instance: instance.to_owned(),
        resource: resource.clone(),
    }
}
