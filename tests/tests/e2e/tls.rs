//! TLS: certificates that are accepted and those that are not, on both sides.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use farside::{Client, ClientBuilder, ConnectError};
use farside_tests::{Server, ServerBuilder};
use insta::assert_snapshot;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tempfile::TempDir;

/// A private CA and the pair of a server, in files.
struct Pki {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    /// A CA that has signed a server for these names.
    fn new(names: &[&str]) -> Pki {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let folder = tempfile::tempdir().unwrap();
        // Two CAs of one name would be told apart by their signatures only.
        let name = folder.path().display().to_string();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap();
        fs::write(folder.path().join("ca.pem"), ca.pem()).unwrap();
        let pki = Pki { folder, issuer: Issuer::new(params, key) };
        pki.sign(names, |_| {});
        pki
    }

    /// Signs another pair in place of the one before.
    fn sign(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        self.put("cert.pem", &certificate.pem());
        self.put("key.pem", &key.serialize_pem());
    }

    /// Puts a file in place of another, as tools do that renew certificates.
    fn put(&self, name: &str, text: &str) {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.persist(self.path(name)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A server with this pair.
    fn server(&self) -> ServerBuilder {
        let path = |name| self.path(name).display().to_string();
        let server = Server::builder().flag("--tls-certificate", &path("cert.pem"));
        server.flag("--tls-key", &path("key.pem"))
    }
}

const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// A client that trusts a CA.
fn trusting(server: &Server, ca: &Path) -> ClientBuilder {
    Client::builder().url(server.url()).token(&server.token()).ca_file(ca)
}

/// Why a client does not connect; `PORT` stands for the server's port.
async fn refused(server: &Server, client: ClientBuilder) -> String {
    let error: ConnectError = client.connect().await.unwrap_err();
    let mut text = crate::told::chain(&error);
    text.push_str(&error.hint().map(|hint| format!("hint: {hint}\n")).unwrap_or_default());
    let (_, port) = server.url().rsplit_once(':').unwrap();
    text.replace(port, "PORT")
}

#[tokio::test]
async fn values_cross_within_tls() {
    let pki = Pki::new(&NAMES);
    let server = pki.server().start();
    assert!(server.url().starts_with("wss://"), "{}", server.url());
    let client = trusting(&server, &pki.path("ca.pem")).connect().await.unwrap();
    let session = client.session().await.unwrap();
    let long = vec![7_u8; 3 << 20];
    assert_eq!(session.put(&long).get().await.unwrap(), long);
    let by_name = server.url().replace("127.0.0.1", "localhost");
    trusting(&server, &pki.path("ca.pem")).url(&by_name).connect().await.unwrap();
}

#[tokio::test]
async fn a_certificate_is_read_again_when_it_changes() {
    let (first, second) = (Pki::new(&NAMES), Pki::new(&NAMES));
    let server = first.server().start();
    let client = trusting(&server, &first.path("ca.pem")).connect().await.unwrap();
    let session = client.session().await.unwrap();
    for name in ["cert.pem", "key.pem"] {
        first.put(name, &fs::read_to_string(second.path(name)).unwrap());
    }
    trusting(&server, &second.path("ca.pem")).connect().await.unwrap();
    let _ = server.wait_for_log("the certificate was read again");
    let old = refused(&server, trusting(&server, &first.path("ca.pem"))).await;
    assert!(old.contains("is signed by nobody that is trusted here"), "{old}");
    // What is connected stays so.
    assert_eq!(session.put(&1).get().await.unwrap(), 1);
}

#[tokio::test]
async fn a_broken_pair_leaves_the_one_before() {
    let pki = Pki::new(&NAMES);
    let server = pki.server().start();
    pki.put("key.pem", &KeyPair::generate().unwrap().serialize_pem());
    trusting(&server, &pki.path("ca.pem")).connect().await.unwrap();
    let line = server.wait_for_log("the certificate stays the one before");
    assert!(line.contains("can't be used with the key in"), "{line}");
    pki.sign(&NAMES, |_| {});
    trusting(&server, &pki.path("ca.pem")).connect().await.unwrap();
    let _ = server.wait_for_log("the certificate was read again");
}

#[tokio::test]
async fn certificates_that_are_not_accepted() {
    let pki = Pki::new(&NAMES);
    let server = pki.server().start();
    let ca = pki.path("ca.pem");
    let other = Pki::new(&NAMES);
    assert_snapshot!(refused(&server, trusting(&server, &other.path("ca.pem"))).await, @"
    the certificate of wss://127.0.0.1:PORT is signed by nobody that is trusted here
    hint: name the PEM file of a private CA with FARSIDE_CA, or `ca_file` in a program
    ");
    pki.sign(&["example.org"], |_| {});
    assert_snapshot!(refused(&server, trusting(&server, &ca)).await, @"
    the certificate of wss://127.0.0.1:PORT is for other names: example.org
    hint: use the name that the certificate is for
    ");
    pki.sign(&NAMES, |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    assert_snapshot!(refused(&server, trusting(&server, &ca)).await, @"
    the certificate of wss://127.0.0.1:PORT has expired
    hint: the server's operator renews it; a server reads it again by itself
    ");
    pki.sign(&NAMES, |params| params.not_before = date_time_ymd(3001, 1, 1));
    assert_snapshot!(refused(&server, trusting(&server, &ca)).await, @"
    the certificate of wss://127.0.0.1:PORT is not valid yet
    hint: is the clock of this machine right?
    ");
    pki.sign(&[], |_| {});
    assert_snapshot!(refused(&server, trusting(&server, &ca)).await, @"
    the certificate of wss://127.0.0.1:PORT names no host (it has no subjectAltName)
    hint: its operator makes one with the host's name in it (openssl: `-addext subjectAltName=DNS:NAME`)
    ");
    pki.sign(&NAMES, |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert_snapshot!(refused(&server, trusting(&server, &ca)).await, @"
    the certificate of wss://127.0.0.1:PORT is that of a CA, which is none for a server
    hint: its operator makes one that is not (openssl: `-addext basicConstraints=critical,CA:FALSE`)
    ");
}

#[tokio::test]
async fn a_file_of_cas_that_is_none() {
    let pki = Pki::new(&NAMES);
    let server = pki.server().start();
    let told = refused(&server, trusting(&server, &pki.path("key.pem"))).await;
    let told = told.replace(&pki.folder.path().display().to_string(), "DIR");
    assert_snapshot!(told, @"
    the CA certificates in DIR/key.pem can't be used: there is no certificate in it
    hint: FARSIDE_CA, or `ca_file` in a program, names a file with -----BEGIN CERTIFICATE-----
    ");
}

#[tokio::test]
async fn one_side_speaks_tls_and_the_other_does_not() {
    let pki = Pki::new(&NAMES);
    let (with, without) = (pki.server().start(), Server::start());
    let plain = with.url().replace("wss://", "ws://");
    let told = refused(&with, Client::builder().url(&plain)).await;
    assert_snapshot!(told, @"
    ws://127.0.0.1:PORT speaks TLS
    hint: say `wss://127.0.0.1:PORT`
    ");
    let encrypted = without.url().replace("ws://", "wss://");
    let client = Client::builder().url(&encrypted).ca_file(pki.path("ca.pem"));
    assert_snapshot!(refused(&without, client).await, @"
    wss://127.0.0.1:PORT does not speak TLS
    hint: `ws://127.0.0.1:PORT` reaches it, and then whoever is on the way can read the token; a server speaks TLS with tls_certificate and tls_key
    ");
}

#[test]
fn the_command_line_trusts_a_ca_that_it_is_told() {
    let pki = Pki::new(&NAMES);
    let server = pki.server().start();
    assert_snapshot!(server.shell().run(&["refs"]), @"
    --- stderr
    error: cannot connect: the certificate of wss://127.0.0.1:[port] is signed by nobody that is trusted here

    hint: name the PEM file of a private CA with FARSIDE_CA, or `ca_file` in a program
    --- exit code 3
    ");
    let shell = server.shell().env("FARSIDE_CA", pki.path("ca.pem"));
    assert_snapshot!(shell.run(&["refs"]), @"
    --- stderr
    no references; `farside call --far` makes one
    ");
}

#[test]
fn a_handshake_that_does_not_come_is_not_waited_for() {
    let pki = Pki::new(&NAMES);
    let server = pki.server().flag("--handshake-timeout", "200ms").start();
    let address = server.url().trim_start_matches("wss://");
    for beginning in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01"] {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        socket.write_all(beginning).unwrap();
        let mut rest = Vec::new();
        // An end, orderly or not, and no timeout of ours.
        let end = socket.read_to_end(&mut rest).map_err(|error| error.kind());
        assert!(!matches!(end, Err(std::io::ErrorKind::WouldBlock)), "{beginning:?}");
    }
}

/// What a server says that does not start.
fn not_started(server: ServerBuilder) -> String {
    match server.try_start() {
        Ok(_) => panic!("it started"),
        Err(exit) => format!("{}exit {:?}", exit.log, exit.code),
    }
}

#[test]
fn an_address_of_others_needs_tls_or_to_be_told_twice() {
    assert_snapshot!(not_started(Server::builder().listen("0.0.0.0:0")), @"
    error: cannot serve: `listen` is 0.0.0.0:0, which other machines can reach, and nothing is encrypted

    hint: name a certificate with tls_certificate and tls_key; where something else encrypts, or all on the way are trusted, say it once more with --insecure-listen true
    exit Some(2)
    ");
    let told = Server::builder().listen("0.0.0.0:0").flag("--insecure-listen", "true").start();
    let _ = told.wait_for_log("warning: other machines can reach this address");
    let pki = Pki::new(&NAMES);
    let server = pki.server().listen("0.0.0.0:0").start();
    assert!(!server.log().contains("warning"), "{}", server.log());
}

#[test]
fn a_certificate_needs_its_key() {
    let pki = Pki::new(&NAMES);
    let path = |name| pki.path(name).display().to_string();
    let named = |text: String| text.replace(&pki.folder.path().display().to_string(), "DIR");
    let half = Server::builder().flag("--tls-certificate", &path("cert.pem"));
    assert_snapshot!(not_started(half), @"
    error: cannot serve: `tls_certificate` is of no use without `tls_key`

    hint: name the file of the other with `tls_key`
    exit Some(2)
    ");
    let wrong = Server::builder()
        .flag("--tls-certificate", &path("ca.pem"))
        .flag("--tls-key", &path("key.pem"));
    assert_snapshot!(named(not_started(wrong)), @"
    error: cannot serve: the certificate in DIR/ca.pem can't be used with the key in DIR/key.pem: keys may not be consistent: KeyMismatch

    hint: both files must be of the same pair, and the first certificate the server's own
    exit Some(9)
    ");
}
