//! The nearest of several names to one that is not among them.

/// Longer words are no misspelt names.
const LONGEST: usize = 40;

/// The name that was probably meant; none if none is near.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let tolerated = (word.chars().count() / 3).clamp(1, 3);
    let distance = |name: &str| strsim::osa_distance(&word, &name.to_ascii_lowercase());
    let near = names.into_iter().map(|name| (distance(name), name)).filter(|(distance, _)| *distance <= tolerated);
    near.min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_suggested() {
        let names = ["open", "openat", "openat2", "read"];
        assert_eq!(nearest("opennat", names), Some("openat"));
        assert_eq!(nearest("OPEN", names), Some("open"));
        assert_eq!(nearest("oepn", names), Some("open"));
        assert_eq!(nearest("frobnicate", names), None);
        assert_eq!(nearest("", names), None);
        assert_eq!(nearest(&"o".repeat(1000), names), None);
    }
}
