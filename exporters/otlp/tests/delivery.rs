//! Delivery to a collector that behaves, that misbehaves, and that is not there.

mod collector;

use std::time::{Duration, Instant};

use collector::{Answer, Collector, config, ids, numbers, spans};
use renacer_events::Attribute;
use renacer_otlp::{Config, Exporter, Finished, Overrides, Settled};

const PROTOCOLS: [&str; 3] = ["grpc", "http/protobuf", "http/json"];
/// Longer than anything here should take.
const LONG: Duration = Duration::from_secs(30);

/// Exports so many spans, in portions as the program does.
fn export(config: Config, count: u64, deadline: Duration) -> Finished {
    let mut exporter = Exporter::start(config).unwrap();
    let mut next = 0;
    while next < count {
        let end = count.min(next + 512);
        exporter.push(spans(next..end));
        next = end;
    }
    exporter.finish(deadline)
}

#[test]
fn what_a_limit_cuts_is_counted_once_whatever_becomes_of_the_span() {
    let collector = Collector::start(vec![Answer::Http(503, vec![], vec![]), Answer::AtMost(3)]);
    let mut limited = config(&collector.url(), "http/protobuf");
    limited.limits.value_length = 5;
    limited.limits.attributes = 4;
    let mut spans = spans(0..10);
    for span in &mut spans {
        let texts = vec!["123456".into(), "12345".into(), "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}".into(), "1234567".into()];
        span.attributes = vec![
            Attribute::new("short", "12345"),
            Attribute::new("long", "123456"),
            Attribute::new("texts", texts),
            Attribute::new("number", 1_234_567),
            Attribute::new("beyond the fourth", "1234567"),
        ];
    }
    let mut exporter = Exporter::start(limited).unwrap();
    exporter.push(spans);
    let finished = exporter.finish(LONG);
    assert_eq!((finished.counts.delivered, finished.counts.cut), (10, 10 * 3));
}

fn delivered_all(finished: &Finished, count: u64) {
    let counts = &finished.counts;
    assert_eq!(
        (counts.delivered, counts.rejected, counts.handed_back, counts.lost),
        (count, 0, 0, 0),
        "{:?}",
        finished.warnings
    );
    assert_eq!(counts.refused, 0);
    assert_eq!(ids(&finished.undelivered), numbers(0));
    assert_eq!(ids(&finished.refused), numbers(0));
    assert_eq!(finished.warnings, [""; 0]);
}

#[test]
fn every_span_arrives_once_in_each_protocol() {
    for protocol in PROTOCOLS {
        let collector = Collector::start(vec![]);
        let finished = export(config(&collector.url(), protocol), 20_000, LONG);
        delivered_all(&finished, 20_000);
        assert_eq!(collector.taken(), numbers(20_000), "{protocol}");
        let received = collector.received();
        assert_eq!(finished.counts.requests, received.len() as u64);
        assert_eq!(finished.counts.retries, 0);
        for request in &received {
            assert!(request.body.len() <= 3 << 20);
            let (path, content_type, http2) = match protocol {
                "grpc" => ("/opentelemetry.proto.collector.trace.v1.TraceService/Export", "application/grpc", true),
                "http/json" => ("/v1/traces", "application/json", false),
                _ => ("/v1/traces", "application/x-protobuf", false),
            };
            assert_eq!((&*request.path, request.header("content-type"), request.http2), (path, content_type, http2));
            assert!(request.header("user-agent").starts_with("renacer/"), "{}", request.header("user-agent"));
        }
    }
}

#[test]
fn bodies_are_compressed_and_headers_are_sent() {
    for protocol in PROTOCOLS {
        for compression in ["gzip", "zstd"] {
            let collector = Collector::start(vec![]);
            let overrides = Overrides {
                endpoint: Some(collector.url()),
                protocol: Some(protocol.into()),
                compression: Some(compression.into()),
                headers: vec!["authorization=Bearer a=b".into(), "X-Tenant=blue".into()],
                ..Overrides::default()
            };
            let config = Config::from_environment(&|_| None, &overrides).unwrap().0.unwrap();
            delivered_all(&export(config, 1_000, LONG), 1_000);
            assert_eq!(collector.taken(), numbers(1_000), "{protocol} {compression}");
            let request = &collector.received()[0];
            let encoding = request.header(if protocol == "grpc" { "grpc-encoding" } else { "content-encoding" });
            assert_eq!(encoding, compression);
            assert_eq!(request.header("authorization"), "Bearer a=b");
            assert_eq!(request.header("x-tenant"), "blue");
        }
    }
}

#[test]
fn what_may_work_later_is_repeated() {
    let seconds = vec![("retry-after", "1".to_owned())];
    let past = vec![("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT".to_owned())];
    // google.rpc.Status { details: [RetryInfo { retry_delay: 0 s }] }
    let info = "Gi4KKHR5cGUuZ29vZ2xlYXBpcy5jb20vZ29vZ2xlLnJwYy5SZXRyeUluZm8SAgoA";
    let details = vec![("grpc-status-details-bin", info.to_owned())];
    let cases = [
        ("http/protobuf", Answer::Http(503, seconds, vec![]), Duration::from_secs(1)),
        ("http/protobuf", Answer::Http(429, past, vec![]), Duration::ZERO),
        ("http/json", Answer::Http(502, vec![], b"<html>bad gateway".to_vec()), Duration::ZERO),
        ("http/json", Answer::Http(504, vec![], vec![]), Duration::ZERO),
        ("grpc", Answer::Grpc(14, "data%20refused: queue is full", vec![]), Duration::ZERO),
        ("grpc", Answer::Grpc(1, "", vec![]), Duration::ZERO),
        ("grpc", Answer::Grpc(8, "quota", details), Duration::ZERO),
    ];
    for (protocol, answer, at_least) in cases {
        let collector = Collector::start(vec![answer.clone()]);
        let started = Instant::now();
        let finished = export(config(&collector.url(), protocol), 10, LONG);
        delivered_all(&finished, 10);
        assert_eq!((finished.counts.requests, finished.counts.retries), (2, 1), "{answer:?}");
        assert_eq!(collector.taken(), numbers(10), "{answer:?}");
        assert!(started.elapsed() >= at_least, "{answer:?}");
    }
}

#[test]
fn what_is_refused_is_not_repeated_and_handed_back() {
    let json = vec![("content-type", "application/json".to_owned())];
    let protobuf = vec![("content-type", "application/x-protobuf".to_owned())];
    let cases = [
        (
            "http/protobuf",
            Answer::Http(400, protobuf, b"\x12\x07bad ids".to_vec()),
            "HTTP status 400 Bad Request: bad ids",
        ),
        ("http/json", Answer::Http(400, json, b"{\"message\":\"no\"}".to_vec()), "HTTP status 400 Bad Request: no"),
        ("http/json", Answer::Http(401, vec![], vec![]), "HTTP status 401 Unauthorized"),
        (
            "http/protobuf",
            Answer::Http(500, vec![], b"oh\x1b[2J".to_vec()),
            "HTTP status 500 Internal Server Error: oh [2J",
        ),
        ("grpc", Answer::Grpc(3, "bad%0Aid", vec![]), "gRPC status INVALID_ARGUMENT: bad id"),
        ("grpc", Answer::Grpc(8, "quota used up", vec![]), "gRPC status RESOURCE_EXHAUSTED: quota used up"),
        ("grpc", Answer::Http(404, vec![], vec![]), "HTTP status 404 Not Found"),
    ];
    for (protocol, answer, message) in cases {
        let collector = Collector::always(answer);
        let finished = export(config(&collector.url(), protocol), 10, LONG);
        assert_eq!(collector.received().len(), 1, "{message}");
        let counts = &finished.counts;
        assert_eq!((counts.delivered, counts.rejected, counts.handed_back, counts.lost), (0, 0, 0, 0), "{message}");
        assert_eq!(counts.refused, 10, "{message}");
        assert_eq!(counts.first_rejection.as_deref(), Some(message));
        assert_eq!(ids(&finished.refused), numbers(10));
        assert_eq!(ids(&finished.undelivered), numbers(0));
        assert_eq!(finished.warnings.len(), 1, "{:?}", finished.warnings);
        assert!(finished.warnings[0].contains(message), "{:?}", finished.warnings);
    }
}

#[test]
fn partial_success_is_counted_and_told_once() {
    for protocol in PROTOCOLS {
        let collector = Collector::always(Answer::Partial(3, "too old"));
        let mut config = config(&collector.url(), protocol);
        config.max_batch_spans = 10;
        let finished = export(config, 20, LONG);
        assert_eq!(collector.received().len(), 2);
        assert_eq!(
            (finished.counts.delivered, finished.counts.rejected, finished.counts.retries),
            (14, 6, 0),
            "{protocol}"
        );
        assert_eq!(finished.counts.first_rejection.as_deref(), Some("too old"));
        assert_eq!(finished.warnings.len(), 1, "{:?}", finished.warnings);
        assert_eq!(ids(&finished.undelivered), numbers(0));
    }
}

#[test]
fn what_is_too_large_is_halved_until_it_is_not() {
    for protocol in PROTOCOLS {
        let collector = Collector::always(Answer::AtMost(70));
        let finished = export(config(&collector.url(), protocol), 1_000, LONG);
        delivered_all(&finished, 1_000);
        assert_eq!(collector.taken(), numbers(1_000), "{protocol}");
    }
    // One span alone cannot be halved.
    let collector = Collector::always(Answer::Http(413, vec![], vec![]));
    let finished = export(config(&collector.url(), "http/protobuf"), 3, LONG);
    assert_eq!((finished.counts.refused, finished.counts.requests), (3, 5));
    assert_eq!(ids(&finished.refused), numbers(3));
}

#[test]
fn a_collector_that_is_not_there_gets_one_warning_and_all_spans_come_back() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for protocol in PROTOCOLS {
        let url = format!("http://127.0.0.1:{port}");
        let finished = export(config(&url, protocol), 50_000, LONG);
        assert_eq!((finished.counts.delivered, finished.counts.handed_back), (0, 50_000), "{protocol}");
        assert_eq!(ids(&finished.undelivered), numbers(50_000));
        assert_eq!(finished.warnings.len(), 1, "{:?}", finished.warnings);
        assert!(finished.warnings[0].contains(&url), "{:?}", finished.warnings);
        assert!(finished.warnings[0].to_lowercase().contains("connection refused"), "{:?}", finished.warnings);
        // Nobody was asked for each batch.
        assert!(finished.counts.requests < 20, "{:?}", finished.counts);
    }
}

#[test]
fn a_collector_that_never_answers_holds_nobody_up() {
    for protocol in ["grpc", "http/protobuf"] {
        let collector = Collector::always(Answer::Hang);
        let started = Instant::now();
        let mut config = config(&collector.url(), protocol);
        config.patience = Duration::from_millis(100);
        let mut exporter = Exporter::start(config).unwrap();
        // Far more than the exporter keeps: pushing would wait for ever.
        for portion in 0..60 {
            exporter.push(spans(portion * 512..(portion + 1) * 512));
        }
        let before = exporter.take_undelivered();
        assert!(!before.is_empty());
        let mut finished = exporter.finish(Duration::from_millis(300));
        assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
        finished.undelivered.extend(before);
        assert_eq!((finished.counts.delivered, finished.counts.handed_back, finished.counts.lost), (0, 60 * 512, 0));
        assert_eq!(ids(&finished.undelivered), numbers(60 * 512));
        assert_eq!(finished.warnings.len(), 1, "{:?}", finished.warnings);
    }
}

#[test]
fn a_collector_that_is_busy_for_ever_is_given_up_at_the_deadline() {
    let collector = Collector::always(Answer::Http(503, vec![], vec![]));
    let started = Instant::now();
    let finished = export(config(&collector.url(), "http/protobuf"), 100, Duration::from_millis(500));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(ids(&finished.undelivered), numbers(100));
    assert_eq!(finished.warnings.len(), 1, "{:?}", finished.warnings);
}

#[test]
fn few_spans_are_sent_when_they_have_waited_long_enough() {
    let collector = Collector::start(vec![]);
    let mut config = config(&collector.url(), "http/protobuf");
    config.schedule_delay = Duration::from_millis(50);
    let mut exporter = Exporter::start(config).unwrap();
    assert_eq!(exporter.due(), None);
    exporter.push(spans(0..3));
    let due = exporter.due().unwrap();
    exporter.tick(due - Duration::from_millis(1));
    assert_eq!(exporter.due(), Some(due));
    exporter.tick(due);
    while exporter.counts().delivered < 3 {
        // Under way: the outcome is to be asked for.
        assert_ne!(exporter.due(), Some(due));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(exporter.due(), None);
    assert_eq!(collector.taken(), numbers(3));
    delivered_all(&exporter.finish(LONG), 3);
}

#[test]
fn requests_that_are_encoded_already_go_as_they_are() {
    use prost::Message;
    // What one exporter has sent, another sends again.
    for protocol in PROTOCOLS {
        let first = Collector::start(vec![]);
        delivered_all(&export(config(&first.url(), protocol), 5, LONG), 5);
        let body = first.received()[0].body.clone();
        if protocol != "http/json" {
            opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest::decode(&*body).unwrap();
        }
        let second = Collector::start(vec![Answer::Http(503, vec![], vec![])]);
        let mut exporter = Exporter::start(config(&second.url(), protocol)).unwrap();
        exporter.push_encoded(body.clone(), 5, 7);
        let finished = exporter.finish(LONG);
        assert_eq!((finished.counts.delivered, finished.counts.retries), (5, 1), "{protocol}");
        let [settled] = &finished.settled[..] else { panic!("{finished:?}") };
        assert_eq!((settled.portion, settled.delivered, settled.encoded_undelivered), (7, 5, 0));
        assert_eq!(second.received()[1].body, body);

        let refusing = Collector::always(Answer::Http(400, vec![], b"no".to_vec()));
        let mut exporter = Exporter::start(config(&refusing.url(), protocol)).unwrap();
        exporter.push_encoded(body.clone(), 5, 1);
        let finished = exporter.finish(LONG);
        assert_eq!((finished.counts.delivered, finished.counts.rejected, finished.counts.handed_back), (0, 5, 0));
        assert_eq!(finished.settled[0].encoded_refused, 5);
        assert_eq!(finished.counts.first_rejection.as_deref(), Some("HTTP status 400 Bad Request: no"));
    }
}

#[test]
fn an_encoded_request_that_is_too_large_is_cut_in_two_until_it_is_not() {
    for protocol in PROTOCOLS {
        let first = Collector::start(vec![]);
        delivered_all(&export(config(&first.url(), protocol), 300, LONG), 300);
        let body = first.received()[0].body.clone();
        let second = Collector::always(Answer::AtMost(70));
        let mut exporter = Exporter::start(config(&second.url(), protocol)).unwrap();
        exporter.push_encoded(body.clone(), 300, 1);
        // One that does not hold what it should is not sent in parts.
        exporter.push_encoded(body, 299, 2);
        let mut finished = exporter.finish(LONG);
        assert_eq!(second.taken(), numbers(300), "{protocol}");
        assert_eq!((finished.counts.delivered, finished.counts.rejected), (300, 299), "{protocol}");
        finished.settled.sort_by_key(|settled| settled.portion);
        let settled: Vec<_> =
            finished.settled.iter().map(|it| (it.portion, it.delivered, it.encoded_refused)).collect();
        assert_eq!(settled, [(1, 300, 0), (2, 0, 299)]);
        let whole = second.received().iter().filter(|request| request.span_ids().len() <= 70).count();
        assert_eq!(whole, 8, "{protocol}: halves, quarters, eighths");
    }
}

/// Pushes a backlog as whoever has one does, until it is settled or `requests` were sent.
fn push_backlog(exporter: &mut Exporter, portions: u64) -> Vec<Settled> {
    let (mut settled, mut next) = (Vec::new(), 0);
    let start = Instant::now();
    while (settled.len() as u64) < portions {
        for _ in 0..exporter.room_for_backlog(Instant::now()) {
            if next < portions {
                exporter.push_backlog(spans(1000 + next * 10..1010 + next * 10), next);
                next += 1;
            }
        }
        settled.extend(exporter.take_settled());
        exporter.wait(Duration::from_millis(5));
        assert!(start.elapsed() < LONG, "{settled:?}");
    }
    settled
}

#[test]
fn a_backlog_goes_out_when_the_collector_answers_again() {
    for protocol in PROTOCOLS {
        let down = match protocol {
            "grpc" => Answer::Grpc(14, "down", vec![]),
            _ => Answer::Http(503, vec![], vec![]),
        };
        let refusal = match protocol {
            "grpc" => Answer::Grpc(3, "no", vec![]),
            _ => Answer::Http(400, vec![], vec![]),
        };
        let mut script = vec![down; 6];
        script.extend([Answer::Accept, refusal, Answer::Partial(4, "old")]);
        let collector = Collector::start(script);
        let mut config = config(&collector.url(), protocol);
        config.max_requests = 1;
        config.batch_timeout = Duration::from_millis(1500);
        config.schedule_delay = Duration::ZERO;
        let mut exporter = Exporter::start(config).unwrap();
        // Nothing is known of the collector: fresh spans find out.
        assert_eq!(exporter.room_for_backlog(Instant::now()), 0);
        exporter.push(spans(0..10));
        exporter.tick(Instant::now());
        while exporter.counts().handed_back < 10 {
            exporter.wait(Duration::from_millis(5));
        }
        assert_eq!(exporter.take_undelivered().len(), 1);
        // It is left alone for a moment, then one portion shows whether it answers.
        assert_eq!(exporter.room_for_backlog(Instant::now()), 0);
        let settled = push_backlog(&mut exporter, 30);
        let sum = |of: fn(&Settled) -> usize| settled.iter().map(of).sum::<usize>();
        let undelivered = sum(|it| it.undelivered.len());
        assert_eq!(undelivered % 10, 0);
        assert_eq!(sum(|it| it.delivered as usize), 286 - undelivered, "{protocol}");
        assert_eq!((sum(|it| it.refused.len()), sum(|it| it.rejected as usize)), (10, 4));
        let finished = exporter.finish(LONG);
        assert_eq!((finished.counts.refused, finished.counts.handed_back), (10, 10));
        assert_eq!(finished.counts.delivered, 286 - undelivered as u64);
    }
}

/// One request waits to be repeated while another one succeeds; then nobody is there any more, and the first one becomes the
/// probe that fails. Later success must still be found.
#[test]
fn a_probe_that_fails_after_an_earlier_success_is_not_the_last_one() {
    let later = vec![("retry-after", "1".to_owned())];
    let busy = || Answer::Http(503, later.clone(), vec![]);
    let collector = Collector::with(vec![busy(), Answer::Accept, Answer::Hang, busy()], Answer::Accept, None);
    let mut config = config(&collector.url(), "http/protobuf");
    config.max_requests = 2;
    config.timeout = Duration::from_millis(200);
    config.schedule_delay = Duration::ZERO;
    let mut exporter = Exporter::start(config).unwrap();
    let push = |exporter: &mut Exporter, portion: u64| {
        exporter.push(spans(portion * 10..portion * 10 + 10));
        exporter.tick(Instant::now());
        let asked = collector.received().len();
        let start = Instant::now();
        while collector.received().len() == asked && start.elapsed() < LONG {
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    // Refused for a second; accepted; not answered within the time: nobody is there.
    (0..3).for_each(|portion| push(&mut exporter, portion));
    // The first one is repeated, as a probe, and refused once more.
    let start = Instant::now();
    while collector.received().len() < 4 {
        std::thread::sleep(Duration::from_millis(2));
        assert!(start.elapsed() < LONG);
    }
    let settled = push_backlog(&mut exporter, 3);
    assert_eq!(settled.iter().map(|it| it.delivered as usize + it.undelivered.len()).sum::<usize>(), 30);
    let finished = exporter.finish(LONG);
    assert!(finished.counts.delivered >= 10, "{:?}", finished.counts);
    assert!(collector.received().len() >= 5);
}

#[test]
fn a_backlog_that_is_under_way_at_the_end_comes_back() {
    let collector = Collector::start(vec![Answer::Accept, Answer::Hang]);
    let mut config = config(&collector.url(), "http/protobuf");
    config.max_requests = 1;
    let mut exporter = Exporter::start(config).unwrap();
    exporter.push(spans(0..10));
    exporter.end();
    while !exporter.is_idle() {
        exporter.wait(Duration::from_millis(5));
    }
    for portion in 0..exporter.room_for_backlog(Instant::now()) as u64 {
        exporter.push_backlog(spans(portion * 10..portion * 10 + 10), portion);
    }
    assert!(!exporter.is_idle());
    assert_eq!(exporter.room_for_backlog(Instant::now()), 0);
    let finished = exporter.finish(Duration::from_millis(50));
    assert!(finished.settled.len() > 1);
    assert!(finished.settled.iter().all(|settled| settled.undelivered.len() == 10), "{finished:?}");
    assert_eq!((finished.counts.delivered, finished.counts.handed_back, finished.counts.lost), (10, 0, 0));
}

#[test]
fn a_collector_that_was_never_there_is_not_waited_for() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut exporter = Exporter::start(config(&format!("http://127.0.0.1:{port}"), "grpc")).unwrap();
    exporter.push(spans(0..10));
    exporter.end();
    let start = Instant::now();
    let mut portion = 0;
    while exporter.wait(Duration::from_millis(5)) {
        for _ in 0..exporter.room_for_backlog(Instant::now()) {
            exporter.push_backlog(spans(0..10), portion);
            portion += 1;
        }
        assert!(start.elapsed() < LONG);
    }
    // It has been asked for once more.
    assert!(portion > 0);
}

#[test]
fn an_answer_that_breaks_off_is_none() {
    for protocol in ["http/protobuf", "http/json", "grpc"] {
        let collector = Collector::start(vec![Answer::Accept, Answer::BreakOff]);
        let mut config = config(&collector.url(), protocol);
        (config.max_requests, config.max_batch_spans) = (1, 5);
        delivered_all(&export(config, 10, LONG), 10);
        assert_eq!(collector.received().len(), 3, "{protocol}");
    }
}

#[test]
fn an_endless_or_senseless_answer_does_no_harm() {
    let megabytes = vec![b'x'; 6 << 20];
    for (protocol, answer, delivered) in [
        ("http/protobuf", Answer::Http(200, vec![], megabytes.clone()), 5),
        ("http/json", Answer::Http(200, vec![], b"\xff{]".to_vec()), 5),
        ("http/protobuf", Answer::Http(200, vec![], b"\x0a\xff\xff\xff".to_vec()), 5),
        ("http/protobuf", Answer::Http(400, vec![], megabytes), 0),
    ] {
        let collector = Collector::always(answer);
        let finished = export(config(&collector.url(), protocol), 5, LONG);
        assert_eq!((finished.counts.delivered, finished.counts.refused), (delivered, 5 - delivered));
        assert_eq!(finished.counts.requests, 1);
        for warning in &finished.warnings {
            assert!(warning.len() < 1000, "{}", warning.len());
        }
    }
}
