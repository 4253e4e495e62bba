//! Finds the running processes that options mean, and waits for them where they are not there yet.

use std::time::{Duration, Instant};

use anyhow::bail;
use renacer_ptrace::find::{Target, find};
use renacer_ptrace::{AttachError, Interrupts, Options, Tracer};

use crate::cli::Selection;

/// How often it is looked for them. A look takes some 70 µs for a hundred processes.
const PAUSE: Duration = Duration::from_millis(10);

/// What was found.
pub enum Found {
    /// These processes, which are traced now.
    Processes(Vec<i32>, Box<Tracer>),
    /// The signal that came first.
    Interrupted(i32),
}

impl Selection {
    /// Whether no process is meant.
    pub fn is_empty(&self) -> bool {
        self.targets().is_empty()
    }

    fn targets(&self) -> Vec<Target> {
        let names = self.attach_name.iter().cloned().map(Target::Name);
        let patterns = self.attach_regex.iter().cloned().map(Target::Pattern);
        let ports = self.attach_port.iter().copied().map(Target::Port);
        let containers = self.container.iter().cloned().map(Target::Container);
        let in_pods = self.pod_container.iter().cloned().map(Target::PodContainer);
        let all = self.attach_all.then_some(Target::AllContainers);
        names.chain(patterns).chain(ports).chain(containers).chain(in_pods).chain(all).collect()
    }

    /// Attaches to the processes, and waits for the first of them if that is asked for.
    pub fn attach(&self, options: &Options, interrupts: &Interrupts) -> anyhow::Result<Found> {
        let targets = self.targets();
        let deadline = self.wait.flatten().and_then(|time| Instant::now().checked_add(time));
        loop {
            let found = find(&targets);
            if !found.is_empty() {
                match Tracer::attach(&found, options.clone()) {
                    Ok(tracer) => return Ok(Found::Processes(found, Box::new(tracer))),
                    // It has ended since: there may be others by now.
                    Err(AttachError::NoSuchProcess(_) | AttachError::Zombie(_)) => continue,
                    Err(error) => return Err(error.into()),
                }
            }
            let Some(time) = &self.wait else {
                bail!("there is no such process: {self}; --wait waits until there is one");
            };
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                bail!("there was no such process within {:?}: {self}", time.unwrap_or_default());
            }
            if let Some(interrupt) = interrupts.take() {
                return Ok(Found::Interrupted(interrupt.signal));
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl std::fmt::Display for Selection {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = |option: &str, values: Vec<String>| {
            values.into_iter().map(|value| format!("{option} {value}")).collect::<Vec<_>>()
        };
        let all = [
            words("--attach-name", self.attach_name.clone()),
            words("--attach-regex", self.attach_regex.iter().map(ToString::to_string).collect()),
            words("--attach-port", self.attach_port.iter().map(ToString::to_string).collect()),
            words("--container", self.container.clone()),
            words("--pod-container", self.pod_container.clone()),
            if self.attach_all { vec!["--attach-all".into()] } else { Vec::new() },
        ];
        to.write_str(&all.concat().join(" "))
    }
}
