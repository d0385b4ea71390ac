//! The build profile that is measured: the one that ships, for the peers in Rust too.

/// The workspace's manifest, and that of the peers.
const OURS: &str = include_str!("../../Cargo.toml");
const PEERS: &str = include_str!("../peers/Cargo.toml");

/// The profile for people.
pub(crate) fn describe() -> String {
    let (ours, peers) = (release(OURS), release(PEERS));
    let text = format!("release: {}", ours.join(", "));
    if ours == peers { text } else { format!("{text}; peers in Rust: {}", peers.join(", ")) }
}

/// The settings of a manifest's release profile, sorted.
fn release(manifest: &str) -> Vec<&str> {
    let section = manifest.split_once("[profile.release]").map(|(_, rest)| rest);
    let lines = section.unwrap_or_default().lines().map(str::trim);
    let mut settings: Vec<_> = lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    settings.sort_unstable();
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_ends_with_the_next_section() {
        let manifest =
            "[a]\nb = 1\n[profile.release]\nlto = \"thin\"\n# why\ndebug = 1\n\n[c]\nd = 2";
        assert_eq!(release(manifest), ["debug = 1", "lto = \"thin\""]);
        assert!(release("[a]").is_empty());
    }

    #[test]
    fn the_peers_are_built_as_farside_is() {
        assert!(!release(OURS).is_empty());
        assert_eq!(release(PEERS), release(OURS));
    }
}
