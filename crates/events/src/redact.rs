//! Secrets are removed from texts before anything is made of these: spans, lines, merged spans.

use std::fmt::Debug;

use compact_str::format_compact;

use crate::escape::shorten;
use crate::resource::ImageFacts;
use crate::{Attribute, Decoded, Peer, ResourceOptions, Source, Text, Value};

/// Removes from texts what nobody shall read.
pub trait Redact: Debug + Send + Sync {
    /// Replaces what is secret in a text; tells whether there was anything.
    fn text(&self, text: &mut Text) -> bool;

    /// The same for a call's argument or result, rendered as strace does it: what the program wrote stands in `"` or `<>`.
    fn argument(&self, text: &mut Text) -> bool {
        self.text(text)
    }

    /// The same for the words of one command, where a word may tell what the next one is; how many words had something.
    fn command(&self, words: &mut [Text]) -> u64 {
        words.iter_mut().map(|word| u64::from(self.text(word))).sum()
    }
}

/// Each of these returns the number of texts that something was removed from.
impl Decoded {
    pub(crate) fn redact(&mut self, by: &dyn Redact) -> u64 {
        let arguments = self.arguments.iter_mut().map(|argument| &mut argument.text);
        let rendered: u64 = arguments.chain([&mut self.result]).map(|text| u64::from(by.argument(text))).sum();
        let path = self.file_path.as_mut().is_some_and(|path| by.text(path));
        rendered + u64::from(path) + self.peer.as_mut().map_or(0, |peer| peer.redact(by))
    }
}

impl Peer {
    fn redact(&mut self, by: &dyn Redact) -> u64 {
        let names = [&mut self.unix_path, &mut self.name].into_iter().flatten();
        let mut count = names.map(|name| u64::from(by.text(name))).sum();
        if let Some(address) = self.address {
            let mut text = format_compact!("{address}");
            if by.text(&mut text) {
                // It stands where the address would.
                (self.address, self.unix_path) = (None, Some(text));
                count += 1;
            }
        }
        if self.local.is_some_and(|(address, _)| by.text(&mut format_compact!("{address}"))) {
            self.local = None;
            count += 1;
        }
        count
    }
}

impl ImageFacts {
    pub(crate) fn redact(&mut self, by: &dyn Redact) -> u64 {
        let paths = [&mut self.executable_path, &mut self.working_directory].into_iter().flatten();
        let texts = paths.chain(self.host_name.as_mut()).chain(self.container.iter_mut().map(|(_, text)| text));
        let mut count = u64::from(by.text(&mut self.name));
        count += texts.map(|text| u64::from(by.text(text))).sum::<u64>();
        count += by.command(&mut self.command_args);
        // What stands there instead may be longer.
        self.command_args.iter_mut().for_each(|text| self.truncated += u64::from(shorten(text)));
        count
    }
}

impl ResourceOptions {
    pub(crate) fn redact(&mut self, by: &dyn Redact) -> u64 {
        let given = self.detected.iter_mut().chain(&mut self.user).map(|attribute| attribute.redact(by));
        given.sum::<u64>() + self.service_name.as_mut().map_or(0, |name| u64::from(by.text(name)))
    }
}

impl Attribute {
    fn redact(&mut self, by: &dyn Redact) -> u64 {
        match &mut self.value {
            Value::Text(text) => u64::from(by.text(text)),
            Value::Texts(texts) => texts.iter_mut().map(|text| u64::from(by.text(text))).sum(),
            Value::Int(_) | Value::Bool(_) | Value::Double(_) => 0,
        }
    }
}

impl Source {
    /// Removes secrets from what was found out about a stack; returns from how many texts.
    pub fn redact(&mut self, by: &dyn Redact) -> u64 {
        let mut count = 0;
        for attribute in self.attributes.iter_mut().chain(&mut self.inherited) {
            count += attribute.redact(by);
        }
        count + self.lines.iter_mut().map(|line| u64::from(by.text(line))).sum::<u64>()
    }
}
