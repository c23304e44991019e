//! A page that stays open shows new values by itself: in the fleet's table and in a host's chart.

use std::time::Instant;

use watchpost_testkit::{Browser, wait};

use super::{Finding, Miss, Scene, ensure};

/// Values of the fleet's table that have to change before our eyes.
const CHANGES_MIN: u64 = 3;

/// Counts how often the cell of a host changes while the page stays.
const COUNT_CHANGES: &str = "
    window.changes = 0;
    const cell = document.querySelector('[data-host=host-4] [data-metric=cpu_usage_percent]');
    new MutationObserver(() => window.changes++).observe(cell, { childList: true, characterData: true, subtree: true });";

const CHART: &str = "document.querySelector('[data-panel=cpu] .plot')";

pub(super) fn judge(scene: &Scene) -> Finding {
    let browser = Browser::launch().map_err(Miss::Skipped)?;
    let web = scene.platform().address("web");
    browser.open(&web);
    browser.wait(
        "every host",
        "document.querySelectorAll('tbody tr[data-host]').length >= 6",
    );
    let began = Instant::now();
    browser.run(COUNT_CHANGES);
    let changes = wait::until_or_none(|| {
        let seen = browser.run("return window.changes").as_u64().unwrap_or(0);
        (seen >= CHANGES_MIN).then_some(seen)
    });
    let changes = changes.ok_or("the fleet's table does not change while it is open")?;
    let watched = began.elapsed().as_secs_f64();
    browser.picture("fleet.png");

    let opened = Instant::now();
    browser.open(&format!("{web}/hosts/host-4?range=5m"));
    browser.wait(
        "a drawn chart",
        &format!("{CHART} && {CHART}.dataset.drawn && {CHART}.querySelector('.message').textContent === ''"),
    );
    let drawn = opened.elapsed().as_secs_f64();
    browser.run(&format!(
        "window.kept = Number({CHART}.dataset.newest || Date.now() - 2000)"
    ));
    browser.wait(
        "newer points in the chart without a reload",
        &format!("window.kept && Number({CHART}.dataset.newest) > window.kept"),
    );
    // Another criterion kills the alerter meanwhile: what the page asks of it may fail, and is asked again.
    let alerter_is_away = |line: &&str| line.contains("/api/v1/rules - ") && line.contains("502");
    let complaints = browser.complaints();
    let complaints: Vec<&str> = complaints
        .lines()
        .filter(|line| !alerter_is_away(line))
        .collect();
    ensure(complaints.is_empty(), || {
        let complaints = complaints.join("\n");
        format!("the console shows {complaints}")
    })?;
    Ok(format!(
        "{changes} changes of a value in {watched:.1} s without a reload; a chart drawn after {drawn:.1} s, then live"
    ))
}
