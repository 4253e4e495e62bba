//! What the program says of itself: the span that a call belongs to, and the process's resource.

use std::sync::Arc;

use super::Assembler;
use super::requests::Belongs;
use crate::{Attribute, CallFacts, Decode, Sink, Span, Tid, Value, resource};

/// Names of Renacer's own, which a program cannot give.
const OURS: [&str; 4] = ["syscall.", "renacer.", "linux.", "code."];

impl<D: Decode, S: Sink> Assembler<D, S> {
    /// Moves a call's span from its thread's span to that of the program's own.
    pub(super) fn belongs(&mut self, span: &mut Span, belongs: &Belongs) {
        let to = &belongs.span;
        (span.trace_id, span.parent_id) = (to.trace_id, Some(to.span_id));
        // That of the run belongs to the run's trace.
        span.trace_state = None;
        span.parent_is_remote = true;
        span.call = span.call.map(|facts| CallFacts { in_context: true, ..facts });
        span.attributes.push(Attribute::new("renacer.parent.source", belongs.source.name()));
        for attribute in &to.attributes {
            let key = &attribute.key;
            if OURS.iter().any(|ours| key.starts_with(ours)) || span.attributes.iter().any(|known| known.key == *key) {
                continue;
            }
            let mut attribute = attribute.clone();
            self.clean(&mut attribute);
            span.attributes.push(attribute);
        }
    }

    /// The process says what it is: its spans have that on their resource from here on.
    pub(super) fn described(&mut self, tid: Tid, mut attributes: Vec<Attribute>) {
        attributes.iter_mut().for_each(|attribute| self.clean(attribute));
        let pid = self.threads.get(&tid).map(|thread| thread.pid);
        let Some(process) = pid.and_then(|pid| self.processes.get_mut(&pid)) else {
            self.totals.unknown_events += 1;
            return;
        };
        let image = &mut process.image;
        let plain = image.plain_resource.get_or_insert_with(|| image.resource.clone());
        image.resource = Arc::new(resource::described(plain, &self.options.resource, attributes));
    }

    /// Removes secrets and limits the length.
    fn clean(&mut self, attribute: &mut Attribute) {
        if let Some(redact) = &self.options.redact {
            let redacted = match &mut attribute.value {
                Value::Text(text) => u64::from(redact.text(text)),
                Value::Texts(texts) => texts.iter_mut().map(|text| u64::from(redact.text(text))).sum(),
                Value::Int(_) | Value::Bool(_) | Value::Double(_) => 0,
            };
            self.totals.redacted += redacted;
        }
        self.totals.truncated += attribute.value.shorten();
    }
}
