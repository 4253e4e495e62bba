//! The names that may stand in filters, looked up when the first is needed.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::fmt;

use renacer_events::{Abi, Calls};

use crate::calls::{UNNAMED, all_names};
use crate::suggest::nearest;

/// The names, and the text in which they stand.
pub(crate) struct Names<'a> {
    calls: &'a dyn Calls,
    text: &'a str,
    /// With the conventions that have it.
    names: OnceCell<HashMap<&'static str, Vec<Abi>>>,
    arguments: OnceCell<HashSet<&'static str>>,
    errors: OnceCell<HashSet<&'static str>>,
}

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("text", &self.text).finish_non_exhaustive()
    }
}

impl<'a> Names<'a> {
    pub(crate) fn new(calls: &'a dyn Calls, text: &'a str) -> Self {
        Names { calls, text, names: OnceCell::new(), arguments: OnceCell::new(), errors: OnceCell::new() }
    }

    /// The column of a place in the text, the first being 1.
    pub(crate) fn column(&self, at: usize) -> usize {
        self.text.char_indices().take_while(|(index, _)| *index < at).count() + 1
    }

    fn names(&self) -> &HashMap<&'static str, Vec<Abi>> {
        self.names.get_or_init(|| {
            let mut names = HashMap::<_, Vec<Abi>>::new();
            all_names(self.calls).for_each(|(abi, name)| names.entry(name).or_default().push(abi));
            names
        })
    }

    /// The name if a call has it, in one convention or in any.
    pub(crate) fn call(&self, name: &str, abi: Option<Abi>) -> Option<&'static str> {
        let (&name, abis) = self.names().get_key_value(name)?;
        abi.is_none_or(|abi| abis.contains(&abi)).then_some(name)
    }

    /// The calls with this number, and the name of its own of one that may stand for others.
    pub(crate) fn numbered(&self, number: u64) -> Vec<((Abi, u64), Option<&'static str>)> {
        let own = |names: Vec<&'static str>| names.last().copied().filter(|_| names.len() > 1);
        self.calls.abis().iter().map(|&abi| ((abi, number), own(self.calls.names(abi, number)))).collect()
    }

    /// The names that are so, in one convention or in any.
    pub(crate) fn calls(&self, abi: Option<Abi>, is: impl Fn(&str) -> bool) -> Vec<&'static str> {
        let of_abi = self.names().iter().filter(|(_, abis)| abi.is_none_or(|abi| abis.contains(&abi)));
        of_abi.map(|(&name, _)| name).filter(|name| is(name)).collect()
    }

    fn arguments(&self) -> &HashSet<&'static str> {
        self.arguments.get_or_init(|| self.calls.arguments().into_iter().chain(UNNAMED).collect())
    }

    fn errors(&self) -> &HashSet<&'static str> {
        self.errors.get_or_init(|| self.calls.errors().into_iter().collect())
    }

    /// Whether a call can have this name. One without a name is called by its number.
    pub(crate) fn is_call(&self, name: &str) -> bool {
        let number = name.strip_prefix("syscall_0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
        number.is_some_and(|number| format!("syscall_{number:#x}") == name) || self.call(name, None).is_some()
    }

    pub(crate) fn is_argument(&self, name: &str) -> bool {
        self.arguments().contains(name)
    }

    pub(crate) fn is_error(&self, name: &str) -> bool {
        self.errors().contains(name)
    }

    pub(crate) fn nearest_call(&self, name: &str) -> Option<&'static str> {
        nearest(name, self.names().keys().copied())
    }

    pub(crate) fn nearest_argument(&self, name: &str) -> Option<&'static str> {
        nearest(name, self.arguments().iter().copied())
    }

    pub(crate) fn nearest_error(&self, name: &str) -> Option<&'static str> {
        nearest(name, self.errors().iter().copied())
    }
}
