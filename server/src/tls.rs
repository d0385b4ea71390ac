//! TLS for the listener: a certificate chain and its key, from two PEM files.
//!
//! Off by default. The files are looked at before each handshake, and read again when
//! either has changed; a pair that is no good is logged once, and the one before it goes
//! on. Clients are not asked for certificates: tokens say who they are.

use std::error::Error;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// What a record of a TLS handshake begins with. HTTP begins with a letter.
const HANDSHAKE: u8 = 0x16;

/// The certificate of one server, as its files have it.
pub(crate) struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
    /// Held while the files are looked at, which is short.
    state: Mutex<State>,
}

struct State {
    config: Arc<ServerConfig>,
    /// Of the files that were read last, whether or not they were any good.
    stamps: Option<[Stamp; 2]>,
}

/// What a file's change shows in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
    inode: u64,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file can't be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file of certificates holds none.
    #[error("there is no certificate in {}", path.display())]
    NoCertificate {
        /// Which file.
        path: PathBuf,
    },
    /// The file of the key holds none.
    #[error("there is no key in {}", path.display())]
    NoKey {
        /// Which file.
        path: PathBuf,
    },
    /// Every account can read the key.
    #[error("the key in {} is open to other accounts (mode {mode:04o})", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The two do not go together, or are of no use.
    #[error("the certificate in {} can't be used with the key in {}", certificate.display(), key.display())]
    Pair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
}

impl CertificateError {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            CertificateError::Read { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "tls_certificate and tls_key name two PEM files",
                io::ErrorKind::PermissionDenied => "let the server's account read it",
                _ => return None,
            },
            CertificateError::NoKey { .. } => {
                "the file begins with -----BEGIN PRIVATE KEY-----; an encrypted one is not read"
            }
            CertificateError::NoCertificate { .. } => {
                "the file begins with -----BEGIN CERTIFICATE-----: the server's own first, then \
                 those that sign it"
            }
            CertificateError::Open { path, .. } => {
                return Some(format!("`chmod o-rwx {}` closes it", path.display()));
            }
            CertificateError::Pair { .. } => {
                "both files must be of the same pair, and the first certificate the server's own"
            }
        };
        Some(text.to_owned())
    }
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// They are no good.
    pub(crate) fn open(certificate: &Path, key: &Path) -> Result<Certificate, CertificateError> {
        let stamps = stamps(certificate, key);
        let config = read(certificate, key)?;
        let state = Mutex::new(State { config, stamps });
        Ok(Certificate { certificate: certificate.to_owned(), key: key.to_owned(), state })
    }

    /// What the next handshake is to be done with.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = stamps(&self.certificate, &self.key);
        if state.stamps != stamps {
            state.stamps = stamps;
            let file = self.certificate.display();
            match read(&self.certificate, &self.key) {
                Ok(config) => {
                    tracing::info!(%file, "the certificate was read again");
                    state.config = config;
                }
                Err(error) => {
                    let why = error.source().map_or_else(String::new, |why| format!(": {why}"));
                    tracing::warn!("the certificate stays the one before: {error}{why}");
                }
            }
        }
        TlsAcceptor::from(Arc::clone(&state.config))
    }
}

/// Whether what a client sent first can be TLS.
pub(crate) fn is_tls(first: u8) -> bool {
    first == HANDSHAKE
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, CertificateError> {
    let chain = CertificateDer::pem_slice_iter(&content(certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .unwrap_or_default();
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate { path: certificate.to_owned() });
    }
    is_closed(key)?;
    let secret = PrivateKeyDer::from_pem_slice(&content(key)?)
        .map_err(|_: pem::Error| CertificateError::NoKey { path: key.to_owned() })?;
    let pair = || -> Result<_, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, secret)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    };
    pair().map_err(|source| CertificateError::Pair {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    })
}

fn content(path: &Path) -> Result<Vec<u8>, CertificateError> {
    fs::read(path).map_err(|source| CertificateError::Read { path: path.to_owned(), source })
}

/// Refuses a key that every account can read; a group may.
#[cfg(unix)]
fn is_closed(path: &Path) -> Result<(), CertificateError> {
    use std::os::unix::fs::PermissionsExt;

    let metadata = fs::metadata(path);
    let metadata =
        metadata.map_err(|source| CertificateError::Read { path: path.to_owned(), source })?;
    match metadata.permissions().mode() & 0o777 {
        mode if mode & 0o007 != 0 => Err(CertificateError::Open { path: path.to_owned(), mode }),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn is_closed(_path: &Path) -> Result<(), CertificateError> {
    Ok(())
}

/// None if either file is not there, as while it is replaced.
fn stamps(certificate: &Path, key: &Path) -> Option<[Stamp; 2]> {
    let stamp = |path| fs::metadata(path).map(|metadata| Stamp::of(&metadata)).ok();
    Some([stamp(certificate)?, stamp(key)?])
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Stamp { modified: metadata.modified().ok(), len: metadata.len(), inode }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tempfile::TempDir;

    use super::*;

    type Made = rcgen::CertifiedKey<rcgen::KeyPair>;

    fn make() -> Made {
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
    }

    /// A folder with a new pair in `cert.pem` and `key.pem`.
    fn pair() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        put_pair(&folder, &make());
        folder
    }

    fn put_pair(folder: &TempDir, made: &Made) {
        put(folder, "cert.pem", &made.cert.pem());
        put(folder, "key.pem", &made.signing_key.serialize_pem());
    }

    /// Puts a file in place of another, as tools do that renew certificates.
    fn put(folder: &TempDir, name: &str, text: &str) {
        let mut file = tempfile::NamedTempFile::new_in(folder).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.persist(folder.path().join(name)).unwrap();
    }

    fn open(folder: &TempDir) -> Result<Certificate, CertificateError> {
        Certificate::open(&folder.path().join("cert.pem"), &folder.path().join("key.pem"))
    }

    fn config(certificate: &Certificate) -> Arc<ServerConfig> {
        Arc::clone(certificate.acceptor().config())
    }

    /// The error as a person reads it; `DIR` stands for the folder.
    fn told(folder: &TempDir) -> String {
        let Err(error) = open(folder) else { panic!("it can be used") };
        let why = error.source().map_or_else(String::new, |why| format!(": {why}"));
        let hint = error.hint().unwrap_or_default();
        let text = format!("{error}{why}\nhint: {hint}");
        text.replace(&folder.path().display().to_string(), "DIR")
    }

    #[test]
    fn it_is_read_again_when_it_changes() {
        let folder = pair();
        let certificate = open(&folder).unwrap();
        let first = config(&certificate);
        assert!(Arc::ptr_eq(&first, &config(&certificate)), "nothing has changed");
        let other = make();
        put(&folder, "cert.pem", &other.cert.pem());
        assert!(Arc::ptr_eq(&first, &config(&certificate)), "half of a pair is none");
        put(&folder, "key.pem", &other.signing_key.serialize_pem());
        assert!(!Arc::ptr_eq(&first, &config(&certificate)), "the pair is whole");
    }

    #[test]
    fn what_is_no_good_leaves_the_old_one() {
        let folder = pair();
        let certificate = open(&folder).unwrap();
        let first = config(&certificate);
        put(&folder, "cert.pem", "nothing");
        assert!(Arc::ptr_eq(&first, &config(&certificate)));
        fs::remove_file(folder.path().join("key.pem")).unwrap();
        assert!(Arc::ptr_eq(&first, &config(&certificate)));
        put_pair(&folder, &make());
        assert!(!Arc::ptr_eq(&first, &config(&certificate)));
    }

    #[test]
    fn files_that_are_no_pair() {
        let folder = pair();
        put(&folder, "key.pem", &make().signing_key.serialize_pem());
        insta::assert_snapshot!(told(&folder), @"
        the certificate in DIR/cert.pem can't be used with the key in DIR/key.pem: keys may not be consistent: KeyMismatch
        hint: both files must be of the same pair, and the first certificate the server's own
        ");
        let encrypted =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        put(&folder, "key.pem", encrypted);
        insta::assert_snapshot!(told(&folder), @"
        there is no key in DIR/key.pem
        hint: the file begins with -----BEGIN PRIVATE KEY-----; an encrypted one is not read
        ");
        put(&folder, "cert.pem", "");
        insta::assert_snapshot!(told(&folder), @"
        there is no certificate in DIR/cert.pem
        hint: the file begins with -----BEGIN CERTIFICATE-----: the server's own first, then those that sign it
        ");
        fs::remove_file(folder.path().join("cert.pem")).unwrap();
        insta::assert_snapshot!(told(&folder), @"
        cannot read DIR/cert.pem: No such file or directory (os error 2)
        hint: tls_certificate and tls_key name two PEM files
        ");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_every_account_can_read() {
        use std::os::unix::fs::PermissionsExt;

        let folder = pair();
        let set = |mode| {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(folder.path().join("key.pem"), mode).unwrap();
        };
        set(0o640);
        assert!(open(&folder).is_ok());
        set(0o644);
        insta::assert_snapshot!(told(&folder), @"
        the key in DIR/key.pem is open to other accounts (mode 0644)
        hint: `chmod o-rwx DIR/key.pem` closes it
        ");
    }
}
