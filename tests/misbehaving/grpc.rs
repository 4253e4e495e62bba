//! gRPC over HTTP/2, as far as a collector needs it: request headers are not even looked at.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::protobuf::partial_success;
use super::{Answer, Shared};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// `google.rpc.Status` with a RetryInfo of no delay, in base64.
const RETRY_INFO: &str = "Gi4KKHR5cGUuZ29vZ2xlYXBpcy5jb20vZ29vZ2xlLnJwYy5SZXRyeUluZm8SAgoA";
/// The same with a delay of one second.
const RETRY_IN_A_SECOND: &str = "GjAKKHR5cGUuZ29vZ2xlYXBpcy5jb20vZ29vZ2xlLnJwYy5SZXRyeUluZm8SBAoCCAE=";

fn frame(output: &mut TcpStream, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    output.write_all(&frame)
}

/// Headers without compression; the status first.
fn headers(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.extend([0, name.len() as u8]);
        block.extend(name.as_bytes());
        assert!(value.len() < 127, "longer ones need more bytes for their length");
        block.push(value.len() as u8);
        block.extend(value.as_bytes());
    }
    block
}

pub fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut input = BufReader::new(stream.try_clone()?);
    let mut output = stream;
    input.read_exact(&mut [0; 24])?;
    // Windows that are never full: 16 MiB for a stream, 1 GiB for all of them.
    frame(&mut output, SETTINGS, 0, 0, &[0, 4, 1, 0, 0, 0])?;
    frame(&mut output, WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes())?;
    let mut requests: HashMap<u32, (usize, Vec<u8>)> = HashMap::new();
    loop {
        let mut head = [0; 9];
        input.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; length];
        input.read_exact(&mut payload)?;
        match kind {
            SETTINGS if flags & ACK == 0 => frame(&mut output, SETTINGS, ACK, 0, &[])?,
            PING if flags & ACK == 0 => frame(&mut output, PING, ACK, 0, &payload)?,
            HEADERS => {
                let number = shared.requests.fetch_add(1, Ordering::SeqCst);
                requests.insert(stream, (number, Vec::new()));
            }
            DATA => {
                let Some((number, request)) = requests.get_mut(&stream) else { continue };
                request.extend(payload);
                if shared.decide(*number, None) == Answer::Reset && request.len() > 10_000 {
                    return Ok(());
                }
            }
            _ => {}
        }
        if matches!(kind, DATA | HEADERS)
            && flags & END_STREAM != 0
            && let Some((number, request)) = requests.remove(&stream)
        {
            let answer = shared.decide(number, Some(request.len()));
            if !respond(&mut output, stream, answer, request.get(5..).unwrap_or_default(), shared)? {
                return Ok(());
            }
        }
    }
}

/// False if the connection is to be closed.
fn respond(output: &mut TcpStream, stream: u32, answer: Answer, request: &[u8], shared: &Shared) -> io::Result<bool> {
    shared.take(request, answer);
    let first = [(":status", "200"), ("content-type", "application/grpc")];
    let mut error = |code: &str, message: &str, details: &str| {
        let mut fields = first.to_vec();
        fields.extend([("grpc-status", code), ("grpc-message", message)]);
        if !details.is_empty() {
            fields.push(("grpc-status-details-bin", details));
        }
        frame(output, HEADERS, END_STREAM | END_HEADERS, stream, &headers(&fields))
    };
    let body = match answer {
        Answer::Accept | Answer::AcceptAfter(_) | Answer::AcceptAndBreakOff => b"\x0a\x00".to_vec(),
        Answer::Partial(count) => partial_success(count),
        Answer::Busy(None) => return error("14", "busy", "").map(|()| true),
        Answer::Busy(Some(0)) => return error("14", "busy", RETRY_INFO).map(|()| true),
        Answer::Busy(Some(_)) => return error("14", "busy", RETRY_IN_A_SECOND).map(|()| true),
        Answer::Exhausted { may_retry: true } => return error("8", "quota", RETRY_INFO).map(|()| true),
        Answer::Exhausted { may_retry: false } => return error("8", "quota", "").map(|()| true),
        Answer::Refuse => return error("3", "no", "").map(|()| true),
        Answer::TooLarge => {
            let message = "grpc: received message larger than max (5000000 vs. 4194304)";
            return error("8", message, "").map(|()| true);
        }
        Answer::Reset => return Ok(false),
        Answer::Garbage => return output.write_all(&[0xff; 100]).map(|()| false),
        Answer::Silence => {
            std::thread::sleep(Duration::from_secs(600));
            return Ok(false);
        }
    };
    frame(output, HEADERS, END_HEADERS, stream, &headers(&first))?;
    if answer == Answer::AcceptAndBreakOff {
        return Ok(false);
    }
    let mut message = vec![0];
    message.extend((body.len() as u32).to_be_bytes());
    message.extend(body);
    frame(output, DATA, 0, stream, &message)?;
    frame(output, HEADERS, END_STREAM | END_HEADERS, stream, &headers(&[("grpc-status", "0")]))?;
    Ok(true)
}
