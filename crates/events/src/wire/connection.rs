//! Both directions of a connection, and the requests that wait for their answers.

use std::collections::VecDeque;
use std::sync::Arc;

use super::message::{Body, Head, Lost, Messages, Step};
use super::{Carried, Part, Request, Role, Touched, Way};
use crate::{ActiveSpan, SpanContext};

/// The most requests that wait for their answers.
const MOST_PENDING: usize = 256;

#[derive(Debug)]
struct Pending {
    request: Request,
    method: Method,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Head,
    Connect,
    Other,
}

#[derive(Debug, Default)]
pub(super) struct Connection {
    role: Option<Role>,
    lost: bool,
    /// It is waited for together with others.
    pub(super) multiplexed: bool,
    requests: Messages,
    responses: Messages,
    pending: VecDeque<Pending>,
    /// Requests so far.
    count: u64,
    /// The first of them has its final answer's head already.
    answering: bool,
    /// A call that moves bytes in is in flight; and one that moves bytes out.
    busy: [bool; 2],
}

impl Connection {
    pub(super) fn begins(&mut self, way: Way) {
        if std::mem::replace(&mut self.busy[way as usize], true) {
            self.lose();
        }
    }

    pub(super) fn lose(&mut self) {
        self.lost = true;
        self.requests.forget();
        self.responses.forget();
        self.pending = VecDeque::new();
    }

    pub(super) fn is_current(&self, number: u64) -> bool {
        !self.lost
            && !self.multiplexed
            && self.pending.len() == 1
            && self.pending.front().is_some_and(|pending| pending.request.number == number)
    }

    pub(super) fn carried<'a>(&mut self, way: Way, parts: impl Iterator<Item = Part<'a>>) -> Carried {
        self.busy[way as usize] = false;
        let (mut touched, count) = (Touched::None, self.count);
        for part in parts {
            if self.lost {
                break;
            }
            let taken = match part {
                Part::Bytes(bytes) => self.bytes(way, bytes, &mut touched),
                Part::Gap(0) => Ok(()),
                Part::Gap(bytes) => self.gap(way, bytes, &mut touched),
            };
            if let Err(Lost) = taken {
                self.lose();
            }
        }
        if self.lost {
            return Carried::default();
        }
        Carried { role: self.role, touched, begun: self.count > count && self.pending.len() == 1 }
    }

    /// Whether bytes that go this way are of requests; the first that go decide.
    fn are_requests(&mut self, way: Way) -> bool {
        let role = *self.role.get_or_insert(match way {
            Way::In => Role::Server,
            Way::Out => Role::Client,
        });
        (role == Role::Server) == (way == Way::In)
    }

    fn bytes(&mut self, way: Way, mut bytes: &[u8], touched: &mut Touched) -> Result<(), Lost> {
        let are_requests = !bytes.is_empty() && self.are_requests(way);
        while !bytes.is_empty() {
            if are_requests {
                match self.requests.step(&mut bytes)? {
                    Step::Head(head) => {
                        self.request(&head)?;
                        self.touch_last(touched);
                    }
                    Step::Inside => self.touch_last(touched),
                    Step::Waits => {}
                }
            } else {
                // Whatever comes unasked is no answer.
                let first = self.pending.front().ok_or(Lost)?;
                touch(touched, &first.request);
                if let Step::Head(head) = self.responses.step(&mut bytes)? {
                    self.response(&head)?;
                }
                self.end_of_response();
            }
        }
        Ok(())
    }

    fn gap(&mut self, way: Way, count: u64, touched: &mut Touched) -> Result<(), Lost> {
        if self.role.is_none() {
            return Err(Lost);
        }
        if self.are_requests(way) {
            self.touch_last(touched);
            return self.requests.pass(count);
        }
        let first = self.pending.front().ok_or(Lost)?;
        touch(touched, &first.request);
        self.responses.pass(count)?;
        self.end_of_response();
        Ok(())
    }

    fn end_of_response(&mut self) {
        if self.answering && self.responses.is_between() {
            self.answering = false;
            self.pending.pop_front();
        }
    }

    /// The call carries bytes of the latest request.
    fn touch_last(&self, touched: &mut Touched) {
        match self.pending.back().filter(|pending| pending.request.number + 1 == self.count) {
            Some(last) => touch(touched, &last.request),
            // It is answered already, before it was sent wholly.
            None => *touched = Touched::Many,
        }
    }

    fn request(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        let head = Head::parse(bytes)?;
        let mut words = head.first.split(' ');
        let (method, target, version) = (words.next(), words.next(), words.next());
        let token =
            |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
        let method = method.filter(token).ok_or(Lost)?;
        let known = matches!(version, Some("HTTP/1.1" | "HTTP/1.0")) && words.next().is_none();
        if !known || target.is_none_or(str::is_empty) || self.pending.len() >= MOST_PENDING {
            return Err(Lost);
        }
        let method = match method {
            "HEAD" => Method::Head,
            "CONNECT" => Method::Connect,
            _ => Method::Other,
        };
        let span = head.traceparent.and_then(SpanContext::from_traceparent).map(|context| {
            Arc::new(ActiveSpan {
                trace_id: context.trace_id,
                span_id: context.span_id,
                sampled: context.sampled,
                attributes: Vec::new(),
            })
        });
        self.requests.follows(head.body(Body::Bytes(0))?);
        self.pending.push_back(Pending { request: Request { number: self.count, span }, method });
        self.count += 1;
        Ok(())
    }

    fn response(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        let head = Head::parse(bytes)?;
        let status = ["HTTP/1.1 ", "HTTP/1.0 "].iter().find_map(|version| head.first.strip_prefix(version));
        let status: u16 = status.and_then(|rest| rest.get(..3)?.parse().ok()).ok_or(Lost)?;
        let method = self.pending.front().ok_or(Lost)?.method;
        match status {
            // What follows is another protocol.
            101 => return Err(Lost),
            200..300 if method == Method::Connect => return Err(Lost),
            100..200 => return Ok(()),
            200..1000 => {}
            _ => return Err(Lost),
        }
        let empty = method == Method::Head || matches!(status, 204 | 304);
        self.responses.follows(if empty { Body::Bytes(0) } else { head.body(Body::UntilClose)? });
        self.answering = true;
        Ok(())
    }
}

fn touch(touched: &mut Touched, request: &Request) {
    match touched {
        Touched::None => *touched = Touched::One(request.clone()),
        Touched::One(known) if known.number == request.number => {}
        Touched::One(_) | Touched::Many => *touched = Touched::Many,
    }
}
