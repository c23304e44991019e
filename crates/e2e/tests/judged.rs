//! What `cargo xtask up --check` judges, in its quick form: all of it holds.

use std::io::Write;

use watchpost_e2e::criteria::{Terms, Verdict, judge_all};
use watchpost_e2e::platform::missing_binary;
use watchpost_testkit::skip;

#[test]
fn every_criterion_holds() {
    if let Some(name) = missing_binary() {
        return skip(&format!("{name} is not built (cargo xtask test builds it)"));
    }
    let terms = Terms {
        quick: true,
        external: None,
    };
    let report = judge_all(&terms, |judged| {
        // Past the capture of the harness: the figures are worth reading when all is well, too.
        writeln!(std::io::stderr(), "{judged}").ok();
    });
    let report = report.unwrap();
    for judged in &report.criteria {
        if let Verdict::Skipped(why) = &judged.verdict {
            skip(&format!("{}: {why}", judged.name));
        }
    }
    assert_eq!(report.criteria.len(), 11);
    assert!(report.holds(), "{:#}", report.json());
}
