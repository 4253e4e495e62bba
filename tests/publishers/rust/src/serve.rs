//! A web service as its makers would write it, with a span for each request. What it opens names the request.

use std::io::Read;

use axum::Router;
use axum::extract::{Path, Request};
use axum::routing::get;
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tower_http::trace::TraceLayer;
use tracing::{Instrument, Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Six calls in each request: in its own task before and after it waits, in a task of its own, on a thread for what blocks, and in a
/// span below the request's. The answer is the request's trace and span.
async fn work(Path(id): Path<String>) -> String {
    let open = move |what: &str| drop(std::fs::File::open(format!("/request/{id}/{what}")));
    open("begin");
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    open("after");
    let (task, blocking) = (open.clone(), open.clone());
    let spawned = tokio::spawn(async move { task("task") }.in_current_span());
    let span = Span::current();
    let blocked = tokio::task::spawn_blocking(move || span.in_scope(|| blocking("blocking")));
    async {
        tokio::task::yield_now().await;
        open("inner");
    }
    .instrument(info_span!("inner"))
    .await;
    spawned.await.expect("the task ends");
    blocked.await.expect("the thread ends");
    open("end");
    let context = Span::current().context();
    let span = context.span();
    format!("{} {}", span.span_context().trace_id(), span.span_context().span_id())
}

pub fn run(way: &str) {
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().build().expect("an exporter");
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    crate::set_up(&provider, way);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("a runtime");
    let service = runtime.spawn(async {
        let span = |request: &Request| info_span!("request", otel.kind = "server", url.path = request.uri().path());
        let service =
            Router::new().route("/work/{id}", get(work)).layer(TraceLayer::new_for_http().make_span_with(span));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("{}", listener.local_addr().expect("its address").port());
        axum::serve(listener, service).await.expect("the service runs");
    });
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    service.abort();
    provider.shutdown().expect("all spans are told");
}
