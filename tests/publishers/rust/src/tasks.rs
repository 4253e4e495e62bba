//! Tasks on four threads, in spans and in spans within spans, that give way after each call; and tasks without any span.

use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Instrument, Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

pub const TASKS: usize = 100;
pub const ROUNDS: usize = 10;

/// The path that says where the caller is.
fn inside(span: &Span) -> String {
    let context = span.context();
    let span = context.span();
    let span = span.span_context();
    format!("/in/{}/{}", span.trace_id(), span.span_id())
}

async fn task(path: String) {
    for _ in 0..ROUNDS {
        let _ = std::fs::File::open(&path);
        tokio::task::yield_now().await;
        let inner = info_span!("inner");
        let below = inside(&inner);
        async {
            let _ = std::fs::File::open(&below);
            tokio::task::yield_now().await;
            let _ = std::fs::File::open(&below);
        }
        .instrument(inner)
        .await;
        let _ = std::fs::File::open(&path);
        // A span that does not outlive this poll, left before the call.
        info_span!("short").in_scope(|| ());
        let _ = std::fs::File::open(&path);
    }
}

pub fn run(way: &str) {
    let provider = SdkTracerProvider::builder().build();
    crate::set_up(&provider, way);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().expect("a runtime");
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for _ in 0..TASKS {
            let span = info_span!(parent: None, "task");
            let path = inside(&span);
            tasks.push(tokio::spawn(task(path).instrument(span)));
            tasks.push(tokio::spawn(async {
                for _ in 0..ROUNDS {
                    let _ = std::fs::File::open("/outside");
                    tokio::task::yield_now().await;
                }
            }));
        }
        for task in tasks {
            task.await.expect("a task ends");
        }
    });
}
