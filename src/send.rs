//! `renacer send`: delivers what local files hold to a collector, and goes on where it was interrupted.

mod decisions;
mod progress;

use std::collections::{HashMap, VecDeque};
use std::path::Path;

use anyhow::{Context, bail};
use renacer_file::{Encoding, Reader};
use renacer_otlp::{Config, Exporter, Protocol, Settled};

use crate::cli::SendOptions;
use crate::exit::{Ending, OWN_FAILURE, say};
use crate::setup;
use progress::Progress;

/// A request's size: what every collector takes (gRPC's usual limit is 4 MiB).
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Spans that are read ahead of the collector.
const MAX_QUEUE: usize = 16 * 1024;

/// Runs the whole verb. Spans keep their ids, so what is sent twice is recognisably the same.
pub fn send(options: &SendOptions) -> anyhow::Result<Ending> {
    let (config, warnings) = setup::collector(&options.collector)?;
    warnings.iter().for_each(|warning| say(&format!("renacer: {warning}")));
    let encoding = match config.as_ref().map(Config::protocol) {
        Some(Protocol::HttpJson) => Encoding::Json,
        _ => Encoding::Protobuf,
    };
    // All files are opened first: a wrong name is told before anything is sent.
    let (mut readers, mut decisions) = (Vec::new(), Vec::new());
    for file in &options.files {
        if options.files.iter().filter(|other| *other == file).count() > 1 {
            bail!("{} is named twice", file.display());
        }
        if crate::decisions::is_one(file) {
            decisions.push(crate::decisions::read(file, None, None, &mut 0)?);
            continue;
        }
        readers.push(Reader::open(file, encoding, MAX_BYTES)?);
    }
    let Some(mut config) = config else {
        bail!("no collector to send to: name one with --otlp-endpoint, such as --otlp-endpoint http://localhost:4318");
    };
    // There is nothing better to do than to wait for it.
    config.patient = true;
    config.max_queue_spans = config.max_queue_spans.max(MAX_QUEUE);
    let endpoint = config.endpoint();
    let exporter = Exporter::start(config).context("cannot start the export")?;
    let mut sending = Sending {
        exporter,
        ahead: VecDeque::new(),
        line_of: HashMap::new(),
        requests: 0,
        read: 0,
        stop: false,
        quiet: options.quiet,
    };
    let mut files: Vec<Progress> = readers.iter().map(|reader| Progress::find(reader, &endpoint)).collect();
    for (index, (reader, progress)) in readers.into_iter().zip(&mut files).enumerate() {
        if sending.stop {
            break;
        }
        sending.file(reader, index, progress);
    }
    let mut whole = true;
    for file in decisions {
        whole &= sending.decisions(file, options.delete);
    }
    Ok(sending.finish(options, &endpoint, &mut files, whole))
}

/// A line on its way.
struct Ahead {
    number: u64,
    end: u64,
    /// Requests of it that are not answered yet.
    open: usize,
    /// Not all of it was taken, and it may be sent again.
    undelivered: bool,
    /// Not all of it can be delivered at all.
    flawed: bool,
}

struct Sending {
    exporter: Exporter,
    /// Lines of the present file, in order, from the first one that is not answered.
    ahead: VecDeque<Ahead>,
    /// The line of each request that is under way.
    line_of: HashMap<u64, u64>,
    requests: u64,
    read: u64,
    /// The collector has stopped taking spans.
    stop: bool,
    quiet: bool,
}

impl Sending {
    /// Sends a file, or what is left of it.
    fn file(&mut self, mut reader: Reader, index: usize, progress: &mut Progress) {
        let path = reader.path().display().to_string();
        if progress.end > 0 {
            match reader.continue_behind(progress.line, progress.end) {
                Ok(()) if self.quiet => {}
                Ok(()) => say(&format!("renacer: {path}: goes on behind line {}", progress.line)),
                Err(_) => progress.restart(),
            }
        }
        // The present line's number stands for the file, too, so that an answer is never taken for that of another.
        let base = (index as u64) << 48;
        while let Some(line) = (!self.stop).then(|| reader.next()).flatten() {
            let (number, end) = reader.position();
            let mut ahead = Ahead { number: base | number, end, open: 0, undelivered: false, flawed: false };
            match line {
                Ok(line) => {
                    if let Some(reason) = &line.reason {
                        say(&format!("renacer: {path}:{number}: {} skipped: {reason}", line.skipped));
                    }
                    ahead.flawed = line.skipped > 0;
                    ahead.open = line.requests.len();
                    self.ahead.push_back(ahead);
                    for request in line.requests {
                        self.read += request.spans;
                        self.requests += 1;
                        self.line_of.insert(self.requests, base | number);
                        self.exporter.push_encoded(request.bytes, request.spans as usize, self.requests);
                    }
                }
                Err(error) => {
                    say(&format!("renacer: {path}:{}: {}", error.line, error.message));
                    ahead.flawed = true;
                    self.ahead.push_back(ahead);
                }
            }
            self.look(progress);
        }
        progress.read_to_end = !self.stop;
        // The next file's progress is another one.
        while !self.ahead.is_empty() && !self.stop {
            self.exporter.tick(std::time::Instant::now());
            self.exporter.wait(std::time::Duration::from_millis(20));
            self.look(progress);
        }
        progress.save();
    }

    /// Takes note of what was answered.
    fn look(&mut self, progress: &mut Progress) {
        self.exporter.warnings().iter().for_each(|warning| say(&format!("renacer: {warning}")));
        for settled in self.exporter.take_settled() {
            self.settled(&settled);
        }
        self.advance(progress);
        progress.save_now_and_then();
    }

    fn settled(&mut self, settled: &Settled) {
        let Some(number) = self.line_of.remove(&settled.portion) else { return };
        self.stop |= settled.encoded_undelivered > 0;
        if let Some(line) = self.ahead.iter_mut().find(|line| line.number == number) {
            line.open -= 1;
            line.undelivered |= settled.encoded_undelivered > 0;
            line.flawed |= settled.encoded_refused + settled.rejected > 0;
        }
    }

    /// Everything up to the first line that was not taken is done.
    fn advance(&mut self, progress: &mut Progress) {
        while self.ahead.front().is_some_and(|line| line.open == 0 && !line.undelivered)
            && let Some(line) = self.ahead.pop_front()
        {
            (progress.line, progress.end) = (line.number & 0xffff_ffff_ffff, line.end);
            progress.flawed |= line.flawed;
        }
    }

    /// `whole`: everything of what is no lines was accepted.
    fn finish(self, options: &SendOptions, endpoint: &str, files: &mut [Progress], mut whole: bool) -> Ending {
        let finished = self.exporter.finish(options.collector.shutdown_timeout);
        finished.warnings.iter().for_each(|warning| say(&format!("renacer: {warning}")));
        let counts = finished.counts;
        if !options.quiet {
            say(&format!("renacer: {} of {} spans delivered to {endpoint}", counts.delivered, self.read));
        }
        let rejected = counts.rejected + counts.refused;
        if let Some(message) = counts.first_rejection.filter(|_| rejected > 0) {
            say(&format!("renacer: {rejected} spans refused by the collector: {message}"));
        }
        let undelivered = counts.handed_back + counts.lost;
        if undelivered > 0 || self.stop {
            say(&format!("renacer: {undelivered} spans not delivered; the files still hold them: send them again"));
        }
        whole &= undelivered == 0 && rejected == 0 && !self.stop;
        for progress in files {
            let done = progress.read_to_end && !self.stop;
            whole &= done && !progress.flawed;
            if done {
                progress.remove();
                if options.delete {
                    delete(progress);
                }
            }
        }
        Ending::Status(if whole { 0 } else { OWN_FAILURE })
    }
}

/// Removes a file of which everything was accepted.
fn delete(progress: &Progress) {
    let path = progress.path();
    if progress.flawed {
        say(&format!("renacer: {} is kept: not all of it was accepted", path.display()));
    } else if let Err(error) = progress.check().and_then(|()| std::fs::remove_file(path)) {
        say(&format!("renacer: {} is not deleted: {error}", Path::new(path).display()));
    }
}
