//! Suggestions for a name that is not there.

/// Most names that are suggested.
const MOST: usize = 3;

/// Characters of a name that are compared; what is longer was hardly mistyped.
const COMPARED: usize = 64;

/// The candidates that `name` may have been meant to be, nearest first; at most
/// three, and none where nothing is near.
#[must_use]
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Vec<&'c str> {
    let wanted = letters(name);
    let tolerated = wanted.len().div_ceil(3);
    let mut near: Vec<(usize, &str)> = Vec::new();
    for candidate in candidates {
        let found = letters(candidate);
        let distance = distance(&wanted, &found);
        let begins = wanted.len() >= 2 && found.starts_with(&wanted);
        if (distance <= tolerated && distance < wanted.len()) || begins {
            near.push((distance, candidate));
        }
    }
    near.sort();
    near.dedup();
    near.into_iter().take(MOST).map(|(_, candidate)| candidate).collect()
}

pub(super) fn letters(name: &str) -> Vec<char> {
    name.chars().flat_map(char::to_lowercase).take(COMPARED).collect()
}

/// Edits that make one text of the other: a character more, less or another, or
/// two neighbours swapped.
pub(super) fn distance(from: &[char], to: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, from_char) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, to_char) in to.iter().enumerate() {
            let other = last[column] + usize::from(from_char != to_char);
            let mut least = other.min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && from[row - 1] == *to_char && to[column - 1] == *from_char {
                least = least.min(before_last[column - 1] + 1);
            }
            current.push(least);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[to.len()]
}
