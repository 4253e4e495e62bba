//! `renacer send`: delivers what local files hold to a collector.

use anyhow::{Context, bail};
use renacer_file::{Encoding, Reader};
use renacer_otlp::{Config, Exporter, Protocol};

use crate::cli::SendOptions;
use crate::exit::{Ending, OWN_FAILURE, say};
use crate::setup;

/// A request's size: what every collector takes (gRPC's usual limit is 4 MiB).
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Runs the whole verb. Spans keep their ids, so what is sent twice is recognisably the same.
pub fn send(options: &SendOptions) -> anyhow::Result<Ending> {
    let (config, warnings) = setup::collector(&options.collector)?;
    warnings.iter().for_each(|warning| say(&format!("renacer: {warning}")));
    let encoding = match config.as_ref().map(Config::protocol) {
        Some(Protocol::HttpJson) => Encoding::Json,
        _ => Encoding::Protobuf,
    };
    // All files are opened first: a wrong name is told before anything is sent.
    let readers =
        options.files.iter().map(|file| Reader::open(file, encoding, MAX_BYTES)).collect::<Result<Vec<_>, _>>()?;
    let Some(config) = config else {
        bail!("no collector to send to: name one with --otlp-endpoint, such as --otlp-endpoint http://localhost:4318");
    };
    let endpoint = config.endpoint();
    let mut exporter = Exporter::start(config).context("cannot start the export")?;
    let (mut read, mut skipped) = (0, 0);
    for reader in readers {
        let path = reader.path().display().to_string();
        for line in reader {
            match line {
                Ok(line) => {
                    if let Some(reason) = &line.reason {
                        say(&format!("renacer: {path}:{}: {} skipped: {reason}", line.number, line.skipped));
                    }
                    skipped += line.skipped;
                    for request in line.requests {
                        read += request.spans;
                        exporter.push_encoded(request.bytes, request.spans as usize, read);
                    }
                }
                Err(error) => {
                    skipped += 1;
                    say(&format!("renacer: {path}:{}: {}", error.line, error.message));
                }
            }
            exporter.warnings().iter().for_each(|warning| say(&format!("renacer: {warning}")));
        }
    }
    let finished = exporter.finish(options.collector.shutdown_timeout);
    finished.warnings.iter().for_each(|warning| say(&format!("renacer: {warning}")));
    let counts = finished.counts;
    if !options.quiet {
        say(&format!("renacer: {} of {read} spans delivered to {endpoint}", counts.delivered));
    }
    if let Some(message) = counts.first_rejection.filter(|_| counts.rejected > 0) {
        say(&format!("renacer: {} spans refused by the collector: {message}", counts.rejected));
    }
    let undelivered = counts.handed_back + counts.lost;
    if undelivered > 0 {
        say(&format!("renacer: {undelivered} spans not delivered; the files still hold them: send them again"));
    }
    let whole = undelivered == 0 && counts.rejected == 0 && skipped == 0;
    Ok(Ending::Status(if whole { 0 } else { OWN_FAILURE }))
}
