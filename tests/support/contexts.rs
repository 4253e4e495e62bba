//! What is true of programs that open `/in/TRACE/SPAN` in a span of their own, and `/outside` outside of any.

use super::spans::{Kind, Trace};

/// Every call inside is below exactly its span, and none outside is; there are as many as there must be.
pub fn check(trace: &Trace, inside: usize, outside: usize) {
    let process = trace.of(Kind::Process).next().expect("a process");
    let (mut found_inside, mut found_outside) = (0, 0);
    for call in trace.of(Kind::Call) {
        let source = call.text("renacer.parent.source");
        let Some(path) = call.text("syscall.arg.pathname").map(|path| path.trim_matches('"')) else { continue };
        if let Some((trace_id, span_id)) = path.strip_prefix("/in/").and_then(|ids| ids.split_once('/')) {
            found_inside += 1;
            assert_eq!((&*call.trace_id, call.parent_id.as_deref()), (trace_id, Some(span_id)), "{call:?}");
            assert_eq!(source, Some("thread_context"), "{call:?}");
        } else if path == "/outside" {
            found_outside += 1;
            assert_eq!((&call.trace_id, source), (&process.trace_id, None), "{call:?}");
        }
    }
    assert_eq!((found_inside, found_outside), (inside, outside));
}
