//! The life of a platform on a real server: made, changed by others, put right, rotated, removed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use rustix::process::Signal;
use watchpost_client::TokenSource;
use watchpost_client::management::{NewLabel, NewTask, Status};
use watchpost_client::write::{Outcome, Precision};

use crate::old_server::OldServer;
use crate::site::{Site, block_on, ran};

#[test]
fn an_apply_makes_everything_and_a_second_changes_nothing() {
    let Some(site) = Site::new() else { return };
    site.desire_shipped();
    let plan = site.run(&["plan"]);
    assert_eq!(plan.code, 2, "{}", plan.text);
    let apply = site.run(&["apply", "--yes"]);
    assert_eq!(apply.code, 0, "{}", apply.text);
    assert!(
        apply.text.contains("+ bucket system_metrics_1h ... done"),
        "{}",
        apply.text
    );
    let again = site.run(&["apply", "--yes"]);
    assert_eq!(again.code, 0, "{}", again.text);
    assert!(again.text.contains("Nothing to do"), "{}", again.text);
    assert_eq!(site.run(&["plan"]).code, 0);
    assert_eq!(site.run(&["drift"]).code, 0);
    let mode = fs::metadata(site.path("secrets/agent.token"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    // What an agent may do, and what it may not.
    let agent = site.client_with(TokenSource::file(site.path("secrets/agent.token")));
    let write = |bucket| block_on(agent.write(bucket, Precision::Nanoseconds, b"m f=1"));
    assert_eq!(write("system_metrics_raw"), Outcome::Done);
    assert!(matches!(write("alerts_history"), Outcome::Refused { .. }));
}

#[test]
fn what_others_changed_is_told_and_put_right() {
    let Some(site) = Site::new() else { return };
    site.desire_shipped();
    assert_eq!(site.run(&["apply", "--yes"]).code, 0);
    site.change_retention("system_metrics_1h", 0);
    site.pause("downsample_daily");
    fs::remove_file(site.path("secrets/grafana.token")).unwrap();
    let drift = site.run(&["drift"]);
    assert_eq!(drift.code, 2, "{}", drift.text);
    for expected in [
        "~ bucket system_metrics_1h",
        "status: paused -> active",
        "± token grafana",
    ] {
        assert!(drift.text.contains(expected), "{expected}: {}", drift.text);
    }
    assert_eq!(site.run(&["apply", "--yes"]).code, 0);
    let after = site.run(&["plan"]);
    assert_eq!(after.code, 0, "{}", after.text);
}

#[test]
fn of_two_at_a_time_one_wins_and_the_other_says_so() {
    let Some(site) = Site::new() else { return };
    site.desire("[[buckets]]\nname = \"one\"\n");
    // What the other run has made on the server: its lock.
    let client = site.client();
    let org = block_on(client.find_org(&site.server.org))
        .unwrap()
        .unwrap();
    let hour = 3_600_000_000_000;
    let properties = [
        ("holder", "process 1 on another machine".to_owned()),
        ("since", watchpost_core::time::format_rfc3339(now())),
        ("until", watchpost_core::time::format_rfc3339(now() + hour)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let lock = NewLabel {
        org_id: org.id,
        name: "watchpost lock".into(),
        properties,
    };
    let lock = block_on(client.create_label(&lock)).unwrap();
    let refused = site.run(&["apply", "--yes"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.text.contains("another run holds this server")
            && refused.text.contains("process 1 on another machine"),
        "{}",
        refused.text
    );
    block_on(client.delete_label(&lock.id)).unwrap();
    assert_eq!(site.run(&["apply", "--yes"]).code, 0);
}

#[test]
fn a_run_that_was_killed_or_interrupted_does_not_keep_the_next_out() {
    let Some(site) = Site::new() else { return };
    site.desire_shipped();
    assert_eq!(site.run(&["apply", "--yes"]).code, 0);
    // A rotation that waits holds the lock.
    for signal in [Signal::KILL, Signal::TERM] {
        let mut rotation = site.command(&["rotate", "web", "--wait", "1h"]);
        let mut rotation = rotation.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(rotation.stdout.take().unwrap());
        lines.read_line(&mut line).unwrap();
        assert!(line.contains("the new secret is in its file"), "{line}");
        let refused = site.run(&["apply", "--yes"]);
        assert!(
            refused.text.contains("another run holds"),
            "{}",
            refused.text
        );
        let id = rustix::process::Pid::from_child(&rotation);
        rustix::process::kill_process(id, signal).unwrap();
        let status = rotation.wait().unwrap();
        assert_eq!(
            status.code(),
            (signal == Signal::TERM).then_some(130),
            "{status}"
        );
        // It finishes what is left to do: of the two tokens, the one whose secret is lost goes.
        let next = site.run(&["apply", "--yes"]);
        assert_eq!(next.code, 0, "{}", next.text);
        assert!(next.text.contains("- token web"), "{}", next.text);
        assert_eq!(site.run(&["plan"]).code, 0);
    }
}

#[test]
fn names_that_changed_and_resources_that_went_are_followed() {
    let Some(site) = Site::new() else { return };
    site.desire(FIRST);
    fs::write(
        site.path("t.flux"),
        "from(bucket: \"a\") |> range(start: -1h)\n",
    )
    .unwrap();
    let first = site.run(&["apply", "--yes"]);
    assert_eq!(first.code, 0, "{}", first.text);
    site.write("a", "m f=1");
    // Names change in the file; the label, a task and a token of it are gone.
    site.desire(SECOND);
    let second = site.run(&["apply", "--yes"]);
    assert_eq!(second.code, 0, "{}", second.text);
    for expected in [
        "name: a -> b",
        "name: t -> u",
        "- label team",
        "- task v",
        "- token old",
        "- dbrp site/old",
    ] {
        assert!(
            second.text.contains(expected),
            "{expected}: {}",
            second.text
        );
    }
    assert!(!second.text.contains("token reader"), "{}", second.text);
    let read = site.client_with(TokenSource::file(site.path("secrets/r.token")));
    let query = "from(bucket: \"b\") |> range(start: -1h)";
    let tables = block_on(read.query(&watchpost_client::query::Query::new(query))).unwrap();
    assert_eq!(tables.len(), 1, "the data came along");
    // Somebody deletes by hand: it is made again.
    let tasks = block_on(site.client().tasks()).unwrap();
    let task = tasks.iter().find(|it| it.name == "u").unwrap();
    block_on(site.client().delete_task(&task.id)).unwrap();
    assert_eq!(site.run(&["plan"]).code, 2);
    assert_eq!(site.run(&["apply", "--yes"]).code, 0);
    assert_eq!(site.run(&["plan"]).code, 0);
    let destroyed = site.run(&["destroy", "--yes", "--with-data"]);
    assert_eq!(destroyed.code, 0, "{}", destroyed.text);
    let tasks = block_on(site.client().tasks()).unwrap();
    assert!(!tasks.iter().any(|it| it.name == "u"));
}

const FIRST: &str = "
labels = [{ name = \"team\", properties = { color = \"#112233\" } }]
buckets = [{ name = \"a\" }]
tasks = [
  { name = \"t\", file = \"t.flux\", every = \"1h\" },
  { name = \"v\", file = \"t.flux\", every = \"1h\" },
]
tokens = [
  { name = \"reader\", permissions = [\"read:buckets/a\"], file = \"r.token\" },
  { name = \"old\", permissions = [\"read:buckets/a\"], file = \"o.token\" },
]
dbrps = [
  { database = \"site\", retention_policy = \"a\", bucket = \"a\", default = true },
  { database = \"site\", retention_policy = \"old\", bucket = \"a\" },
]
";

const SECOND: &str = "
buckets = [{ name = \"b\", renamed_from = \"a\" }]
tasks = [{ name = \"u\", renamed_from = \"t\", file = \"t.flux\", every = \"1h\" }]
tokens = [{ name = \"reader\", permissions = [\"read:buckets/b\"], file = \"r.token\" }]
dbrps = [{ database = \"site\", retention_policy = \"a\", bucket = \"b\", default = true }]
";

#[test]
fn a_rotation_refuses_no_write() {
    let Some(site) = Site::new() else { return };
    site.desire_shipped();
    assert_eq!(site.run(&["apply", "--yes"]).code, 0);
    let file = site.path("secrets/agent.token");
    let before = fs::read_to_string(&file).unwrap();
    let mut rotation = site.command(&["rotate", "agent", "--wait", "1s"]);
    let mut rotation = rotation
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Somebody who reads the file as an agent does writes all the while.
    let agent = site.client_with(TokenSource::file(&file));
    let mut writes = 0;
    while rotation.try_wait().unwrap().is_none() || writes < 10 {
        let outcome = block_on(agent.write("system_metrics_raw", Precision::Nanoseconds, b"m f=1"));
        assert_eq!(outcome, Outcome::Done, "write {writes}");
        writes += 1;
    }
    let rotation = ran(&rotation.wait_with_output().unwrap());
    assert_eq!(rotation.code, 0, "{}", rotation.text);
    assert_ne!(fs::read_to_string(&file).unwrap(), before);
    let old = site.client_with(TokenSource::fixed(before.trim()));
    let refused = block_on(old.write("system_metrics_raw", Precision::Nanoseconds, b"m f=1"));
    assert!(
        matches!(refused, Outcome::Refused { status: 401, .. }),
        "{refused:?}"
    );
    assert_eq!(site.run(&["plan"]).code, 0);
}

#[test]
fn destroy_removes_what_is_ours_and_no_data_unasked() {
    let Some(site) = Site::new() else { return };
    site.desire("[[buckets]]\nname = \"full\"\n[[buckets]]\nname = \"empty\"\n");
    assert_eq!(site.run(&["apply", "--yes"]).code, 0);
    site.write("full", "m f=1");
    let kept = site.run(&["destroy", "--yes"]);
    assert_eq!(kept.code, 0, "{}", kept.text);
    assert!(
        kept.text.contains("bucket full: holds data and stays"),
        "{}",
        kept.text
    );
    let find = |name: &str| block_on(site.client().find_bucket(name)).unwrap();
    assert!(
        find("empty").is_none() && find("full").is_some() && find(&site.server.bucket).is_some()
    );
    assert_eq!(site.run(&["destroy", "--yes", "--with-data"]).code, 0);
    assert!(find("full").is_none() && find(&site.server.bucket).is_some());
}

#[test]
fn an_export_is_a_desired_state_that_is_fulfilled() {
    let Some(site) = Site::new() else { return };
    site.desire_shipped();
    assert_eq!(site.run(&["apply", "--yes"]).code, 0);
    let folder = site.path("export");
    let export = site.run(&["export", folder.to_str().unwrap(), "--managed"]);
    assert_eq!(export.code, 0, "{}", export.text);
    let text = fs::read_to_string(folder.join("platform.toml")).unwrap();
    fs::create_dir_all(site.path("tasks")).unwrap();
    for file in fs::read_dir(folder.join("tasks")).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), site.path("tasks").join(file.file_name())).unwrap();
    }
    fs::write(site.path("platform.toml"), text).unwrap();
    let plan = site.run(&["plan"]);
    assert_eq!(plan.code, 0, "{}", plan.text);
}

#[test]
fn an_export_names_the_tasks_that_it_leaves_out() {
    let Some(site) = Site::new() else { return };
    site.desire("[[buckets]]\nname = \"one\"\n");
    let org = block_on(site.client().find_org(&site.server.org)).unwrap();
    let task = NewTask {
        org_id: org.unwrap().id,
        flux: "option task = {name: \"nightly\", cron: \"0 3 * * *\"}\n\n\
               from(bucket: \"one\") |> range(start: -1h)"
            .into(),
        description: None,
        status: Status::Inactive,
    };
    assert_eq!(site.run(&["apply", "--yes"]).code, 0);
    block_on(site.client().create_task(&task)).unwrap();
    let export = site.run(&["export", site.path("export").to_str().unwrap()]);
    assert_eq!(export.code, 0, "{}", export.text);
    let said = "the task \"nightly\" is left out: it has no `every`";
    assert!(export.text.contains(said), "{}", export.text);
}

#[test]
fn a_server_that_is_down_is_a_clear_error() {
    let Some(site) = Site::new() else { return };
    site.desire("[[buckets]]\nname = \"one\"\n");
    let output = site
        .command(&["plan"])
        .env("INFLUX_URL", "http://127.0.0.1:1")
        .output()
        .unwrap();
    let refused = ran(&output);
    assert_eq!(refused.code, 1);
    assert!(
        refused.text.contains("looking for the organization"),
        "{}",
        refused.text
    );
    assert!(refused.text.contains("127.0.0.1:1"), "{}", refused.text);
}

/// The lock must be young to hold; only this test needs the present.
fn now() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}

#[test]
fn a_run_that_failed_half_way_is_finished_by_the_next() {
    let Some(site) = Site::new() else { return };
    site.desire_shipped();
    // A file where the folder of secrets should be: buckets and tasks are made, tokens cannot be.
    fs::write(site.path("secrets"), "in the way").unwrap();
    let failed = site.run(&["apply", "--yes"]);
    assert_eq!(failed.code, 1, "{}", failed.text);
    assert!(
        failed.text.contains("+ task downsample_hourly ... done"),
        "{}",
        failed.text
    );
    assert!(
        failed.text.contains("cannot write the secret"),
        "{}",
        failed.text
    );
    fs::remove_file(site.path("secrets")).unwrap();
    let rest = site.run(&["apply", "--yes"]);
    assert_eq!(rest.code, 0, "{}", rest.text);
    assert!(
        rest.text.contains("7 to create, 0 to change"),
        "{}",
        rest.text
    );
    assert_eq!(site.run(&["plan"]).code, 0);
}

#[test]
fn an_import_marks_what_is_there_and_changes_nothing_else() {
    let Some(site) = Site::new() else { return };
    let bucket = &site.server.bucket;
    site.desire(&format!(
        "[[buckets]]\nname = \"{bucket}\"\nretention = \"90d\"\n[[buckets]]\nname = \"new\"\n"
    ));
    let before = site.run(&["plan"]).text;
    assert!(
        before.contains("managed: no -> yes") && before.contains("retention:"),
        "{before}"
    );
    let import = site.run(&["import"]);
    assert_eq!(import.code, 0, "{}", import.text);
    let after = site.run(&["plan"]).text;
    assert!(
        !after.contains("managed: no -> yes") && after.contains("retention:"),
        "{after}"
    );
    assert!(after.contains("+ bucket new"), "{after}");
}

#[test]
fn a_server_that_is_too_old_is_told_by_its_name() {
    let Some(site) = Site::new() else { return };
    site.desire("[[buckets]]\nname = \"one\"\n");
    // InfluxDB 1.8 knows /health, but none of the management paths.
    let old = OldServer::start();
    let output = site
        .command(&["apply", "--yes"])
        .env("INFLUX_URL", &old.url)
        .output()
        .unwrap();
    let refused = ran(&output);
    assert_eq!(refused.code, 1);
    assert!(
        refused.text.contains("has no API of InfluxDB 2")
            && refused.text.contains("influxdb 1.8.10"),
        "{}",
        refused.text
    );
}

#[test]
fn a_server_that_answers_nonsense_is_a_clear_error() {
    let Some(site) = Site::new() else { return };
    site.desire("[[buckets]]\nname = \"one\"\n");
    let nonsense = watchpost_testkit::HttpReceiver::webhook();
    let output = site
        .command(&["plan"])
        .env("INFLUX_URL", nonsense.url(""))
        .output()
        .unwrap();
    let refused = ran(&output);
    assert_eq!(refused.code, 1);
    assert!(
        refused.text.contains("unexpected answer: api/v2/orgs"),
        "{}",
        refused.text
    );
}

#[test]
fn gaps_are_named_and_filled_and_the_server_reports_how_it_is() {
    let Some(site) = Site::new() else { return };
    site.desire_shipped();
    assert_eq!(site.run(&["apply", "--yes"]).code, 0);
    // An hour that is whole and within the retention.
    let hour = 3_600_000_000_000;
    let start = now().div_euclid(hour) * hour - 3 * hour;
    let lines: String = (0..60)
        .map(|it| {
            format!(
                "system_metrics,host=a cpu_usage_percent={it},process_count={it}i,network_bytes_sent={it}i {}\n",
                start + it * 60_000_000_000
            )
        })
        .collect();
    site.write("system_metrics_raw", &lines);
    let gaps = site.run(&["gaps", "--tier", "hourly", "--from", "-6h"]);
    assert_eq!(gaps.code, 2, "{}", gaps.text);
    assert!(
        gaps.text.contains("a  cpu_usage_percent: 0 of 60 points"),
        "{}",
        gaps.text
    );
    for expected in [
        "a  process_count: 0 of 60 points",
        "a  network_bytes_sent: 0 of 60 points",
    ] {
        assert!(gaps.text.contains(expected), "{}", gaps.text);
    }
    let filled = site.run(&["backfill", "--task", "downsample_hourly", "--from", "-6h"]);
    assert_eq!(filled.code, 0, "{}", filled.text);
    let gaps = site.run(&["gaps", "--tier", "hourly", "--from", "-6h"]);
    assert_eq!((gaps.code, gaps.text.as_str()), (0, "No gaps.\n"));
    // A day of which only a part is asked for is no window of the question.
    let days = site.run(&["gaps", "--tier", "daily", "--from", "-23h"]);
    assert_eq!(days.code, 1, "{}", days.text);
    assert!(days.text.contains("no whole window"), "{}", days.text);

    // With no more than its own token.
    let mut health = site.command(&["health", "--write", "platform_health"]);
    let health = health.env("INFLUX_TOKEN_FILE", site.path("secrets/health.token"));
    let written = ran(&health.output().unwrap());
    assert_eq!(written.code, 0, "{}", written.text);
    let repeated = site.command(&["health", "--write", "platform_health", "--every", "1s"]);
    let mut repeated = { repeated }.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(repeated.stdout.take().unwrap()).lines();
    let told: Vec<String> = lines.take(2).map(Result::unwrap).collect();
    assert!(
        told.iter()
            .all(|it| it.contains("written to platform_health")),
        "{told:?}"
    );
    let id = rustix::process::Pid::from_child(&repeated);
    rustix::process::kill_process(id, Signal::TERM).unwrap();
    assert!(repeated.wait().unwrap().success());
    let tables = site.query(
        "from(bucket: \"platform_health\") |> range(start: -1h) |> filter(fn: (r) => r._field == \"series\")",
    );
    let series: i64 = tables
        .iter()
        .flat_map(|it| it.rows())
        .filter_map(|row| row.i64("_value"))
        .sum();
    assert!(series > 0, "{series}");
}
