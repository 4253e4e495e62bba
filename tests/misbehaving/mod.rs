//! A collector that misbehaves as told, over HTTP/1.1 and gRPC, and remembers the spans that it took. Written on bare sockets: so
//! that it can break off anywhere, and so that it shares no code with what it judges.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

mod grpc;
mod http;
mod protobuf;

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Accept,
    /// The same after a while.
    AcceptAfter(Duration),
    /// Takes it, begins to say so, and closes the connection.
    AcceptAndBreakOff,
    /// Takes it, but for so many spans.
    Partial(u64),
    /// Not now: HTTP 503, gRPC UNAVAILABLE. With Retry-After or RetryInfo of so many seconds.
    Busy(Option<u64>),
    /// HTTP 429, gRPC RESOURCE_EXHAUSTED; with RetryInfo or Retry-After, or without.
    Exhausted {
        may_retry: bool,
    },
    /// HTTP 400, gRPC INVALID_ARGUMENT.
    Refuse,
    /// HTTP 413, gRPC RESOURCE_EXHAUSTED as Go says it.
    TooLarge,
    /// Resets the connection in the middle of the request.
    Reset,
    /// Says something that is neither HTTP nor gRPC.
    Garbage,
    /// Says nothing for ever.
    Silence,
}

impl Answer {
    fn takes(self) -> bool {
        matches!(self, Answer::Accept | Answer::AcceptAfter(_) | Answer::AcceptAndBreakOff | Answer::Partial(_))
    }
}

/// Decides by the request's number, from 0, and its bytes, where they are known.
pub type Plan = fn(usize, Option<usize>) -> Answer;

#[derive(Default)]
struct Taken {
    ids: HashSet<u64>,
    /// Spans that it has taken and did not want.
    rejected: u64,
}

struct Shared {
    plan: Plan,
    requests: AtomicUsize,
    taken: Mutex<Taken>,
    /// Its connections, by a number of their own.
    open: Mutex<HashMap<usize, TcpStream>>,
    running: AtomicBool,
}

impl Shared {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().expect("no connection has failed")
    }

    fn decide(&self, number: usize, bytes: Option<usize>) -> Answer {
        (self.plan)(number, bytes)
    }

    /// Remembers what a request held.
    fn take(&self, request: &[u8], answer: Answer) {
        if let Answer::AcceptAfter(time) = answer {
            std::thread::sleep(time);
        }
        if answer.takes() {
            let ids = protobuf::span_ids(request);
            let rejected = if let Answer::Partial(count) = answer { ids.len().min(count as usize) } else { 0 };
            let mut taken = self.taken();
            taken.rejected += rejected as u64;
            taken.ids.extend(&ids[rejected..]);
        }
    }
}

/// A running collector. Its threads end with the process; nobody is connected to them after it is dropped.
pub struct Collector {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Collector {
    pub fn start(plan: Plan) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            plan,
            requests: AtomicUsize::new(0),
            taken: Mutex::default(),
            open: Mutex::default(),
            running: AtomicBool::new(true),
        });
        let collector = Collector { address, shared };
        collector.accept(listener);
        collector
    }

    fn accept(&self, listener: TcpListener) {
        let shared = self.shared.clone();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { return };
                if !shared.running.load(Ordering::SeqCst) {
                    return;
                }
                let copy = stream.try_clone().expect("a descriptor");
                shared.open.lock().expect("no connection has failed").insert(number, copy);
                let shared = shared.clone();
                // A connection that breaks is nothing to report.
                std::thread::spawn(move || {
                    drop(serve(stream, &shared));
                    // The last descriptor: a connection with something that was not read is reset.
                    shared.open.lock().expect("no connection has failed").remove(&number);
                });
            }
        });
    }

    /// Goes away: nobody listens, and every connection is closed.
    pub fn go_away(&self) {
        self.shared.running.store(false, Ordering::SeqCst);
        // Wakes the thread that listens.
        drop(TcpStream::connect(self.address));
        for (_, stream) in self.shared.open.lock().expect("no connection has failed").drain() {
            drop(stream.shutdown(std::net::Shutdown::Both));
        }
    }

    /// Comes back under the same address.
    pub fn come_back(&self) {
        self.shared.running.store(true, Ordering::SeqCst);
        let start = std::time::Instant::now();
        loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => return self.accept(listener),
                Err(error) => assert!(start.elapsed() < Duration::from_secs(30), "{error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The ids of the spans that it took, and how many of the others it did not want.
    pub fn taken(&self) -> (HashSet<u64>, u64) {
        let taken = self.shared.taken();
        (taken.ids.clone(), taken.rejected)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.go_away();
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut start = [0; 3];
    stream.set_nodelay(true)?;
    while stream.peek(&mut start)? < start.len() {
        if stream.peek(&mut start)? == 0 {
            return Ok(());
        }
    }
    // HTTP/2 begins with its preface, `PRI * HTTP/2.0`.
    if &start == b"PRI" { grpc::serve(stream, shared) } else { http::serve(stream, shared) }
}
