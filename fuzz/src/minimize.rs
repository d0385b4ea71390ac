//! Inputs made smaller while what they show is still shown.

/// Attempts at most: those of a slow target take long.
const ATTEMPTS: usize = 2000;

/// A smaller input for which `shows` is true, as it is for this one: pieces are left out,
/// large ones first, then bytes made zero.
pub fn minimize(input: &[u8], mut shows: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut best = input.to_vec();
    let mut attempts = 0;
    let mut size = best.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < best.len() && attempts < ATTEMPTS {
            let mut shorter = best.clone();
            shorter.drain(at..(at + size).min(best.len()));
            attempts += 1;
            match shows(&shorter) {
                true => best = shorter,
                false => at += size,
            }
        }
        size /= 2;
    }
    for at in 0..best.len() {
        let mut plainer = best.clone();
        plainer[at] = 0;
        attempts += 1;
        if attempts < 2 * ATTEMPTS && best[at] != 0 && shows(&plainer) {
            best = plainer;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_left() {
        let input: Vec<u8> = (0..=255).collect();
        let shows = |input: &[u8]| input.contains(&77) && input.contains(&200);
        assert_eq!(minimize(&input, shows), [77, 200]);
        assert_eq!(minimize(&input, |input| input.len() >= 3), [0, 0, 0]);
        assert_eq!(minimize(b"", |_| true), b"");
    }
}
