//! Dialogues by hand, and the same ones in all splits.

use super::*;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn request(rest: &str) -> String {
    format!("GET /a HTTP/1.1\r\nHost: x\r\nTraceParent: {PARENT}\r\n{rest}")
}

fn go(stream: &Stream, way: Way, bytes: &[u8]) -> Carried {
    stream.begins(way);
    stream.carried(way, [Part::Bytes(bytes)].into_iter())
}

fn number(carried: &Carried) -> Option<u64> {
    match &carried.touched {
        Touched::One(request) => Some(request.number),
        Touched::None | Touched::Many => None,
    }
}

#[test]
fn a_request_lasts_from_its_head_to_the_end_of_its_answer() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
    ] {
        let stream = Stream::default();
        for round in 0..3 {
            for (index, byte) in request("\r\n").bytes().enumerate() {
                let carried = go(&stream, Way::In, &[byte]);
                let whole = index + 1 == request("\r\n").len();
                assert_eq!((number(&carried), carried.begun), (whole.then_some(round), whole));
            }
            for byte in answer.bytes() {
                assert!(stream.is_current(round), "{answer}");
                assert_eq!(number(&go(&stream, Way::Out, &[byte])), Some(round), "{answer}");
            }
            assert!(!stream.is_current(round), "{answer}");
        }
    }
}

#[test]
fn of_several_requests_none_is_current() {
    let stream = Stream::default();
    let both = go(&stream, Way::In, request("\r\n").repeat(2).as_bytes());
    assert!(matches!(both.touched, Touched::Many) && !both.begun && !stream.is_current(0));
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(number(&go(&stream, Way::Out, answer.as_bytes())), Some(0));
    assert_eq!(number(&go(&stream, Way::Out, answer.as_bytes())), Some(1));
}

#[test]
fn bodies_may_be_unseen_and_heads_may_not() {
    let stream = Stream::default();
    let head = request("Content-Length: 100000\r\n\r\n");
    stream.begins(Way::In);
    stream.carried(Way::In, [Part::Bytes(head.as_bytes()), Part::Gap(90_000)].into_iter());
    assert!(stream.is_current(0));
    stream.begins(Way::In);
    stream.carried(Way::In, [Part::Gap(10_001)].into_iter());
    assert!(!stream.is_current(0));
}

#[test]
fn what_is_not_certain_says_nothing() {
    for first in [
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\r\n\r\n".to_owned(),
        request("Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        request("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
        request("Content-Length: +1\r\n\r\n"),
        request(" folded: 1\r\n\r\n"),
        "HTTP/1.1 200 OK\r\n\r\n".to_owned(),
    ] {
        let stream = Stream::default();
        assert!(matches!(go(&stream, Way::In, first.as_bytes()).touched, Touched::None), "{first:?}");
        assert!(matches!(go(&stream, Way::In, request("\r\n").as_bytes()).touched, Touched::None), "{first:?}");
    }
    // Two callers: neither.
    let stream = Stream::default();
    let twice = go(&stream, Way::In, request(&format!("traceparent: {PARENT}\r\n\r\n")).as_bytes());
    assert!(matches!(twice.touched, Touched::One(Request { span: None, .. })));
    // Two calls at a time.
    let stream = Stream::default();
    stream.begins(Way::In);
    stream.begins(Way::In);
    assert!(matches!(stream.carried(Way::In, std::iter::empty()).touched, Touched::None));
    assert!(matches!(go(&stream, Way::In, request("\r\n").as_bytes()).touched, Touched::None));
}

#[test]
fn how_bytes_are_split_does_not_change_what_they_say() {
    // A linear congruential generator: the same in each run.
    let mut state = 1_u64;
    let mut next = |most: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % most
    };
    let requests = [request("\r\n"), request("Content-Length: 3\r\n\r\nabc"), "GET / HTTP/1.1\r\n\r\n".into()];
    let answers = [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nTrailer: x\r\n\r\n",
        "HTTP/9 garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    ];
    for _ in 0..300 {
        let (asked, answered): (Vec<_>, Vec<_>) = (0..3).map(|_| (next(3), next(40) / 9)).unzip();
        let mut outcomes = [true, false].map(|whole| {
            let stream = Stream::default();
            let mut seen = Vec::new();
            for (&request, &answer) in asked.iter().zip(&answered) {
                let dialogue = [(Way::In, requests[request].as_bytes()), (Way::Out, answers[answer].as_bytes())];
                for (way, mut bytes) in dialogue {
                    while !bytes.is_empty() {
                        let count = if whole { bytes.len() } else { 1 + next(bytes.len()) };
                        go(&stream, way, &bytes[..count]);
                        bytes = &bytes[count..];
                    }
                    seen.push((0..3).find(|&number| stream.is_current(number)));
                }
            }
            seen
        });
        let split = outcomes[1].split_off(0);
        assert_eq!(outcomes[0], split, "{asked:?} {answered:?}");
    }
}
