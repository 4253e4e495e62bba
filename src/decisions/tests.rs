//! How records become decisions, and where they belong.

use super::*;

/// A file as the crate writes it; each test is a process of its own only in name, so it is made by hand.
fn file(records: &[(u8, u64, u32, &str, &str, &str)]) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    bytes[..8].copy_from_slice(b"DECISION");
    bytes[8] = 1;
    bytes[40..48].copy_from_slice(&1000_u64.to_le_bytes());
    bytes[48..56].copy_from_slice(&1_000_000_u64.to_le_bytes());
    bytes[56..60].copy_from_slice(&100_u32.to_le_bytes());
    bytes[60] = 8;
    bytes[64..80].copy_from_slice(&[5; 16]);
    bytes[104..112].copy_from_slice(b"/bin/opt");
    for (kind, at, tid, name, key, value) in records {
        let mut payload = vec![0x95, *kind, 0xcf];
        payload.extend(at.to_be_bytes());
        payload.push(0xce);
        payload.extend(tid.to_be_bytes());
        for text in [name, key, value] {
            payload.extend([0xd9, text.len() as u8]);
            payload.extend(text.bytes());
            if text == name {
                payload.push(0x81);
            }
        }
        bytes.extend((0x7768_6f6c_u64 << 32 | payload.len() as u64).to_le_bytes());
        payload.resize(payload.len().next_multiple_of(8), 0);
        bytes.extend(payload);
    }
    let size = (bytes.len() - 4096) as u64;
    bytes[16..24].copy_from_slice(&size.to_le_bytes());
    bytes[24..32].copy_from_slice(&size.to_le_bytes());
    bytes
}

fn read_bytes(bytes: &[u8]) -> anyhow::Result<(Decisions, u64)> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), bytes)?;
    let redact = crate::redact::Redactor::new(&[], true)?;
    let mut redacted = 0;
    let decisions = read(file.path(), None, redact.as_ref().map(|redact| redact as &dyn Redact), &mut redacted)?;
    Ok((decisions, redacted))
}

const DECISION: u8 = 0;
const RESULT: u8 = 1;

#[test]
fn a_result_belongs_to_the_latest_decision_of_its_thread_and_name() {
    let (decisions, _) = read_bytes(&file(&[
        (DECISION, 2000, 7, "a::b", "depth", "outer"),
        (DECISION, 2100, 7, "a::b", "depth", "inner"),
        (DECISION, 2150, 8, "a::b", "depth", "other thread"),
        (RESULT, 2200, 7, "a::b", "is", "inner"),
        (RESULT, 2300, 7, "a::b", "is", "outer"),
        (RESULT, 2400, 7, "a::b", "is", "alone"),
    ]))
    .unwrap();
    let spans = decisions.alone();
    let show = |span: &Span| {
        let texts = span.attributes.iter().filter_map(|attribute| match &attribute.value {
            Value::Text(text) if attribute.key.contains("t.") => Some(text.to_string()),
            _ => None,
        });
        (span.start - 1_000_000, span.end - 1_000_000, texts.collect::<Vec<_>>().join(" "))
    };
    let shown: Vec<_> = spans.iter().map(show).collect();
    let expected =
        [(1000, 1300, "outer outer"), (1100, 1200, "inner inner"), (1150, 1151, "other thread"), (1400, 1401, "alone")];
    assert_eq!(shown, expected.map(|(start, end, texts)| (start, end, texts.to_owned())));
    assert!(spans.iter().all(|span| span.name == "a::b" && span.trace_id == TraceId([5; 16])));
    assert_eq!(spans[0].attributes[1], Attribute::new("decision.category", "a"));
    assert_eq!(spans[0].attributes[2], Attribute::new("decision.name", "b"));
    let name = spans[0].resource.attributes.iter().find(|attribute| attribute.key == "service.name").unwrap();
    assert_eq!(name.value, Value::from("opt"));
}

#[test]
fn secrets_are_removed_also_where_only_the_key_tells() {
    let (decisions, redacted) =
        read_bytes(&file(&[(DECISION, 2000, 7, "a::b", "password", "hunter2hunter2")])).unwrap();
    assert_eq!(redacted, 1);
    let spans = decisions.alone();
    assert_eq!(spans[0].attributes[3].value, Value::from("REDACTED"));
}

#[test]
fn what_is_no_decision_file_is_refused() {
    assert!(read_bytes(b"{}").unwrap_err().root_cause().to_string().contains("no decision file"));
    let mut damaged = file(&[(DECISION, 2000, 7, "a", "b", "c")]);
    damaged[4096 + 8] = 0;
    assert!(read_bytes(&damaged).unwrap_err().to_string().contains("damaged"));
    assert!(!is_one(Path::new("/dev/null")) && !is_one(Path::new("/")));
}

#[test]
fn a_decision_is_below_the_thread_that_lived_then() {
    let (decisions, _) = read_bytes(&file(&[
        (DECISION, 1100, 7, "a::b", "c", "process"),
        (DECISION, 1500, 7, "a::b", "c", "thread"),
        (DECISION, 1500, 9, "a::b", "c", "unknown thread"),
        (DECISION, 9000, 7, "a::b", "c", "too late"),
    ]))
    .unwrap();
    let resource = Arc::new(Resource { attributes: vec![Attribute::new("process.pid", 100)] });
    let place = |id: u8, kind, (start, end): (u64, u64), tid: Option<i64>| Span {
        kind,
        attributes: tid.map(|tid| Attribute::new("linux.tid", tid)).into_iter().collect(),
        ..span(
            Decision { name: "x".into(), tid: 0, start: 1_000_000 + start, end: 1_000_000 + end, attributes: vec![] },
            SpanId([id; 8]),
            TraceId([9; 16]),
            None,
            false,
            resource.clone(),
        )
    };
    let mut places = Places::default();
    places.note(&place(2, SpanKind::Thread, (400, 800), Some(7)));
    places.note(&place(1, SpanKind::Process, (0, 1000), None));
    let (mut losses, mut found) = (Losses::default(), Vec::new());
    places.place(vec![decisions], &mut losses, |span| found.push(span.parent_id));
    assert_eq!(found, [1, 2, 1].map(|id| Some(SpanId([id; 8]))));
    assert_eq!(losses.outside, 1);
}

#[test]
fn files_of_forked_children_are_found_and_those_of_earlier_runs_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let bytes = file(&[(DECISION, 1100, 7, "a::b", "c", "d")]);
    let mut of_other = bytes.clone();
    of_other[56..60].copy_from_slice(&101_u32.to_le_bytes());
    for (name, bytes) in
        [("file", &*bytes), ("file.100", &bytes), ("file.101", &of_other), ("file.x", &bytes), ("file.7", b"no")]
    {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let (files, losses, _) = read_all(&[path], Clock::new(1_000_000, 1000), None);
    assert_eq!((files.len(), losses.files), (3, 0));
    let resource = Arc::new(Resource { attributes: vec![Attribute::new("process.pid", 100)] });
    let decision = Decision { name: "x".into(), tid: 0, start: 1_000_000, end: 2_000_000, attributes: vec![] };
    let process = span(decision, SpanId([1; 8]), TraceId([9; 16]), None, false, resource);
    let mut places = Places::default();
    places.note(&Span { kind: SpanKind::Process, ..process });
    let (mut losses, mut count) = (Losses::default(), 0);
    places.place(files, &mut losses, |_| count += 1);
    assert_eq!((count, losses.outside), (2, 0));
}
