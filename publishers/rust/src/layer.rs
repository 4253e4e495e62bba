//! Follows the spans of `tracing` that tracing-opentelemetry makes OpenTelemetry's.

use std::sync::OnceLock;

use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracing::dispatcher::WeakDispatch;
use tracing::span::Id;
use tracing::{Dispatch, Subscriber};
use tracing_opentelemetry::get_otel_context;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::record::publish;

/// Publishes the span of `tracing` that each thread is in. It needs tracing-opentelemetry's layer in the same subscriber, in any order:
/// a span that OpenTelemetry does not know is none.
#[derive(Debug, Default)]
pub struct PublishLayer {
    dispatch: OnceLock<WeakDispatch>,
}

impl PublishLayer {
    /// A layer to be added to the program's subscriber.
    pub fn new() -> PublishLayer {
        PublishLayer::default()
    }

    /// What OpenTelemetry calls this span.
    fn context(&self, id: &Id) -> Option<SpanContext> {
        let dispatch = self.dispatch.get()?.upgrade()?;
        let context = get_otel_context(id, &dispatch)?;
        Some(context.span().span_context().clone())
    }
}

/// What OpenTelemetry calls a span, kept with it, since asking costs a lock and a copy.
struct Known(SpanContext);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for PublishLayer {
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        let _ = self.dispatch.set(dispatch.downgrade());
    }

    fn on_enter(&self, _id: &Id, context: Context<'_, S>) {
        self.follow(&context);
    }

    fn on_exit(&self, _id: &Id, context: Context<'_, S>) {
        self.follow(&context);
    }
}

impl PublishLayer {
    /// Publishes the span that is the current one now; after one of several is left out of turn, that is still the innermost.
    fn follow<S: Subscriber + for<'a> LookupSpan<'a>>(&self, context: &Context<'_, S>) {
        let Some(span) = context.lookup_current() else { return publish(None) };
        if let Some(Known(known)) = span.extensions().get() {
            return publish(Some(known));
        }
        // No lock on the span's extensions may be held here.
        match self.context(&span.id()) {
            Some(found) => {
                publish(Some(&found));
                span.extensions_mut().replace(Known(found));
            }
            None => publish(None),
        }
    }
}
