//! Pages without a browser: readable as they are, escaped, with their headers.

use crate::fixture::Fixture;

#[test]
fn pages_are_tables_without_scripts_and_escape_names() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    let empty = fixture.wait_for("an empty fleet", "/", |answer| answer.status == 200);
    assert!(empty.body.contains("No host has written anything yet"));
    fixture.write_host("<script>alert(1)</script>", 97.0, 40.0, 1);
    fixture.write(&format!(
        "system_metrics,host=<script>alert(1)</script>,metric_type=process,process=postgres process_cpu_percent=12.5,process_memory_bytes=1073741824i,process_pid=4711i {}\n",
        crate::fixture::now() - 1_000_000_000
    ));
    fixture.wait_for_host("<script>alert(1)</script>");
    let fleet = fixture.get("/");
    assert!(!fleet.body.contains("<script>alert(1)"), "{}", fleet.body);
    assert!(fleet.body.contains("97.0 %"));
    let policy = fleet.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("script-src 'self'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(
        !fleet.body.contains("style=\"") && !fleet.body.contains("onclick"),
        "nothing inline"
    );
    let path = "/hosts/%3Cscript%3Ealert%281%29%3C%2Fscript%3E";
    let host = fixture.get(path);
    assert_eq!(host.status, 200);
    assert!(!host.body.contains("<script>alert(1)"));
    assert!(
        host.body.contains("memory_usage_percent"),
        "the newest values stand in a table"
    );
    let process = host.body.split("postgres").nth(1).unwrap();
    let cells = ["4711", "12.5 %", "1 GiB"].map(|cell| process.find(&format!(">{cell}<")));
    assert!(
        cells.is_sorted() && cells[0].is_some(),
        "a process with its figures: {process}"
    );
    for path in [
        "/compare",
        "/history",
        "/alerts",
        "/compare?view=multiples&metric=memory_usage_percent",
    ] {
        let page = fixture.get(path);
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        assert!(!page.body.contains("<script>alert(1)"), "{path}");
    }
    assert_eq!(fixture.get("/hosts/nobody").status, 404);
    assert_eq!(fixture.get("/compare?metric=nonsense").status, 400);
    let error = fixture.get("/api/v1/hosts/%ff");
    assert_eq!(
        (error.status, &error.json()["error"]["field"]),
        (400, &"path".into())
    );
}

/// A first look shows what there is: a host of one's own beside a simulated fleet, and hours while
/// there is no day.
#[test]
fn first_views_show_what_there_is() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    for number in 0..9 {
        fixture.write_host(&format!("a-{number}"), 20.0, 40.0, 1);
    }
    let now = crate::fixture::now();
    for ago in 1..30 {
        let time = now - ago * 60_000_000_000;
        fixture.write(&format!(
            "system_metrics,host=own-laptop,metric_type=cpu cpu_usage_percent=20 {time}\n"
        ));
    }
    fixture.wait_for_host("own-laptop");
    fixture.wait_for_host("a-8");
    let compare = fixture.get("/compare").body;
    assert!(compare.contains(">own-laptop</a>"), "{compare}");
    let history = fixture.get("/history").body;
    assert!(history.contains("own-laptop"), "{history}");
    let rows = history.matches("<th scope=\"row\">").count();
    assert!(rows > 10, "{rows} rows: {history}");
    let days = fixture.get("/history?range=30d").body;
    assert!(
        days.contains("data-range=\"30d\""),
        "what is asked for is shown"
    );
}

#[test]
fn assets_are_known_by_their_bytes() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    let asset = fixture.get("/assets/chart.js");
    assert_eq!(
        asset.headers["content-type"],
        "text/javascript; charset=utf-8"
    );
    let tag = asset.headers["etag"].clone();
    let again = fixture.send(
        fixture
            .http
            .get(fixture.url("/assets/chart.js"))
            .header("if-none-match", tag),
    );
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(fixture.get("/assets/../Cargo.toml").status, 404);
}
