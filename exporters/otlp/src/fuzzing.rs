//! What a fuzzer needs to reach: the reading of a collector's answers.

use std::time::Duration;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::Protocol;
use crate::transport;

/// What an answer was taken for.
#[derive(Debug)]
pub struct Answer {
    /// Spans that it rejects.
    pub rejected: u64,
    /// What the user is told.
    pub message: String,
    /// How long the collector wants to be left alone.
    pub after: Option<Duration>,
}

/// Reads an answer; none if no HTTP library would let it through.
pub fn read_answer(
    protocol: Protocol,
    status: u16,
    headers: &[(&[u8], &[u8])],
    trailers: &[(&[u8], &[u8])],
    body: &[u8],
) -> Option<Answer> {
    let map = |fields: &[(&[u8], &[u8])]| {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?);
        }
        Some(map)
    };
    let (mut parts, ()) = hyper::Response::builder().status(status).body(()).ok()?.into_parts();
    parts.headers = map(headers)?;
    let trailers = map(trailers)?;
    let trailers = (!trailers.is_empty()).then_some(&trailers);
    Some(match transport::interpret(&parts, trailers, body, protocol) {
        transport::Answer::Delivered { rejected, message } => {
            Answer { rejected, message: message.unwrap_or_default(), after: None }
        }
        transport::Answer::Retry { message, after } => Answer { rejected: 0, message, after },
        transport::Answer::TooLarge(message)
        | transport::Answer::Refused(message)
        | transport::Answer::NoSuchService(message)
        | transport::Answer::NotConnected(message)
        | transport::Answer::TimedOut(message) => Answer { rejected: 0, message, after: None },
    })
}
