//! What the writer leaves in a file, and what it refuses.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::TracesData;
use renacer_events::{Attribute, Resource, Span, SpanEvent, Status, Text};
use renacer_file::{AtLimit, CreateOptions, Error, Limit, Writer};
use tempfile::tempdir;

use crate::spans::{bare, full, resource};

const NEW: CreateOptions = CreateOptions { overwrite: false };
const FORCE: CreateOptions = CreateOptions { overwrite: true };

/// The lines of a file, each judged by its size and parsed.
fn lines(path: &Path) -> Vec<TracesData> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.split_inclusive('\n')
        .map(|line| {
            assert!(line.len() < 1_048_576, "{}", line.len());
            let data: TracesData = serde_json::from_str(line).unwrap();
            assert!(spans(&data).len() <= 500);
            data
        })
        .collect()
}

fn spans(data: &TracesData) -> Vec<&opentelemetry_proto::tonic::trace::v1::Span> {
    data.resource_spans.iter().flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans).collect()
}

#[test]
fn a_line_has_the_form_of_the_collectors_file_exporter() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.otlp.jsonl");
    let (first, second) = (resource("one"), resource("two"));
    let mut writer = Writer::create(&path, NEW).unwrap();
    writer.write(&[bare(&first, 1), full(&second, 2), bare(&first, 3)]).unwrap();
    writer.flush().unwrap();
    let resource = |instance: &str| {
        format!(
            r#"{{"resource":{{"attributes":[{{"key":"service.instance.id","value":{{"stringValue":"{instance}"}}}},{{"key":"service.name","value":{{"stringValue":"ls"}}}},{{"key":"process.pid","value":{{"intValue":"1234"}}}}]}},"scopeSpans":[{{"scope":{{"name":"renacer","version":"{}"}},"spans":["#,
            env!("CARGO_PKG_VERSION")
        )
    };
    let close = r#"],"schemaUrl":"https://opentelemetry.io/schemas/1.44.0"}],"schemaUrl":"https://opentelemetry.io/schemas/1.44.0"}"#;
    let bare = |id: u64| {
        format!(
            r#"{{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"{id:016x}","parentSpanId":"","flags":256,"name":"ls","kind":1,"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000000000001","status":{{}}}}"#
        )
    };
    let full = concat!(
        r#"{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"0000000000000002","traceState":"vendor=a,other=b","#,
        r#""parentSpanId":"00f067aa0ba902b7","flags":768,"name":"openat \"\\\u0000\u001f\n\r\t"#,
        "\u{7f}é\u{1F600}\u{2028}</",
        r#"","kind":1,"startTimeUnixNano":"18446744073709551614","endTimeUnixNano":"18446744073709551615","attributes":["#,
        r#"{"key":"syscall.result","value":{"intValue":"-9223372036854775808"}},"#,
        r#"{"key":"syscall.number","value":{"intValue":"257"}},"#,
        r#"{"key":"process.interactive","value":{"boolValue":true}},{"key":"process.other","value":{"boolValue":false}},"#,
        r#"{"key":"a \"key\"","value":{"doubleValue":-1.5e-300}},{"key":"whole","value":{"doubleValue":3.0}},"#,
        r#"{"key":"huge","value":{"doubleValue":1.7976931348623157e308}},"#,
        r#"{"key":"process.command_args","value":{"arrayValue":{"values":[{"stringValue":"ls"},{"stringValue":""},{"stringValue":"-l\"a"}]}}},"#,
        r#"{"key":"none","value":{"arrayValue":{"values":[]}}},{"key":"empty","value":{"stringValue":""}}"#,
        r#"],"droppedAttributesCount":3,"events":[{"timeUnixNano":"1700000000000000000","name":"signal"},"#,
        r#"{"timeUnixNano":"7","name":"signal","attributes":[{"key":"signal.name","value":{"stringValue":"SIGCHLD"}}]}"#,
        r#"],"droppedEventsCount":2,"links":[{"traceId":"01010101010101010101010101010101","spanId":"0202020202020202"},"#,
        r#"{"traceId":"03030303030303030303030303030303","spanId":"0404040404040404","attributes":[{"key":"k","value":{"intValue":"0"}}]}"#,
        r#"],"status":{"message":"No such file or directory","code":2}}"#,
    );
    let expected = format!(
        "{{\"resourceSpans\":[{}{},{}{close},{}{full}{close}]}}\n",
        resource("one"),
        bare(1),
        bare(3),
        resource("two")
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn pythons_json_module_takes_every_line() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let resource = resource("one");
    let mut writer = Writer::create(&path, NEW).unwrap();
    for id in 1..=1200 {
        writer.write(&[full(&resource, id)]).unwrap();
    }
    drop(writer);
    let program = "
import json, sys
def refuse(constant): raise ValueError(constant)
lines = open(sys.argv[1], encoding='utf-8', newline='\\n').read().split('\\n')
assert lines.pop() == ''
parsed = [json.loads(line, parse_constant=refuse) for line in lines]
spans = [s for line in parsed for r in line['resourceSpans'] for c in r['scopeSpans'] for s in c['spans']]
print(len(lines), len(spans), ascii(spans[-1]['name']))
";
    match Command::new("python3").args(["-c", program]).arg(&path).output() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            let name = r#"'openat "\\\x00\x1f\n\r\t\x7f\xe9\U0001f600\u2028</'"#;
            assert_eq!(text, format!("3 1200 {name}\n"), "{}", String::from_utf8_lossy(&output.stderr));
        }
        Err(error) => eprintln!("skipped: no python3: {error}"),
    }
}

#[test]
fn a_line_ends_after_500_spans_or_200_milliseconds() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let resource = resource("one");
    let many: Vec<Span> = (1..=1001).map(|id| bare(&resource, id)).collect();
    let mut writer = Writer::create(&path, NEW).unwrap();
    assert_eq!(writer.due(), None);
    let before = Instant::now();
    writer.write(&many).unwrap();
    let due = writer.due().unwrap();
    assert!(due >= before + Duration::from_millis(200) && due <= Instant::now() + Duration::from_millis(200));
    assert_eq!(lines(&path).iter().map(|data| spans(data).len()).collect::<Vec<_>>(), [500, 500]);
    assert_eq!(writer.spans_written(), 1000);
    writer.tick(due - Duration::from_nanos(1)).unwrap();
    assert_eq!(writer.spans_written(), 1000);
    writer.tick(due).unwrap();
    assert_eq!((writer.spans_written(), writer.due()), (1001, None));
    let ids: Vec<_> =
        lines(&path).iter().flat_map(|data| spans(data).into_iter().cloned()).map(|span| span.span_id).collect();
    assert_eq!(ids, many.iter().map(|span| span.span_id.0.to_vec()).collect::<Vec<_>>());
}

#[test]
fn lines_stay_under_a_mebibyte_whatever_the_spans_hold() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    // In JSON, each byte of these becomes six.
    let control: String = "\u{1}".repeat(16 * 1024);
    let plain: String = "x".repeat(16 * 1024);
    let large = Arc::new(Resource {
        attributes: (0..40)
            .map(|number| Attribute { key: format!("k{number}").into(), value: plain.as_str().into() })
            .chain([Attribute::new("last", 1)])
            .collect(),
    });
    let small = resource("one");
    let mut all = Vec::new();
    for id in 1..=16 {
        let mut span = bare(if id % 3 == 0 { &large } else { &small }, id);
        span.attributes = (0..id * 5)
            .map(|number| Attribute {
                key: format!("key{number}").into(),
                value: if number % 2 == 0 { control.as_str() } else { &plain }.into(),
            })
            .collect();
        all.push(span);
    }
    // Everything at once, in one value of one attribute, in the name, in the status, in events.
    let mut monster = bare(&large, 100);
    monster.name = control.repeat(4).into();
    monster.trace_state = Some(control.repeat(4).into());
    monster.attributes = vec![
        Attribute::new("args", (0..100).map(|_| Text::from(control.as_str())).collect::<Vec<_>>()),
        Attribute::new("kept", 1),
    ];
    monster.events = (0..100)
        .map(|at| SpanEvent { name: "signal".into(), at, attributes: vec![Attribute::new("a", plain.as_str())] })
        .collect();
    monster.status = Status::Error("é\u{1}".repeat(100_000).into());
    all.push(monster);
    let mut writer = Writer::create(&path, NEW).unwrap();
    writer.write(&all).unwrap();
    writer.flush().unwrap();
    assert_eq!((writer.spans_written(), writer.spans_lost()), (17, 0));
    let lines = lines(&path);
    let mut left_out = 0;
    for data in &lines {
        for resource_spans in &data.resource_spans {
            let resource = resource_spans.resource.as_ref().unwrap();
            let expected = if resource.attributes.len() == 3 { 3 } else { 41 };
            assert_eq!(resource.attributes.len() + resource.dropped_attributes_count as usize, expected);
            left_out += u64::from(resource.dropped_attributes_count);
            // What is small finds its place behind what is left out.
            assert!(resource.attributes.iter().any(|attribute| ["last", "service.name"].contains(&&*attribute.key)));
        }
    }
    let mut seen = HashSet::new();
    for span in lines.iter().flat_map(spans) {
        let id = u64::from_be_bytes(span.span_id.clone().try_into().unwrap());
        assert!(seen.insert(id));
        let original = &all[if id == 100 { 16 } else { id as usize - 1 }];
        assert_eq!(span.attributes.len() + span.dropped_attributes_count as usize, original.attributes.len());
        assert_eq!(span.events.len() + span.dropped_events_count as usize, original.events.len());
        left_out += u64::from(span.dropped_attributes_count + span.dropped_events_count);
        if id == 100 {
            assert_eq!(span.attributes.iter().map(|attribute| &*attribute.key).collect::<Vec<_>>(), ["kept"]);
            assert!(!span.events.is_empty());
            assert_eq!(span.trace_state, "");
            assert!(original.name.starts_with(&span.name) && span.name.len() == 16 * 1024);
        }
    }
    assert_eq!(seen.len(), 17);
    assert!(left_out > 0);
    assert_eq!(writer.parts_left_out(), left_out);
}

#[test]
fn nothing_is_overwritten_unless_asked() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    fs::write(&path, "precious").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = Writer::create(&path, NEW).unwrap_err();
    assert!(matches!(error, Error::Exists { .. }));
    assert_eq!(
        error.to_string(),
        format!("{} exists already: name another file with -o, or add --force to replace it", path.display())
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    let inode = fs::metadata(&path).unwrap().ino();
    let mut writer = Writer::create(&path, FORCE).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!((metadata.permissions().mode() & 0o7777, metadata.ino()), (0o600, inode));
    writer.write(&[bare(&resource("one"), 1)]).unwrap();
    writer.flush().unwrap();
    assert_eq!(lines(&path).len(), 1);
}

#[test]
fn symbolic_links_and_folders_are_refused_also_when_forced() {
    let folder = tempdir().unwrap();
    let (file, link, dangling) =
        (folder.path().join("file"), folder.path().join("link"), folder.path().join("dangling"));
    fs::write(&file, "precious").unwrap();
    symlink(&file, &link).unwrap();
    symlink(folder.path().join("nowhere"), &dangling).unwrap();
    for options in [NEW, FORCE] {
        for path in [&link, &dangling] {
            let error = Writer::create(path, options).unwrap_err();
            assert!(matches!(error, Error::SymbolicLink { .. }), "{error}");
        }
        let error = Writer::create(folder.path(), options).unwrap_err();
        assert!(matches!(error, Error::NotAFile { kind: "directory", .. }), "{error}");
        let error = Writer::create(folder.path().join("no/file"), options).unwrap_err();
        assert!(matches!(error, Error::Open { .. }), "{error}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    assert!(!folder.path().join("nowhere").exists());
}

#[test]
fn devices_pipes_and_inherited_descriptors_are_written_to() {
    let resource = resource("one");
    let mut writer = Writer::create("/dev/null", NEW).unwrap();
    writer.write(&[bare(&resource, 1)]).unwrap();
    writer.flush().unwrap();
    assert_eq!(writer.spans_written(), 1);

    let folder = tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = {
        let pipe = pipe.clone();
        std::thread::spawn(move || {
            let mut text = String::new();
            File::open(pipe).unwrap().read_to_string(&mut text).unwrap();
            text
        })
    };
    let mut writer = Writer::create(&pipe, NEW).unwrap();
    writer.write(&[bare(&resource, 1)]).unwrap();
    drop(writer);
    assert_eq!(reader.join().unwrap().matches("\"spanId\"").count(), 1);

    // What a shell has opened for `-o /dev/fd/N` keeps what stands in it.
    let path = folder.path().join("file");
    fs::write(&path, "first\n").unwrap();
    let file = File::options().append(true).open(&path).unwrap();
    let number = std::os::fd::AsRawFd::as_raw_fd(&file);
    let mut writer = Writer::create(format!("/dev/fd/{number}"), NEW).unwrap();
    writer.write(&[bare(&resource, 1)]).unwrap();
    drop(writer);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("first\n{\"resourceSpans\""), "{text}");
}

#[test]
fn a_full_disk_is_told_once_and_counted_exactly() {
    let resource = resource("one");
    let spans: Vec<Span> = (1..=1250).map(|id| bare(&resource, id)).collect();
    let mut writer = Writer::create("/dev/full", NEW).unwrap();
    let error = writer.write(&spans).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot write to /dev/full: No space left on device (os error 28); the spans that do not fit are counted as lost"
    );
    assert_eq!((writer.spans_written(), writer.spans_lost()), (0, 1000));
    writer.flush().unwrap();
    assert_eq!((writer.spans_written(), writer.spans_lost()), (0, 1250));
}

/// Runs in a process of its own, in which files may have 50 or 100 KiB: the kernel writes the part of a line that fits.
#[test]
fn no_half_line_stays_in_a_file_that_may_not_grow() {
    const MARK: &str = "RENACER_TEST_SMALL_FILE";
    if let Some(path) = std::env::var_os(MARK) {
        let resource = resource("one");
        let mut writer = Writer::create(path, NEW).unwrap();
        let mut errors = 0;
        for id in 1..=1000 {
            errors += usize::from(writer.write(&[bare(&resource, id)]).is_err());
            if id % 100 == 0 {
                errors += usize::from(writer.flush().is_err());
            }
        }
        println!("{errors} error, {} written, {} lost", writer.spans_written(), writer.spans_lost());
        return;
    }
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f $1; shift; exec \"$@\"", "sh"])
        // Of 512 or of 1024 bytes, as the shell likes it: more than one line, less than all.
        .arg("100")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "writer::no_half_line_stays_in_a_file_that_may_not_grow", "--nocapture"])
        .env(MARK, &path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let found: Vec<_> = lines(&path).iter().map(|data| spans(data).len()).collect();
    assert!((1..10).contains(&found.len()) && found.iter().all(|spans| *spans == 100), "{found:?} {text}");
    let written = found.len() * 100;
    assert!(text.contains(&format!("1 error, {written} written, {} lost", 1000 - written)), "{text}");
}

#[test]
fn a_lazy_file_comes_with_its_first_span() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("ls-1.otlp.jsonl");
    let mut writer = Writer::create_lazily(&path);
    writer.write(&[]).unwrap();
    writer.flush().unwrap();
    drop(writer);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    let resource = resource("one");
    for name in ["ls-1.otlp.jsonl", "ls-1.1.otlp.jsonl", "ls-1.2.otlp.jsonl"] {
        let mut writer = Writer::create_lazily(&path);
        writer.write(&[bare(&resource, 1)]).unwrap();
        writer.flush().unwrap();
        assert_eq!(writer.path(), folder.path().join(name));
        assert_eq!(lines(writer.path()).len(), 1);
        assert_eq!(fs::metadata(writer.path()).unwrap().permissions().mode() & 0o7777, 0o600);
    }

    let mut writer = Writer::create_lazily(folder.path().join("no/file.otlp.jsonl"));
    let mut results = Vec::new();
    for id in 1..=3 {
        writer.write(&[bare(&resource, id)]).unwrap();
        results.push(writer.flush());
    }
    assert!(matches!(&results[..], [Err(Error::Open { .. }), Ok(()), Ok(())]), "{results:?}");
    assert_eq!((writer.spans_written(), writer.spans_lost()), (0, 3));
}

/// All files of a folder together: their bytes, and the ids of the spans in them.
fn held(folder: &Path) -> (u64, Vec<Vec<u8>>) {
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let bytes = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    let mut ids = Vec::new();
    for data in files.iter().flat_map(|file| lines(file)) {
        ids.extend(spans(&data).iter().map(|span| span.span_id.clone()));
    }
    ids.sort();
    (bytes, ids)
}

#[test]
fn of_a_ring_the_oldest_spans_go_and_are_counted() {
    let folder = tempdir().unwrap();
    let bytes = 2 << 20;
    let limit = Limit { bytes, then: AtLimit::DropOldest };
    let path = folder.path().join("ls.otlp.jsonl");
    let mut writer = Writer::create(&path, CreateOptions::default()).unwrap().limited(limit);
    let resource = resource("one");
    for id in 1..=20_000 {
        writer.write(&[full(&resource, id)]).unwrap();
    }
    writer.flush().unwrap();
    let (size, ids) = held(folder.path());
    assert!(size <= bytes && size > bytes / 2, "{size}");
    assert_eq!(ids.len() as u64, writer.spans_written());
    assert_eq!(writer.spans_written() + writer.spans_dropped(), 20_000);
    assert_eq!(writer.spans_lost(), 0);
    // The newest ones are there, without a gap.
    let first = 20_001 - ids.len() as u64;
    let expected: Vec<Vec<u8>> = (first..=20_000).map(|id| full(&resource, id).span_id.0.to_vec()).collect();
    assert_eq!(ids, expected);
}

#[test]
fn a_file_that_is_full_keeps_its_first_spans() {
    let folder = tempdir().unwrap();
    let limit = Limit { bytes: 2 << 20, then: AtLimit::Stop };
    let path = folder.path().join("ls.otlp.jsonl");
    let mut writer = Writer::create(&path, CreateOptions::default()).unwrap().limited(limit);
    let resource = resource("one");
    let errors = (1..=20_000).filter(|&id| writer.write(&[full(&resource, id)]).is_err()).count();
    assert_eq!(errors, 1);
    drop(writer.flush());
    let (size, ids) = held(folder.path());
    assert!(size <= limit.bytes && size > limit.bytes / 2, "{size}");
    assert_eq!((ids.len() as u64, 20_000 - ids.len() as u64), (writer.spans_written(), writer.spans_lost()));
}
