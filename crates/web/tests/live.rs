//! Live values as server-sent events, as scripts read them.

use crate::fixture::Fixture;

#[test]
fn followers_are_told_and_counted() {
    let Some(fixture) = Fixture::start_with(|config, _| config.live.max_followers = 1) else {
        return;
    };
    fixture.write_host("web-1", 20.0, 40.0, 1);
    fixture.wait_for_host("web-1");
    let follow = || async {
        let answer = fixture.http.get(fixture.url("/api/v1/live")).send().await;
        answer.unwrap()
    };
    let mut first = fixture.block_on(follow());
    assert_eq!(first.headers()["content-type"], "text/event-stream");
    let second = fixture.get("/api/v1/live");
    assert_eq!(
        (second.status, second.json()["error"]["code"].clone()),
        (503, "too_many_followers".into())
    );
    fixture.write_host("web-1", 77.5, 40.0, 0);
    let heard = fixture.block_on(async {
        let mut heard = String::new();
        while !heard.contains("77.5") {
            let piece = first.chunk().await.unwrap().expect("the stream goes on");
            heard.push_str(&String::from_utf8_lossy(&piece));
        }
        heard
    });
    assert!(
        heard.starts_with("event: status\n"),
        "the database's state comes first: {heard}"
    );
    assert!(heard.contains("event: update\n"), "{heard}");
    drop(first);
    watchpost_testkit::wait::until("the place is free again", || {
        (fixture.block_on(follow()).status() == 200).then_some(())
    });
    let unknown = fixture.get("/api/v1/live?hots=web-1");
    assert_eq!(unknown.json()["error"]["field"], "hots");
}

#[test]
fn a_host_whose_points_are_removed_leaves_the_fleet() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    for host in ["web-1", "web-2"] {
        fixture.write_host(host, 20.0, 40.0, 1);
        fixture.wait_for_host(host);
    }
    fixture.delete_host("web-2");
    fixture.wait_for("only web-1", "/api/v1/hosts", |answer| {
        let hosts = answer.json()["hosts"].clone();
        hosts.as_array().is_some_and(|hosts| hosts.len() == 1) && hosts[0]["host"] == "web-1"
    });
}
