//! Stacks as text, in two forms.
//!
//! `code.stacktrace` has a line for each function, innermost first, as gdb numbers them, inlined ones with a mark of their
//! own, and no addresses, so that equal stacks of different runs are equal texts:
//!
//! ```text
//! #0 open64 in /usr/lib/x86_64-linux-gnu/libc.so.6
//! #1 std::fs::File::open (inlined) at /rustc/59807616/library/std/src/fs.rs:415:9
//! #2 app::config::load at /home/me/app/src/config.rs:12:16
//! #3 ?? in /usr/bin/tool+0x1a2f
//! ```
//!
//! A function that nobody names is `??`, with its address in its file. The other form is that of the text output, a line
//! for each function as `strace -k` prints frames, with file and line behind it:
//!
//! ```text
//!  > /usr/lib/x86_64-linux-gnu/libc.so.6(open64+0x5b) [0xf2f50]
//! ```

use std::fmt::Write;

use renacer_events::{Frame, StackEnd, Text};

use crate::symbolizer::Named;

/// Longest text, in bytes (docs/spans.md).
const LONGEST: usize = 16 * 1024;

/// A frame with what is known of it.
pub(crate) struct Shown<'a> {
    pub(crate) frame: Frame,
    /// The path of its module.
    pub(crate) module: &'a str,
    /// Its functions, innermost first; empty if nothing is known.
    pub(crate) named: &'a [Named],
}

/// `code.stacktrace` of the innermost `most` functions.
pub(crate) fn attribute(frames: &[Shown<'_>], end: StackEnd, most: usize) -> String {
    let mut lines = frames.iter().flat_map(|shown| {
        let unknown = shown.named.is_empty().then(|| format!("?? in {}+{:#x}", shown.module, shown.frame.address));
        unknown.into_iter().chain(shown.named.iter().map(|named| line(shown, named)))
    });
    let mut text = String::new();
    for number in 0..most {
        let Some(line) = lines.next() else { break };
        let start = text.len();
        let separator = if number == 0 { "" } else { "\n" };
        let _ = write!(text, "{separator}#{number} {line}");
        if text.len() > LONGEST - 32 {
            text.truncate(start);
            text.push_str("\n... (more frames)");
            return text;
        }
    }
    if lines.next().is_some() || end == StackEnd::TooDeep {
        text.push_str("\n... (more frames)");
    } else if end == StackEnd::Unknown {
        text.push_str("\n... (not followed further)");
    }
    text
}

fn line(shown: &Shown<'_>, named: &Named) -> String {
    let mut line = named.function.clone().unwrap_or_else(|| "??".to_owned());
    if named.is_inlined {
        line.push_str(" (inlined)");
    }
    match &named.file {
        Some(file) => {
            let _ = write!(line, " at {file}");
            place(&mut line, named);
        }
        None => {
            let _ = write!(line, " in {}", shown.module);
            if named.function.is_none() {
                let _ = write!(line, "+{:#x}", shown.frame.address);
            }
        }
    }
    line
}

fn place(line: &mut String, named: &Named) {
    if named.line != 0 {
        let _ = write!(line, ":{}", named.line);
        if named.column != 0 {
            let _ = write!(line, ":{}", named.column);
        }
    }
}

/// The lines of the text output.
pub(crate) fn lines(frames: &[Shown<'_>], most: usize) -> Vec<Text> {
    let each = frames.iter().flat_map(|shown| {
        let address = shown.frame.address;
        let unknown = shown.named.is_empty().then(|| format!(" > {}() [{address:#x}]", shown.module));
        let known = shown.named.iter().map(move |named| {
            let function = named.function.as_deref().unwrap_or_default();
            let offset = named.offset.filter(|_| !named.is_inlined && named.function.is_some());
            let offset = offset.map(|offset| format!("+{offset:#x}")).unwrap_or_default();
            let mut line = format!(" > {}({function}{offset}) [{address:#x}]", shown.module);
            if let Some(file) = &named.file {
                let _ = write!(line, " {file}");
                if named.line != 0 {
                    let _ = write!(line, ":{}", named.line);
                }
            }
            if named.is_inlined {
                line.push_str(" (inlined)");
            }
            line
        });
        unknown.into_iter().chain(known)
    });
    each.take(most).map(Text::from).collect()
}
