//! What could not be delivered, within a limit: what is kept, dropped, lost or delivered is exactly what was given.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use renacer_events::{Attribute, Span};
use renacer_file::{AtLimit, Limit, Segments};

use crate::spans::{bare, resource};
use crate::spill::{ids, own_ids};

const LIMIT: u64 = 1 << 20;

fn segments(folder: &Path, then: AtLimit) -> Segments {
    Segments::new(folder.join("a.otlp.jsonl"), Some(Limit { bytes: LIMIT, then }))
}

/// So many spans of a kilobyte, from this id on.
fn spans(from: u64, count: u64) -> Vec<Span> {
    let resource = resource("x");
    let long = Attribute::new("long", "x".repeat(1000));
    (from..from + count).map(|id| Span { attributes: vec![long.clone()], ..bare(&resource, id) }).collect()
}

fn write(segments: &mut Segments, from: u64, count: u64) {
    segments.write(&spans(from, count)).unwrap();
    segments.flush().unwrap();
}

fn sizes(folder: &Path) -> Vec<u64> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).collect()
}

fn all_ids(folder: &Path) -> Vec<u64> {
    let mut all: Vec<u64> = fs::read_dir(folder).unwrap().flat_map(|entry| ids(&entry.unwrap().path())).collect();
    all.sort_unstable();
    all
}

#[test]
fn the_oldest_go_and_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut segments = segments(folder.path(), AtLimit::DropOldest);
    for line in 0..100 {
        write(&mut segments, line * 50, 50);
        assert!(sizes(folder.path()).iter().sum::<u64>() <= LIMIT);
        assert_eq!(segments.spans() + segments.spans_dropped(), (line + 1) * 50);
    }
    let kept = all_ids(folder.path());
    assert_eq!(kept, (5000 - kept.len() as u64..5000).collect::<Vec<_>>(), "the latest ones");
    // Most of the room is used.
    assert!(kept.len() > 600 && sizes(folder.path()).len() > 4);
    let left = segments.close();
    assert_eq!((left.spans, left.dropped, left.lost), (kept.len() as u64, 5000 - kept.len() as u64, 0));
    assert_eq!(left.others + 1, sizes(folder.path()).len());
    assert!(ids(&left.path.unwrap()).contains(&4999));
    assert_eq!(all_ids(folder.path()), kept);
}

#[test]
fn a_line_larger_than_its_share_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut segments = segments(folder.path(), AtLimit::DropOldest);
    for round in 0..5 {
        write(&mut segments, round * 490, 490);
        assert_eq!(segments.spans_dropped() + segments.spans(), (round + 1) * 490);
        assert!(segments.spans() >= 490);
    }
}

#[test]
fn what_is_out_when_its_file_goes_comes_back_if_it_is_not_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let mut segments = segments(folder.path(), AtLimit::DropOldest);
    write(&mut segments, 0, 50);
    write(&mut segments, 50, 50);
    let (first, second) = (segments.take().unwrap(), segments.take().unwrap());
    assert_eq!((own_ids(&first.1)[0], own_ids(&second.1)[0]), (0, 50));
    for line in 2..100 {
        write(&mut segments, line * 50, 50);
    }
    let before = (segments.spans(), segments.spans_dropped());
    assert_eq!(before.0 + before.1, 98 * 50, "without what is out");
    segments.settle(first.0, &[]).unwrap();
    segments.settle(second.0, &second.1[..20]).unwrap();
    segments.flush().unwrap();
    assert_eq!(segments.spans() + segments.spans_dropped(), 98 * 50 + 20);
    // It is delivered, from the oldest on.
    let mut delivered = BTreeSet::new();
    while let Some((number, spans)) = segments.take() {
        delivered.extend(own_ids(&spans));
        segments.settle(number, &[]).unwrap();
    }
    assert!(delivered.contains(&69) && !delivered.contains(&70) && !delivered.contains(&0));
    assert_eq!((segments.spans(), segments.has_backlog(), sizes(folder.path()).len()), (0, false, 0));
    assert_eq!(delivered.len() as u64 + segments.spans_dropped(), 98 * 50 + 20);
    // And goes on.
    write(&mut segments, 9000, 1);
    assert_eq!(all_ids(folder.path()), [9000]);
}

#[test]
fn at_the_end_nothing_more_is_written_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut segments = segments(folder.path(), AtLimit::Stop);
    let mut told = 0;
    for line in 0..100 {
        let written = segments.write(&spans(line * 50, 50)).and(segments.flush());
        told += u64::from(written.is_err());
    }
    assert!(sizes(folder.path()).iter().sum::<u64>() <= LIMIT);
    let kept = all_ids(folder.path());
    assert_eq!(kept, (0..kept.len() as u64).collect::<Vec<_>>(), "the first ones");
    assert_eq!((segments.spans(), segments.spans_lost(), told), (kept.len() as u64, 5000 - kept.len() as u64, 1));
    while let Some((number, _)) = segments.take() {
        segments.settle(number, &[]).unwrap();
    }
    assert_eq!(sizes(folder.path()).len(), 0);
    write(&mut segments, 9000, 1);
    assert_eq!(all_ids(folder.path()), [9000]);
    assert_eq!(segments.spans_dropped(), 0);
}

#[test]
fn without_a_limit_there_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut segments = Segments::new(folder.path().join("a.otlp.jsonl"), None);
    for line in 0..100 {
        write(&mut segments, line * 50, 50);
    }
    assert_eq!((sizes(folder.path()).len(), segments.spans(), segments.spans_dropped()), (1, 5000, 0));
}
