//! Whether a collector is there: a request without spans.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;

use crate::config::{Config, Protocol};
use crate::transport::{Answer, Client, Target};

/// Sends one request without spans, and waits for its answer for `timeout` at most. Its own message, if it has one.
///
/// # Errors
///
/// What is in the way, for a person to read.
pub fn try_collector(config: Config, timeout: Duration) -> Result<Option<String>, String> {
    let body = match config.protocol() {
        Protocol::Grpc | Protocol::HttpProtobuf => Bytes::new(),
        Protocol::HttpJson => Bytes::from_static(b"{\"resourceSpans\":[]}"),
    };
    let target = Target::new(config).map_err(|error| error.to_string())?;
    let mut client = Client::new(Arc::new(target));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let packed = client.pack(&body);
    let answer = runtime.block_on(client.send(packed, timeout));
    // A name that is still being looked up must not hold up the end.
    runtime.shutdown_background();
    match answer {
        Answer::Delivered { message, .. } => Ok(message),
        Answer::Retry { message, .. } => Err(format!("it does not take spans now: {message}")),
        Answer::TooLarge(message)
        | Answer::Refused(message)
        | Answer::NoSuchService(message)
        | Answer::NotConnected(message)
        | Answer::TimedOut(message) => Err(message),
    }
}
