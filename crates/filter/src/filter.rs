//! The whole choice of calls: what all options together ask for.

use std::path::PathBuf;

use renacer_events::{Abi, Call, Select, Test};

use crate::error::FilterError;
use crate::expression::Expression;
use crate::names::Names;
use crate::paths::Paths;
use crate::qualifier::{Qualified, Signals, Statuses};
use renacer_events::Calls;

/// What a user gives, option by option.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Specs {
    /// `-e`: of those with the same qualifier, the last counts.
    pub qualifiers: Vec<String>,
    /// `-P`: one of them is enough.
    pub paths: Vec<PathBuf>,
    /// `-z` or `-Z`, whichever came last; it counts more than `-e status=`.
    pub outcome: Option<Outcome>,
    /// `--filter`: all are required.
    pub expressions: Vec<String>,
}

/// How calls must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// `-z`.
    Successful,
    /// `-Z`.
    Failed,
}

/// Chooses calls and signals. What all options ask for is wanted.
#[derive(Debug)]
pub struct Filter {
    calls: AllCalls,
    qualified: Qualified,
    paths: Option<Paths>,
    expressions: Vec<Expression>,
}

/// For [`Debug`](std::fmt::Debug) alone.
struct AllCalls(&'static dyn Calls);

impl std::fmt::Debug for AllCalls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Calls")
    }
}

impl Filter {
    /// Reads all options.
    ///
    /// # Errors
    /// Says which option cannot be understood and why, what was expected, and gives an example.
    pub fn new(specs: &Specs, calls: &'static dyn Calls) -> Result<Filter, FilterError> {
        let mut qualified = Qualified::default();
        for text in &specs.qualifiers {
            let names = Names::new(calls, text);
            qualified.add(text, &names).map_err(|fault| fault.of(text).of_option("-e"))?;
        }
        match specs.outcome {
            Some(Outcome::Successful) => qualified.status = Some(Statuses::SUCCESSFUL),
            Some(Outcome::Failed) => qualified.status = Some(Statuses::FAILED),
            None => {}
        }
        let expression = |text: &String| Expression::parse(text, calls).map_err(|error| error.of_option("--filter"));
        let mut expressions: Vec<Expression> = specs.expressions.iter().map(expression).collect::<Result<_, _>>()?;
        // What may wait for the source comes last.
        expressions.sort_by_key(Expression::needs_source);
        Ok(Filter {
            calls: AllCalls(calls),
            qualified,
            paths: (!specs.paths.is_empty()).then(|| Paths::new(&specs.paths)),
            expressions,
        })
    }

    /// Whether every call is wanted.
    pub fn is_everything(&self) -> bool {
        self.qualified.trace.as_ref().is_none_or(|trace| trace.is_everything())
            && self.qualified.status.is_none_or(Statuses::is_everything)
            && self.paths.is_none()
            && self.expressions.is_empty()
    }

    /// Whether it asks for [every path](renacer_events::Decoded::paths) that a call is about.
    pub fn needs_paths(&self) -> bool {
        self.paths.is_some() || self.expressions.iter().any(Expression::needs_paths)
    }

    /// Whether it asks for the code that made a call, so that [`Select::wants`] may wait for that.
    pub fn needs_source(&self) -> bool {
        self.expressions.iter().any(Expression::needs_source)
    }

    /// Which signals are wanted; none means all.
    pub fn signals(&self) -> Option<&Signals> {
        self.qualified.signals.as_ref().filter(|signals| !signals.is_everything())
    }
}

impl Select for Filter {
    fn before(&self, abi: Abi, number: u64) -> Test {
        if self.qualified.status.is_some_and(Statuses::is_nothing) {
            return Test::Never;
        }
        let trace = self.qualified.trace.as_ref().map(|trace| trace.before(self.calls.0, abi, number));
        let paths = self.paths.as_ref().map(|paths| paths.before(self.calls.0, abi, number));
        let expressions = self.expressions.iter().map(|expression| expression.before(abi, number));
        trace.into_iter().chain(paths).chain(expressions).fold(Test::Always, Test::and)
    }

    fn wants(&self, call: &Call, comm: &str) -> bool {
        self.qualified.trace.as_ref().is_none_or(|trace| trace.wants(call))
            && self.qualified.status.is_none_or(|status| status.wants(call))
            && self.paths.as_ref().is_none_or(|paths| paths.wants(call))
            && self.expressions.iter().all(|expression| expression.wants(call, comm))
    }
}
