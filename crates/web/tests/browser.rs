//! The pages in a real browser: live without reload, zoom, compare, notes, sign-in, a database that
//! goes and comes back, names that look like markup.

use std::time::Instant;

use watchpost_testkit::{Browser, Server};

use crate::fixture::{Fixture, write_secret};

/// A name, and what is done.
type Scene = (&'static str, fn(&Browser));

/// One browser for all: its start costs more than any of them.
#[test]
fn pages_in_a_browser() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let scenes: [Scene; 14] = [
        (
            "live and zoom",
            a_point_appears_without_reload_and_charts_zoom,
        ),
        (
            "keys, themes, narrow screens, saving",
            every_way_to_use_a_chart,
        ),
        ("pages", hosts_side_by_side_and_other_pages),
        (
            "database away",
            a_page_tells_that_the_database_is_away_and_recovers,
        ),
        ("sign-in", somebody_signs_in_and_out),
        ("alerts", crate::alerting::by_hand),
        ("overview", crate::overview::map_and_address),
        ("find", crate::overview::one_field_finds_everything),
        (
            "one metric over all hosts",
            crate::overview::one_metric_over_all_hosts,
        ),
        ("incident", crate::incident::from_the_link_of_a_message),
        ("boards", crate::boards::pin_arrange_and_share),
        ("accessibility", crate::scripts::axe_finds_nothing),
        ("below a prefix", crate::prefix::by_hand),
        ("a thousand hosts", a_thousand_hosts_stay_usable),
    ];
    for (name, scene) in scenes {
        eprintln!("scene: {name}");
        scene(&browser);
        browser.run("try { localStorage.clear() } catch { /* a skipped scene opened no page */ }");
        // What the page misses of a server that has ended is no complaint of the next.
        browser.open("about:blank");
        browser.complaints();
    }
}

const CHART: &str = "document.querySelector('[data-panel=cpu] .plot')";

fn a_point_appears_without_reload_and_charts_zoom(browser: &Browser) {
    let Some(fixture) = Fixture::start() else {
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
    let written = Instant::now();
    fixture.write_host("web-1", 77.0, 40.0, 0);
    browser.wait("the live value", "document.querySelector('[data-host=web-1] [data-metric=cpu_usage_percent]').textContent === '77.0 %'");
    eprintln!("from the write to the pixel: {:?}", written.elapsed());
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
        "document.querySelector('[data-panel=cpu-cores] .legend').innerText.startsWith('core 0')",
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

fn hosts_side_by_side_and_other_pages(browser: &Browser) {
    let Some(fixture) = Fixture::start() else {
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
    browser.wait(
        "one axis of values for both",
        "new Set(Object.values(Chart.instances).map((chart) => chart.scales.y.max)).size === 1",
    );
    browser.run("const field = document.querySelector('[name=hosts]'); field.value = 'web-1,w'; field.dispatchEvent(new Event('input'))");
    browser.wait(
        "the other host is suggested",
        "document.querySelector('#known option').value === 'web-1,web-2'",
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

fn a_page_tells_that_the_database_is_away_and_recovers(browser: &Browser) {
    let Some(mut fixture) = Fixture::start() else {
        return;
    };
    if !fixture.server.is_embedded() {
        return watchpost_testkit::skip("only the engine can be stopped by a test");
    }
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
    browser.wait(
        "how long",
        "/The database has not answered for [1-9]\\d* s/.test(document.getElementById('banner').innerText)",
    );
    browser.wait("the row loses its green", "document.querySelector('[data-host=web-1]').dataset.state === 'unknown' && document.getElementById('count-unknown').textContent === '1'");
    browser.picture("down.png");
    fixture.server.start_again();
    browser.wait(
        "recovery",
        "document.getElementById('banner').hidden && window.kept",
    );
    fixture.write_host("web-1", 20.0, 40.0, 0);
    browser.wait(
        "its green again",
        "document.querySelector('[data-host=web-1]').dataset.state === 'online'",
    );
}

fn somebody_signs_in_and_out(browser: &Browser) {
    let hash = watchpost_web::sign_in::users::hash_password("correct horse").unwrap();
    let users =
        format!("[[users]]\nname = \"ada\"\nrole = \"viewer\"\npassword_hash = \"{hash}\"\n");
    let started = Fixture::start_with(|config, folder| {
        config.http.users_file = Some(write_secret(folder, "users.toml", &users));
    });
    let Some(fixture) = started else { return };
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

/// Keys, dark and light, a narrow screen, nothing that moves, and what can be saved.
fn every_way_to_use_a_chart(browser: &Browser) {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    for ago in (5..300).step_by(5) {
        fixture.write_host("web-1", 20.0 + (ago % 40) as f64, 40.0, ago);
    }
    fixture.wait_for_host("web-1");
    browser.open(&fixture.url("/hosts/web-1?range=5m"));
    browser.wait(
        "a drawn chart",
        &format!("{CHART}?.dataset.drawn && {CHART}.querySelector('.message').textContent === ''"),
    );
    let moved = "let moved = 0; new PerformanceObserver((list) => { for (const shift of list.getEntries()) if (!shift.hadRecentInput) moved += shift.value; window.moved = moved; }).observe({ type: 'layout-shift', buffered: true }); window.moved = 0;";
    browser.run(moved);
    fixture.write_host("web-1", 55.0, 40.0, 0);
    browser.wait("a live tile", "document.querySelector('.tile dd[data-metric=cpu_usage_percent]').textContent === '55.0 %'");
    browser.wait("nothing moves", "window.moved < 0.1");

    let key = |key: &str| {
        browser.run(&format!("document.querySelector('[data-panel=cpu]').focus(); document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true }}))"));
    };
    browser.run("document.getElementById('follow').click()");
    for _ in 0..20 {
        key("ArrowLeft");
    }
    browser.wait(
        "the processes at the cursor",
        "document.getElementById('processes-at').textContent.startsWith('at ')",
    );
    browser.wait(
        "the value at the cursor in another chart",
        "/%/.test(document.querySelector('[data-panel=memory] .legend b').textContent)",
    );
    key("+");
    browser.wait(
        "a zoomed range",
        "new URL(location).searchParams.has('start')",
    );
    key("Escape");

    browser.run("document.getElementById('theme').click()");
    browser.wait("dark", "document.documentElement.dataset.theme === 'dark' && getComputedStyle(document.body).backgroundColor === 'rgb(20, 23, 28)'");
    browser.picture("host-dark.png");
    browser.open(&fixture.url("/"));
    browser.wait(
        "dark on the next page",
        "document.documentElement.dataset.theme === 'dark'",
    );
    browser.run("document.getElementById('theme').click()");
    browser.wait(
        "light",
        "getComputedStyle(document.body).backgroundColor === 'rgb(255, 255, 255)'",
    );

    browser.resize(400, 900);
    for path in [
        "/",
        "/hosts/web-1",
        "/compare?hosts=web-1",
        "/history?host=web-1",
        "/alerts",
    ] {
        browser.open(&fixture.url(path));
        browser.wait("a narrow page", &format!("document.getElementById('live').dataset.state === 'on' && document.documentElement.scrollWidth <= innerWidth || console.log('{path}', document.documentElement.scrollWidth)"));
        browser.picture(&format!(
            "narrow{}.png",
            path.split('?').next().unwrap_or_default().replace('/', "-")
        ));
    }
    browser.resize(1300, 1000);

    browser.open(&fixture.url("/hosts/web-1?range=5m"));
    browser.wait("a drawn chart", &format!("{CHART}?.dataset.drawn && document.querySelector('[data-panel=cpu] a').href.includes('format=csv')"));
    // The picture would go to a file: it is caught on the way, its first bytes are those of a PNG.
    browser.run("HTMLAnchorElement.prototype.click = function () { window.name_ = this.download; }; URL.createObjectURL = (blob) => { blob.arrayBuffer().then((bytes) => { window.saved = [window.name_, ...new Uint8Array(bytes.slice(1, 4))].join(' '); }); return location.href; }; document.querySelector('[data-panel=cpu] figcaption button').click()");
    browser.wait("the picture", "window.saved === 'cpu.png 80 78 71'");
    let csv = browser.run("return fetch(document.querySelector('[data-panel=cpu] a').href).then((answer) => answer.text())");
    assert!(
        csv.as_str()
            .is_some_and(|csv| csv.starts_with("time,host,metric,cpu,value")),
        "{csv}"
    );
    browser.run("document.documentElement.removeAttribute('data-theme')");
}

/// A thousand rows that change every second: sorted, filtered, and no long tasks.
fn a_thousand_hosts_stay_usable(browser: &Browser) {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    let write = |cpu: usize| {
        let time = crate::fixture::now();
        let line = |host: usize| {
            let cpu = (cpu + host) % 90;
            format!(
                "system_metrics,host=host-{host},metric_type=cpu,region=r{} cpu_usage_percent={cpu},cpu_load_1m=0.5 {time}\n",
                host % 3
            )
        };
        fixture.write(&(1..=1_000).map(line).collect::<String>());
    };
    write(0);
    fixture.wait_for_host("host-1000");
    browser.open(&fixture.url("/"));
    browser.wait("all of them", "document.querySelectorAll('#hosts tr').length === 1000 && document.body.dataset.updates > 0");
    browser.run("window.longest = 0; new PerformanceObserver((list) => { for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration); }).observe({ type: 'longtask' })");
    for round in 1..=3 {
        let updates = browser.run("return Number(document.body.dataset.updates)");
        write(round * 7);
        browser.wait(
            "an update",
            &format!("document.body.dataset.updates > {updates}"),
        );
    }
    browser.run("document.querySelector('th[data-column=cpu]').click()");
    browser.wait("the busiest first", "document.querySelector('#hosts tr [data-metric=cpu_usage_percent]').textContent === '89.0 %'");
    browser.run("document.querySelector('[name=q]').value = 'host-99'; document.getElementById('filters').dispatchEvent(new Event('input'))");
    browser.wait(
        "a filter",
        "document.getElementById('shown').textContent === '11 of 1000 hosts'",
    );
    eprintln!(
        "longest task with 1,000 hosts: {} ms",
        browser.run("return window.longest")
    );
}
