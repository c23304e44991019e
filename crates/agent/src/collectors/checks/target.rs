//! What a check asks: a URL that names how and whom.

use std::fmt;

/// `http://`, `https://`, `tcp://HOST:PORT`, `tls://HOST:PORT`, `dns://NAME` or `ping://HOST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub(super) scheme: Scheme,
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query of a page.
    pub(super) path: String,
}

/// How a target is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
    Tcp,
    Tls,
    Dns,
    Ping,
}

/// Text that is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a target: {why}; write http://HOST/PATH, https://…, tcp://HOST:PORT, tls://HOST:PORT, dns://NAME or ping://HOST"
)]
pub struct TargetError {
    text: String,
    why: &'static str,
}

impl Target {
    /// Reads a target.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let fail = |why| TargetError {
            text: text.to_owned(),
            why,
        };
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| fail("it has no scheme"))?;
        let (scheme, default_port) = match scheme {
            "http" => (Scheme::Http, Some(80)),
            "https" => (Scheme::Https, Some(443)),
            "tcp" => (Scheme::Tcp, None),
            "tls" => (Scheme::Tls, Some(443)),
            "dns" => (Scheme::Dns, Some(0)),
            "ping" => (Scheme::Ping, Some(0)),
            _ => return Err(fail("the scheme is none of these")),
        };
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        if !path.is_empty() && !matches!(scheme, Scheme::Http | Scheme::Https) {
            return Err(fail("it has a path"));
        }
        if path.bytes().any(|byte| !byte.is_ascii_graphic()) || path.contains('#') {
            return Err(fail("its path has characters that a URL encodes"));
        }
        let (host, port) = split_port(authority).ok_or_else(|| fail("its port is not a number"))?;
        let named = !host.is_empty() && host.len() <= 253 && !host.starts_with('-');
        let spelled = host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte));
        if !named || !spelled {
            return Err(fail("its host is neither a name nor an address"));
        }
        if port.is_some() && matches!(scheme, Scheme::Dns | Scheme::Ping) {
            return Err(fail("it has a port"));
        }
        let port = port
            .or(default_port)
            .ok_or_else(|| fail("it has no port"))?;
        let path = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/{path}"),
        };
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port,
            path,
        })
    }
}

impl Target {
    /// Whether a certificate is asked for.
    pub(crate) fn is_secured(&self) -> bool {
        matches!(self.scheme, Scheme::Https | Scheme::Tls)
    }
}

/// `HOST`, `HOST:PORT`, `[ADDRESS]`, `[ADDRESS]:PORT`; `None` for a port that is none.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    if let Some((address, rest)) = authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        return match rest.strip_prefix(':') {
            Some(text) => Some((address, Some(port(text)?))),
            None => rest.is_empty().then_some((address, None)),
        };
    }
    match authority.split_once(':') {
        Some((host, text)) => Some((host, Some(port(text)?))),
        None => Some((authority, None)),
    }
}

/// The host as a header and a TLS name show it.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        let usual = matches!(
            (self.scheme, self.port),
            (Scheme::Http, 80) | (Scheme::Https, 443)
        );
        if usual {
            f.write_str(&host)
        } else {
            write!(f, "{host}:{}", self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Scheme, Target};

    #[test]
    fn targets_are_read() {
        let target = Target::parse("https://[::1]:8443/a?b=c").unwrap();
        assert_eq!(
            (target.scheme, target.host.as_str(), target.port),
            (Scheme::Https, "::1", 8443)
        );
        assert_eq!(
            (target.path.as_str(), target.to_string().as_str()),
            ("/a?b=c", "[::1]:8443")
        );
        assert_eq!(Target::parse("http://db").unwrap().to_string(), "db");
        assert_eq!(Target::parse("http://db?x").unwrap().path, "/?x");
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "db:5432",
            "ftp://db",
            "tcp://db",
            "tcp://db:0",
            "tcp://db:99999",
            "tcp://:80",
            "tcp://a b:80",
            "tcp://db:80/x",
            "ping://db:7",
            "dns://",
            "ping://-f",
            "http://a/\n",
            "http://a/b c",
            "http://a/#b",
            "http://u@h/",
            "http://[::1/",
        ] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
    }
}
