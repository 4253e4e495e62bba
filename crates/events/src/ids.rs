//! Trace and span ids.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use crate::{SpanId, TraceId};

impl TraceId {
    /// A random trace id, from the operating system's randomness.
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&random().to_be_bytes());
        bytes[8..].copy_from_slice(&random().to_be_bytes());
        TraceId(bytes)
    }
}

impl SpanId {
    /// A random span id, from the operating system's randomness.
    pub fn random() -> Self {
        SpanId(random().to_be_bytes())
    }
}

/// A random number that is not 0. The standard library seeds its hash maps from the operating system, and never twice alike.
fn random() -> u64 {
    loop {
        let number = RandomState::new().build_hasher().finish();
        if number != 0 {
            return number;
        }
    }
}

/// A mixing step of splitmix64: a bijection, so different inputs give different outputs.
pub(crate) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Makes span ids: splitmix64, which visits each of the 2^64 numbers once before it repeats one.
#[derive(Debug)]
pub(crate) struct SpanIds {
    state: u64,
    /// Ids that others have given already.
    taken: Vec<SpanId>,
}

impl SpanIds {
    /// A generator that starts at a random place and never gives one of `taken`.
    pub(crate) fn new(taken: Vec<SpanId>) -> Self {
        SpanIds { state: random(), taken }
    }

    pub(crate) fn next(&mut self) -> SpanId {
        loop {
            self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let id = SpanId(mix(self.state).to_be_bytes());
            if id.0 != [0; 8] && !self.taken.contains(&id) {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_do_not_repeat() {
        let mut ids = SpanIds::new(Vec::new());
        let seen: HashSet<_> = (0..100_000).map(|_| ids.next()).collect();
        assert_eq!(seen.len(), 100_000);
    }

    #[test]
    fn neither_zero_nor_a_taken_id_is_given() {
        // The mixing step maps 0 to 0, so a state just before 0 would give a zero id.
        let before_zero = 0_u64.wrapping_sub(0x9e37_79b9_7f4a_7c15);
        let mut ids = SpanIds { state: before_zero, taken: Vec::new() };
        let first = ids.next();
        assert_ne!(first.0, [0; 8]);
        let mut ids = SpanIds { state: before_zero, taken: vec![first] };
        let second = ids.next();
        assert!(second.0 != [0; 8] && second != first);
    }

    #[test]
    fn random_ids_differ() {
        assert_ne!(TraceId::random(), TraceId::random());
        assert_ne!(SpanId::random(), SpanId::random());
    }
}
