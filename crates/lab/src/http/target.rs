//! Where a server is: `http://host:port`, on this machine unless said otherwise. Must not know what is asked there.

use std::net::{SocketAddr, ToSocketAddrs as _};

/// A server's address, resolved once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `host:port` as written, for the header `Host` and for messages.
    pub(crate) host: String,
    /// Where that is.
    pub(crate) address: SocketAddr,
}

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// TLS is not spoken here.
    #[error(
        "{0}: https is not spoken here; terminate TLS in front and name the plain address behind it, e.g. http://127.0.0.1:8480"
    )]
    Tls(String),
    /// Not `http://host:port`.
    #[error("{0:?} is not an address of a server; write http://HOST:PORT, e.g. http://127.0.0.1:8480")]
    Form(String),
    /// The name is unknown.
    #[error("{host}: the name cannot be resolved")]
    Name {
        /// As written.
        host: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Another machine.
    #[error(
        "{0} is not this machine; what is sent counts as really done there. If that is a server for trials: --allow-remote"
    )]
    Remote(String),
}

impl Target {
    /// Reads and resolves `http://host:port`.
    ///
    /// # Errors
    /// Another scheme, no host, a path, a name that cannot be resolved, or another machine without `allow_remote`.
    pub fn parse(url: &str, allow_remote: bool) -> Result<Self, TargetError> {
        let form = || TargetError::Form(url.chars().take(128).collect());
        let scheme_end = url.find("://").ok_or_else(form)?;
        let (scheme, rest) = url.split_at(scheme_end);
        let host = rest.trim_start_matches("://").trim_end_matches('/');
        match scheme.to_ascii_lowercase().as_str() {
            "http" => {}
            "https" => return Err(TargetError::Tls(url.chars().take(128).collect())),
            _ => return Err(form()),
        }
        if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) || host.chars().any(char::is_control) {
            return Err(form());
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if has_port { host.to_owned() } else { format!("{host}:80") };
        let name = |source| TargetError::Name { host: host.clone(), source };
        let found: Vec<SocketAddr> = host.to_socket_addrs().map_err(name)?.collect();
        let nothing = || std::io::Error::other("it has no address");
        let address = *found.first().ok_or_else(|| name(nothing()))?;
        if !allow_remote && !found.iter().all(|each| each.ip().is_loopback()) {
            return Err(TargetError::Remote(host));
        }
        Ok(Self { host, address })
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, TargetError};

    #[test]
    fn only_plain_http_on_this_machine() {
        for (url, host) in [
            ("http://127.0.0.1:8480", "127.0.0.1:8480"),
            ("HTTP://127.0.0.1:8480/", "127.0.0.1:8480"),
            ("http://[::1]:8480", "[::1]:8480"),
            ("http://127.0.0.1", "127.0.0.1:80"),
        ] {
            assert_eq!(Target::parse(url, false).unwrap().host, host);
        }
        for url in
            ["127.0.0.1:8480", "http://", "ftp://127.0.0.1", "http://127.0.0.1:1/v1", "http://u@127.0.0.1"]
        {
            assert!(matches!(Target::parse(url, true), Err(TargetError::Form(_))), "{url}");
        }
        let tls = Target::parse("https://127.0.0.1:8480", true).unwrap_err();
        assert!(tls.to_string().contains("terminate TLS in front"), "{tls}");
        let remote = Target::parse("http://192.0.2.7:8480", false).unwrap_err();
        assert!(remote.to_string().contains("--allow-remote"), "{remote}");
        assert!(Target::parse("http://192.0.2.7:8480", true).is_ok());
    }
}
