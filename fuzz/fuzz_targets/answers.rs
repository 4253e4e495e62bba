//! A collector's answers: statuses, headers, trailers and bodies of HTTP and gRPC.
//!
//! An input is text: a line with the protocol's letter (g, p or j) and the status, a line for each header and, beginning
//! with `>`, for each trailer; behind an empty line, the body.

#![no_main]

use libfuzzer_sys::fuzz_target;
use renacer_otlp::Protocol;
use renacer_otlp::fuzzing::{Answer, read_answer};

/// A header's name and value.
type Header<'a> = (&'a [u8], &'a [u8]);

fn header(line: &[u8]) -> Option<Header<'_>> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    Some((&line[..colon], line[colon + 1..].trim_ascii()))
}

fuzz_target!(|input: &[u8]| {
    let end = input.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = end.map_or((input, &[][..]), |end| (&input[..end], &input[end + 2..]));
    let mut lines = head.split(|&byte| byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let protocol = match first.first() {
        Some(b'g') => Protocol::Grpc,
        Some(b'p') => Protocol::HttpProtobuf,
        _ => Protocol::HttpJson,
    };
    let status = first.get(1..).and_then(|text| std::str::from_utf8(text).ok()?.trim().parse().ok()).unwrap_or(200);
    let (mut headers, mut trailers) = (Vec::new(), Vec::new());
    for line in lines {
        match line.strip_prefix(b">") {
            Some(line) => trailers.extend(header(line)),
            None => headers.extend(header(line)),
        }
    }
    let Some(Answer { message, after, .. }) = read_answer(protocol, status, &headers, &trailers, body) else { return };
    assert!(message.len() < 2000, "a terminal is not flooded: {}", message.len());
    assert!(!message.chars().any(char::is_control), "{message:?}");
    assert!(after.is_none_or(|after| after.as_secs() <= 86_400), "{after:?}");
});
