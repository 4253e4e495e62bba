//! What a record costs: `cargo run --release -p renacer-decisions --example cost`.

use std::hint::black_box;
use std::time::Instant;

use renacer_decisions::{Options, decide, open_with};

fn main() -> Result<(), renacer_decisions::OpenError> {
    const COUNT: u32 = 1_000_000;
    let path = std::env::temp_dir().join(format!("decisions-cost-{}", std::process::id()));
    open_with(&path, Options::with_capacity(256 << 20))?;
    for round in 0..2 {
        let start = Instant::now();
        for number in 0..COUNT {
            decide("inline::cost", black_box(&[("size", number.into()), ("hot", true.into())]));
        }
        println!("round {round}: {} ns each", start.elapsed().as_nanos() / u128::from(COUNT));
    }
    std::fs::remove_file(path)?;
    Ok(())
}
