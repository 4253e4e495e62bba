//! `service tasks observer|layer`: tasks that move between threads, each call of which names its span.
//! `service serve observer|layer`: a web service that tells its spans to OTEL_EXPORTER_OTLP_ENDPOINT; it prints its port, and ends when
//! standard input does.
//! `service cost observer|layer`: what it costs to enter and leave a span, in nanoseconds, without and with the publisher.

mod cost;
mod serve;
mod tasks;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Makes `tracing` tell its spans to OpenTelemetry, and the publisher tell the thread's.
fn set_up(provider: &SdkTracerProvider, way: &str) {
    let opentelemetry = tracing_opentelemetry::layer().with_tracer(provider.tracer("service"));
    match way {
        "observer" => {
            renacer_publisher::observe();
            tracing_subscriber::registry().with(opentelemetry).init();
        }
        "layer" => tracing_subscriber::registry()
            .with(opentelemetry.with_context_activation(false))
            .with(renacer_publisher::PublishLayer::new())
            .init(),
        "nothing" => tracing_subscriber::registry().with(opentelemetry).init(),
        other => panic!("{other}?"),
    }
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    match (words[1].as_str(), words[2].as_str()) {
        ("tasks", way) => tasks::run(way),
        ("serve", way) => serve::run(way),
        ("cost", way) => cost::run(way),
        other => panic!("{other:?}?"),
    }
}
