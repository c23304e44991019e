//! A running server with the InfluxDB 2 API for integration tests, whichever can be had:
//!
//! 1. the one that `INFLUX_URL`, `INFLUX_TOKEN` and `INFLUX_ORG` name; with an operator's token
//!    each test gets an organization of its own there, else they share the one that is named,
//! 2. InfluxDB 2.7 in a container, where `WATCHPOST_TEST_ENGINE=docker` asks for it (the cargo
//!    feature `containers` brings the code),
//! 3. our own engine, if it is built; else the test is skipped.
//!
//! The same tests run on each, so they make buckets of their own and ask for nothing that only
//! one of them has; [`Server::restart`] is for the engine alone.

#[cfg(feature = "containers")]
mod container;
mod embedded;
mod external;
mod request;

use embedded::Embedded;
use external::OwnOrg;

use crate::skip;

/// What a fresh server is set up with.
pub(crate) const ORG: &str = "watchpost-test";
pub(crate) const BUCKET: &str = "watchpost-test";

/// A server, its operator token and its organization. One that we started ends with the value.
#[derive(Debug)]
pub struct Server {
    /// `http://HOST:PORT`, without a slash at the end.
    pub url: String,
    /// May do everything in the organization.
    pub token: String,
    pub org: String,
    /// A bucket that exists. Other tests may write to it where they share an organization.
    pub bucket: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// With the organization that was made for this value, where one could be.
    External {
        _org: Option<OwnOrg>,
    },
    #[cfg(feature = "containers")]
    Container {
        _running: Box<container::Container>,
    },
    Embedded(Box<Embedded>),
}

/// The server for a test, or `None` after [`skip`] has said why there is none:
///
/// ```no_run
/// let Some(server) = watchpost_testkit::server() else {
///     return;
/// };
/// println!("{}", server.url);
/// ```
///
/// # Panics
/// If a server is asked for by the environment and cannot be had, or the built engine does not
/// start: that is a failure, not a reason to skip.
pub fn server() -> Option<Server> {
    match external(|name| std::env::var(name).ok()) {
        Ok(Some(server)) => return Some(in_its_own_org(server)),
        Ok(None) => {}
        Err(missing) => panic!("INFLUX_URL is set, so set {missing} as well"),
    }
    if std::env::var("WATCHPOST_TEST_ENGINE").is_ok_and(|engine| engine == "docker") {
        return Some(contained());
    }
    let Some(engine) = Embedded::start() else {
        skip("no server: watchpost-engine is not built and INFLUX_URL is not set");
        return None;
    };
    Some(Server {
        url: engine.url().to_owned(),
        token: engine.token().to_owned(),
        org: ORG.to_owned(),
        bucket: BUCKET.to_owned(),
        kind: Kind::Embedded(Box::new(engine)),
    })
}

/// The server that the environment names; the error is the variable it lacks. `variable` looks
/// one up.
fn external(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Server>, &'static str> {
    let Some(url) = variable("INFLUX_URL").filter(|url| !url.is_empty()) else {
        return Ok(None);
    };
    let required = |name| variable(name).ok_or(name);
    Ok(Some(Server {
        url: url.trim_end_matches('/').to_owned(),
        token: required("INFLUX_TOKEN")?,
        org: required("INFLUX_ORG")?,
        bucket: variable("INFLUX_BUCKET").unwrap_or_else(|| BUCKET.to_owned()),
        kind: Kind::External { _org: None },
    }))
}

/// The same server with a fresh organization, where its token may make one.
fn in_its_own_org(server: Server) -> Server {
    let Some(org) = OwnOrg::make(&server.url, &server.token) else {
        return server;
    };
    Server {
        org: org.name.clone(),
        bucket: BUCKET.to_owned(),
        kind: Kind::External { _org: Some(org) },
        ..server
    }
}

#[cfg(feature = "containers")]
fn contained() -> Server {
    let (container, url, token) = container::Container::start();
    Server {
        url,
        token,
        org: ORG.to_owned(),
        bucket: BUCKET.to_owned(),
        kind: Kind::Container {
            _running: Box::new(container),
        },
    }
}

#[cfg(not(feature = "containers"))]
fn contained() -> Server {
    panic!(
        "WATCHPOST_TEST_ENGINE=docker needs the feature: cargo test --features watchpost-testkit/containers"
    )
}

impl Server {
    /// Whether the server is our own engine, which a test may kill and restart.
    pub fn is_embedded(&self) -> bool {
        matches!(self.kind, Kind::Embedded(_))
    }

    /// Stops the engine with SIGTERM and starts it again on the same data and port.
    ///
    /// # Panics
    /// If the server is not our engine (ask [`Server::is_embedded`]), or it does not start again.
    pub fn restart(&mut self) {
        let engine = self.engine();
        engine.stop();
        engine.start_again();
    }

    /// Kills the engine as a crash would, and leaves it down until [`Server::start_again`].
    ///
    /// # Panics
    /// If the server is not our engine.
    pub fn kill(&mut self) {
        self.engine().kill();
    }

    /// Starts a stopped or killed engine on the same data and port.
    ///
    /// # Panics
    /// If the server is not our engine, or it does not start again.
    pub fn start_again(&mut self) {
        self.engine().start_again();
    }

    /// What our engine has logged since its last start; empty for the other servers.
    pub fn log(&self) -> String {
        match &self.kind {
            Kind::Embedded(engine) => engine.log(),
            _ => String::new(),
        }
    }

    fn engine(&mut self) -> &mut Embedded {
        match &mut self.kind {
            Kind::Embedded(engine) => engine,
            _ => panic!("only the embedded engine can be stopped and started by a test"),
        }
    }
}

#[cfg(test)]
mod tests {
    //! The choice of a server by variables, without touching the real environment.

    use super::external;

    fn named(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        |name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    const WHOLE: &[(&str, &str)] = &[
        ("INFLUX_URL", "http://influx:8086/"),
        ("INFLUX_TOKEN", "t"),
        ("INFLUX_ORG", "o"),
    ];

    #[test]
    fn the_environment_names_a_server() {
        let server = external(named(WHOLE)).expect("nothing is missing");
        let server = server.expect("a server is named");
        assert_eq!(
            (&*server.url, &*server.token, &*server.org),
            ("http://influx:8086", "t", "o")
        );
        assert!(!server.is_embedded());
    }

    #[test]
    fn no_url_names_no_server() {
        assert!(matches!(external(named(&WHOLE[1..])), Ok(None)));
        assert!(matches!(external(named(&[("INFLUX_URL", "")])), Ok(None)));
    }

    #[test]
    fn half_a_server_is_a_mistake() {
        assert_eq!(external(named(&WHOLE[..1])).err(), Some("INFLUX_TOKEN"));
        assert_eq!(external(named(&WHOLE[..2])).err(), Some("INFLUX_ORG"));
    }
}
