//! The settings that somebody probably meant.

use super::{Setting, settings};

/// Most settings offered.
const OFFERED: usize = 3;

/// The settings whose key or environment variable is nearest to `wrong`, best
/// first: few edits away, with or without their section.
pub(super) fn nearest(wrong: &str) -> Vec<&'static Setting> {
    let wrong = wrong.strip_prefix("FARSIDE_").unwrap_or(wrong).to_lowercase();
    let (_, wrong_name) = wrong.rsplit_once('.').unwrap_or(("", &wrong));
    let mut near: Vec<(usize, &Setting)> = settings()
        .iter()
        .map(|setting| {
            let (_, name) = setting.key.rsplit_once('.').unwrap_or(("", setting.key));
            let whole = edits(&wrong, setting.key);
            // Another section is as far as one edit.
            (whole.min(1 + edits(wrong_name, name)), name, setting)
        })
        .filter(|(edits, name, _)| *edits <= (name.len() / 4).max(1))
        .map(|(edits, _, setting)| (edits, setting))
        .collect();
    near.sort_by_key(|(edits, _)| *edits);
    near.into_iter().take(OFFERED).map(|(_, setting)| setting).collect()
}

/// Edits between two names, whatever joins their parts.
fn edits(a: &str, b: &str) -> usize {
    strsim::damerau_levenshtein(&a.replace('.', "_"), &b.replace('.', "_"))
}
