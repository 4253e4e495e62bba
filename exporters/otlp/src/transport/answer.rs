//! What a collector's answer means, for HTTP and gRPC.

use std::time::{Duration, SystemTime};

use http_body_util::LengthLimitError;
use hyper::HeaderMap;
use hyper::StatusCode;
use hyper::http::response::Parts;

use crate::config::Protocol;
use crate::fields::{Field, fields};

/// Longest piece of a collector's words that is repeated.
const MAX_MESSAGE: usize = 300;
/// A collector that wants to be left alone for longer than a day is taken to mean a day.
const LONGEST_REST: Duration = Duration::from_secs(86_400);

/// The outcome of one attempt.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Accepted, but for `rejected` spans. The message is the collector's.
    Delivered { rejected: u64, message: Option<String> },
    /// It may work later, not before the time given if there is one.
    Retry { message: String, after: Option<Duration> },
    /// It may work in smaller pieces.
    TooLarge(String),
    /// It will never work.
    Refused(String),
    /// Nor will anything else of this signal: there is nobody to take it.
    NoSuchService(String),
    /// Nobody is there, or the connection broke before there was an answer.
    NotConnected(String),
    /// No answer in time.
    TimedOut(String),
}

/// The meaning of a complete answer.
pub(crate) fn interpret(parts: &Parts, trailers: Option<&HeaderMap>, body: &[u8], protocol: Protocol) -> Answer {
    if protocol == Protocol::Grpc && parts.status == StatusCode::OK {
        return grpc(parts, trailers, body);
    }
    let status = parts.status;
    if status.is_success() {
        return match protocol {
            Protocol::HttpJson => json_delivered(body),
            Protocol::Grpc | Protocol::HttpProtobuf => delivered(body),
        };
    }
    let message = format!("HTTP status {status}{}", words(parts, body));
    match status.as_u16() {
        429 | 502 | 503 | 504 => Answer::Retry { message, after: retry_after(&parts.headers) },
        413 => Answer::TooLarge(message),
        404 | 405 => Answer::NoSuchService(message),
        // Go's servers say so with status 400.
        400 if is_about_size(&message) => Answer::TooLarge(message),
        _ => Answer::Refused(message),
    }
}

/// The meaning of an answer that broke off or was too long. What broke off may say anything; one that is too long has a
/// status that counts.
pub(super) fn unreadable(parts: &Parts, protocol: Protocol, error: &(dyn std::error::Error + 'static)) -> Answer {
    let message = format!("the answer (HTTP status {}) cannot be read: {error}", parts.status);
    match parts.status.is_success() {
        // For gRPC the outcome would have come last.
        true if protocol == Protocol::Grpc || !error.is::<LengthLimitError>() => Answer::Retry { message, after: None },
        true => Answer::Delivered { rejected: 0, message: Some(message) },
        false => interpret(parts, None, &[], protocol),
    }
}

fn is_about_size(message: &str) -> bool {
    ["larger than", "too large", "exceeds maximum size"].iter().any(|words| message.contains(words))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds).min(LONGEST_REST));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(SystemTime::now()).unwrap_or_default().min(LONGEST_REST))
}

/// A collector's words behind a status, made fit for a terminal.
fn words(parts: &Parts, body: &[u8]) -> String {
    let is = |name: &str| {
        parts
            .headers
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains(name))
    };
    let text = if is("protobuf") {
        status_message(body)
    } else if is("json") {
        let value: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        value.and_then(|value| Some(value.get("message")?.as_str()?.to_owned())).unwrap_or_default()
    } else {
        String::from_utf8_lossy(body).into_owned()
    };
    let text = clean(&text);
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

fn clean(text: &str) -> String {
    text.trim().chars().take(MAX_MESSAGE).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `google.rpc.Status.message`.
fn status_message(body: &[u8]) -> String {
    let found = fields(body).find_map(|(number, field)| match field {
        Field::Bytes(text) if number == 2 => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    });
    found.unwrap_or_default()
}

/// Reads an ExportTraceServiceResponse.
fn delivered(body: &[u8]) -> Answer {
    let (mut rejected, mut message) = (0, None);
    for (number, field) in fields(body) {
        let (1, Field::Bytes(partial)) = (number, field) else { continue };
        for (number, field) in fields(partial) {
            match (number, field) {
                (1, Field::Number(count)) => rejected = u64::try_from(count as i64).unwrap_or(0),
                (2, Field::Bytes(text)) if !text.is_empty() => message = Some(clean(&String::from_utf8_lossy(text))),
                _ => {}
            }
        }
    }
    Answer::Delivered { rejected, message }
}

fn json_delivered(body: &[u8]) -> Answer {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let partial = &value["partialSuccess"];
    let rejected = &partial["rejectedSpans"];
    let rejected = rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok()).unwrap_or(0);
    let message = partial["errorMessage"].as_str().filter(|text| !text.is_empty()).map(clean);
    Answer::Delivered { rejected, message }
}

fn grpc(parts: &Parts, trailers: Option<&HeaderMap>, body: &[u8]) -> Answer {
    // An error without a body has its status among the headers.
    let get = |name: &str| trailers.and_then(|trailers| trailers.get(name)).or_else(|| parts.headers.get(name));
    let text = |name: &str| get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let code: Option<u32> = text("grpc-status").parse().ok();
    if code == Some(0) {
        // Behind a prefix of 5 bytes; nobody was told that a compressed answer is welcome.
        return delivered(if body.first() == Some(&0) { body.get(5..).unwrap_or_default() } else { &[] });
    }
    let words = text("grpc-message");
    let words = clean(&crate::variables::percent_decode(words).unwrap_or_else(|| words.to_owned()));
    let name = code.and_then(|code| GRPC_CODES.get(code as usize)).copied().unwrap_or("no status");
    let message = format!("gRPC status {name}{}{words}", if words.is_empty() { "" } else { ": " });
    let after = retry_info(text("grpc-status-details-bin"));
    match code {
        Some(8 | 11) if is_about_size(&message) && after.is_none() => Answer::TooLarge(message),
        Some(1 | 4 | 10 | 11 | 14 | 15) => Answer::Retry { message, after },
        Some(8) if after.is_some() => Answer::Retry { message, after },
        // The stream ended without a status: whatever is in between, broke.
        None => Answer::Retry { message, after: None },
        Some(12) => Answer::NoSuchService(message),
        Some(_) => Answer::Refused(message),
    }
}

const GRPC_CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The delay in a `google.rpc.RetryInfo` among the details of a `google.rpc.Status`.
fn retry_info(details: &str) -> Option<Duration> {
    let status = base64(details)?;
    for (number, field) in fields(&status) {
        let (3, Field::Bytes(any)) = (number, field) else { continue };
        let part = |wanted| {
            fields(any).find_map(|(number, field)| match field {
                Field::Bytes(bytes) if number == wanted => Some(bytes),
                _ => None,
            })
        };
        if part(1)? != b"type.googleapis.com/google.rpc.RetryInfo" {
            continue;
        }
        let Some((1, Field::Bytes(delay))) = part(2).and_then(|info| fields(info).next()) else {
            return Some(Duration::ZERO);
        };
        let (mut seconds, mut nanos) = (0, 0);
        for (number, field) in fields(delay) {
            match (number, field) {
                (1, Field::Number(value)) => seconds = value,
                (2, Field::Number(value)) => nanos = value,
                _ => {}
            }
        }
        return Some(Duration::new(seconds, nanos.min(999_999_999) as u32).min(LONGEST_REST));
    }
    None
}

/// Undoes base64, with or without padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_all_lengths() {
        assert_eq!(base64("Zm9vYmFy").as_deref(), Some(&b"foobar"[..]));
        assert_eq!(base64("Zm9vYmE=").as_deref(), Some(&b"fooba"[..]));
        assert_eq!(base64("Zm9vYg").as_deref(), Some(&b"foob"[..]));
        assert_eq!(base64("Zm9v!"), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let header = |text: &str| HeaderMap::from_iter([(hyper::header::RETRY_AFTER, text.parse().unwrap())]);
        assert_eq!(retry_after(&header("7")), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(&header("Thu, 01 Jan 1970 00:00:00 GMT")), Some(Duration::ZERO));
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        let wait = retry_after(&header(&soon)).unwrap();
        assert!((98..=100).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(retry_after(&header("soon")), None);
        // Times are added to it.
        for long in ["18446744073709551615", "Thu, 01 Jan 2099 00:00:00 GMT"] {
            assert_eq!(retry_after(&header(long)), Some(LONGEST_REST));
        }
    }

    #[test]
    fn a_terminal_is_not_at_a_collectors_mercy() {
        assert_eq!(clean("a\x1b[31mb\r\n"), "a [31mb");
        assert_eq!(clean(&"x".repeat(10_000)).len(), MAX_MESSAGE);
    }
}
