//! Measures whether the time of a refusal shows that a name is there: wrong passwords for names that are and for names that are
//! not, turn by turn, at the server and at the web page, compared by ranks.
//!
//! Each try comes from a loopback address of its own and no name is tried more often than its brake lets through, so that every
//! password is looked at.

mod door;
mod ranks;

use std::fmt;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::measure::{self, Report as _};
use crate::platform::{Platform, Site, block_on};
use door::{Door, ENGINE, WEB};
use watchpost_testkit::Daemon;

/// Beyond this a difference is one (Reparaz and others, "Dude, is my code constant time?", 2017, take the same bound): by chance
/// it happens once in 150,000 comparisons.
const DIFFERENT: f64 = 4.5;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Tries of each kind of name.
    pub samples: usize,
}

/// One kind of name beside names that are not there.
struct Comparison {
    door: &'static str,
    kind: &'static str,
    there: Vec<Duration>,
    absent: Vec<Duration>,
}

/// What was measured.
pub struct Report(Vec<Comparison>);

impl measure::Report for Report {
    /// No kind of name shows.
    fn holds(&self) -> bool {
        self.0.iter().all(|it| it.z().abs() < DIFFERENT)
    }
}

impl Comparison {
    fn z(&self) -> f64 {
        ranks::z(&self.there, &self.absent)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let seen = ranks::smallest_shift(&self.there, &self.absent, DIFFERENT);
        write!(
            f,
            "{:<7} {:<22} {:>6} tries each: median {:.2} ms, absent {:.2} ms; z = {:+.2}; one of {:.2} ms would have shown",
            self.door,
            self.kind,
            self.there.len(),
            milliseconds(ranks::median(&self.there)),
            milliseconds(ranks::median(&self.absent)),
            self.z(),
            milliseconds(seen)
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for comparison in &self.0 {
            writeln!(f, "{comparison}")?;
        }
        match self.holds() {
            true => write!(f, "no name shows (|z| below {DIFFERENT})"),
            false => write!(f, "names show"),
        }
    }
}

/// Brings a platform up and measures. `None`, and said so, where a binary is not built.
///
/// # Errors
/// The platform refuses what it should take, or looks at no password.
pub fn run(terms: &Terms) -> Result<Option<Report>, String> {
    let rules = |_: &Path| include_str!("../../../../deploy/rules.toml").to_owned();
    let Some(site) = Site::new(rules) else {
        return Ok(None);
    };
    users_file(&site, WEB.users(terms.samples))?;
    let platform = site.up(&[]);
    let comparisons = compare(&platform, terms);
    platform.stop();
    comparisons.map(|it| Some(Report(it)))
}

fn compare(platform: &Platform, terms: &Terms) -> Result<Vec<Comparison>, String> {
    let users = ENGINE.users(terms.samples);
    block_on(door::make_users(platform, users))?;
    let mut all = Vec::new();
    for (door, kind, name) in [
        (&ENGINE, "a name with a password", "with"),
        (&ENGINE, "one without", "without"),
        (&WEB, "a name with a password", "with"),
    ] {
        let (there, absent) = block_on(measure(platform, door, name, terms.samples))?;
        all.push(Comparison {
            door: door.role,
            kind,
            there,
            absent,
        });
    }
    Ok(all)
}

/// Times of tries for names that are there, and for others of the same length, in an order of chance.
async fn measure(
    platform: &Platform,
    door: &Door,
    name: &str,
    samples: usize,
) -> Result<(Vec<Duration>, Vec<Duration>), String> {
    let authority = platform.authority(door.role);
    let users = door.users(samples);
    let (mut there, mut absent) = (Vec::new(), Vec::new());
    for turn in 0..samples {
        // Names of one length and form: the second half of the numbers belongs to none.
        let tries = [
            door::name(name, turn % users),
            door::name(name, users + turn),
        ];
        let first = usize::from(
            std::time::Instant::now()
                .elapsed()
                .subsec_nanos()
                .is_multiple_of(2),
        );
        for place in [first, 1 - first] {
            let took = door.refused(&authority, &tries[place]).await?;
            match place {
                0 => there.push(took),
                _ => absent.push(took),
            }
        }
    }
    Ok((there, absent))
}

/// The users of the web page, made before it starts; one password, and so one hash, is everybody's.
fn users_file(site: &Site, users: usize) -> Result<(), String> {
    let mut command = Daemon::command("watchpost-web").ok_or("watchpost-web is not built")?;
    command.arg("hash-password");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let mut input = child.stdin.take().ok_or("no standard input")?;
    input
        .write_all(door::PASSWORD.as_bytes())
        .map_err(|error| error.to_string())?;
    drop(input);
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    let hash = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let entry = |number| {
        let name = door::name("with", number);
        format!("[[users]]\nname = \"{name}\"\nrole = \"viewer\"\npassword_hash = \"{hash}\"\n")
    };
    let text: String = (0..users).map(entry).collect();
    let folder = site.path("state");
    let written = fs::create_dir_all(&folder).and_then(|()| {
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join("users.toml"))?;
        file.write_all(text.as_bytes())
    });
    written.map_err(|error| error.to_string())
}
