//! Where the server of a data folder listens, kept in that folder while it runs.
//!
//! A token is of use to whoever gets it, so the command line gives the one in a data
//! folder to that folder's own server and to no other.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The file in the data folder.
const FILE: &str = "address";

/// A server's address in its data folder; dropping it takes the address out.
#[derive(Debug)]
pub(crate) struct Kept {
    path: PathBuf,
}

impl Kept {
    /// Keeps the address of the server that works in a data folder.
    ///
    /// # Errors
    /// The file can't be written.
    pub(crate) fn write(data: &Path, address: SocketAddr) -> io::Result<Kept> {
        let path = data.join(FILE);
        let draft = path.with_extension("new");
        fs::write(&draft, format!("{address}\n"))?;
        fs::rename(&draft, &path)?;
        Ok(Kept { path })
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Whoever reads it finds no server there.
        let _ = fs::remove_file(&self.path);
    }
}

/// The address that the server of a data folder listens on, if there is one.
pub(crate) fn kept_address(data: &Path) -> Option<SocketAddr> {
    fs::read_to_string(data.join(FILE)).ok()?.trim().parse().ok()
}

/// An address at which this machine reaches a server that listens on another: any
/// address of the machine stands for its loopback.
pub(crate) fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The URL with the server's own address in it, if it names the server that listens
/// there. A name such as localhost may lead elsewhere than to where it listens; with TLS
/// the name stays, which the server's certificate vouches for.
pub(crate) fn url_at(url: &str, listens: SocketAddr) -> Option<String> {
    let Parts { is_encrypted, host, port, rest } = parts(url)?;
    if port != listens.port() {
        return None;
    }
    let own = from_here(listens);
    let named = match host.parse::<IpAddr>() {
        Ok(ip) if ip == listens.ip() => own,
        Ok(ip) if listens.ip().is_unspecified() && ip.is_loopback() => SocketAddr::new(ip, port),
        Err(_) if host.eq_ignore_ascii_case("localhost") && own.ip().is_loopback() => own,
        _ => return None,
    };
    Some(match is_encrypted {
        true => url.to_owned(),
        false => format!("ws://{named}{rest}"),
    })
}

/// Whether a server's URL names this machine by its loopback address.
pub(crate) fn is_loopback(url: &str) -> bool {
    parts(url).is_some_and(|Parts { host, .. }| {
        host.eq_ignore_ascii_case("localhost")
            || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    })
}

/// The parts of a URL.
struct Parts<'a> {
    is_encrypted: bool,
    host: &'a str,
    port: u16,
    /// What follows.
    rest: &'a str,
}

/// Those of a `ws://` or `wss://` URL without a user.
fn parts(url: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let is_encrypted = scheme.eq_ignore_ascii_case("wss");
    if !(is_encrypted || scheme.eq_ignore_ascii_case("ws")) || authority.contains('@') {
        return None;
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(inner) => {
            let (host, port) = inner.split_once(']')?;
            (host, port.strip_prefix(':'))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let usual = if is_encrypted { 443 } else { 80 };
    let port = port.map_or(Ok(usual), str::parse).ok()?;
    Some(Parts { is_encrypted, host, port, rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_while_the_server_runs() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(kept_address(data.path()), None);
        let address = "[::1]:7327".parse().unwrap();
        let kept = Kept::write(data.path(), address).unwrap();
        assert_eq!(kept_address(data.path()), Some(address));
        drop(kept);
        assert_eq!(kept_address(data.path()), None);
    }

    #[test]
    fn a_url_is_the_servers_when_it_names_where_it_listens() {
        let check = |url: &str, listens: &str| url_at(url, listens.parse().unwrap());
        for (url, listens, at) in [
            ("ws://127.0.0.1:7327", "127.0.0.1:7327", "ws://127.0.0.1:7327"),
            ("ws://127.0.0.1:7327/farside", "127.0.0.1:7327", "ws://127.0.0.1:7327/farside"),
            ("WS://LocalHost:7327", "127.0.0.1:7327", "ws://127.0.0.1:7327"),
            ("ws://localhost:7327/", "[::1]:7327", "ws://[::1]:7327/"),
            ("ws://localhost:7327", "0.0.0.0:7327", "ws://127.0.0.1:7327"),
            ("ws://127.0.0.9:7327", "0.0.0.0:7327", "ws://127.0.0.9:7327"),
            ("ws://[::1]:7327", "[::]:7327", "ws://[::1]:7327"),
            ("ws://localhost", "127.0.0.1:80", "ws://127.0.0.1:80"),
            ("wss://localhost:7327/x", "127.0.0.1:7327", "wss://localhost:7327/x"),
            ("wss://localhost", "[::1]:443", "wss://localhost"),
        ] {
            assert_eq!(check(url, listens).as_deref(), Some(at), "{url}");
        }
        for (url, listens) in [
            ("ws://127.0.0.1:7328", "127.0.0.1:7327"),
            ("ws://127.0.0.2:7327", "127.0.0.1:7327"),
            ("ws://[::1]:7327", "127.0.0.1:7327"),
            ("ws://localhost", "127.0.0.1:7327"),
            ("ws://127.0.0.1:7327@example.org:7327", "127.0.0.1:7327"),
            ("ws://127.0.0.1.example.org:7327", "127.0.0.1:7327"),
            ("ws://localhost.example.org:7327", "127.0.0.1:7327"),
            ("ws://localhost:7327", "192.0.2.1:7327"),
            ("ws://192.0.2.1:7327", "0.0.0.0:7327"),
            ("wss://127.0.0.1:7328", "127.0.0.1:7327"),
            ("ws://127.0.0.1:73270", "127.0.0.1:7327"),
            ("", "127.0.0.1:7327"),
        ] {
            assert_eq!(check(url, listens), None, "{url}");
        }
    }

    #[test]
    fn loopback_urls() {
        for here in ["ws://127.0.0.1:7327", "ws://127.9.9.9", "ws://[::1]:7327/x", "WS://LOCALHOST"]
        {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in [
            "ws://127.0.0.1.example.org:7327",
            "ws://127.0.0.1@example.org",
            "ws://example.org/127.0.0.1",
            "ws://example.org?127.0.0.1",
            "ws://0.0.0.0:7327",
            "ws://[2001:db8::1]:7327",
            "",
        ] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }
}
