//! `farside new`: a guest crate that builds and uploads as it is.

use std::io;
use std::path::{Path, PathBuf};
use std::{env, fs};

use clap::Args;
use serde_json::json;

use crate::fault::{Blame, Fault};
use crate::options::Format;
use crate::output::{note, print, print_json};

/// Write a guest crate that builds and uploads as it is
#[derive(Args)]
#[command(after_help = "Example:\n  farside new hello && cd hello && cargo build --release")]
pub(crate) struct New {
    /// The crate's name; the module's name too, with _ for -
    name: String,
    /// The folder to make [default: one of that name here]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// The farside-guest crate to build on [default: the one this program came with]
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// Why there is no new crate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NewError {
    /// Cargo would not take the name.
    #[error("`{name}` cannot be a crate's name: {problem}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Something is there already.
    #[error("{} exists", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// The folder given as the SDK holds none.
    #[error("there is no crate at {}", path.display())]
    NoSdk {
        /// The folder.
        path: PathBuf,
    },
    /// No folder is given, and the one that this program came with is not there.
    #[error("the sources that this program was built from are gone, and farside-guest with them")]
    NoSources,
    /// A path that a Cargo.toml can't hold.
    #[error("the path {} is not UTF-8", path.display())]
    NotText {
        /// The path.
        path: PathBuf,
    },
    /// A file or folder can't be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl NewError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            NewError::Name { .. } => Some(
                "a name begins with a letter and goes on with letters, digits, - and _".to_owned(),
            ),
            NewError::Exists { .. } => {
                Some("take another name, or another folder with --path DIR".to_owned())
            }
            NewError::NoSources => Some(
                "--sdk DIR names the folder guest-sdk of Farside's sources elsewhere".to_owned(),
            ),
            NewError::NoSdk { .. } => {
                Some("--sdk takes the folder guest-sdk of Farside's sources".to_owned())
            }
            NewError::NotText { .. } | NewError::Write { .. } => None,
        }
    }
}

/// The template's files, by their path in the new crate.
const FILES: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("../../template/Cargo.toml")),
    (".cargo/config.toml", include_str!("../../template/.cargo/config.toml")),
    (".gitignore", include_str!("../../template/gitignore")),
    ("README.md", include_str!("../../template/README.md")),
    ("src/lib.rs", include_str!("../../template/src/lib.rs")),
];

impl New {
    pub(crate) fn run(self) -> Result<(), Fault> {
        const WHAT: &str = "cannot write a new crate";
        let folder = self.path.unwrap_or_else(|| PathBuf::from(&self.name));
        let sdk = write(&self.name, &folder, self.sdk.as_deref(), own_sdk()).blame(WHAT)?;
        let module = self.name.replace('-', "_");
        if self.format.json {
            return print_json(&json!({
                "path": folder.display().to_string(),
                "module": module,
                "sdk": sdk.display().to_string(),
            }))
            .blame(WHAT);
        }
        print(folder.display()).blame(WHAT)?;
        note(format_args!(
            "\nnext:\n  \
             rustup target add wasm32-unknown-unknown   (once)\n  \
             cd {}\n  \
             cargo build --release\n  \
             farside upload target/wasm32-unknown-unknown/release/{module}.wasm\n  \
             farside call {module}.greet Ada",
            folder.display(),
        ));
        Ok(())
    }
}

/// Writes a crate that builds on the SDK that is given, or else on our own. Gives
/// the SDK's folder.
fn write(
    name: &str,
    folder: &Path,
    given: Option<&Path>,
    own: Option<PathBuf>,
) -> Result<PathBuf, NewError> {
    check_name(name)?;
    let sdk = given.map(given_sdk).transpose()?.or(own).ok_or(NewError::NoSources)?;
    write_crate(name, folder, &dependency(&sdk)?)?;
    Ok(sdk)
}

fn check_name(name: &str) -> Result<(), NewError> {
    // What Cargo, rustc and the session would each refuse.
    const TAKEN: [&str; 8] =
        ["alloc", "core", "deps", "examples", "proc_macro", "std", "test", "farside-guest"];
    let problem = match name.as_bytes() {
        [] => "it is empty",
        [first, ..] if !first.is_ascii_alphabetic() => "it does not begin with a letter",
        name if name.len() > 64 => "it is longer than 64 characters",
        bytes if !bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)) => {
            "it has other characters than letters, digits, - and _"
        }
        _ if TAKEN.contains(&name) => "Rust uses it itself",
        _ if KEYWORDS.contains(&name) => "it is a keyword of Rust",
        _ => return Ok(()),
    };
    Err(NewError::Name { name: name.to_owned(), problem })
}

const KEYWORDS: [&str; 52] = [
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue",
    "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if",
    "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// The SDK in the folder that was given.
fn given_sdk(folder: &Path) -> Result<PathBuf, NewError> {
    let found = fs::canonicalize(folder).ok().filter(|path| path.join("Cargo.toml").is_file());
    found.ok_or_else(|| NewError::NoSdk { path: folder.to_owned() })
}

/// The SDK beside the sources that this program was built from, while it is there.
fn own_sdk() -> Option<PathBuf> {
    let package = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let sources = option_env!("FARSIDE_CHECKOUT").unwrap_or(package);
    given_sdk(&Path::new(sources).join("guest-sdk")).ok()
}

/// The dependency as it stands in a Cargo.toml.
fn dependency(sdk: &Path) -> Result<String, NewError> {
    let path = sdk.to_str().ok_or_else(|| NewError::NotText { path: sdk.to_owned() })?;
    // What JSON escapes in a string, TOML escapes in the same way.
    Ok(format!("{{ path = {} }}", serde_json::Value::from(path)))
}

fn write_crate(name: &str, folder: &Path, sdk: &str) -> Result<(), NewError> {
    if folder.exists() {
        return Err(NewError::Exists { path: folder.to_owned() });
    }
    for (path, template) in FILES {
        let text = template
            .replace("{{name}}", name)
            .replace("{{module}}", &name.replace('-', "_"))
            .replace("{{sdk}}", sdk);
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, text))
            .map_err(|source| NewError::Write { path: path.clone(), source })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn bad_names_say_what_is_wrong() {
        let check = |name: &str| check_name(name).map_err(|error| error.to_string());
        for good in ["hello", "my-guest", "a1_b"] {
            assert_eq!(check(good), Ok(()));
        }
        assert_snapshot!(check("").unwrap_err(), @"`` cannot be a crate's name: it is empty");
        assert_snapshot!(check("1st").unwrap_err(), @"`1st` cannot be a crate's name: it does not begin with a letter");
        assert_snapshot!(check("über").unwrap_err(), @"`über` cannot be a crate's name: it does not begin with a letter");
        assert_snapshot!(check("a.b").unwrap_err(), @"`a.b` cannot be a crate's name: it has other characters than letters, digits, - and _");
        assert_snapshot!(check("test").unwrap_err(), @"`test` cannot be a crate's name: Rust uses it itself");
        assert_snapshot!(check("match").unwrap_err(), @"`match` cannot be a crate's name: it is a keyword of Rust");
        assert_snapshot!(check(&"x".repeat(65)).unwrap_err(), @"`xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` cannot be a crate's name: it is longer than 64 characters");
    }

    #[test]
    fn a_crate_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("my-guest");
        write_crate("my-guest", &folder, r#"{ path = "/sdk" }"#).unwrap();
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("name = \"my-guest\"\n"));
        assert!(manifest.contains("farside-guest = { path = \"/sdk\" }\n"));
        let readme = fs::read_to_string(folder.join("README.md")).unwrap();
        assert!(readme.contains("release/my_guest.wasm"));
        assert!(folder.join(".gitignore").is_file());
        let error = write_crate("my-guest", &folder, "").unwrap_err();
        assert!(matches!(error, NewError::Exists { .. }));
    }

    #[test]
    fn no_placeholder_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("x");
        write_crate("x", &folder, "\"1\"").unwrap();
        for (path, _) in FILES {
            assert!(!fs::read_to_string(folder.join(path)).unwrap().contains("{{"), "{path}");
        }
    }

    #[test]
    fn the_sdk_is_a_path() {
        assert_eq!(dependency(Path::new("C:\\sdk")).unwrap(), r#"{ path = "C:\\sdk" }"#);
        assert!(own_sdk().is_some());
        let error = given_sdk(Path::new("/no/such/folder")).unwrap_err();
        assert!(matches!(error, NewError::NoSdk { .. }));
    }

    #[test]
    fn without_the_sdks_sources_no_crate_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("x");
        let error = write("x", &folder, None, None).unwrap_err();
        assert!(matches!(error, NewError::NoSources));
        assert!(!folder.exists());
        assert_snapshot!(format!("{error}; {}", error.hint().unwrap()), @"the sources that this program was built from are gone, and farside-guest with them; --sdk DIR names the folder guest-sdk of Farside's sources elsewhere");
    }
}
