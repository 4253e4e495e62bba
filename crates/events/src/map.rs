//! A hash map for small keys that nobody can choose to collide: ids of processes and threads, descriptors, and
//! addresses of names.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A hash map that spends one multiplication on a key.
pub type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<Multiply>>;

/// One multiplication for each number of a key.
#[derive(Clone, Debug, Default)]
pub struct Multiply(u64);

impl Hasher for Multiply {
    fn finish(&self) -> u64 {
        // The map takes its bits from both ends.
        self.0.rotate_left(26)
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_i32(&mut self, number: i32) {
        self.write_u64(number as u32 as u64);
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}
