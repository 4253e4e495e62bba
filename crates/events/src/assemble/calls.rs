//! Calls: their entry, their return, and the span of both.

use super::Assembler;
use super::call_span::Place;
use super::open::{ImageSpan, ThreadSpan};
use super::requests::{Belongs, Source};
use super::sink::Sink;
use super::state::OpenCall;
use crate::{Abi, Call, Caller, Decode, Entry, RawCall, Return, Tid};

/// The kernel's ERESTART_RESTARTBLOCK, negative: the call goes on as `restart_syscall`.
const RESTART_BLOCK: i64 = -516;

impl<D: Decode, S: Sink> Assembler<D, S> {
    pub(super) fn entered(&mut self, tid: Tid, at: u64, mut entry: Entry) {
        self.end_call(tid, at, None, false);
        let Some(thread) = self.threads.get_mut(&tid) else {
            self.totals.unknown_events += 1;
            return;
        };
        let Some(process) = self.processes.get_mut(&thread.pid) else {
            self.totals.unknown_events += 1;
            return;
        };
        if !process.entered {
            process.entered = true;
            if process.awaits_exec && !process.threaded {
                // What came before is ours, not the program's.
                process.image.open.begin(at);
            }
        }
        let interrupted = thread.interrupted.take();
        let link = interrupted.filter(|_| is_restart(&entry));
        let parent = thread.span.as_ref().map_or(process.image.open.id, |span| span.open.id);
        let caller = Caller { stack: entry.stack.take(), creator: thread.creator.clone() };
        let id = self.ids.next();
        // What the program does not sample has no span that others could belong to.
        let context = entry.context.take().filter(|span| span.sampled);
        let said = context.map(|span| Belongs { span, source: Source::Thread });
        let (stream, request) = match self.options.join_requests && !entry.watched {
            true => thread.held.enter(self.decoder.moves(thread.pid, &entry), &mut process.multiplexes),
            false => (None, None),
        };
        let context = said.or(request);
        thread.call = Some(OpenCall {
            id,
            parent,
            trace: process.image.trace.clone(),
            context,
            stream,
            link,
            is_linked: false,
            tid,
            start: at,
            entry,
            caller,
            unsure: false,
        });
    }

    pub(super) fn returned(&mut self, tid: Tid, at: u64, returned: &Return) {
        match self.threads.get(&tid) {
            None => self.totals.unknown_events += 1,
            Some(thread) if thread.call.is_none() => self.totals.orphan_returns += 1,
            Some(_) => self.end_call(tid, at, Some(returned), false),
        }
    }

    /// Ends the call in flight, if there is one. `exits`: the thread is gone by itself.
    pub(super) fn end_call(&mut self, tid: Tid, at: u64, returned: Option<&Return>, exits: bool) {
        let Some(thread) = self.threads.get_mut(&tid) else { return };
        let Some(mut open) = thread.call.take() else { return };
        let replaced = thread.replaced.take();
        let pid = thread.pid;
        if open.entry.watched && returned.is_none() {
            // Only its entry had to be known.
            if let Some(replaced) = replaced {
                self.end_replaced(*replaced, at);
            }
            return;
        }
        if let Some((stream, way)) = open.stream.take() {
            let parts = returned.map(|returned| self.decoder.parts(&open.entry, returned));
            if open.unsure {
                stream.lose();
            }
            let carried = stream.carried(way, parts.into_iter().flatten());
            let multiplexes = self.processes.get(&pid).is_none_or(|process| process.multiplexes);
            thread.held.leave(&stream, carried, multiplexes, &mut open.context);
        }
        let decoded =
            self.decoder.call(RawCall { pid, tid: open.tid, entry: &open.entry, returned, unsure: open.unsure });
        let unfinished = returned.is_none() && !(exits && matches!(&*decoded.name, "exit" | "exit_group"));
        let result = returned.map(|returned| returned.value);
        let itself = open.itself();
        let mut call = Call {
            pid,
            tid: open.tid,
            start: open.start,
            end: at.max(open.start),
            abi: open.entry.abi,
            number: open.entry.number,
            raw_arguments: open.entry.arguments,
            result,
            decoded,
            caller: open.caller,
        };
        if open.entry.watched || self.select.as_ref().is_some_and(|select| !select.wants(&call, &thread.name)) {
            if let Some(replaced) = replaced {
                self.end_replaced(*replaced, call.end);
            }
            return;
        }
        if let Some(redact) = &self.options.redact {
            self.totals.redacted += call.decoded.redact(&**redact);
        }
        self.totals.calls += 1;
        self.totals.unfinished += u64::from(unfinished);
        if result == Some(RESTART_BLOCK) {
            // Whatever goes on with it will link to it.
            thread.interrupted = Some(itself);
        }
        self.sink.call(&call, &thread.name);

        let (start, end) = (call.start, call.end.max(call.start.saturating_add(1)));
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let place = |image: &mut ImageSpan, span: Option<&mut ThreadSpan>| {
            match span.filter(|span| span.open.id == open.parent) {
                Some(span) => span.open.cover(start, end),
                None => image.open.cover(start, end),
            }
            let (trace, resource) = (image.trace.clone(), image.resource.clone());
            let is_linked = open.is_linked || result == Some(RESTART_BLOCK);
            Place { id: open.id, trace, parent: open.parent, link: open.link, is_linked, unfinished, resource }
        };
        match replaced {
            None => {
                let place = place(&mut process.image, thread.span.as_mut());
                self.call_span(call, place, open.context);
            }
            Some(mut replaced) => {
                let place = place(&mut replaced.image, replaced.thread.as_mut().map(|(span, _)| span));
                self.call_span(call, place, open.context);
                self.end_replaced(*replaced, end);
            }
        }
    }

    fn call_span(&mut self, call: Call, place: Place, context: Option<Belongs>) {
        if !place.trace.sampled {
            self.totals.spans_not_sampled += 1;
            return;
        }
        let mut span = self.call_spans.span(call, place);
        if let Some(context) = context {
            self.belongs(&mut span, &context);
        }
        self.emit(span, true);
    }
}

/// Whether a call is `restart_syscall`, by which the kernel goes on with an interrupted call.
fn is_restart(entry: &Entry) -> bool {
    let number = match entry.abi {
        Abi::X86_64 | Abi::X32 => 219,
        Abi::I386 => 0,
        Abi::Aarch64 => 128,
    };
    entry.number == number
}
