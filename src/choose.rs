//! Which calls and signals are traced: what the options ask for, and who sees to it.

use std::cell::Cell;

use renacer_events::{Abi, Call, Select, Test};
use renacer_filter::{Expression, Filter, Specs};
use renacer_ptrace::facts::KnownCalls;
use renacer_ptrace::{Choice, Ender, Interrupts, Needs, filter_available};

use crate::cli::{OnTimeout, TraceOptions};

/// What is wanted, and how it is found.
pub struct Chosen {
    /// What the assembler lets through; none: everything.
    pub wanted: Option<Wanted>,
    /// What the tracer looks at; none: everything.
    pub choice: Option<Choice>,
    /// Whether every path of a call has to be known.
    pub all_paths: bool,
    /// Whether the kernel filters; else why it does not.
    pub in_kernel: Result<(), String>,
}

/// What the assembler lets through.
pub struct Wanted {
    /// Chooses the calls; none: all.
    pub calls: Option<Box<dyn Select>>,
    /// The numbers of the signals; none: all.
    pub signals: Option<Vec<i32>>,
}

impl Chosen {
    /// Says how the calls are chosen.
    pub fn how(&self) -> String {
        match (&self.choice, &self.in_kernel) {
            (None, _) => "every call is traced".into(),
            (Some(_), Ok(())) => "the kernel filters: calls that nobody asked for do not stop the program".into(),
            (Some(_), Err(reason)) => format!("every call stops the program, since {reason}"),
        }
    }
}

/// Why the kernel must not filter this run, if so.
fn why_not_in_kernel(options: &TraceOptions) -> Option<String> {
    let detaches = options.on_timeout == OnTimeout::Detach;
    let reason = if options.no_seccomp {
        "--no-seccomp was given"
    } else if options.command.is_empty() {
        "a running program cannot be given a filter"
    } else if options.overhead.is_some() {
        "--overhead lets calls by in slices of time"
    } else if options.no_follow {
        "children that are not followed would keep the filter"
    } else if options.detach_on.is_some() {
        "programs that are let go would keep the filter"
    } else if detaches && options.duration.is_some() {
        "the program may outlive the trace, and would keep the filter (--on-timeout kill ends it)"
    } else if detaches && options.until.is_some() {
        "the program may outlive --until, and would keep the filter (--on-timeout kill ends it)"
    } else {
        return filter_available().err().map(|reason| reason.to_string());
    };
    Some(reason.into())
}

/// Reads the options. To be called by the tracer.
pub fn choose(options: &TraceOptions, interrupts: &Interrupts) -> anyhow::Result<Chosen> {
    let specs = Specs {
        qualifiers: options.qualifiers.clone(),
        paths: options.trace_path.clone(),
        outcome: match (options.successful_only, options.failed_only) {
            (true, _) => Some(renacer_filter::Outcome::Successful),
            (_, true) => Some(renacer_filter::Outcome::Failed),
            _ => None,
        },
        expressions: options.filter.clone(),
    };
    let filter = Filter::new(&specs, &KnownCalls)?;
    let bound = |text: &Option<String>, option| -> anyhow::Result<Option<Expression>> {
        let expression = text.as_ref().map(|text| Expression::parse(text, &KnownCalls));
        Ok(expression.transpose().map_err(|error| error.of_option(option))?)
    };
    let (from, until) = (bound(&options.from, "--from")?, bound(&options.until, "--until")?);
    let signals = filter.signals().map(|signals| (0..=64).filter(|&signal| signals.contains(signal)).collect());
    if filter.is_everything() && signals.is_none() && from.is_none() && until.is_none() {
        return Ok(Chosen { wanted: None, choice: None, all_paths: false, in_kernel: Ok(()) });
    }
    let expressions = || from.iter().chain(&until);
    if options.no_source && (filter.needs_source() || expressions().any(Expression::needs_source)) {
        anyhow::bail!(
            "a filter asks for the code behind a call (code.function, code.file, code.line), but --no-source was given"
        );
    }
    let all_paths = filter.needs_paths() || expressions().any(Expression::needs_paths);
    let everything = filter.is_everything() && from.is_none() && until.is_none();
    let period = Period::new(filter, from, until, interrupts.ender());
    let needs = Needs {
        mappings: !options.no_source || !options.no_context,
        contexts: !options.no_context,
        births: !options.no_follow,
        markers: !options.no_markers,
    };
    let choice = (!everything).then(|| Choice::new(&period, needs));
    let calls = choice.is_some().then(|| Box::new(period) as Box<dyn Select>);
    let in_kernel = why_not_in_kernel(options).map_or(Ok(()), Err);
    Ok(Chosen { wanted: Some(Wanted { calls, signals }), choice, all_paths, in_kernel })
}

/// The part of the run that is traced: from one call to another.
struct Period {
    filter: Filter,
    from: Option<Expression>,
    until: Option<Expression>,
    /// The first call has been seen, if one is waited for.
    begun: Cell<bool>,
    /// The last one has.
    ended: Cell<bool>,
    ender: Ender,
}

impl Period {
    fn new(filter: Filter, from: Option<Expression>, until: Option<Expression>, ender: Ender) -> Period {
        Period { begun: Cell::new(from.is_none()), ended: Cell::new(false), filter, from, until, ender }
    }
}

impl Select for Period {
    fn before(&self, abi: Abi, number: u64) -> Test {
        let bounds = self.from.iter().chain(&self.until);
        bounds.fold(self.filter.before(abi, number), |test, bound| test.or(bound.before(abi, number)))
    }

    fn wants(&self, call: &Call, comm: &str) -> bool {
        let holds = |expression: &Option<Expression>| expression.as_ref().is_some_and(|it| it.wants(call, comm));
        if self.ended.get() {
            return false;
        }
        if !self.begun.get() {
            if !holds(&self.from) {
                return false;
            }
            self.begun.set(true);
        } else if holds(&self.until) {
            self.ended.set(true);
            self.ender.end();
        }
        self.filter.wants(call, comm)
    }
}
