//! Boards: by the API, with mistakes, and as a person pins, arranges and shares them.

use serde_json::json;
use watchpost_testkit::Browser;

use crate::fixture::Fixture;

#[test]
fn boards_are_kept_read_and_removed() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    let post = |name: &str, body: serde_json::Value| {
        fixture.send(
            fixture
                .http
                .post(fixture.url(&format!("/api/v1/boards/{name}")))
                .json(&body),
        )
    };
    assert_eq!(fixture.get("/api/v1/boards").json()["boards"], json!([]));
    assert_eq!(fixture.get("/boards").status, 200);
    let panel =
        json!({ "title": "<b>CPU</b>", "metrics": ["cpu_usage_percent"], "hosts": ["web-1"] });
    let kept = post("my%20wall", json!({ "panels": [panel] }));
    assert_eq!(kept.status, 200, "{}", kept.body);
    let board = fixture.wait_for("the board", "/api/v1/boards/my%20wall", |answer| {
        answer.status == 200
    });
    assert_eq!(board.json()["panels"][0]["title"], "<b>CPU</b>");
    assert_eq!(board.json()["range"], "1h");
    let page = fixture.get("/boards/my%20wall");
    assert!(
        page.status == 200 && !page.body.contains("<b>CPU"),
        "{}",
        page.body
    );
    let mistakes = [
        (
            json!({ "panels": [{ "metrics": ["cpu_usage_percnt"], "hosts": ["a"] }] }),
            "panels[0].metrics",
        ),
        (
            json!({ "panels": [{ "metrics": ["cpu_usage_percent"], "hosts": [] }] }),
            "panels[0].hosts",
        ),
        (
            json!({ "panels": [{ "metrics": ["cpu_usage_percent"], "hosts": ["a,b"] }] }),
            "panels[0].hosts",
        ),
        (json!({ "panels": [], "range": "soon" }), "range"),
        (json!({ "panels": [], "colour": "red" }), "colour"),
        (json!({}), "panels"),
    ];
    for (body, field) in mistakes {
        let refused = post("wrong", body);
        assert_eq!(
            (refused.status, &refused.json()["error"]["field"]),
            (400, &field.into()),
            "{}",
            refused.body
        );
    }
    assert_eq!(fixture.get("/boards/nothing").status, 404);
    let removed = fixture.send(fixture.http.delete(fixture.url("/api/v1/boards/my%20wall")));
    assert_eq!(removed.status, 200, "{}", removed.body);
    fixture.wait_for("its end", "/api/v1/boards", |answer| {
        answer.json()["boards"] == json!([])
    });
}

pub(crate) fn pin_arrange_and_share(browser: &Browser) {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    for ago in (5..300).step_by(5) {
        fixture.write_host("web-1", 20.0 + (ago % 40) as f64, 40.0, ago);
    }
    fixture.wait_for_host("web-1");
    for panel in ["cpu", "memory"] {
        browser.open(&fixture.url("/hosts/web-1?range=5m"));
        browser.wait(
            "a chart",
            &format!("document.querySelector('[data-panel={panel}] .plot')?.dataset.drawn"),
        );
        browser.run(&format!("[...document.querySelectorAll('[data-panel={panel}] figcaption button')].find((button) => button.textContent === 'Pin').click()"));
        browser.wait(
            "the question",
            "document.querySelector('dialog[open] [name=board]')",
        );
        browser.run("document.querySelector('dialog[open] [name=board]').value = 'on call'; document.querySelector('dialog[open] [value=save]').click()");
        browser.wait("the link to it", &format!("document.querySelector('[data-panel={panel}] figcaption a[href$=\"boards/on%20call\"]')"));
    }
    browser.open(&fixture.url("/boards/on%20call"));
    let titles = "[...document.querySelectorAll('figure.panel figcaption span')].map((title) => title.textContent).join()";
    browser.wait("both charts", &format!("{titles} === 'CPU of web-1,Memory and swap of web-1' && [...document.querySelectorAll('.plot')].every((plot) => plot.dataset.drawn)"));
    browser.picture("board.png");
    browser.run("document.querySelector('[data-move=\"1\"]').click()");
    browser.wait(
        "the other order",
        &format!("{titles} === 'Memory and swap of web-1,CPU of web-1'"),
    );
    browser.open(&fixture.url("/boards/on%20call?wall=yes"));
    browser.wait(
        "the wall",
        "document.body.dataset.wall && document.querySelector('.plot')?.dataset.drawn",
    );
    browser.picture("board-wall.png");
    browser.open(&fixture.url("/boards"));
    browser.wait(
        "the list",
        "document.querySelector('#boards tbody th')?.textContent === 'on call'",
    );
    assert_eq!(browser.complaints(), "");
}
