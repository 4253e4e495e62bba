//! Events in any order: whatever the assembler makes of them is a whole tree of sound spans, and its totals are exact; so is
//! what the merger makes of that.
//!
//! An input: how the run is, then the events, of six bytes or more each.

#![no_main]

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use renacer_events::{
    Abi, Argument, Assembler, Attribute, Call, Clock, Container, Decode, Decoded, DescriptorTarget, Detail, Entry,
    Errno, Event, EventKind, ExitStatus, Image, Memory, MergeCounts, MergeOptions, Merger, Missed, OpenDescriptor,
    Options, Origin, Peer, Pid, ProcessStarted, RawCall, ResourceOptions, Return, Signal, Sink, Span, SpanContext,
    SpanId, SpanKind, Status, Tid, TraceId, Value,
};
use renacer_fuzz::Input;

/// The longest text of a span, in bytes.
const MOST_TEXT: usize = 16 * 1024;
const CALLER: SpanId = SpanId([4; 8]);
const ROOT: SpanId = SpanId([5; 8]);
const CALLERS_TRACE: TraceId = TraceId([3; 16]);
const OWN_TRACE: TraceId = TraceId([2; 16]);
/// The caller of a program that has one of its own.
const OTHER: SpanId = SpanId([6; 8]);
const OTHERS_TRACE: TraceId = TraceId([8; 16]);

/// Knows no call; tells what it was told of processes.
#[derive(Default)]
struct Decoder {
    processes: HashSet<Pid>,
}

impl Decode for Decoder {
    fn process_started(&mut self, started: &ProcessStarted) {
        assert!(self.processes.insert(started.pid), "it lives already");
    }

    fn call(&mut self, call: RawCall<'_>) -> Decoded {
        let [length, bits, ..] = call.entry.arguments;
        let text: String = "é".repeat(length as usize);
        let error = Errno { number: 2, name: "ENOENT", message: "No such file or directory" };
        let peer = Peer { port: Some(443), unix_path: Some(text.as_str().into()), ..Peer::default() };
        Decoded {
            name: ["read", "execve", "exit", "exit_group"][bits as usize % 4].into(),
            arguments: vec![Argument { name: "path", text: text.as_str().into() }],
            result: text.as_str().into(),
            error: (call.returned.is_some_and(|returned| returned.is_error)).then_some(error),
            file_path: (bits & 4 != 0).then(|| text.as_str().into()),
            paths: Vec::new(),
            peer: (bits & 8 != 0).then_some(peer),
            bytes: (bits & 16 != 0).then_some(bits),
        }
    }

    fn image_replaced(&mut self, pid: Pid) {
        assert!(self.processes.contains(&pid), "it lives");
    }

    fn missed(&mut self, pid: Pid, _missed: &Missed) {
        assert!(self.processes.contains(&pid), "it lives");
    }

    fn process_exited(&mut self, pid: Pid, _status: ExitStatus) {
        assert!(self.processes.remove(&pid), "it lived");
    }
}

#[derive(Default)]
struct Made {
    calls: u64,
    signals: u64,
    spans: Vec<Span>,
}

impl Sink for Made {
    fn call(&mut self, call: &Call, _comm: &str) {
        assert!(call.start <= call.end);
        self.calls += 1;
    }

    fn span(&mut self, span: Span) {
        self.spans.push(span);
    }

    fn signal(&mut self, _at: u64, _pid: Pid, _tid: Tid, _signal: &Signal) {
        self.signals += 1;
    }
}

/// Short most of the time, as long texts take long.
fn length(byte: u8) -> usize {
    if byte < 250 { usize::from(byte) % 32 } else { usize::from(byte - 246) * 4096 + 1 }
}

fn name(input: &mut Input<'_>) -> String {
    "n".repeat(length(input.byte()))
}

fn image(input: &mut Input<'_>) -> Image {
    let text = name(input);
    Image {
        executable: input.flag().then(|| format!("/{text}").into()),
        command_args: vec![text.clone().into_bytes(), vec![input.byte()]],
        name: text,
        vpid: input.flag().then_some(1),
        container: input.flag().then(|| Container { id: Some("a".repeat(64)), ..Container::default() }.into()),
        caller: input.flag().then(|| caller(OTHERS_TRACE, OTHER, input.flag())),
        ..Image::default()
    }
}

/// What a program's environment says.
fn caller(trace_id: TraceId, span_id: SpanId, sampled: bool) -> SpanContext {
    SpanContext { trace_id, span_id, sampled, trace_state: "a=b".into(), remote: true }
}

fn status(input: &mut Input<'_>) -> ExitStatus {
    match input.below(3) {
        0 => ExitStatus::Exited(input.byte().into()),
        1 => ExitStatus::Killed { signal: input.byte().into(), core_dumped: true },
        _ => ExitStatus::Unknown,
    }
}

/// Few ids, so that events meet.
fn id(input: &mut Input<'_>) -> i32 {
    i32::from(input.below(6)) + 1
}

fn kind(input: &mut Input<'_>) -> EventKind {
    match input.below(26) {
        0..4 => {
            let (pid, parent) = (id(input), id(input));
            let origin = match input.below(4) {
                0 => Origin::Launched,
                1 => Origin::Attached,
                _ => Origin::Forked { pid: parent, tid: id(input), shares_descriptors: input.flag() },
            };
            let target = DescriptorTarget::Path(b"/".to_vec());
            let descriptors = vec![OpenDescriptor { number: 0, target, close_on_exec: false }];
            let parent_pid = input.flag().then_some(parent);
            EventKind::ProcessStarted(Box::new(ProcessStarted {
                pid,
                parent_pid,
                origin,
                image: image(input),
                descriptors,
            }))
        }
        4..7 => {
            let (pid, creator) = (id(input), id(input));
            EventKind::ThreadStarted { pid, creator: input.flag().then_some(creator), name: name(input) }
        }
        7..13 => EventKind::Entered(Entry {
            abi: input.choose(&[Abi::X86_64, Abi::I386, Abi::X32, Abi::Aarch64]),
            // Among them restart_syscall of each convention.
            number: input.choose(&[0, 128, 219, u64::MAX]),
            arguments: [length(input.byte()) as u64, input.byte().into(), 0, 0, 0, 0],
            instruction_pointer: 0,
            stack_pointer: 0,
            stack: None,
            context: None,
            watched: false,
            memory: Memory::new(),
        }),
        13..18 => {
            let value = input.choose(&[0, 3, -2, -516, i64::MIN, i64::MAX]);
            EventKind::Returned(Return { value, is_error: input.flag(), memory: Memory::new() })
        }
        18 => EventKind::ImageReplaced { former_tid: id(input), image: Box::new(image(input)) },
        19 => {
            let (number, code) = (input.byte().into(), i32::from(input.byte()) - 128);
            EventKind::SignalDelivered(Signal {
                number,
                code,
                errno: 0,
                sender_pid: input.flag().then_some(1),
                sender_uid: None,
                info: Vec::new(),
            })
        }
        23 => EventKind::Rests,
        24 => EventKind::Rested,
        20 => match input.below(3) {
            0 => EventKind::GroupStopped { signal: 19 },
            1 if input.flag() => EventKind::Wrote {
                bytes: input.choose(&["[RESULT] a = ", "1\n", "x", "[DECISION] b::c input={}\n"]).into(),
                cut: input.below(16) == 0,
            },
            1 if input.flag() => EventKind::Marked(vec![input.byte(); 3]),
            1 => EventKind::Renamed(name(input)),
            _ => EventKind::Missed(Box::new(Missed { calls: input.byte().into(), ..Missed::default() })),
        },
        21 => EventKind::ThreadExited(status(input)),
        22 => EventKind::ProcessExited(status(input)),
        _ => EventKind::Detached,
    }
}

fn is_short(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.len() <= MOST_TEXT,
        Value::Texts(texts) => texts.iter().all(|text| text.len() <= MOST_TEXT),
        Value::Double(number) => number.is_finite(),
        Value::Int(_) | Value::Bool(_) => true,
    }
}

fn are_sound(attributes: &[Attribute]) -> bool {
    let keys: HashSet<_> = attributes.iter().map(|attribute| &attribute.key).collect();
    keys.len() == attributes.len() && attributes.iter().all(|attribute| is_short(&attribute.value))
}

/// What holds for each span by itself and within the tree.
fn check(spans: &[Span], caller: Option<SpanId>) {
    let ids: HashMap<SpanId, &Span> = spans.iter().map(|span| (span.span_id, span)).collect();
    assert_eq!(ids.len(), spans.len(), "every id is unique");
    let pid = |span: &Span| span.resource.attributes.iter().find(|attribute| attribute.key == "process.pid").cloned();
    for span in spans {
        assert!(span.span_id.0 != [0; 8] && Some(span.span_id) != caller);
        assert!(span.end > span.start, "{span:?}");
        assert!(span.name.len() <= MOST_TEXT && are_sound(&span.attributes) && are_sound(&span.resource.attributes));
        assert!(!matches!(&span.status, Status::Error(text) if text.len() > MOST_TEXT));
        assert!(span.events.len() <= 128 && span.events.is_sorted_by_key(|event| event.at));
        assert!(span.events.iter().all(|event| span.start <= event.at && event.at <= span.end), "{span:?}");
        assert!(span.links.iter().all(|link| ids.contains_key(&link.span_id)), "{span:?}");
        if span.parent_id == Some(OTHER) {
            assert_eq!((span.kind, span.trace_id), (SpanKind::Process, OTHERS_TRACE));
            continue;
        }
        let Some(parent) = span.parent_id.filter(|id| Some(*id) != caller).map(|id| ids[&id]) else {
            // A trace that goes on for another one has no caller.
            let first = if caller.is_some() { CALLERS_TRACE } else { OWN_TRACE };
            let caller = caller.filter(|_| span.trace_id == first);
            assert_eq!((span.kind, span.parent_id), (SpanKind::Process, caller));
            continue;
        };
        assert_eq!(parent.trace_id, span.trace_id, "{span:?}");
        if span.kind == SpanKind::Process {
            assert_eq!(parent.kind, SpanKind::Process);
        } else {
            assert!(
                parent.kind == SpanKind::Process || span.kind != SpanKind::Thread && parent.kind == SpanKind::Thread
            );
            assert!(parent.start <= span.start && span.end <= parent.end, "{span:?} is inside {parent:?}");
            assert_eq!(pid(span), pid(parent));
        }
    }
}

/// Merges like calls: none may be missing in the counts, and what others name must stay.
fn merge(options: MergeOptions, spans: Vec<Span>, calls: u64, caller: Option<SpanId>) {
    let mut merger = Merger::new(options);
    let mut merged = Vec::new();
    let kept = spans.iter().filter(|span| span.kind != SpanKind::Call).count();
    for span in spans {
        merger.push(span, &mut merged);
    }
    merger.close_all(&mut merged);
    check(&merged, caller);
    assert_eq!(merged.iter().filter(|span| span.kind != SpanKind::Call).count(), kept);
    let stands_for = |span: &Span| match span.attributes.iter().find(|attribute| attribute.key == "syscall.count") {
        Some(Attribute { value: Value::Int(count), .. }) => *count as u64,
        _ => 1,
    };
    let counts: Vec<u64> = merged.iter().filter(|span| span.kind == SpanKind::Call).map(stands_for).collect();
    assert_eq!(counts.iter().sum::<u64>(), calls);
    let several: Vec<u64> = counts.into_iter().filter(|&count| count > 1).collect();
    assert_eq!(merger.counts(), MergeCounts { calls: several.iter().sum(), spans: several.len() as u64 });
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let parent = input.flag().then(|| SpanContext {
        trace_id: CALLERS_TRACE,
        span_id: CALLER,
        sampled: true,
        trace_state: "a=b".into(),
        remote: input.flag(),
    });
    let caller = parent.as_ref().map(|parent| parent.span_id);
    let sampled = input.below(8) != 0;
    let joins_callers = input.flag();
    let options = Options {
        trace_id: OWN_TRACE,
        root_span_id: ROOT,
        parent,
        sampled,
        join_callers: joins_callers,
        join_requests: true,
        clock: Clock::new(1_700_000_000_000_000_000, 1000),
        rotate: input.flag().then(|| std::time::Duration::from_nanos(1 + u64::from(input.byte()))),
        span_names_target: input.flag(),
        redact: None,
        resource: ResourceOptions::default(),
    };
    let merging = MergeOptions {
        detail: input.choose(&[Detail::Auto, Detail::Summary, Detail::Full]),
        max_spans: input.byte().into(),
        slow: Duration::from_nanos(input.byte().into()),
    };
    let mut assembler = Assembler::new(options, Decoder::default(), Made::default());
    let mut now = 1000_u64;
    while !input.is_empty() {
        // Mostly forward, at times on the spot or backward.
        now = (now + u64::from(input.below(32))).saturating_sub(8);
        let (tid, kind) = (id(&mut input), kind(&mut input));
        assembler.event(Event { at: now, tid, kind });
    }
    let (totals, made) = assembler.finish(Vec::new());
    let of = |kind| made.spans.iter().filter(|span| span.kind == kind).count() as u64;
    assert_eq!((totals.calls, totals.signals), (made.calls, made.signals));
    assert_eq!(totals.spans, made.spans.len() as u64);
    if sampled {
        check(&made.spans, caller);
        assert!(totals.calls - of(SpanKind::Call) <= totals.spans_not_sampled && totals.threads >= totals.processes);
        assert!(of(SpanKind::Process) + totals.spans_not_sampled >= totals.processes);
        let dropped: u64 = made.spans.iter().map(|span| u64::from(span.dropped_events)).sum();
        let kept: u64 = made.spans.iter().map(|span| span.events.len() as u64).sum();
        // Those of programs whose caller samples nothing are in no span.
        assert!(kept + dropped <= totals.signals + totals.markers);
        assert!(dropped <= totals.signals_dropped + totals.markers_dropped);
        if totals.spans_not_sampled == 0 {
            assert!(totals.signals + totals.markers == kept + dropped && totals.signals_dropped <= dropped);
        }
        let calls = of(SpanKind::Call);
        merge(merging, made.spans, calls, caller);
    } else {
        // Only those of programs whose own caller samples, in its trace or the one it rotated to, are made.
        assert!(made.spans.is_empty() || joins_callers);
        assert!(totals.spans_not_sampled + of(SpanKind::Call) >= totals.calls);
    }
});
