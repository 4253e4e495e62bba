//! Rotation: a long run becomes several traces, each with spans of all that lives, linked to the spans of the trace before.

use super::open::Parent;
use super::{Assembler, Trace};
use crate::{Attribute, Decode, Pid, Sink, TraceId};

impl<D: Decode, S: Sink> Assembler<D, S> {
    /// Begins another trace if the present one is old enough and nothing stands between two of its programs.
    pub(super) fn rotate_if_due(&mut self, at: u64) {
        if self.began == 0 {
            self.began = at;
        }
        let Some(age) = self.options.rotate else { return };
        let due = u128::from(at.saturating_sub(self.began)) >= age.as_nanos();
        if due && self.threads.values().all(|thread| thread.replaced.is_none()) {
            self.rotate(at);
        }
    }

    fn rotate(&mut self, at: u64) {
        self.began = at;
        self.totals.traces += 1;
        let next = Trace { id: TraceId::random(), state: None, sampled: self.trace.sampled };
        let mut pids: Vec<Pid> = self.processes.keys().copied().collect();
        pids.sort_unstable();
        // The ids first: a process's parent may come later.
        let ids: Vec<_> = pids.iter().map(|&pid| (pid, self.ids.next())).collect();
        let mut ended = Vec::with_capacity(pids.len());
        for &(pid, id) in &ids {
            let parent = self.living_parent(pid);
            let Some(process) = self.processes.get_mut(&pid) else { continue };
            let is_root = process.image.open.id == self.options.root_span_id;
            let mut former = process.image.rotate(&next, id, at);
            for &tid in &process.tids {
                let Some(thread) = self.threads.get_mut(&tid) else { continue };
                // What it refers to is in the trace that ends.
                thread.interrupted = None;
                let mut place = id;
                if let Some(span) = &mut thread.span {
                    place = self.ids.next();
                    let span = span.rotate(&former.trace, place, at);
                    ended.push((span.finish(at, &thread.name, &mut former), former.trace.sampled));
                }
                if let Some(call) = &mut thread.call {
                    (call.parent, call.trace, call.link) = (place, process.image.trace.clone(), None);
                }
                if let Some(gap) = &mut thread.gap {
                    gap.parent = place;
                }
            }
            let parent = ids.iter().find(|(other, _)| Some(*other) == parent).map(|&(_, id)| id);
            process.image.parent = Parent { id: parent, is_remote: false };
            process.image.note(Attribute::new("renacer.trace.number", self.totals.traces as i64 + 1));
            if is_root {
                self.options.root_span_id = id;
            }
            let sampled = former.trace.sampled;
            ended.push((former.finish(at, None), sampled));
        }
        for (span, sampled) in ended {
            self.emit(span, sampled);
        }
        self.trace = next;
        // The caller's span is in the trace that has ended.
        self.context = Parent::default();
    }

    /// The process's parent, if that is here and has a span.
    fn living_parent(&self, pid: Pid) -> Option<Pid> {
        let process = self.processes.get(&pid)?;
        let parent = process.parent_pid?;
        // The kernel gives ids to others again: a parent is older than its child. Where its caller samples nothing, it has no span.
        self.processes.get(&parent).filter(|parent| parent.number < process.number && parent.image.trace.sampled)?;
        Some(parent)
    }
}
