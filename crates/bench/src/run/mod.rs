//! A scenario from start to end: reach the server, load it, verify, tell, and leave nothing behind.

mod drift;
mod fault;
mod phases;
mod saturate;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use watchpost_core::time::format_rfc3339;
use watchpost_service::shutdown::Shutdown;

use self::phases::Phases;
use crate::load::{Ended, Failure};
use crate::null_server::{Answers, NullServer};
use crate::progress::Progress;
use crate::report::{Machine, Report, Run, SCHEMA};
use crate::scenario::{Kind, Scenario};
use crate::settings::ServerConfig;
use crate::target::{BUCKET_PREFIX, Connection, Engine, Target};
use crate::usage::{Sampler, saturation};
use crate::verify::{Verification, verify};
use crate::{Error, Result};

/// A server to run against.
#[derive(Debug, Clone)]
pub enum Subject {
    /// One that runs already, by its name in the configuration.
    Server(String, Box<ServerConfig>),
    /// An engine started for each run: its binary, and limits of time as configured.
    Engine(Option<PathBuf>, Box<ServerConfig>),
    /// A server started for each run that keeps nothing: when it answers, and limits of time as
    /// configured.
    Null(Answers, Box<ServerConfig>),
}

/// Runs a scenario `rounds` times against each subject; the subjects take turns, so that what
/// changes on the machine meanwhile meets all of them.
///
/// Errors: the scenario cannot run against a subject at all. What a server does wrong stands in the
/// report.
pub async fn run(
    scenario: &Scenario,
    subjects: &[Subject],
    rounds: u32,
    stop: &Shutdown,
) -> Result<Report> {
    let stops_server = matches!(scenario.kind, Kind::Outage | Kind::Kill);
    let ours = |subject: &Subject| matches!(subject, Subject::Engine(..));
    if stops_server && !subjects.iter().all(ours) {
        return Err(Error::NeedsEngine(scenario.name.clone()));
    }
    let mut report = Report {
        schema: SCHEMA,
        scenario: scenario.name.clone(),
        about: scenario.about.clone(),
        settings: serde_json::to_value(scenario).unwrap_or_default(),
        started: format_rfc3339(now()),
        machine: Machine::here(),
        version: env!("CARGO_PKG_VERSION").into(),
        runs: Vec::new(),
    };
    for round in 1..=rounds {
        for subject in subjects {
            if stop.is_requested() {
                return Ok(report);
            }
            let mut run = one_run(scenario, subject, stop).await?;
            run.round = round;
            report.runs.push(run);
        }
    }
    Ok(report)
}

/// One run against one subject.
async fn one_run(scenario: &Scenario, subject: &Subject, stop: &Shutdown) -> Result<Run> {
    let reads = [&scenario.query, &scenario.alerts];
    let readers: usize = reads.into_iter().flatten().map(|one| one.connections).sum();
    let with = Connection {
        connections: scenario.write.connections + readers,
        gzip: scenario.write.gzip,
        run: run_name(),
    };
    let opened = match subject {
        Subject::Server(name, server) => Target::open(name, server, &with).await,
        Subject::Engine(binary, like) => {
            let engine = Engine::start(binary.as_deref()).await?;
            Target::spawn(engine, like, &with).await
        }
        Subject::Null(answers, like) => {
            let null = NullServer::start(*answers).await?;
            Target::null(null, like, &with).await
        }
    };
    let target = match opened {
        Ok(target) => Arc::new(target),
        Err(failure) => return Ok(unreached(subject, &failure)),
    };
    let mut run = Run {
        server: target.description().clone(),
        ..Run::default()
    };
    measured(scenario, &target, stop, &mut run).await;
    if let Err(failure) = target.close().await {
        run.problems.push(format!(
            "the bucket {:?} could not be removed ({failure}); watchpost-bench clean does it later",
            target.bucket()
        ));
    }
    Ok(run)
}

/// Why VictoriaMetrics doubles what is written again.
const KEEPS_BOTH: &str = "VictoriaMetrics keeps every point of a series and time, unless it is started with \
    -dedup.minScrapeInterval=1ms";

/// Loads the server and verifies what it holds.
async fn measured(scenario: &Scenario, target: &Arc<Target>, stop: &Shutdown, run: &mut Run) {
    if target.victoria().is_some() && (scenario.query.is_some() || scenario.alerts.is_some()) {
        let name = &target.description().product;
        run.notes.push(format!(
            "{name} answers no Flux: the queries of the scenario were left out"
        ));
    }
    let sampler = Sampler::start(target);
    let mut phases = Phases::new(scenario, target, now());
    let ended = phases.load(stop, run).await;
    let (server, own) = sampler.finish().await;
    let delays = run.loads.values().map(|load| load.summary.own_delay_p99);
    let delay = delays.fold(0.0, f64::max);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    run.notes.extend(saturation(&own, delay, cores));
    run.drift = drift::drift(scenario, run, server.as_ref());
    run.notes.extend(drift::caveat(scenario));
    run.server_usage = server;
    run.own_usage = own;
    match ended {
        Ended::Complete => {}
        Ended::Interrupted => run.interrupted = true,
        Ended::Failed(failure) => run.problems.push(failure.to_string()),
    }
    if target.keeps_nothing() {
        run.notes.push(
            "the null server keeps nothing, so there is nothing to verify: this measures the bench itself".into(),
        );
    } else if scenario.verify.enabled {
        let settle = scenario.verify.settle.get();
        let _progress = Progress::wait(phases.title("verification"));
        // A verification is bounded by its queries' limits; a second signal ends it at once.
        match verify(target, phases.dataset(), phases.sent(), settle).await {
            Ok(found) => {
                run.problems.extend(verdict(&found));
                if found.doubled > 0 && target.victoria().is_some() {
                    run.notes.push(KEEPS_BOTH.into());
                }
                run.verification = Some(found);
            }
            Err(failure) => run
                .problems
                .push(format!("the data could not be verified: {failure}")),
        }
    }
}

/// What a verification says of the server; nothing when all is well.
fn verdict(found: &Verification) -> Option<String> {
    if found.passed() {
        return None;
    }
    if found.stored == 0 && found.missing > 0 {
        return Some(format!(
            "the server acknowledged {} values and holds none of them: it does not store what it accepts",
            found.expected
        ));
    }
    let at_least = if found.estimated { "at least " } else { "" };
    Some(format!(
        "the server does not hold what it acknowledged: {at_least}{} missing, {} doubled, {} altered, {} never sent",
        found.missing, found.doubled, found.altered, found.unexpected
    ))
}

/// The run against a server that could not be prepared.
fn unreached(subject: &Subject, failure: &Failure) -> Run {
    let (name, url) = match subject {
        Subject::Server(name, server) => (name.clone(), server.url.clone()),
        Subject::Engine(..) => ("engine".to_owned(), String::new()),
        Subject::Null(..) => ("null".to_owned(), String::new()),
    };
    let mut run = Run::default();
    run.server.name = name;
    run.server.url = url;
    run.problems.push(failure.to_string());
    run
}

/// A name that no other run has.
fn run_name() -> String {
    let stamp = format_rfc3339(now()).replace([':', '-', '.'], "");
    format!("{BUCKET_PREFIX}{stamp}-{}", std::process::id())
}

/// Nanoseconds since 1970.
fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    elapsed.map_or(0, |elapsed| {
        i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX)
    })
}
