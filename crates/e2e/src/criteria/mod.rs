//! What a platform is judged by: a line each, PASS or FAIL with a figure.

mod alerts;
mod catalogue;
mod downsampling;
mod outage;
mod queries;
mod retention;
mod scene;
mod secrets;
mod throughput;
mod tokens;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

pub use self::scene::Scene;

/// Figures if it holds, else what was found instead.
pub type Verdict = Result<String, String>;

type Judge = fn(&mut Scene) -> Verdict;

/// In this order: what needs an undisturbed platform comes before what disturbs it.
const CRITERIA: [(&str, Judge); 9] = [
    (
        "every metric of the catalogue is reported",
        catalogue::judge,
    ),
    ("points are ingested and none is lost", throughput::judge),
    ("old points are gone after enforcement", retention::judge),
    (
        "hours and days equal an independent computation",
        downsampling::judge,
    ),
    ("the documented queries answer rightly", queries::judge),
    (
        "incidents notify once and are suppressed, over a kill",
        alerts::judge,
    ),
    ("a killed server costs no point", outage::judge),
    (
        "each token can do what its role needs and no more",
        tokens::judge,
    ),
    ("no secret appears anywhere", secrets::judge),
];

/// Judges everything and writes a line each; true if all hold. Without the binaries nothing can be
/// judged, which the lines say.
pub fn judge_all(out: &mut dyn Write) -> bool {
    let began = Instant::now();
    let Some(mut scene) = Scene::set_up() else {
        writeln!(out, "FAIL  the binaries are not built").ok();
        return false;
    };
    let mut failed = 0;
    for (name, judge) in CRITERIA {
        let since = Instant::now();
        let verdict = catch_unwind(AssertUnwindSafe(|| judge(&mut scene)))
            .unwrap_or_else(|panic| Err(text_of(&panic)));
        let seconds = since.elapsed().as_secs_f64();
        let (word, figure) = match &verdict {
            Ok(figure) => ("PASS", figure),
            Err(found) => ("FAIL", found),
        };
        failed += usize::from(verdict.is_err());
        writeln!(out, "{word}  {name}: {figure}  [{seconds:.1} s]").ok();
        out.flush().ok();
    }
    scene.tear_down();
    let passed = CRITERIA.len() - failed;
    writeln!(
        out,
        "\n{passed} passed, {failed} failed in {:.0} s",
        began.elapsed().as_secs_f64()
    )
    .ok();
    failed == 0
}

fn text_of(panic: &Box<dyn std::any::Any + Send>) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()))
        .unwrap_or_else(|| "it panicked".to_owned())
}

/// `Err` with the text if the condition does not hold.
fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
