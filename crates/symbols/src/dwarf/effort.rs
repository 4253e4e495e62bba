//! How much work and memory reading one file's DWARF may take: what it declares is not to be trusted.

use std::time::Duration;

use crate::stopwatch::Stopwatch;

/// Why DWARF was not read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("malformed DWARF: {0}")]
    Malformed(#[from] gimli::Error),
    #[error("{0}")]
    File(#[from] crate::object_file::Refused),
    #[error("reading the DWARF takes too long")]
    TooSlow,
    #[error("the DWARF has too many entries")]
    TooLarge,
}

/// What is left for one piece of work.
pub(crate) struct Effort {
    watch: Stopwatch,
    time: Duration,
    /// Steps until the clock is looked at.
    until_clock: u32,
    /// Bytes that may still be kept.
    memory: usize,
}

const STEPS: u32 = 4096;

impl Effort {
    pub(crate) fn new(time: Duration, memory: usize) -> Effort {
        Effort { watch: Stopwatch::start(), time, until_clock: STEPS, memory }
    }

    /// To be called in every loop over what a file declares.
    #[inline]
    pub(crate) fn step(&mut self) -> Result<(), Error> {
        self.until_clock -= 1;
        if self.until_clock == 0 {
            self.until_clock = STEPS;
            if self.watch.spent() >= self.time {
                return Err(Error::TooSlow);
            }
        }
        Ok(())
    }

    /// To be called before something is kept.
    #[inline]
    pub(crate) fn keep<T>(&mut self) -> Result<(), Error> {
        // A growing vector has both its old and its new, twice as large, place.
        self.memory = self.memory.checked_sub(3 * size_of::<T>()).ok_or(Error::TooLarge)?;
        self.step()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_when_time_or_memory_is_used_up() {
        let mut effort = Effort::new(Duration::ZERO, 1000);
        let steps = (1..).find(|_| effort.step().is_err());
        assert_eq!(steps, Some(STEPS));
        let mut effort = Effort::new(Duration::from_secs(60), 1000);
        let kept = (0..).take_while(|_| effort.keep::<u64>().is_ok()).count();
        assert_eq!(kept, 41);
        assert!(matches!(effort.keep::<u64>(), Err(Error::TooLarge)));
    }
}
