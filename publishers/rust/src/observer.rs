//! Follows OpenTelemetry's own current context.

use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::context::{ContextObserver, GlobalContextObserver};
use opentelemetry::trace::TraceContextExt;

use crate::record::publish;

struct Observer;

/// Publishes the active span of each thread from here on, whenever OpenTelemetry's current context changes. To be called once, at the
/// start of the program; contexts that are active already are published when they change. A program can have one observer of
/// contexts: where another is set already, OpenTelemetry says so in its log, and nothing is published.
pub fn observe() {
    GlobalContextObserver::set(Arc::new(Observer));
}

impl ContextObserver for Observer {
    fn on_context_enter(&self, _from: &Context, to: &Context) {
        entered(to);
    }

    fn on_context_exit(&self, _from: &Context, to: &Context) {
        entered(to);
    }
}

fn entered(context: &Context) {
    // The context is read only: asking for the current one from here would panic (see `ContextObserver`).
    match context.has_active_span() {
        true => publish(Some(context.span().span_context())),
        false => publish(None),
    }
}
