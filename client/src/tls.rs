//! TLS, for `wss://` addresses.
//!
//! A server's certificate must be signed by a CA that this machine trusts, or by one of
//! a PEM file, which then is trusted and nobody else. The server is told apart by that
//! and by its name; who the client is, its token says.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::connect_error::{CertificateProblem, ConnectError};

/// Makes TLS of connections. Cheap to clone; made once for a client, so that a later
/// connection goes on where an earlier one of it has come to.
#[derive(Clone)]
pub(crate) struct Tls(TlsConnector);

impl Tls {
    /// Trusts those of the file, or of the machine. Reads files.
    ///
    /// # Errors
    /// There is nobody to trust.
    pub(crate) fn trusting(file: Option<PathBuf>) -> Result<Tls, ConnectError> {
        let roots = match file {
            Some(path) => roots_of(&path).map_err(|reason| ConnectError::Ca { path, reason })?,
            None => {
                let mut roots = RootCertStore::empty();
                // Those that can't be read are not trusted; without any, no certificate is.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                roots
            }
        };
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions();
        let config = config.map_err(|error| ConnectError::Url {
            url: "wss://".to_owned(),
            reason: error.to_string(),
        })?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls(TlsConnector::from(Arc::new(config))))
    }

    /// Does the handshake with the server of a URL.
    ///
    /// # Errors
    /// It does not speak TLS, or is not to be trusted.
    pub(crate) async fn handshake(
        &self,
        url: &str,
        host: &str,
        socket: TcpStream,
    ) -> Result<TlsStream<TcpStream>, ConnectError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| ConnectError::Url {
            url: url.to_owned(),
            reason: error.to_string(),
        })?;
        self.0.connect(name, socket).await.map_err(|error| failed(url, error))
    }
}

fn roots_of(path: &Path) -> Result<RootCertStore, String> {
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    match roots.is_empty() {
        true => Err("there is no certificate in it".to_owned()),
        false => Ok(roots),
    }
}

/// A name as people write it; the library says `DnsName("example.org")`.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"').to_owned()
}

/// Why there is no TLS connection.
fn failed(url: &str, error: io::Error) -> ConnectError {
    let url = url.to_owned();
    let problem = match error.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
        Some(Error::InvalidMessage(_)) => return ConnectError::NoTls { url },
        Some(Error::InvalidCertificate(error)) => match error {
            // Also where one who is trusted has the name of the issuer, and not its key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                CertificateProblem::Issuer
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                CertificateProblem::Expired
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                CertificateProblem::Early
            }
            CertificateError::NotValidForName => CertificateProblem::Name { names: Vec::new() },
            CertificateError::NotValidForNameContext { presented, .. } => {
                CertificateProblem::Name {
                    names: presented.iter().map(|name| plain(name)).collect(),
                }
            }
            other => match other.to_string() {
                // It comes from below rustls, which has no name for it.
                reason if reason.contains("CaUsedAsEndEntity") => CertificateProblem::OfCa,
                reason => CertificateProblem::Other { reason },
            },
        },
        _ => return ConnectError::Encryption { url, source: error },
    };
    ConnectError::Certificate { url, problem }
}
