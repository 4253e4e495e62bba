//! The command line: parse, wire the pieces together, report, exit.

mod choose;
mod cli;
mod decisions;
mod doctor;
mod exit;
mod export;
mod inject;
mod metrics;
mod observe;
mod redact;
mod select;
mod send;
mod setup;
mod trace;
mod undelivered;

use clap::Parser;

use crate::cli::{Cli, Verb};

fn main() {
    let cli = match Cli::try_parse_from(cli::with_default_verb(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors.
            let _ = error.print();
            exit::with(if error.use_stderr() { exit::OWN_FAILURE } else { 0 });
        }
    };
    let ending = match cli.verb {
        Verb::Trace(options) => trace::trace(*options),
        Verb::Send(options) => send::send(&options),
        Verb::Doctor(options) => doctor::doctor(&options),
        Verb::Completions { shell } => cli::completions(shell),
        Verb::Man => cli::manual(),
    };
    match ending {
        Ok(ending) => ending.enter(),
        Err(error) => {
            exit::complain(&error);
            exit::with(exit::status_of(&error));
        }
    }
}
