//! Who is reached: debuginfod servers, the collector.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use renacer_otlp::try_collector;

use super::{Line, Mark};
use crate::cli::CollectorOptions;
use crate::setup;

/// How long an answer may take.
const LONGEST: Duration = Duration::from_secs(2);
/// More servers than this are not tried.
const MOST_SERVERS: usize = 4;

pub(super) fn collector(options: &CollectorOptions) -> Line {
    let topic = "collector";
    let config = match setup::collector(options) {
        Ok((Some(config), _)) => config,
        Ok((None, _)) => {
            let text = "none is named, so spans go to a local file; name one with --otlp-endpoint URL or OTEL_EXPORTER_OTLP_ENDPOINT";
            return Line::new(Mark::Unknown, topic, text);
        }
        Err(error) => return Line::new(Mark::Fails, topic, format!("{error:#}")),
    };
    let endpoint = config.endpoint();
    match try_collector(config, LONGEST) {
        Ok(None) => Line::new(Mark::Works, topic, format!("{endpoint} took a request without spans")),
        Ok(Some(message)) => {
            Line::new(Mark::Works, topic, format!("{endpoint} took a request without spans, and says: {message}"))
        }
        Err(why) => Line::new(Mark::Fails, topic, format!("{endpoint}: {why}; spans would go to a local file")),
    }
}

pub(super) fn debug_files() -> [Line; 2] {
    let there = Path::new("/usr/lib/debug").read_dir().is_ok_and(|mut folder| folder.next().is_some());
    let folder = match there {
        true => Line::new(Mark::Works, "debug files", "/usr/lib/debug has some"),
        false => Line::new(
            Mark::Unknown,
            "debug files",
            "/usr/lib/debug has none: for source lines in programs of packages, install their -dbgsym or -debuginfo packages",
        ),
    };
    let urls = std::env::var("DEBUGINFOD_URLS").unwrap_or_default();
    [folder, debuginfod(&urls, std::env::var_os("https_proxy").or(std::env::var_os("HTTPS_PROXY")).is_some())]
}

fn debuginfod(urls: &str, has_proxy: bool) -> Line {
    let topic = "debuginfod";
    let servers: Vec<&str> = urls.split_ascii_whitespace().take(MOST_SERVERS).collect();
    if servers.is_empty() {
        let text = "DEBUGINFOD_URLS is not set, so no debug files are fetched; https://debuginfod.elfutils.org/ knows several distributions";
        return Line::new(Mark::Unknown, topic, text);
    }
    if has_proxy {
        return Line::new(Mark::Unknown, topic, format!("{} is asked through a proxy", servers.join(" ")));
    }
    let results: Vec<(&str, Result<(), String>)> = servers.iter().map(|url| (*url, connects(url))).collect();
    let text = results.iter().map(|(url, result)| match result {
        Ok(()) => format!("{url} answers"),
        Err(why) => format!("{url}: {why}"),
    });
    let text = text.collect::<Vec<_>>().join("; ");
    let mark = if results.iter().any(|(_, result)| result.is_ok()) { Mark::Works } else { Mark::Fails };
    Line::new(mark, topic, text)
}

/// Whether somebody listens there. In a thread of its own, as a name's lookup has no deadline.
pub(super) fn connects(url: &str) -> Result<(), String> {
    let address = address(url).ok_or("this is no http:// or https:// address")?;
    let (sender, receiver) = channel();
    let connect = move || {
        let mut last = Err("it has no address".to_owned());
        for address in address.to_socket_addrs().map_err(|error| error.to_string())? {
            match TcpStream::connect_timeout(&address, LONGEST) {
                Ok(_) => return Ok(()),
                Err(error) => last = Err(error.to_string()),
            }
        }
        last
    };
    let thread = std::thread::Builder::new().name("reach".into()).spawn(move || drop(sender.send(connect())));
    thread.map_err(|error| error.to_string())?;
    receiver.recv_timeout(LONGEST).unwrap_or_else(|_| Err(format!("no answer within {LONGEST:?}")))
}

/// `host:port` of a URL.
pub(super) fn address(url: &str) -> Option<String> {
    let (rest, port) = match url.strip_prefix("https://") {
        Some(rest) => (rest, 443),
        None => (url.strip_prefix("http://")?, 80),
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next().filter(|host| !host.is_empty())?;
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    // A colon in brackets belongs to an address of IPv6.
    Some(if has_port && !host.ends_with(']') { host.to_owned() } else { format!("{host}:{port}") })
}
