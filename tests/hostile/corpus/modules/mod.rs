//! Hostile modules, by what they abuse.

mod contracts;
mod evaluated;
pub(super) mod guest;
mod hosts;
mod loops;
mod malformed;
mod manifests;
mod memories;
mod prepared;
mod results;
mod sizes;

use super::case::Case;

/// All of them.
pub(super) fn all() -> Vec<Case> {
    let lists = [
        loops::cases(),
        memories::cases(),
        sizes::cases(),
        malformed::cases(),
        hosts::cases(),
        contracts::cases(),
        results::cases(),
        manifests::cases(),
        prepared::cases(),
        evaluated::cases(),
    ];
    lists.into_iter().flatten().collect()
}
