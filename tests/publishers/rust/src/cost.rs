//! What it costs to enter and leave a span that exists, per switch, which is half of both. Medians of rounds.

use std::time::Instant;

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::info_span;

const SWITCHES: u32 = 100_000;

pub fn run(way: &str) {
    let provider = SdkTracerProvider::builder().build();
    crate::set_up(&provider, way);
    let span = info_span!("span");
    let mut rounds: Vec<f64> = (0..31)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..SWITCHES / 2 {
                span.in_scope(|| std::hint::black_box(()));
            }
            start.elapsed().as_nanos() as f64 / f64::from(SWITCHES)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("{:.1}", rounds[rounds.len() / 2]);
}
