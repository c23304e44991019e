//! What a platform is judged by: a line each, PASS, FAIL or SKIPPED with a figure.

mod alerts;
mod attacks;
mod catalogue;
mod downsampling;
mod live_page;
mod outage;
mod queries;
mod report;
mod retention;
mod scene;
mod secrets;
mod suppression;
mod throughput;
mod tokens;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use watchpost_query::Kind;

pub use self::report::{Judged, Report, Verdict};
pub use self::scene::Scene;
use crate::platform::Server;

/// On what terms a platform is judged.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Two days of past instead of a week, and a shorter outage: the same proofs in less time.
    pub quick: bool,
    /// The server to judge on instead of the embedded engine.
    pub external: Option<Server>,
}

/// Figures if it holds.
type Finding = Result<String, Miss>;

/// Why a criterion was not met.
#[derive(Debug)]
enum Miss {
    /// It does not hold: what was found instead.
    Failed(String),
    /// It cannot be judged here: why.
    Skipped(String),
}

impl From<String> for Miss {
    fn from(found: String) -> Self {
        Miss::Failed(found)
    }
}

impl From<&str> for Miss {
    fn from(found: &str) -> Self {
        Miss::Failed(found.to_owned())
    }
}

struct Criterion {
    number: usize,
    name: &'static str,
    judge: fn(&Scene) -> Finding,
}

const fn criterion(number: usize, name: &'static str, judge: fn(&Scene) -> Finding) -> Criterion {
    Criterion {
        number,
        name,
        judge,
    }
}

/// What leaves the platform undisturbed.
const CALM: [Criterion; 5] = [
    criterion(
        1,
        "every metric of the catalogue is reported",
        catalogue::judge,
    ),
    criterion(
        3,
        "buckets have their retention, and old points go",
        retention::judge,
    ),
    criterion(
        4,
        "hours and days equal an independent computation",
        downsampling::judge,
    ),
    criterion(5, "the documented queries answer rightly", queries::judge),
    criterion(
        6,
        "the dashboard updates live in a browser",
        live_page::judge,
    ),
];

/// What takes its time and runs beside the calm ones: a load, and the incidents.
const BESIDE: [Criterion; 2] = [
    criterion(
        2,
        "100 points a second are ingested and none is lost",
        throughput::judge,
    ),
    criterion(
        7,
        "incidents notify once, over a kill -9, and resolve",
        alerts::judge,
    ),
];

/// What comes when nothing can be disturbed any more.
const LAST: [Criterion; 4] = [
    criterion(8, "a killed server costs no point", outage::judge),
    criterion(
        9,
        "each token does what its role needs and no more",
        tokens::judge,
    ),
    criterion(
        11,
        "attacks on the running platform are withstood",
        attacks::judge,
    ),
    // After all that was done: what was attempted may not show a secret either.
    criterion(10, "no secret appears anywhere", secrets::judge),
];

/// Brings a platform up, judges it, tells of each criterion when it is judged, and stops it.
///
/// # Errors
/// The platform does not come up or does not stop: why.
pub fn judge_all(terms: &Terms, mut tell: impl FnMut(&Judged)) -> Result<Report, String> {
    let began = Instant::now();
    let set_up = caught(|| Scene::set_up(terms).ok_or_else(|| "the binaries are not built".into()));
    let scene = set_up.map_err(text)?;
    let mut all = Vec::new();
    std::thread::scope(|threads| {
        let beside = BESIDE
            .each_ref()
            .map(|it| threads.spawn(|| judge(it, &scene)));
        for criterion in &CALM {
            all.push(judge(criterion, &scene));
            all.last().into_iter().for_each(&mut tell);
        }
        for judged in beside {
            all.extend(judged.join());
            all.last().into_iter().for_each(&mut tell);
        }
    });
    for criterion in &LAST {
        all.push(judge(criterion, &scene));
        all.last().into_iter().for_each(&mut tell);
    }
    caught(|| {
        scene.tear_down();
        Ok(())
    })
    .map_err(text)?;
    all.sort_by_key(|it| it.number);
    Ok(Report {
        criteria: all,
        seconds: began.elapsed().as_secs_f64(),
    })
}

fn judge(criterion: &Criterion, scene: &Scene) -> Judged {
    let since = Instant::now();
    let verdict = match caught(|| (criterion.judge)(scene)) {
        Ok(figure) => Verdict::Pass(figure),
        Err(Miss::Failed(found)) => Verdict::Fail(found),
        Err(Miss::Skipped(why)) => Verdict::Skipped(why),
    };
    Judged {
        number: criterion.number,
        name: criterion.name,
        verdict,
        seconds: since.elapsed().as_secs_f64(),
    }
}

/// A panic is a verdict too: it does not hold.
fn caught<T>(work: impl FnOnce() -> Result<T, Miss>) -> Result<T, Miss> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
        Err(Miss::Failed(text.unwrap_or_else(|| "it panicked".into())))
    })
}

fn text(miss: Miss) -> String {
    match miss {
        Miss::Failed(text) | Miss::Skipped(text) => text,
    }
}

/// For what is judged by Flux, tasks, tokens or buckets: other kinds of server have none of them.
fn needs_influxdb2(scene: &Scene) -> Result<(), Miss> {
    match scene.platform().kind() {
        Kind::InfluxDb2 => Ok(()),
        kind => Err(Miss::Skipped(format!(
            "{} has no Flux, tasks, buckets and tokens of InfluxDB 2 to judge it by",
            kind.title()
        ))),
    }
}

/// `Err` with the text if the condition does not hold.
fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
