//! Reads the lines of `strace -f`, and Renacer's own, which have the same form: halves of calls that were interleaved with
//! others are joined.

use std::collections::{BTreeMap, HashMap};

/// One line, or two that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Call(Call),
    /// `SIGCHLD {si_signo=SIGCHLD, ...}`, `stopped by SIGSTOP`
    Signal(String),
    /// `exited with 0`, `killed by SIGKILL`
    End(String),
}

/// A system call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub name: String,
    /// What stands between the outer parentheses.
    pub arguments: String,
    /// What stands behind `= `.
    pub result: String,
}

/// A log: each thread's lines in order of their start.
#[derive(Debug, Default)]
pub struct Log {
    threads: BTreeMap<i32, Vec<Line>>,
    /// Thread ids in the order in which they appeared.
    order: Vec<i32>,
}

impl Log {
    /// Reads a log of which each line starts with the thread's id.
    pub fn parse(text: &str) -> Log {
        let mut log = Log::default();
        // Per thread: the index of its unfinished call, and the text so far.
        let mut unfinished: HashMap<i32, (usize, String)> = HashMap::new();
        for whole in text.lines() {
            let (tid, rest) = whole.split_once(' ').unwrap_or_else(|| panic!("no thread id: {whole}"));
            let tid: i32 = tid.parse().unwrap_or_else(|_| panic!("no thread id: {whole}"));
            let rest = rest.trim_start();
            if let Some(old) = rest.strip_prefix("+++ superseded by execve in pid ") {
                let old: i32 = old.trim_end_matches(" +++").parse().expect("a thread id");
                log.supersede(tid, old, &mut unfinished);
            } else if let Some(text) = rest.strip_prefix("+++ ") {
                log.push(tid, Line::End(text.trim_end_matches(" +++").to_owned()));
            } else if let Some(text) = rest.strip_prefix("--- ") {
                log.push(tid, Line::Signal(text.trim_end_matches(" ---").to_owned()));
            } else if let Some((_, tail)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
                let (index, head) = unfinished.remove(&tid).unwrap_or_else(|| panic!("resumed what? {whole}"));
                let lines = log.threads.get_mut(&tid).expect("its thread has lines");
                lines[index] = Line::Call(Call::parse(&format!("{head}{tail}")));
            } else if let Some(head) = rest.strip_suffix(" <unfinished ...>") {
                let (name, arguments) = head.split_once('(').unwrap_or_else(|| panic!("no call: {whole}"));
                let call = Call { name: name.to_owned(), arguments: arguments.to_owned(), result: "?".to_owned() };
                let index = log.push(tid, Line::Call(call));
                unfinished.insert(tid, (index, head.to_owned()));
            } else {
                // A call that never returned, and whose end strace wrote twice.
                let call = Call::parse(rest.strip_suffix(" <unfinished ...>) = ?").unwrap_or(rest));
                log.push(tid, Line::Call(call));
            }
        }
        log
    }

    fn push(&mut self, tid: i32, line: Line) -> usize {
        let lines = self.threads.entry(tid).or_insert_with(|| {
            self.order.push(tid);
            Vec::new()
        });
        lines.push(line);
        lines.len() - 1
    }

    /// Thread `old` ran another program and is `tid` from here on: its call goes on there.
    fn supersede(&mut self, tid: i32, old: i32, unfinished: &mut HashMap<i32, (usize, String)>) {
        if let Some((index, head)) = unfinished.remove(&old) {
            let moved = self.threads.get_mut(&old).expect("its thread has lines").remove(index);
            let index = self.push(tid, moved);
            unfinished.insert(tid, (index, head));
        }
    }

    /// How often each call was made.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in self.threads.values().flatten().filter_map(Line::call) {
            *counts.entry(call.name.clone()).or_default() += 1;
        }
        counts
    }

    /// Each thread's lines under a name that does not depend on its id: `0` is the first thread, `0.1` the second one
    /// that thread created, and so on.
    pub fn by_origin(&self) -> Vec<(String, i32, &[Line])> {
        let mut named = Vec::new();
        if let Some(&first) = self.order.first() {
            self.descend("0".to_owned(), first, &mut named);
        }
        named
    }

    fn descend<'a>(&'a self, name: String, tid: i32, named: &mut Vec<(String, i32, &'a [Line])>) {
        let lines = self.threads.get(&tid).map_or(&[][..], Vec::as_slice);
        named.push((name.clone(), tid, lines));
        let created = lines.iter().filter_map(Line::call).filter_map(Call::created);
        for (index, child) in created.enumerate() {
            self.descend(format!("{name}.{index}"), child, named);
        }
    }
}

impl Line {
    pub fn call(&self) -> Option<&Call> {
        match self {
            Line::Call(call) => Some(call),
            _ => None,
        }
    }
}

impl Call {
    /// Reads `name(arguments) = result`.
    fn parse(text: &str) -> Call {
        let open = text.find('(').unwrap_or_else(|| panic!("no call: {text}"));
        let end = closing(text, open);
        let rest = &text[end.min(text.len())..];
        let result = rest.strip_prefix(')').map_or("?", |rest| rest.trim_start().trim_start_matches("= "));
        Call { name: text[..open].to_owned(), arguments: text[open + 1..end].to_owned(), result: result.to_owned() }
    }

    /// The thread that a successful fork, vfork or clone created.
    fn created(&self) -> Option<i32> {
        if !matches!(&*self.name, "fork" | "vfork" | "clone" | "clone3") {
            return None;
        }
        self.result.parse().ok().filter(|&tid| tid > 0)
    }

    /// The arguments, split at the commas between them.
    pub fn split(&self) -> Vec<&str> {
        let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
        each_unquoted(&self.arguments, 0, |at, byte| {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth -= 1,
                b',' if depth == 0 => {
                    parts.push(self.arguments[start..at].trim());
                    start = at + 1;
                }
                _ => {}
            }
            true
        });
        parts.push(self.arguments[start..].trim());
        parts
    }
}

/// Where the parenthesis that opens at `open` is closed; the end of the text if it is not.
fn closing(text: &str, open: usize) -> usize {
    let (mut depth, mut end) = (0, text.len());
    each_unquoted(text, open, |at, byte| {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            end = at;
        }
        depth > 0
    });
    end
}

/// Calls `visit` for each byte outside quotes and comments, until it says false.
fn each_unquoted(text: &str, start: usize, mut visit: impl FnMut(usize, u8) -> bool) {
    let bytes = text.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += 1 + usize::from(bytes[at] == b'\\');
                }
            }
            b'/' if bytes[at..].starts_with(b"/*") => {
                at += text[at..].find("*/").map_or(bytes.len(), |length| length + 1);
            }
            byte if !visit(at, byte) => return,
            _ => {}
        }
        at += 1;
    }
}
