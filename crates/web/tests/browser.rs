//! The pages in a real browser: live without reload, zoom, compare, notes, sign-in, a database that
//! goes and comes back, names that look like markup.

use watchpost_testkit::{Browser, Server};

use crate::fixture::{Fixture, write_secret};

const CHART: &str = "document.querySelector('[data-panel=cpu] .plot')";

#[test]
fn a_point_appears_without_reload_and_charts_zoom() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    let Some(browser) = Browser::start() else {
        return;
    };
    for ago in (5..300).step_by(5) {
        fixture.write_host("web-1", 20.0 + (ago % 40) as f64, 40.0, ago);
        fixture.write_host("<script>", 35.0, 50.0, ago);
    }
    fixture.write_host("gone", 10.0, 10.0, 3_000);
    fixture.wait_for_host("gone");

    // The fleet: live, an offline host with its last values, a name that is no markup.
    browser.open(&fixture.url("/"));
    browser.run("window.kept = true");
    fixture.write_host("web-1", 77.0, 40.0, 0);
    browser.wait("the live value", "document.querySelector('[data-host=web-1] [data-metric=cpu_usage_percent]').textContent === '77.0 %'");
    browser.wait(
        "an offline host",
        "document.querySelector('[data-host=gone] .age small').textContent.startsWith('since ')",
    );
    browser.wait("a strange name", "[...document.querySelectorAll('tbody th')].some((head) => head.textContent.trim() === '<script>')");
    fixture.write_host("new-one", 5.0, 5.0, 0);
    browser.wait(
        "a new host",
        "document.querySelector('[data-host=new-one]')",
    );
    assert_eq!(browser.run("return window.kept"), true, "no reload");
    browser.run("document.querySelector('[name=q]').value = 'web'; document.getElementById('filters').dispatchEvent(new Event('input'))");
    browser.wait("a filter", "document.querySelector('[data-host=gone]').hidden && !document.querySelector('[data-host=web-1]').hidden");
    browser.picture("fleet.png");

    // The host: charts that follow, zoom, a note.
    browser.open(&fixture.url("/hosts/web-1?range=5m"));
    browser.wait(
        "a drawn chart",
        &format!("{CHART}.dataset.drawn && {CHART}.querySelector('.message').textContent === ''"),
    );
    fixture.write_host("web-1", 88.0, 40.0, 0);
    browser.wait(
        "a live point in the chart",
        &format!("{CHART}.dataset.newest > Date.now() - 60000"),
    );
    browser.wait(
        "the legend's value",
        "document.querySelector('[data-panel=cpu] .legend b').textContent === '88.0 %'",
    );
    browser.wait(
        "the name of a core",
        "document.querySelector('[data-panel=cpu-cores] .legend').innerText.startsWith('0')",
    );
    browser.picture("host.png");
    browser.run(&format!(
        "const canvas = {CHART}.querySelector('canvas'); const box = canvas.getBoundingClientRect();\
         const send = (type, x) => canvas.dispatchEvent(new PointerEvent(type, {{ clientX: box.left + x, clientY: box.top + 50, bubbles: true, pointerId: 1, button: 0, pointerType: 'mouse' }}));\
         canvas.setPointerCapture = () => {{}};\
         send('pointerdown', 150); send('pointermove', 250); send('pointerup', 250);"
    ));
    browser.wait(
        "the zoomed range in the address",
        "new URL(location).searchParams.has('start') && !document.getElementById('follow').checked",
    );
    browser.run("document.getElementById('annotate').click(); const note = document.querySelector('#note form'); note.text.value = '<i>deployed</i>'; note.querySelector('[value=save]').click()");
    fixture.wait_for("the note", "/api/v1/annotations?host=web-1", |answer| {
        answer.body.contains("<i>deployed</i>")
    });
    assert_eq!(
        browser.complaints(),
        "",
        "no script breaks, nothing is refused by the policy"
    );
}

#[test]
fn hosts_side_by_side_and_other_pages() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    let Some(browser) = Browser::start() else {
        return;
    };
    browser.open(&fixture.url("/"));
    browser.wait(
        "an empty database",
        "document.body.innerText.includes('No host has written anything yet')",
    );
    for ago in (5..300).step_by(10) {
        fixture.write_host("web-1", 20.0, 40.0, ago);
        fixture.write_host("web-2", 60.0, 50.0, ago);
    }
    browser.wait(
        "the first hosts by themselves",
        "document.querySelector('[data-host=web-2]')",
    );
    let drawn = "[...document.querySelectorAll('.plot')].every((plot) => plot.dataset.drawn && plot.querySelector('.message').textContent === '')";
    browser.open(&fixture.url("/compare?metric=cpu_usage_percent&hosts=web-1,web-2&range=5m"));
    browser.wait(
        "two lines",
        "document.querySelectorAll('.legend button').length === 2",
    );
    browser.wait("the overlay", drawn);
    browser.picture("compare.png");
    browser.open(
        &fixture.url("/compare?metric=cpu_usage_percent&hosts=web-1,web-2&range=5m&view=multiples"),
    );
    browser.wait(
        "small multiples",
        &format!("document.querySelectorAll('.panel').length === 2 && {drawn}"),
    );
    browser.open(&fixture.url("/history?host=web-1&metric=cpu_usage_percent"));
    browser.wait("a day in the table", "document.querySelector('tbody th')");
    browser.wait("the band", drawn);
    browser.picture("history.png");
    browser.open(&fixture.url("/alerts"));
    browser.wait(
        "no alerter is said",
        "document.body.innerText.includes('alerter.url')",
    );
    browser.picture("alerts.png");
}

#[test]
fn a_page_tells_that_the_database_is_away_and_recovers() {
    let Some(mut fixture) = Fixture::start() else {
        return;
    };
    if !fixture.server.is_embedded() {
        return watchpost_testkit::skip("only the engine can be stopped by a test");
    }
    let Some(browser) = Browser::start() else {
        return;
    };
    fixture.write_host("web-1", 20.0, 40.0, 1);
    fixture.wait_for_host("web-1");
    browser.open(&fixture.url("/"));
    browser.wait(
        "live",
        "document.getElementById('live').dataset.state === 'on'",
    );
    browser.run("window.kept = true");
    Server::kill(&mut fixture.server);
    browser.wait("the banner", "!document.getElementById('banner').hidden");
    browser.picture("down.png");
    fixture.server.start_again();
    browser.wait(
        "recovery",
        "document.getElementById('banner').hidden && window.kept",
    );
}

#[test]
fn somebody_signs_in_and_out() {
    let hash = watchpost_web::sign_in::users::hash_password("correct horse").unwrap();
    let users =
        format!("[[users]]\nname = \"ada\"\nrole = \"viewer\"\npassword_hash = \"{hash}\"\n");
    let started = Fixture::start_with(|config, folder| {
        config.http.users_file = Some(write_secret(folder, "users.toml", &users));
    });
    let Some(fixture) = started else { return };
    let Some(browser) = Browser::start() else {
        return;
    };
    browser.open(&fixture.url("/compare"));
    let submit = |password: &str| {
        format!(
            "const form = document.querySelector('.sign-in'); form.name.value = 'ada'; form.querySelector('[name=name]').value = 'ada'; form.password.value = '{password}'; form.querySelector('button').click()"
        )
    };
    browser.wait("the form", "document.querySelector('.sign-in')");
    browser.run(&submit("wrong"));
    browser.wait(
        "the mistake",
        "document.body.innerText.includes('is wrong')",
    );
    browser.picture("sign-in.png");
    browser.run(&submit("correct horse"));
    browser.wait("where one wanted to go", "location.pathname === '/compare'");
    browser.wait(
        "who it is",
        "document.body.innerText.includes('ada (viewer)')",
    );
    assert_eq!(
        browser.run("return document.cookie"),
        "",
        "no script sees the session"
    );
    browser.run("document.querySelector('.who button').click()");
    browser.wait("signed out", "location.pathname === '/sign-in'");
}
