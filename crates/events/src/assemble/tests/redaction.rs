//! Secrets are removed before anything is made of a text.

use std::sync::Arc;

use crate::assemble::Options;
use crate::assemble::fixture::*;
use crate::{Attribute, Redact, ResourceOptions, Text, Value};

/// Knows a few words as secrets.
#[derive(Debug)]
struct Words(&'static [&'static str]);

impl Redact for Words {
    fn text(&self, text: &mut Text) -> bool {
        let before = text.clone();
        self.0.iter().for_each(|word| *text = text.replace(word, "X").into());
        *text != before
    }
}

fn run(words: &'static [&'static str], resource: ResourceOptions) -> Done {
    let redact: Option<Arc<dyn Redact>> = Some(Arc::new(Words(words)));
    let mut run = Run::launched(Options { span_names_target: true, redact, resource, ..options() });
    run.thread(15, 100, 101, None);
    run.call(20, 100, OPENAT, 3);
    run.call(30, 100, CONNECT, 0);
    run.call(40, 100, READ, 1);
    run.exit(50, 100, crate::ExitStatus::Exited(0));
    run.finish()
}

#[test]
fn no_text_has_them_and_each_is_counted() {
    let user = vec![Attribute::new("team", "program people")];
    let words = &["program", "worker", "libc", "ppp", "127.0.0.1", "10.0.0.1", "bus", "tmp", "-v", "abababab"];
    let done = run(words, ResourceOptions { user, ..ResourceOptions::default() });
    let shown = format!("{:?} {:?} {:?}", done.spans, done.calls, done.lines);
    for word in words {
        assert!(!shown.contains(word), "{word}: {shown}");
    }
    let connect = done.span("connect X");
    assert_eq!(get(connect, "network.peer.address"), Some(&Value::from("X")));
    assert_eq!(get(connect, "network.local.address"), None);
    assert_eq!(get(done.span("openat X.so.6"), "file.path"), Some(&Value::from("/lib/X.so.6")));
    // The user's; of the launcher's image its folder, `-v` and container; of the program's, name, path and first word too; the
    // names of both threads; path and argument; both ends; the socket.
    assert_eq!(done.totals.redacted, 1 + 3 + 6 + 2 + 2 + 2 + 1);
    assert_eq!(get(done.spans.last().expect("the root"), "renacer.texts.redacted"), Some(&Value::Int(17)));
}

#[test]
fn our_own_words_stay() {
    let done = run(&["openat", "ENOENT", "dirfd"], ResourceOptions::default());
    assert!(done.spans.iter().any(|span| span.name == "openat libc.so.6"));
    assert_eq!((done.totals.redacted, get(done.spans.last().expect("the root"), "renacer.texts.redacted")), (0, None));
}
