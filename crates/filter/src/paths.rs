//! `-P`: calls about certain files.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use renacer_events::{Abi, Call, Test, Text};

use renacer_events::Calls;

/// How many answers are remembered.
const REMEMBERED: usize = 1024;

/// Files, by their names and by what these lead to.
#[derive(Debug)]
pub(crate) struct Paths {
    /// Each absolute path as it was given, and where it leads.
    wanted: Vec<Vec<u8>>,
    /// Whether a path leads to one of them, for the latest ones.
    answers: RefCell<HashMap<Text, bool>>,
}

impl Paths {
    /// A relative path starts where Renacer was started.
    pub(crate) fn new(given: &[PathBuf]) -> Paths {
        let mut wanted = Vec::new();
        for path in given {
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            // What is no path, such as `pipe:[4711]`, may be the name of what a descriptor refers to.
            let found = [Some(path.clone()), Some(absolute), fs::canonicalize(path).ok()];
            wanted.extend(found.into_iter().flatten().map(|path| path.into_os_string().into_vec()));
        }
        wanted.sort();
        wanted.dedup();
        Paths { wanted, answers: RefCell::default() }
    }

    pub(crate) fn before(&self, calls: &dyn Calls, abi: Abi, number: u64) -> Test {
        if calls.has_paths(abi, number) { Test::Always } else { Test::Never }
    }

    pub(crate) fn wants(&self, call: &Call) -> bool {
        call.decoded.paths.iter().any(|path| self.leads(path))
    }

    fn leads(&self, path: &Text) -> bool {
        if let Some(&answer) = self.answers.borrow().get(path) {
            return answer;
        }
        let answer = self.look(path);
        let mut answers = self.answers.borrow_mut();
        if answers.len() >= REMEMBERED {
            answers.clear();
        }
        answers.insert(path.clone(), answer);
        answer
    }

    fn look(&self, path: &str) -> bool {
        let path = unescape(path);
        let is_wanted = |path: &[u8]| self.wanted.binary_search_by(|wanted| wanted.as_slice().cmp(path)).is_ok();
        // Links in these lead somewhere else for each process.
        let differs = |folder: &[u8]| path.starts_with(folder);
        if is_wanted(&path) || !path.starts_with(b"/") || differs(b"/proc/") || differs(b"/dev/") {
            return is_wanted(&path);
        }
        let found = fs::canonicalize(Path::new(OsStr::from_bytes(&path)));
        found.is_ok_and(|found| is_wanted(found.as_os_str().as_bytes()))
    }
}

/// Undoes strace's escapes.
fn unescape(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let digits = after.iter().take(3).take_while(|digit| matches!(digit, b'0'..=b'7')).count();
        if digits > 0 {
            bytes
                .push(after[..digits].iter().fold(0_u8, |byte, digit| byte.wrapping_mul(8).wrapping_add(digit - b'0')));
            rest = &after[digits..];
        } else if let [letter, after @ ..] = after {
            bytes.push(match letter {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'v' => 0x0b,
                b'f' => 0x0c,
                other => *other,
            });
            rest = after;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescape(r"/a\nb\\\303\244\01x"), b"/a\nb\\\xc3\xa4\x01x");
        assert_eq!(unescape("\\"), b"");
    }

    #[test]
    fn a_path_is_known_by_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let folder = fs::canonicalize(folder.path()).unwrap();
        let (file, link) = (folder.join("file name"), folder.join("link"));
        fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let text = |path: &Path| Text::from(path.to_str().unwrap());
        let given_link = Paths::new(std::slice::from_ref(&link));
        assert!(given_link.leads(&text(&file)) && given_link.leads(&text(&link)));
        let given_file = Paths::new(&[folder.join("../").join(folder.file_name().unwrap()).join("file name")]);
        assert!(given_file.leads(&text(&link)), "it leads there");
        assert!(given_file.leads(&text(&folder.join("./file name"))));
        assert!(!given_file.leads(&text(&folder)) && !given_file.leads(&Text::from("/nosuch")));
        let missing = Paths::new(&[PathBuf::from("/nosuch/file"), PathBuf::from("pipe:[1]")]);
        assert!(missing.leads(&Text::from("/nosuch/file")) && missing.leads(&Text::from("pipe:[1]")));
    }

    #[test]
    fn relative_paths_start_here() {
        let here = std::env::current_dir().unwrap().join("Cargo.toml");
        assert!(Paths::new(&[PathBuf::from("Cargo.toml")]).leads(&Text::from(here.to_str().unwrap())));
    }
}
