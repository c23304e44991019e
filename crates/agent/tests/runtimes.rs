//! Containers by a runtime's socket: a server of the test speaks Docker's API, or does not.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;

use watchpost_agent::collectors::containers::Containers;
use watchpost_agent::collectors::{Collector, HostFiles, Points};
use watchpost_agent::filter::Filter;
use watchpost_core::line_protocol::write_points;

/// Answers each request with the next of `answers`, then with the last again.
fn serve(root: &Path, answers: Vec<String>) {
    std::fs::create_dir_all(root.join("run")).unwrap();
    let listener = UnixListener::bind(root.join("run/docker.sock")).unwrap();
    std::thread::spawn(move || {
        for (count, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap_or(0);
            assert!(request[..length].starts_with(b"GET /containers/json?all=1 HTTP/1.0\r\n"));
            let answer = &answers[count.min(answers.len() - 1)];
            // A reader that has had enough closes it.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
}

fn ok(body: &str) -> String {
    format!("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{body}")
}

fn host(root: &Path, running: &[&str]) {
    let write = |path: String, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("proc/uptime".to_owned(), "100.0 1.0\n");
    write(
        "sys/fs/cgroup/cgroup.controllers".to_owned(),
        "cpu memory\n",
    );
    let folder = root.join("sys/fs/cgroup/docker");
    let _ = std::fs::remove_dir_all(folder);
    for id in running {
        write(format!("sys/fs/cgroup/docker/{id}/pids.current"), "1\n");
    }
}

fn collect(containers: &mut Containers, root: &Path) -> String {
    let mut points = Points::default();
    containers
        .collect(&mut HostFiles::new(root), 1, &mut points)
        .unwrap();
    let lines = String::from_utf8(write_points(&points.into_vec()).unwrap()).unwrap();
    lines
        .replace("system_metrics,", "")
        .replace(",metric_type=container", "")
        .replace("metric_type=container ", "")
}

fn containers() -> Containers {
    Containers::new(Filter::default(), 100, true)
}

#[test]
fn states_of_containers_come_from_the_socket() {
    let root = watchpost_testkit::temp_folder();
    let ids: Vec<String> = "abcd"
        .chars()
        .map(|letter| letter.to_string().repeat(64))
        .collect();
    let list = |states: [(&str, &str); 4]| {
        let entries = ids.iter().zip(["web", "db", "job", "old"]).zip(states).map(|((id, name), (state, status))| {
            format!(
                r#"{{"Id":"{id}","Names":["/{name}"],"Image":"{name}:1","State":"{state}","Status":"{status}","Labels":{{}}}}"#
            )
        });
        ok(&format!("[{}]", entries.collect::<Vec<_>>().join(",")))
    };
    serve(
        root.path(),
        vec![
            list([
                ("running", "Up 2 hours (healthy)"),
                ("running", "Up 2 hours (unhealthy)"),
                ("running", "Up 1 second"),
                ("exited", "Exited (1) 3 weeks ago"),
            ]),
            list([
                ("exited", "Exited (137) 1 second ago"),
                ("restarting", "Restarting (1) 2 seconds ago"),
                ("exited", "Exited (0) 1 second ago"),
                ("exited", "Exited (1) 3 weeks ago"),
            ]),
        ],
    );
    let mut containers = containers();
    host(root.path(), &[&ids[0], &ids[1], &ids[2]]);
    let first = collect(&mut containers, root.path());
    let expected = "container_count=3i 1\n\
        container=web,image=web:1 container_running=1i,container_failed=0i,container_unhealthy=0i,container_tasks=1i,container_restarts=0i 1\n\
        container=db,image=db:1 container_running=1i,container_failed=0i,container_unhealthy=1i,container_tasks=1i,container_restarts=0i 1\n\
        container=job,image=job:1 container_running=1i,container_failed=0i,container_tasks=1i,container_restarts=0i 1\n";
    assert_eq!(first, expected, "one that stopped long ago is no news");
    host(root.path(), &[]);
    let second = collect(&mut containers, root.path());
    let expected = "container_count=0i 1\n\
        container=web,image=web:1 container_running=0i,container_failed=1i,container_exit_code=137i 1\n\
        container=db,image=db:1 container_running=0i,container_failed=1i 1\n\
        container=job,image=job:1 container_running=0i,container_failed=0i,container_exit_code=0i 1\n";
    assert_eq!(second, expected);
}

#[test]
fn an_answer_that_is_none_costs_the_states_alone() {
    let id = "a".repeat(64);
    let cut = format!(r#"[{{"Id":"{id}","Names":["/web"],"#);
    for answer in [
        "",
        "HTTP/1.0 403 Forbidden\r\n\r\nno",
        "noise \u{0}",
        &ok(&cut),
        &ok("{}"),
        &ok("[{\"Id\":7}]"),
    ] {
        let root = watchpost_testkit::temp_folder();
        serve(root.path(), vec![answer.to_owned()]);
        host(root.path(), &[&id]);
        let lines = collect(&mut containers(), root.path());
        assert!(
            lines.contains("container=aaaaaaaaaaaa container_tasks=1i"),
            "{answer:?}: {lines}"
        );
    }
}

#[test]
fn ten_thousand_containers_are_counted_and_no_more_told_of_than_may_be() {
    let root = watchpost_testkit::temp_folder();
    let mut containers = Containers::new(Filter::default(), 20, false);
    for look in 0..10 {
        let ids: Vec<String> = (0..100)
            .map(|number| format!("{:064x}", look * 100 + number))
            .collect();
        host(
            root.path(),
            &ids.iter().map(String::as_str).collect::<Vec<_>>(),
        );
        let lines = collect(&mut containers, root.path());
        assert!(lines.starts_with("container_count=100i"), "{lines}");
        assert!(lines.lines().count() <= 21, "{lines}");
    }
}
