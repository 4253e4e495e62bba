//! `-e status=`: which calls, by how they ended.

use renacer_events::Call;

use super::{misplaced, words};
use crate::error::{Fault, shown};
use crate::suggest::nearest;

const EXAMPLE: &str = "status=failed,unfinished";
const NAMES: [&str; 5] = ["successful", "failed", "unfinished", "unavailable", "detached"];

/// Ways to end. Two of strace's are none here: every result is fetched, and a call that was let go counts as unfinished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statuses {
    successful: bool,
    failed: bool,
    unfinished: bool,
}

impl Statuses {
    /// `-z`.
    pub(crate) const SUCCESSFUL: Statuses = Statuses { successful: true, failed: false, unfinished: false };
    /// `-Z`.
    pub(crate) const FAILED: Statuses = Statuses { successful: false, failed: true, unfinished: false };

    pub(super) fn parse(text: &str, start: usize) -> Result<Statuses, Fault> {
        let list = words(text, start, "the status", EXAMPLE)?;
        let mut chosen = [list.all; NAMES.len()];
        for (place, word) in list.words {
            let lower = word.to_ascii_lowercase();
            let Some(index) = NAMES.iter().position(|name| *name == lower) else {
                return Err(misplaced(word, place.start, EXAMPLE).unwrap_or_else(|| {
                    let problem = format!("{} is no status", shown(word));
                    let expected = format!("one of {}, all, none", NAMES.join(", "));
                    let near = nearest(word, NAMES)
                        .or_else(|| NAMES.into_iter().find(|name| !lower.is_empty() && name.starts_with(&lower)));
                    Fault::new(place.start, problem, expected, EXAMPLE).suggest(near)
                }));
            };
            chosen[index] = true;
        }
        let [successful, failed, unfinished, _, _] = chosen.map(|chosen| chosen != list.inverted);
        Ok(Statuses { successful, failed, unfinished })
    }

    pub(crate) fn is_everything(self) -> bool {
        self.successful && self.failed && self.unfinished
    }

    pub(crate) fn is_nothing(self) -> bool {
        !self.successful && !self.failed && !self.unfinished
    }

    pub(crate) fn wants(self, call: &Call) -> bool {
        match (call.result, call.decoded.error) {
            (None, _) => self.unfinished,
            (Some(_), Some(_)) => self.failed,
            (Some(_), None) => self.successful,
        }
    }
}
