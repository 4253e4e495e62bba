//! The text of a structure: `{name=value, name=value}`.

use crate::decode::number::{hex, push_decimal, push_hex, push_unsigned};

/// A structure in the making.
pub(super) struct Fields<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> Fields<'a> {
    /// Starts a structure.
    pub(super) fn new(out: &'a mut String) -> Self {
        out.push('{');
        Fields { out, first: true }
    }

    /// Starts a member; its value is to be appended to what this returns.
    pub(super) fn name(&mut self, name: &str) -> &mut String {
        self.separate();
        self.out.push_str(name);
        self.out.push('=');
        self.out
    }

    /// Appends the separator; for members that are not `name=value`.
    pub(super) fn separate(&mut self) -> &mut String {
        if !self.first {
            self.out.push_str(", ");
        }
        self.first = false;
        self.out
    }

    pub(super) fn signed(&mut self, name: &str, value: i64) {
        push_decimal(self.name(name), value);
    }

    pub(super) fn unsigned(&mut self, name: &str, value: u64) {
        push_unsigned(self.name(name), value);
    }

    /// `0x1f`, or `0`.
    pub(super) fn hex(&mut self, name: &str, value: u64) {
        hex(self.name(name), value);
    }

    pub(super) fn address(&mut self, name: &str, value: u64) {
        address(self.name(name), value);
    }

    /// Ends the structure.
    pub(super) fn end(self) {
        self.out.push('}');
    }

    /// Ends a structure of which not all is shown.
    pub(super) fn end_cut(mut self) {
        self.separate().push_str("...");
        self.end();
    }
}

/// Appends an address: `NULL` or hexadecimal.
pub(super) fn address(out: &mut String, value: u64) {
    if value == 0 { out.push_str("NULL") } else { push_hex(out, value) }
}
