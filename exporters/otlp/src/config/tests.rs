//! What flags and variables lead to.

use super::*;

fn read_all(variables: &[(&str, &str)], overrides: &Overrides) -> Result<(Option<Config>, Vec<String>), ConfigError> {
    let lookup = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Config::from_environment(&lookup, overrides)
}

/// The endpoint and protocol that variables lead to, without a warning.
fn reached(variables: &[(&str, &str)]) -> Option<(String, Protocol)> {
    let (config, warnings) = read_all(variables, &Overrides::default()).unwrap();
    assert_eq!(warnings, Vec::<String>::new(), "{variables:?}");
    config.map(|config| (config.endpoint(), config.protocol()))
}

fn flag(endpoint: &str) -> Overrides {
    Overrides { endpoint: Some(endpoint.to_owned()), ..Overrides::default() }
}

const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const GENERAL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";

#[test]
fn endpoints_of_variables() {
    use Protocol::{Grpc, HttpJson, HttpProtobuf};
    let table = [
        (&[(GENERAL, "http://c:1")][..], "http://c:1/v1/traces", HttpProtobuf),
        (&[(GENERAL, "http://c:1/")], "http://c:1/v1/traces", HttpProtobuf),
        (&[(GENERAL, "http://c:1/otlp/")], "http://c:1/otlp/v1/traces", HttpProtobuf),
        (&[(GENERAL, " https://c ")], "https://c/v1/traces", HttpProtobuf),
        (&[(TRACES, "http://c:1")], "http://c:1/", HttpProtobuf),
        (&[(TRACES, "http://c:1/a?b=c")], "http://c:1/a?b=c", HttpProtobuf),
        (&[(TRACES, "http://t:1/x"), (GENERAL, "http://c:1")], "http://t:1/x", HttpProtobuf),
        (&[(TRACES, ""), (GENERAL, "http://[::1]:1")], "http://[::1]:1/v1/traces", HttpProtobuf),
        // A variable's port says nothing about the protocol: the specification has a default.
        (&[(GENERAL, "http://c:4317")], "http://c:4317/v1/traces", HttpProtobuf),
        (&[(GENERAL, "http://c:4317/x"), (PROTOCOL, "grpc")], "http://c:4317", Grpc),
        (&[(GENERAL, "c:4317"), (PROTOCOL, "grpc")], "https://c:4317", Grpc),
        (&[(GENERAL, "c:1"), (PROTOCOL, "grpc"), ("OTEL_EXPORTER_OTLP_INSECURE", "true")], "http://c:1", Grpc),
        (&[(PROTOCOL, "grpc")], "http://localhost:4317", Grpc),
        (
            &[(PROTOCOL, "grpc"), ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json")],
            "http://localhost:4318/v1/traces",
            HttpJson,
        ),
        (&[("OTEL_EXPORTER_OTLP_HEADERS", "a=b")], "http://localhost:4318/v1/traces", HttpProtobuf),
        (&[("OTEL_TRACES_EXPORTER", "otlp")], "http://localhost:4318/v1/traces", HttpProtobuf),
    ];
    for (variables, endpoint, protocol) in table {
        assert_eq!(reached(variables), Some((endpoint.to_owned(), protocol)), "{variables:?}");
    }
}

#[test]
fn without_a_word_about_a_collector_there_is_none() {
    for variables in [
        &[][..],
        &[("OTEL_SERVICE_NAME", "a"), ("OTEL_BSP_SCHEDULE_DELAY", "1")],
        &[(GENERAL, " "), ("OTEL_TRACES_EXPORTER", "")],
        &[(GENERAL, "http://c"), ("OTEL_TRACES_EXPORTER", "none")],
    ] {
        assert_eq!(reached(variables), None, "{variables:?}");
    }
    for (name, value) in [("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_TRACES_EXPORTER", "console")] {
        let (config, warnings) = read_all(&[(GENERAL, "http://c"), (name, value)], &Overrides::default()).unwrap();
        assert!(config.is_none() && warnings.len() == 1 && warnings[0].contains(name), "{warnings:?}");
        // A flag is a plain wish.
        let (config, warnings) = read_all(&[(name, value)], &flag("http://c")).unwrap();
        assert!(config.is_some() && warnings.is_empty(), "{warnings:?}");
    }
}

#[test]
fn a_flag_wins_and_its_port_tells_the_protocol() {
    let variables = [(TRACES, "http://t:1"), (GENERAL, "http://c:1")];
    for (endpoint, expected, protocol) in [
        ("http://f:4318", "http://f:4318/v1/traces", Protocol::HttpProtobuf),
        ("http://f:4318/own", "http://f:4318/own", Protocol::HttpProtobuf),
        ("http://f:4317", "http://f:4317", Protocol::Grpc),
        ("https://f:4317/", "https://f:4317", Protocol::Grpc),
        ("f:4317", "https://f:4317", Protocol::Grpc),
    ] {
        let (config, _) = read_all(&variables, &flag(endpoint)).unwrap();
        let config = config.unwrap();
        assert_eq!((config.endpoint().as_str(), config.protocol()), (expected, protocol), "{endpoint}");
    }
    let overrides = Overrides { protocol: Some("http/json".into()), ..flag("http://f:4317") };
    let config = read_all(&[(PROTOCOL, "grpc")], &overrides).unwrap().0.unwrap();
    assert_eq!((config.endpoint().as_str(), config.protocol()), ("http://f:4317/v1/traces", Protocol::HttpJson));
    let config = read_all(&[(PROTOCOL, "http/json")], &flag("http://f:4317")).unwrap().0.unwrap();
    assert_eq!(config.protocol(), Protocol::HttpJson);
}

#[test]
fn a_bad_flag_is_an_error_that_names_it() {
    let table = [
        (
            flag("localhost:4318"),
            "the endpoint \"localhost:4318\" cannot be used: it must begin with http:// or https://",
        ),
        (flag("ftp://c"), "the endpoint \"ftp://c\" cannot be used: it must begin with http:// or https://"),
        (flag("http://a b"), "the endpoint \"http://a b\" cannot be used: it is no URL"),
        (flag("http://me:secret@c"), "the endpoint cannot be used: a user name in it is not supported; use a header"),
        (Overrides { protocol: Some("thrift".into()), ..flag("http://c") }, "unknown protocol \"thrift\""),
        (Overrides { compression: Some("lz4".into()), ..flag("http://c") }, "unknown compression \"lz4\""),
        (Overrides { headers: vec!["secret".into()], ..flag("http://c") }, "cannot be used: it must be name=value"),
        (Overrides { headers: vec!["a b=secret".into()], ..flag("http://c") }, "the header \"a b\" cannot be used"),
        (Overrides { headers: vec!["a=sec\nret".into()], ..flag("http://c") }, "the header \"a\" cannot be used"),
        (Overrides { headers: vec!["Host=c".into()], ..flag("http://c") }, "it belongs to the protocol"),
        (Overrides { timeout: Some(Duration::ZERO), ..flag("http://c") }, "a timeout must be longer than 0"),
    ];
    for (overrides, words) in table {
        let error = read_all(&[], &overrides).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert!(!error.contains("me:secret") && !error.contains("=sec"), "{error}");
    }
}

#[test]
fn a_bad_variable_is_ignored_with_a_warning() {
    let table = [
        (TRACES, "c:1"),
        (PROTOCOL, "thrift"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "lz4"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "many"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "novalue"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=%zz"),
        ("OTEL_CONFIG_FILE", "/etc/otel.yaml"),
        ("OTEL_TRACES_EXPORTER", "pigeon"),
        ("OTEL_SDK_DISABLED", "yes"),
    ];
    let plain = read_all(&[(GENERAL, "http://c")], &Overrides::default()).unwrap().0.unwrap();
    for (name, value) in table {
        let (config, warnings) = read_all(&[(GENERAL, "http://c"), (name, value)], &Overrides::default()).unwrap();
        assert!(warnings.len() == 1 && warnings[0].contains(name), "{name}: {warnings:?}");
        let config = config.unwrap();
        assert_eq!(format!("{config:?}"), format!("{plain:?}"), "{name}");
        assert_eq!(
            (config.timeout, config.schedule_delay, config.limits),
            (plain.timeout, plain.schedule_delay, plain.limits)
        );
    }
}

#[test]
fn headers() {
    let read = |variables: &[(&str, &str)], flags: &[&str]| {
        let headers = flags.iter().map(|text| (*text).to_owned()).collect();
        let config = read_all(variables, &Overrides { headers, ..flag("http://c") }).unwrap().0.unwrap();
        let headers = config.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        (headers.collect::<Vec<_>>(), format!("{config:?}"))
    };
    let variables = [("OTEL_EXPORTER_OTLP_HEADERS", " Api-Key = s%20%3D%2Cs , b=c=d,,"), ("IGNORED", "x")];
    let (headers, shown) = read(&variables, &[]);
    assert_eq!(headers, ["api-key: s =,s", "b: c=d"]);
    assert!(shown.contains("api-key") && !shown.contains("=,s"), "{shown}");
    let traces = [variables[0], ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "t=1")];
    assert_eq!(read(&traces, &[]).0, ["t: 1"]);
    // As they stand: what a shell passes needs no further encoding.
    assert_eq!(read(&traces, &["Authorization=Bearer a%20b"]).0, ["authorization: Bearer a%20b"]);
}

#[test]
fn numbers_files_and_limits() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca"),
        ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/key"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/chain"),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "7000"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "50"),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "7"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "9"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "1"),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "0"),
    ];
    let config = read_all(&variables, &Overrides::default()).unwrap().0.unwrap();
    assert_eq!(config.timeout, Duration::from_millis(1500));
    assert_eq!(config.compression, Compression::Zstd);
    let files = [&config.certificate, &config.client_certificate, &config.client_key].map(|path| path.clone().unwrap());
    assert_eq!(files, ["/ca", "/chain", "/key"].map(PathBuf::from));
    assert_eq!(config.schedule_delay, Duration::from_millis(20));
    assert_eq!(config.batch_timeout, Duration::from_secs(7));
    assert_eq!((config.max_queue_spans, config.max_batch_spans), (100, 10));
    let limits =
        Limits { value_length: 50, attributes: 9, events: 1, links: 128, event_attributes: 7, link_attributes: 0 };
    assert_eq!(config.limits, limits);

    let overrides = Overrides {
        compression: Some("none".into()),
        timeout: Some(Duration::from_secs(2)),
        certificate: Some("/own".into()),
        ..Overrides::default()
    };
    let config = read_all(&variables, &overrides).unwrap().0.unwrap();
    assert_eq!((config.compression, config.timeout), (Compression::None, Duration::from_secs(2)));
    assert_eq!(config.certificate, Some("/own".into()));

    // A batch that is larger than the queue would never be full.
    let (config, warnings) = read_all(
        &[("OTEL_BSP_MAX_QUEUE_SIZE", "5"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10"), (GENERAL, "http://c")],
        &Overrides::default(),
    )
    .unwrap();
    assert_eq!((config.unwrap().max_batch_spans, warnings.len()), (5, 1));
}
