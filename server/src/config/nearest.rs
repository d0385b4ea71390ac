//! The settings that somebody probably meant.

use farside_protocol::value;

use super::{Setting, settings};

/// The settings whose name is nearest to that of a key or environment variable,
/// nearest first. Sections are left aside: forgetting one is the usual mistake.
pub(super) fn nearest(wrong: &str) -> Vec<&'static Setting> {
    let wrong = wrong.strip_prefix("FARSIDE_").unwrap_or(wrong).to_lowercase();
    let sections = settings().iter().filter_map(|setting| setting.key.split_once('.'));
    let wrong = sections
        .filter_map(|(section, _)| wrong.strip_prefix(section)?.strip_prefix(['.', '_']))
        .next()
        .unwrap_or(&wrong);
    value::nearest(wrong, settings().iter().map(Setting::name))
        .into_iter()
        .filter_map(|name| settings().iter().find(|setting| setting.name() == name))
        .collect()
}
