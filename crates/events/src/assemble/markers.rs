//! Markers: lines on a program's standard error and messages in place of paths, by which a program without any library annotates its
//! trace. They become events of the thread's span.
//!
//! ```text
//! [DECISION] category::name input={json}
//! [RESULT] name = {json}
//! ```

use super::{Assembler, Sink};
use crate::escape::{MAX_TEXT, escape};
use crate::{Attribute, Decode, Pid, Redact, Text, Tid, Value};

const DECISION: &[u8] = b"[DECISION] ";
const RESULT: &[u8] = b"[RESULT] ";

/// The longest line that is kept until its end is known.
const MAX_LINE: usize = MAX_TEXT;
/// The most lines, of as many processes, that are kept at a time.
const MAX_LINES: usize = 1024;

/// What is known of the line that a process is writing.
#[derive(Debug, Default)]
pub(super) enum Line {
    /// Nothing of it is written yet.
    #[default]
    New,
    /// This much of it, and it may be a marker.
    Marker(Vec<u8>),
    /// It is none, or will not be known whole.
    Other,
}

/// What a line becomes.
#[derive(Debug, PartialEq)]
struct Marker {
    name: &'static str,
    attributes: Vec<Attribute>,
}

impl Line {
    /// Takes what is written next, `cut` where more was written than is known. Whole markers go to `found`; returns how many were too
    /// long, or had no room (`may_keep`) to wait for their end.
    fn write(&mut self, mut bytes: &[u8], cut: bool, may_keep: bool, found: &mut Vec<Marker>) -> u64 {
        let mut lost = 0;
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let (rest, after) = (&bytes[..end], &bytes[end + 1..]);
            match std::mem::take(self) {
                Line::New => found.extend(Marker::parse(rest)),
                Line::Marker(line) if line.len() + rest.len() > MAX_LINE => lost += 1,
                Line::Marker(mut line) => {
                    line.extend_from_slice(rest);
                    found.extend(Marker::parse(&line));
                }
                Line::Other => {}
            }
            bytes = after;
        }
        match self {
            Line::New if !bytes.is_empty() && !may_begin_marker(bytes) => *self = Line::Other,
            Line::New if !bytes.is_empty() && may_keep => *self = Line::Marker(bytes.to_vec()),
            Line::New if !bytes.is_empty() => {
                lost += 1;
                *self = Line::Other;
            }
            Line::Marker(line) if line.len() + bytes.len() > MAX_LINE => {
                lost += 1;
                *self = Line::Other;
            }
            Line::Marker(line) => {
                line.extend_from_slice(bytes);
                if !may_begin_marker(line) {
                    *self = Line::Other;
                }
            }
            Line::New | Line::Other => {}
        }
        if cut {
            lost += u64::from(matches!(self, Line::Marker(_)));
            *self = Line::Other;
        }
        lost
    }
}

/// Whether a line that begins like this can be a marker.
fn may_begin_marker(line: &[u8]) -> bool {
    [DECISION, RESULT].iter().any(|start| line.starts_with(start) || start.starts_with(line))
}

impl Marker {
    /// What a whole line says, if it is a marker.
    fn parse(line: &[u8]) -> Option<Marker> {
        if let Some(rest) = line.strip_prefix(DECISION) {
            let (what, input) = split(rest, b" input=");
            return Marker::new("decision", what, input.map(|input| ("decision.input", input)));
        }
        let (what, result) = split(line.strip_prefix(RESULT)?, b" = ");
        Marker::new("result", what, Some(("decision.result", result?)))
    }

    fn new(name: &'static str, what: &[u8], value: Option<(&'static str, &[u8])>) -> Option<Marker> {
        let what = what.trim_ascii();
        if what.is_empty() || what.iter().any(u8::is_ascii_whitespace) {
            return None;
        }
        let (category, decision) = match split(what, b"::") {
            (category, Some(decision)) => (Some(category), decision),
            (decision, None) => (None, decision),
        };
        let category = category.map(|category| Attribute::new("decision.category", text(category)));
        let decision = Attribute::new("decision.name", text(decision));
        let value = value.map(|(key, value)| Attribute::new(key, text(value.trim_ascii())));
        Some(Marker { name, attributes: category.into_iter().chain([decision]).chain(value).collect() })
    }
}

/// What stands before and behind the first `by`.
fn split<'a>(text: &'a [u8], by: &[u8]) -> (&'a [u8], Option<&'a [u8]>) {
    match text.windows(by.len()).position(|window| window == by) {
        Some(at) => (&text[..at], Some(&text[at + by.len()..])),
        None => (text, None),
    }
}

/// Text as the program wrote it; escaped where it is none.
fn text(bytes: &[u8]) -> Text {
    match str::from_utf8(bytes) {
        Ok(text) if !text.contains(char::is_control) => text.into(),
        _ => escape(bytes, MAX_TEXT).0,
    }
}

/// Removes secrets from a text that may have quotes, as JSON has: what removes them knows texts as calls' arguments are rendered, with
/// escaped quotes.
fn redact_quoted(redact: &dyn Redact, text: &mut Text) -> bool {
    if !text.contains('"') {
        return redact.text(text);
    }
    let mut quoted = Text::from(text.replace('\\', "\\\\").replace('"', "\\\""));
    let found = redact.text(&mut quoted);
    if found {
        let mut chars = quoted.chars();
        text.clear();
        while let Some(char) = chars.next() {
            text.push(if char == '\\' { chars.next().unwrap_or(char) } else { char });
        }
    }
    found
}

impl<D: Decode, S: Sink> Assembler<D, S> {
    /// A thread has written to its standard error.
    pub(super) fn wrote(&mut self, tid: Tid, at: u64, bytes: &[u8], cut: bool) {
        let pid = self.threads.get(&tid).map(|thread| thread.pid);
        let Some(process) = pid.and_then(|pid| self.processes.get_mut(&pid)) else {
            self.totals.unknown_events += 1;
            return;
        };
        let before = usize::from(matches!(process.line, Line::Marker(_)));
        let mut found = Vec::new();
        self.totals.markers_dropped += process.line.write(bytes, cut, self.lines - before < MAX_LINES, &mut found);
        self.lines = self.lines - before + usize::from(matches!(process.line, Line::Marker(_)));
        for marker in found {
            self.mark(tid, at, marker);
        }
    }

    /// A thread has left a message in place of a path.
    pub(super) fn marked(&mut self, tid: Tid, at: u64, message: &[u8]) {
        let attributes = vec![Attribute::new("mark.text", text(message))];
        self.mark(tid, at, Marker { name: "mark", attributes });
    }

    fn mark(&mut self, tid: Tid, at: u64, mut marker: Marker) {
        for attribute in &mut marker.attributes {
            if let (Some(redact), Value::Text(text)) = (&self.options.redact, &mut attribute.value) {
                self.totals.redacted += u64::from(redact_quoted(&**redact, text));
            }
            self.totals.truncated += attribute.value.shorten();
        }
        let known = self.threads.get_mut(&tid).and_then(|thread| Some((self.processes.get_mut(&thread.pid)?, thread)));
        let Some((process, thread)) = known else {
            self.totals.unknown_events += 1;
            return;
        };
        let open = thread.span.as_mut().map_or(&mut process.image.open, |span| &mut span.open);
        self.totals.markers += 1;
        self.totals.markers_dropped += u64::from(!open.event(at, marker.name, || marker.attributes));
    }

    /// The line that the process has begun will not be ended by the same program.
    pub(super) fn forget_line(&mut self, pid: Pid) {
        if let Some(process) = self.processes.get_mut(&pid)
            && let Line::Marker(_) = std::mem::take(&mut process.line)
        {
            self.lines -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(marker: &Marker) -> String {
        let attributes: Vec<String> =
            marker.attributes.iter().map(|attribute| format!("{}={:?}", attribute.key, attribute.value)).collect();
        format!("{} {}", marker.name, attributes.join(" ")).replace("Text(\"", "(\"")
    }

    /// Markers in these writes, and how many were lost.
    fn markers(writes: &[&[u8]]) -> (Vec<String>, u64) {
        let (mut line, mut found) = (Line::default(), Vec::new());
        let lost = writes.iter().map(|bytes| line.write(bytes, false, true, &mut found)).sum();
        (found.iter().map(show).collect(), lost)
    }

    #[test]
    fn lines_of_both_kinds_are_understood() {
        let (found, lost) =
            markers(&[b"[DECISION] cost::inline::deep input={\"size\": 7}\n[RESULT] inline = {\"yes\": true}\r\n\
            [DECISION] alone\n[RESULT] cost::x = 5\n"]);
        assert_eq!(
            found,
            [
                r#"decision decision.category=("cost") decision.name=("inline::deep") decision.input=("{\"size\": 7}")"#,
                r#"result decision.name=("inline") decision.result=("{\"yes\": true}")"#,
                r#"decision decision.name=("alone")"#,
                r#"result decision.category=("cost") decision.name=("x") decision.result=("5")"#,
            ]
        );
        assert_eq!(lost, 0);
    }

    #[test]
    fn other_lines_are_none() {
        let text = b"x [DECISION] a::b input={}\n [RESULT] a = {}\n[DECISION]\n[DECISION] \n[DECISION] two words\n[RESULT] a\n[RESULTS] a = 1\n\n";
        assert_eq!(markers(&[text]), (vec![], 0));
    }

    #[test]
    fn it_does_not_matter_how_a_line_is_split() {
        let text = b"noise\n[DECISION] a::b input={\"c\":\"[RESULT] d = e\"}\n\n[RESULT] b = {}\nmore [RESULT] b = 1\n[RESULT] b = 2\n";
        let whole = markers(&[text]);
        assert_eq!(whole.0.len(), 3);
        for first in 0..text.len() {
            for second in [first, first + 1, first + 9] {
                let second = second.min(text.len());
                assert_eq!(
                    markers(&[&text[..first], &text[first..second], &text[second..]]),
                    whole,
                    "{first} {second}"
                );
            }
        }
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(markers(&single), whole);
    }

    #[test]
    fn what_is_not_known_whole_is_lost_and_counted() {
        let long = [b"[RESULT] a = ".to_vec(), vec![b'x'; MAX_LINE]].concat();
        assert_eq!(markers(&[&long[..9000], &long[9000..], b"\n[RESULT] b = 1\n"]).0.len(), 1);
        assert_eq!(markers(&[&long[..9000], &long[9000..], b"\n"]).1, 1);
        let (mut line, mut found) = (Line::default(), Vec::new());
        assert_eq!(line.write(b"[RESULT] a = 1\n[RESULT] b = ", true, true, &mut found), 1);
        assert_eq!(line.write(b"2\n[RESULT] c = 3\n", false, true, &mut found), 0);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(line.write(b"[RESULT] d = ", false, false, &mut found), 1);
        assert_eq!(line.write(b"4\n", false, true, &mut found), 0);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn what_is_no_text_is_escaped() {
        let (found, _) = markers(&[b"[RESULT] a = \xff\x01\n[RESULT] b = \xc3\xa9\n"]);
        assert_eq!(found[0], r#"result decision.name=("a") decision.result=("\\377\\1")"#);
        assert_eq!(found[1], "result decision.name=(\"b\") decision.result=(\"\u{e9}\")");
    }
}
