//! The overview, one metric over all hosts, and the field that finds, in a real browser.

use watchpost_testkit::Browser;

use crate::fixture::{Fixture, now};

/// Two regions of hosts with a tag of their own, one of them past a level, one long gone.
pub(crate) fn racks(hosts: usize) -> Option<Fixture> {
    let fixture = Fixture::start()?;
    let mut lines = String::new();
    for ago in [40, 30, 20, 10, 1] {
        let time = now() - ago * 1_000_000_000;
        for host in 1..=hosts {
            let cpu = if host == 7 {
                97.0
            } else {
                (host * 13 % 80) as f64
            };
            let tags = format!(
                "host=host-{host},rack=rack-{},region=r{}",
                host % 3,
                host % 2
            );
            lines.push_str(&format!(
                "system_metrics,{tags},metric_type=cpu cpu_usage_percent={cpu},cpu_load_1m=0.5 {time}\n\
                 system_metrics,{tags},metric_type=disk,device=a,mountpoint=/ disk_usage_percent=12 {time}\n\
                 system_metrics,{tags},metric_type=disk,device=b,mountpoint=/var disk_usage_percent={} {time}\n",
                if host == 9 { 93.0 } else { 40.0 },
            ));
        }
    }
    fixture.write(&lines);
    fixture.write_host("gone", 10.0, 10.0, 3_000);
    fixture.wait_for_host(&format!("host-{hosts}"));
    fixture.wait_for_host("gone");
    Some(fixture)
}

/// Presses a key where the focus is.
fn press(browser: &Browser, key: &str) {
    browser.run(&format!("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true, cancelable: true }}))"));
}

pub(crate) fn map_and_address(browser: &Browser) {
    let Some(fixture) = racks(30) else { return };
    browser.open(&fixture.url("/"));
    browser.wait(
        "a tile a host",
        "document.querySelector('#map canvas')?.dataset.tiles === '31'",
    );
    let first = "return [...document.querySelectorAll('#hosts tr')].slice(0, 3).map((row) => row.dataset.host).join()";
    assert_eq!(
        browser.run(first),
        "gone,host-7,host-9",
        "problems come first"
    );
    assert_eq!(
        browser.run("return document.querySelector('[data-host=host-9] [data-metric=disk_usage_percent]').textContent"),
        "93.0 %",
        "the fullest disk, not the mean"
    );
    browser.picture("overview.png");

    // Fill, groups nested once, filters: the address has them, back takes a step back.
    browser.run("const form = document.getElementById('filters'); for (const [name, value] of [['fill', 'disk_usage_percent'], ['group', 'region'], ['within', 'rack']]) { form.elements[name].value = value; form.elements[name].dispatchEvent(new Event('input', { bubbles: true })); }");
    browser.wait(
        "all of it in the address",
        "location.search === '?fill=disk_usage_percent&group=region&within=rack'",
    );
    browser.picture("overview-groups.png");
    browser.run("history.back()");
    browser.wait("one step back", "document.getElementById('filters').elements.within.value === '' && location.search.endsWith('group=region')");
    browser.open(&fixture.url("/?q=host-1&group=rack&view=map"));
    browser.wait("the same by a link", "document.querySelector('#map canvas')?.dataset.tiles === '11' && document.getElementById('shown').textContent === '11 of 31 hosts'");
    assert_eq!(
        browser.run("return getComputedStyle(document.querySelector('.scroll.table')).display"),
        "none"
    );

    // The keyboard goes from tile to tile and opens one.
    browser.open(&fixture.url("/"));
    browser.wait(
        "the map",
        "document.querySelector('#map canvas')?.dataset.tiles === '31'",
    );
    browser.run("document.querySelector('#map canvas').focus()");
    press(browser, "Home");
    press(browser, "ArrowRight");
    browser.wait(
        "what the tile is",
        "document.querySelector('.map-tip').textContent.startsWith('host-1: online')",
    );
    press(browser, "Enter");
    browser.wait("its page", "location.pathname === '/hosts/host-1'");
    let complaints = browser.complaints();
    assert_eq!(complaints, "");

    for (theme, name) in [
        ("dark", "overview-dark.png"),
        ("light", "overview-light.png"),
    ] {
        browser.open(&fixture.url("/?group=region"));
        browser.run(&format!(
            "document.documentElement.dataset.theme = '{theme}'"
        ));
        browser.wait(
            "the map",
            "document.querySelector('#map canvas')?.dataset.tiles === '31'",
        );
        browser.picture(name);
    }
    // On a wall: the map, and below it only what is wrong.
    browser.resize(1920, 1080);
    browser.open(&fixture.url("/?wall=yes&group=region"));
    browser.wait("what is wrong alone", "document.body.dataset.wall && document.querySelectorAll('#hosts tr:not([hidden])').length === 3 && document.querySelector('h1').textContent === 'Fleet: CPU'");
    browser.picture("overview-wall.png");
    browser.run("dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))");
    browser.wait(
        "the page again",
        "location.search === '?group=region' && !document.body.dataset.wall",
    );
    browser.resize(400, 900);
    browser.open(&fixture.url("/"));
    browser.wait("a narrow map", "document.querySelector('#map canvas')?.dataset.tiles === '31' && document.documentElement.scrollWidth <= innerWidth");
    browser.picture("overview-phone.png");
    browser.resize(1300, 1000);
}

pub(crate) fn one_field_finds_everything(browser: &Browser) {
    let Some(fixture) = racks(12) else { return };
    let type_ = |text: &str| {
        browser.run(&format!("const field = document.querySelector('.finder input'); field.value = '{text}'; field.dispatchEvent(new Event('input')); field.focus()"));
    };
    browser.open(&fixture.url("/"));
    browser.wait(
        "live",
        "document.getElementById('live').dataset.state === 'on'",
    );
    let open = "window.dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true, cancelable: true }))";
    browser.run("document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true, bubbles: true, cancelable: true }))");
    browser.wait(
        "what there is",
        "document.querySelectorAll('.finder li').length > 10",
    );
    type_("host-1");
    browser.wait("in natural order", "[...document.querySelectorAll('.finder li b')].map((name) => name.textContent).join() === 'host-1,host-10,host-11,host-12'");
    browser.picture("find.png");
    type_("rack-2 host");
    browser.wait(
        "by what its tags say",
        "document.querySelectorAll('.finder [data-kind=host]').length === 4",
    );
    type_("nonsense at all");
    browser.wait(
        "nothing",
        "document.querySelector('.finder p').textContent.startsWith('Nothing')",
    );
    type_("disk_usage");
    browser.wait(
        "a metric",
        "document.querySelector('.finder li')?.dataset.kind === 'metric'",
    );
    press(browser, "Enter");
    browser.wait("its page", "location.pathname === '/compare' && document.querySelector('h1')?.textContent === 'disk_usage_percent'");
    browser.wait(
        "the page is ready",
        "document.getElementById('live').dataset.state === 'on'",
    );
    browser.run(open.replace("window.", "document.body.").as_str());
    assert_eq!(browser.complaints(), "");
}

pub(crate) fn one_metric_over_all_hosts(browser: &Browser) {
    let Some(fixture) = racks(30) else { return };
    browser.open(&fixture.url("/compare?metric=cpu_usage_percent&pick=top&count=5&range=5m"));
    browser.wait("the highest first", "document.querySelectorAll('.legend button').length === 5 && document.querySelector('#figures tbody th')?.textContent === 'host-7'");
    browser.picture("metric-top.png");
    browser.open(&fixture.url("/compare?metric=cpu_usage_percent&pick=all&view=heat&range=5m"));
    browser.wait(
        "a row a host",
        "document.querySelector('.heat canvas').dataset.rows === '30'",
    );
    browser.picture("metric-heat.png");
    browser.open(&fixture.url("/compare?metric=cpu_usage_percent&pick=all&group=rack&range=5m"));
    browser.wait("a line a group", "[...document.querySelectorAll('.legend button')].map((line) => line.textContent.replace(/[\\d.]+ %$/, '')).join() === 'rack-0 (10),rack-1 (10),rack-2 (10)'");
    browser.open(&fixture.url("/compare?metric=cpu_usage_percent&hosts=host-1&shift=1d&range=5m"));
    browser.wait(
        "the host and no day before",
        "document.querySelectorAll('.legend button').length === 1",
    );
    browser.run("const search = document.querySelector('.picker [type=search]'); search.value = 'rack-1'; search.dispatchEvent(new Event('input', { bubbles: true }))");
    browser.wait(
        "hosts by their tags",
        "document.querySelectorAll('.picker li:not([hidden])').length === 10",
    );
    assert_eq!(browser.complaints(), "");
}

/// How old the newest copy of the server is: not a word of it where none is made.
#[test]
fn the_overview_says_how_old_the_newest_copy_is() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    fixture.write_host("alpha", 10.0, 10.0, 1);
    fixture.wait_for_host("alpha");
    assert!(!fixture.get("/").body.contains("newest copy"));
    for (age, said) in [
        (0, "the newest copy of the server was "),
        (4_000, "66 min old: copies do not reach their place."),
    ] {
        fixture.write(&format!(
            "watchpost_archive,host=server copy_age_seconds={age} {}\n",
            now()
        ));
        fixture.wait_for(said, "/", |answer| answer.body.contains(said));
    }
}
