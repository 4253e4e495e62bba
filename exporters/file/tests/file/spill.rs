//! The file for what could not be delivered: at every moment it holds exactly what must not be lost.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use renacer_events::{Resource, Span, Value};
use renacer_file::{CreateOptions, Spill, Writer};

use crate::spans::{bare, full, resource};

/// Ids in a file, in order; every line must be whole.
pub(crate) fn ids(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let list = |value: &serde_json::Value, name: &str| value[name].as_array().unwrap().clone();
    let spans = lines
        .flat_map(|line| list(&line, "resourceSpans"))
        .flat_map(|resource| list(&resource, "scopeSpans"))
        .flat_map(|scope| list(&scope, "spans"));
    spans.map(|span| u64::from_str_radix(span["spanId"].as_str().unwrap(), 16).unwrap()).collect()
}

pub(crate) fn own_ids(spans: &[Span]) -> Vec<u64> {
    spans.iter().map(|span| u64::from_be_bytes(span.span_id.0)).collect()
}

/// A spill with lines of ten spans each, with ids from 1 on.
fn spill(folder: &Path, lines: u64) -> Spill {
    let mut spill = Spill::new(folder.join("a.otlp.jsonl"));
    let resource = resource("x");
    for line in 0..lines {
        let spans: Vec<_> = (1..=10).map(|id| bare(&resource, line * 10 + id)).collect();
        spill.write(&spans).unwrap();
        spill.flush().unwrap();
    }
    spill
}

#[test]
fn what_is_read_back_is_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (resource("one"), resource("two \"quoted\""));
    let mut odd = full(&one, 9);
    odd.attributes.push(renacer_events::Attribute { key: "nan".into(), value: Value::Double(f64::NEG_INFINITY) });
    let spans = vec![full(&one, 1), bare(&other, 2), full(&other, 3), bare(&one, 4), odd];
    let mut spill = Spill::new(folder.path().join("a.otlp.jsonl"));
    spill.write(&spans).unwrap();
    spill.flush().unwrap();
    let (number, back) = spill.take().unwrap();
    assert_eq!(number, 1);
    assert!(back.iter().any(|span| span.links.len() == 2 && span.events.len() == 2));
    let again = folder.path().join("again.otlp.jsonl");
    let mut writer = Writer::create(&again, CreateOptions::default()).unwrap();
    writer.write(&back).unwrap();
    writer.flush().unwrap();
    // In the line, spans of one resource stand together, and so they come back.
    assert_eq!(fs::read_to_string(spill.path()).unwrap(), fs::read_to_string(again).unwrap());
    let resources: Vec<&Resource> = back.iter().map(|span| &*span.resource).collect();
    assert!(resources.contains(&&*one) && resources.contains(&&*other));
}

#[test]
fn a_file_of_which_everything_was_delivered_is_gone_and_may_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut spill = spill(folder.path(), 3);
    assert_eq!(fs::metadata(spill.path()).unwrap().permissions().mode() & 0o777, 0o600);
    let taken: Vec<_> = std::iter::from_fn(|| spill.take()).collect();
    assert_eq!(taken.iter().flat_map(|(_, spans)| own_ids(spans)).collect::<Vec<_>>(), (1..=30).collect::<Vec<_>>());
    // In any order.
    for index in [1, 2, 0] {
        assert!(spill.path().exists());
        assert_eq!(ids(spill.path()), (1..=30).collect::<Vec<_>>());
        spill.settle(taken[index].0, &[]).unwrap();
    }
    assert!(!folder.path().join("a.otlp.jsonl").exists());
    assert_eq!((spill.spans(), spill.has_backlog(), spill.take().is_none()), (0, false, true));
    spill.write(&[bare(&resource("y"), 99)]).unwrap();
    spill.flush().unwrap();
    assert_eq!(ids(&folder.path().join("a.otlp.jsonl")), [99]);
    let left = spill.close();
    assert_eq!((left.spans, left.lost, left.delivered_too), (1, 0, 0));
    assert_eq!(left.path, Some(folder.path().join("a.otlp.jsonl")));
}

#[test]
fn what_is_not_delivered_stays_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut spill = spill(folder.path(), 6);
    let mut taken: Vec<_> = (0..5).map(|_| spill.take().unwrap()).collect();
    // 0: delivered. 1: in part. 2: not at all. 3: delivered. 4: under way at the end.
    spill.settle(taken[0].0, &[]).unwrap();
    let (second, rest) = (taken[1].0, taken[1].1.split_off(7));
    spill.settle(second, &rest).unwrap();
    let third = taken[2].1.clone();
    spill.settle(taken[2].0, &third).unwrap();
    spill.settle(taken[3].0, &[]).unwrap();
    // What failed comes first again.
    let (number, spans) = spill.take().unwrap();
    assert_eq!((number, own_ids(&spans)), (taken[2].0, (21..=30).collect()));
    spill.settle(number, &spans).unwrap();
    let left = spill.close();
    assert_eq!((left.spans, left.lost, left.delivered_too), (33, 0, 0));
    assert!(left.error.is_none());
    let expected: Vec<u64> = (21..=30).chain(41..=50).chain(51..=60).chain(18..=20).collect();
    let path = left.path.unwrap();
    assert_eq!(ids(&path), expected);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn only_a_few_lines_are_out_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut spill = spill(folder.path(), 30);
    let mut out: Vec<_> = std::iter::from_fn(|| spill.take()).collect();
    assert_eq!(out.len(), 8);
    // The first one holds up all others, however many of them are done.
    for (number, _) in out.drain(1..) {
        spill.settle(number, &[]).unwrap();
    }
    assert!(spill.take().is_none());
    spill.settle(out[0].0, &[]).unwrap();
    assert_eq!(own_ids(&spill.take().unwrap().1)[0], 81);
}

#[test]
fn a_file_that_somebody_removed_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut spill = spill(folder.path(), 3);
    let (number, _) = spill.take().unwrap();
    spill.settle(number, &[]).unwrap();
    fs::remove_file(spill.path()).unwrap();
    // Another file of that name is not ours.
    fs::write(folder.path().join("a.otlp.jsonl"), "other").unwrap();
    let left = spill.close();
    assert_eq!((left.spans, left.lost), (20, 0));
    let path = left.path.unwrap();
    assert_eq!(path, folder.path().join("a.1.otlp.jsonl"));
    assert_eq!(ids(&path), (11..=30).collect::<Vec<_>>());
    assert_eq!(fs::read_to_string(folder.path().join("a.otlp.jsonl")).unwrap(), "other");
}

#[test]
fn a_file_that_cannot_be_written_anew_stays_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut spill = spill(folder.path(), 3);
    let (number, _) = spill.take().unwrap();
    spill.settle(number, &[]).unwrap();
    // What stands in the way of the new file works for root, too.
    fs::create_dir(folder.path().join("a.otlp.jsonl.new")).unwrap();
    let left = spill.close();
    assert_eq!((left.spans, left.lost, left.delivered_too), (20, 0, 10));
    assert!(left.error.is_some());
    assert_eq!(ids(&left.path.unwrap()), (1..=30).collect::<Vec<_>>());
}

#[test]
fn a_folder_that_takes_no_file_loses_spans_that_are_counted_and_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut spill = Spill::new(folder.path().join("not there/a.otlp.jsonl"));
    let spans = [bare(&resource("x"), 1), bare(&resource("x"), 2)];
    spill.write(&spans).unwrap();
    assert!(spill.flush().is_err());
    spill.write(&spans).unwrap();
    spill.flush().unwrap();
    assert_eq!((spill.spans(), spill.spans_lost(), spill.has_backlog()), (0, 4, false));
    let left = spill.close();
    assert_eq!((left.spans, left.lost, left.path), (0, 4, None));
}

#[test]
fn a_line_that_somebody_changed_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut spill = spill(folder.path(), 2);
    let length = fs::metadata(spill.path()).unwrap().len();
    fs::write(spill.path(), "x".repeat(length as usize)).unwrap();
    assert!(spill.take().is_none());
    assert!(!spill.has_backlog());
    assert_eq!(spill.close().spans, 20);
}
