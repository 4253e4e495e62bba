//! HTTP/1.1, as far as a collector needs it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::protobuf::partial_success;
use super::{Answer, Shared};

pub fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut input = BufReader::new(stream.try_clone()?);
    let mut output = stream;
    loop {
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if input.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let header = line.trim_end().to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(|_| io::ErrorKind::InvalidData)?;
            }
            if header.is_empty() {
                break;
            }
        }
        let answer = shared.decide(shared.requests.fetch_add(1, Ordering::SeqCst), Some(length));
        if answer == Answer::Reset {
            // A socket that is closed while something has not been read is reset.
            input.read_exact(&mut vec![0; length / 2])?;
            return Ok(());
        }
        let mut request = vec![0; length];
        input.read_exact(&mut request)?;
        shared.take(&request, answer);
        let kind = "content-type: application/x-protobuf\r\n";
        let (status, headers, body) = match answer {
            Answer::Accept | Answer::AcceptAfter(_) => ("200 OK", kind.to_owned(), b"\x0a\x00".to_vec()),
            Answer::Partial(count) => ("200 OK", kind.to_owned(), partial_success(count)),
            Answer::Busy(None) => ("503 Service Unavailable", String::new(), Vec::new()),
            Answer::Busy(Some(seconds)) => {
                ("503 Service Unavailable", format!("retry-after: {seconds}\r\n"), Vec::new())
            }
            Answer::Exhausted { may_retry } => {
                ("429 Too Many Requests", if may_retry { "retry-after: 0\r\n" } else { "" }.to_owned(), Vec::new())
            }
            Answer::Refuse => ("400 Bad Request", String::new(), b"no".to_vec()),
            Answer::TooLarge => ("413 Content Too Large", String::new(), Vec::new()),
            Answer::AcceptAndBreakOff => {
                output.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\n\x0a")?;
                return Ok(());
            }
            Answer::Garbage => {
                output.write_all(&[0xff; 100])?;
                return Ok(());
            }
            Answer::Silence => {
                std::thread::sleep(Duration::from_secs(600));
                return Ok(());
            }
            Answer::Reset => unreachable!("it was done above"),
        };
        write!(output, "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len())?;
        output.write_all(&body)?;
    }
}
