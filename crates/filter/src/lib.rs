//! Which calls are wanted: strace's `-e`, `-P`, `-z` and `-Z`, and an expression language (`--filter`, `--from`, `--until`).
//!
//! What is read here becomes a [`Select`](renacer_events::Select): it tells before a call what must hold of its number and registers,
//! so that calls nobody asked for need not be stopped at, and after it whether it is wanted.

mod calls;
mod classes;
mod error;
mod expression;
mod filter;
mod names;
mod paths;
mod pattern;
mod qualifier;
mod suggest;

pub use error::FilterError;
pub use expression::Expression;
pub use filter::{Filter, Outcome, Specs};
pub use qualifier::Signals;
