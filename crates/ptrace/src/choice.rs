//! Which calls are traced, which are only watched because what they do must be known, and which are let by.

use std::sync::Arc;

use renacer_events::{Abi, Select, Test};

use crate::arch::{self, Role};
use crate::engine::maps_code;
use crate::facts::{self, ABIS};
use crate::markers;
use crate::table;

/// What is done with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nobody asked for it, and it changes nothing that must be known.
    Ignored,
    /// Nobody asked for it, but the tracer has to know of its entry.
    Entered,
    /// Nobody asked for it, but what it does has to be known.
    Watched,
    /// It is wanted, as far as can be told before it is made.
    Wanted,
}

/// What else must be known, besides the calls that are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// Stacks are walked, or contexts read: where code is mapped.
    pub mappings: bool,
    /// Contexts are read: which memory has been given a name.
    pub contexts: bool,
    /// The tracer follows new threads and processes.
    pub births: bool,
    /// What programs write to their standard error may be markers.
    pub markers: bool,
}

/// The fate of a call by its number.
#[derive(Clone, Debug)]
struct Rule {
    /// Its fate where nobody wants it.
    otherwise: Fate,
    wanted: Test,
    /// What must hold of its arguments for it to have `otherwise` instead of being ignored.
    when: Test,
}

impl Rule {
    fn fate(&self, arguments: &[u64; 6]) -> Fate {
        if self.wanted.holds(arguments) {
            Fate::Wanted
        } else if self.otherwise != Fate::Ignored && self.when.holds(arguments) {
            self.otherwise
        } else {
            Fate::Ignored
        }
    }

    /// What must hold of its arguments for it not to be ignored.
    fn stops(&self) -> Test {
        match self.otherwise {
            Fate::Ignored => self.wanted.clone(),
            _ => self.wanted.clone().or(self.when.clone()),
        }
    }
}

/// The fates of all calls.
#[derive(Clone, Debug)]
pub struct Choice {
    rules: Arc<[(Abi, Vec<Rule>)]>,
}

/// Numbers from here on have no name in any convention and share one rule.
pub(crate) const MOST: u64 = 1024;

impl Choice {
    /// What follows from a filter and from what must be known anyway.
    pub fn new(select: &dyn Select, needs: Needs) -> Choice {
        let wanted: Vec<Vec<Test>> =
            ABIS.iter().map(|&abi| (0..=MOST).map(|number| select.before(abi, number)).collect()).collect();
        let subjects = ABIS.iter().zip(&wanted).any(|(&abi, tests)| {
            (0..).zip(tests).any(|(number, test)| *test != Test::Never && facts::has_subject(abi, number))
        });
        let rules = ABIS.iter().zip(wanted).map(|(&abi, tests)| {
            let rule = |(number, wanted)| {
                let (otherwise, when) = watch(abi, number, needs, subjects);
                Rule { otherwise, wanted, when }
            };
            (abi, (0..).zip(tests).map(rule).collect())
        });
        Choice { rules: rules.collect() }
    }

    /// What is done with this call.
    pub fn fate(&self, abi: Abi, number: u64, arguments: &[u64; 6]) -> Fate {
        self.rule(abi, number).map_or(Fate::Wanted, |rule| rule.fate(arguments))
    }

    /// Whether the tracer is told of everything that opens a file by its path, and of what asks where threads may run.
    pub(crate) fn sees_opens(&self) -> bool {
        ABIS.iter().all(|&abi| {
            let calls = table::numbers(abi).filter(|(number, name)| {
                matches!(*name, "open" | "openat" | "openat2") || arch::role(abi, *number) == Some(Role::Affinity)
            });
            calls.into_iter().all(|(number, _)| self.stops(abi, number) == Test::Always)
        })
    }

    /// What must hold of the arguments for the tracer to be told of the call. Numbers from [`MOST`] on are as that one.
    pub(crate) fn stops(&self, abi: Abi, number: u64) -> Test {
        self.rule(abi, number).map_or(Test::Always, Rule::stops)
    }

    fn rule(&self, abi: Abi, number: u64) -> Option<&Rule> {
        let (_, rules) = self.rules.iter().find(|(known, _)| *known == abi)?;
        rules.get(number.min(MOST) as usize)
    }
}

/// PROT_EXEC.
const EXECUTABLE: u32 = libc::PROT_EXEC as u32;

/// What has to be known of a call that nobody wants, and when.
fn watch(abi: Abi, number: u64, needs: Needs, subjects: bool) -> (Fate, Test) {
    match arch::role(abi, number) {
        // How exec goes on is told by its event, and whether it failed matters to nobody.
        Some(Role::Exec) => return (Fate::Entered, Test::Always),
        Some(Role::Fork | Role::Clone | Role::Clone3) if needs.births => return (Fate::Entered, Test::Always),
        Some(Role::Prctl) => {
            // What the tracer must see: another name for the thread or for memory, and a seccomp filter of the program's own.
            let context = needs.contexts.then_some(libc::PR_SET_VMA);
            let wanted = [libc::PR_SET_NAME, libc::PR_SET_SECCOMP].into_iter().chain(context);
            return (Fate::Watched, Test::Any(wanted.map(|option| Test::Equals(0, option as u32)).collect()));
        }
        // Where threads may run is put right before anything asks.
        Some(Role::Affinity) => return (Fate::Entered, Test::Always),
        Some(Role::Seccomp) => return (Fate::Watched, Test::Always),
        Some(Role::Namespace | Role::Identity) => return (Fate::Watched, Test::Always),
        _ => {}
    }
    if needs.markers && markers::writes(abi, number) {
        return (Fate::Watched, Test::Equals(0, libc::STDERR_FILENO as u32));
    }
    if subjects && facts::changes_descriptors(abi, number) {
        return (Fate::Watched, Test::Always);
    }
    match maps_code(abi, number) {
        Some(register) if needs.mappings => {
            let when = match register {
                // Of the eight combinations of reading, writing and executing, those with the last.
                Some(register) => {
                    let executable = (0..8).filter(|bits| bits & EXECUTABLE != 0);
                    Test::Any(executable.map(|bits| Test::Equals(register, bits)).collect())
                }
                None => Test::Always,
            };
            (Fate::Watched, when)
        }
        _ => (Fate::Ignored, Test::Never),
    }
}
