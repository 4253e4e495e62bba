//! Opens files that are not there, whose paths say which span that is in.

use std::fs::File;

use libdd_otel_thread_ctx::linux::OwnedThreadContext;

/// How many spans each thread has.
const SPANS: u32 = 40;

fn ids(thread: u32, span: u32) -> ([u8; 16], [u8; 8]) {
    let (mut trace, mut id) = ([0xab; 16], [0xcd; 8]);
    trace[8..12].copy_from_slice(&thread.to_be_bytes());
    trace[12..].copy_from_slice(&(span / 10).to_be_bytes());
    id[..4].copy_from_slice(&thread.to_be_bytes());
    id[4..].copy_from_slice(&(span + 1).to_be_bytes());
    (trace, id)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn inside((trace, span): ([u8; 16], [u8; 8])) {
    let _ = File::open(format!("/in/{}/{}", hex(&trace), hex(&span)));
}

fn outside() {
    let _ = File::open("/outside");
}

pub fn work(thread: u32) {
    outside();
    for number in 0..SPANS {
        let (trace, span) = ids(thread, number);
        match number % 4 {
            0 => drop(OwnedThreadContext::new(trace, span, 1, [0; 8], &[(1, "/route")]).attach()),
            1 => OwnedThreadContext::update(trace, span, 1, [0; 8], &[]),
            // Not sampled.
            2 => OwnedThreadContext::update(trace, span, 0, [0; 8], &[]),
            _ => drop(OwnedThreadContext::detach()),
        }
        match number % 4 {
            0 | 1 => {
                inside((trace, span));
                inside((trace, span));
            }
            _ => outside(),
        }
    }
    drop(OwnedThreadContext::detach());
    outside();
}
