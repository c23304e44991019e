//! Whatever the check of a configuration accepts makes lines that a server takes; what cannot is refused with
//! its line and column.

use std::path::Path;
use std::time::Duration;

use watchpost_agent::config::AgentConfig;
use watchpost_agent::metrics::AgentMetrics;
use watchpost_agent::pipeline::{Surroundings, plan};
use watchpost_agent::schedule::Round;
use watchpost_core::line_protocol::{Precision, parse_points};
use watchpost_core::point::Point;
use watchpost_core::time::NANOS_PER_SECOND;
use watchpost_service::config::{ConfigError, Interval, Sources, load_text};
use watchpost_service::metrics::Registry;

fn load(text: &str) -> Result<AgentConfig, ConfigError> {
    load_text::<AgentConfig>("agent.toml", text, &Sources::default()).map(|loaded| loaded.config)
}

#[test]
fn a_tag_that_cannot_be_written_is_refused_with_its_place() {
    let refused = [
        ("[tags.more]\npath = 'C:\\'", "2:1", "ends with a backslash"),
        ("[tags]\nhost = 'web\\'", "2:1", "ends with a backslash"),
        ("[tags]\nregion = 'eu\\'", "2:1", "ends with a backslash"),
        (
            "[tags]\nenvironment = \"a\\nb\"",
            "2:1",
            "control character",
        ),
        ("[tags]\nservice = \"a\\tb\"", "2:1", "control character"),
        (
            "[tags]\nservice = 'a\\ b'",
            "2:1",
            "backslash before a delimiter",
        ),
        ("[tags]\nhost = ' '", "2:1", "leave it out"),
        ("[tags.more]\n\"a\\nb\" = 'x'", "2:1", "control character"),
        ("[tags.more]\n'a\\' = 'x'", "2:1", "ends with a backslash"),
        ("[tags.more]\n\"\" = 'x'", "2:1", "is empty"),
        ("[tags.more]\ntime = 'x'", "2:1", "InfluxDB keeps"),
        ("[tags.more]\n_field = 'x'", "2:1", "InfluxDB keeps"),
        ("[tags.more]\n_measurement = 'x'", "2:1", "InfluxDB keeps"),
        ("[tags.more]\ncpu = 'x'", "2:1", "set by the agent"),
        ("[tags.more]\nmountpoint = 'x'", "2:1", "set by the agent"),
        ("[tags.more]\nreason = 'x'", "2:1", "set by the agent"),
    ];
    for (text, place, part) in refused {
        // The same below a byte order mark, and with the line ends of Windows.
        for text in [
            text.to_owned(),
            format!("\u{feff}{text}"),
            text.replace('\n', "\r\n"),
        ] {
            let error = load(&text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("agent.toml:{place}: tags")),
                "{text:?}: {error}"
            );
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }
    let long = format!("[tags.more]\nnote = '{}'", "x".repeat(20_000));
    assert!(
        load(&long)
            .unwrap_err()
            .to_string()
            .contains("at most 16384")
    );
}

#[test]
fn what_could_never_collect_or_write_is_refused_with_its_place() {
    let refused = [
        (
            "[collect]\nhost_root = '/nowhere/at/all'",
            "collect.host_root",
        ),
        ("[collect]\ninterval = '1000d'", "collect.interval"),
        ("[collectors.cpu]\ntimeout = '1h'", "collectors.cpu.timeout"),
        (
            "[collectors.network]\ninclude = ['docker0']",
            "collectors.network.include.0",
        ),
        (
            "[collectors.network]\ninclude = ['eth0', 'veth*']",
            "collectors.network.include.1",
        ),
        (
            "[collectors.network]\ninclude = ['']",
            "collectors.network.include.0",
        ),
        (
            "[collectors.disk_io]\nexclude = ['*']",
            "collectors.disk_io.exclude",
        ),
        (
            "[collectors.temperature]\ninclude = ['[']",
            "collectors.temperature.include.0",
        ),
        ("[influx]\nurl = 'http://'", "influx.url"),
        ("[influx]\nurl = 'http://a b/'", "influx.url"),
        ("[influx]\nurl = 'https://user:secret@db/'", "influx.url"),
        ("[influx]\ntoken = \"a\\nb\"", "influx.token"),
        ("[influx]\ntoken = 'schlüssel'", "influx.token"),
        ("[outputs.\"\"]\nurl = 'http://db:8086'", "outputs."),
        ("[outputs.\"a/b\"]\nurl = 'http://db:8086'", "outputs.a/b"),
        ("[write]\nflush_interval = '2d'", "write.flush_interval"),
        ("[write]\ndrain_timeout = '2h'", "write.drain_timeout"),
        ("[buffer]\ndirectory = '/proc/version'", "buffer.directory"),
        (
            "[buffer]\noverflow_log = '/nowhere/log'",
            "buffer.overflow_log",
        ),
        (
            "[collectors.checks.targets.a]\ntarget = 'db:5432'",
            "collectors.checks.targets.a.target",
        ),
        (
            "[collectors.checks.targets.a]\ntarget = 'tcp://db:1'\ntimeout = '1h'",
            "collectors.checks.targets.a.timeout",
        ),
        (
            "[collectors.checks.targets.a]\ntarget = 'http://db/'\nstatus = [20]",
            "collectors.checks.targets.a.status",
        ),
        (
            "[collectors.checks.targets.'a\\']\ntarget = 'tcp://db:1'",
            "collectors.checks.targets.a",
        ),
        ("[telemetry]\nlisten = 'localhost'", "telemetry.listen"),
    ];
    for (text, key) in refused {
        let error = load(text).unwrap_err();
        let placed = error
            .problems
            .iter()
            .filter(|problem| problem.key.starts_with(key));
        let placed: Vec<_> = placed.map(|problem| problem.place.as_str()).collect();
        assert_eq!(placed.len(), 1, "{text}: {error}");
        assert!(placed[0].starts_with("agent.toml:"), "{text}: {error}");
    }
    load("[collectors.network]\ninclude = ['docker0', 'eth?']\nexclude = ['eth[5-9]']\n").unwrap();
}

#[test]
fn a_token_file_that_others_may_read_is_refused_with_its_place() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = watchpost_testkit::temp_folder();
    let file = folder.path().join("token");
    std::fs::write(&file, "\u{feff}initial-7c1f\r\n").unwrap();
    let text = format!("[influx]\ntoken_file = '{}'\n", file.display());
    let mode =
        |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    let error = load(&text).unwrap_err().to_string();
    assert!(
        error.starts_with("agent.toml:2:1: influx.token_file"),
        "{error}"
    );
    mode(0o600);
    load(&text).unwrap();
}

#[test]
fn a_host_that_calls_itself_anything_is_written() {
    for name in [
        "web\\",
        "a b,c=d",
        "a\\ b",
        "a\nb\u{1}",
        "ü☃",
        "#x",
        "\"q\"",
    ] {
        let points = collect(&AgentConfig::default(), name);
        assert!(
            points
                .iter()
                .all(|point| point.series.tag("host").is_some()),
            "{name:?}"
        );
    }
}

/// Texts that a person may write where a name is asked for.
const TEXTS: [&str; 24] = [
    "web", "eu west", "a,b", "a=b", "\\", "C:\\", "C:\\dir", "a\\,b", "a\\ b", "a\\=b", "\n",
    "a\nb", "\t", "\r\n", "\u{0}", "é☃", "#", "\"", "'", "_x", "time", "cpu", "", " ",
];

#[test]
fn accepted_tags_are_written_and_refused_ones_have_a_place() {
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..600 {
        let mut table = toml_table(&mut rng);
        if rng.bool() {
            table = table.replace('\n', "\r\n");
        }
        if rng.bool() {
            table.insert(0, '\u{feff}');
        }
        match load(&table) {
            Ok(config) => {
                accepted += 1;
                let points = collect(&config, "box");
                assert!(points.len() >= 3, "{table:?}");
                for (key, value) in config.tags.resolve("box") {
                    assert!(
                        !value.is_empty() && !key.starts_with('_') && key != "time",
                        "{table:?}"
                    );
                    assert!(
                        points
                            .iter()
                            .all(|point| point.series.tag(&key) == Some(&value)),
                        "{table:?}"
                    );
                }
            }
            Err(error) => {
                refused += 1;
                for problem in &error.problems {
                    assert!(
                        problem.place.starts_with("agent.toml:"),
                        "{table:?}: {problem}"
                    );
                }
            }
        }
    }
    assert!(accepted > 50 && refused > 50, "{accepted} {refused}");
}

/// Some tags, of texts from the list.
fn toml_table(rng: &mut fastrand::Rng) -> String {
    let text = |rng: &mut fastrand::Rng| {
        let part = TEXTS[rng.usize(..TEXTS.len())];
        let whole = if rng.u8(..) < 200 {
            part.to_owned()
        } else {
            part.to_owned() + TEXTS[rng.usize(..TEXTS.len())]
        };
        quoted(&whole)
    };
    let mut out = "[tags]\n".to_owned();
    for key in ["host", "region", "environment", "service"] {
        if rng.u8(..) < 90 {
            out += &format!("{key} = {}\n", text(rng));
        }
    }
    out += "[tags.more]\n";
    let mut keys = std::collections::BTreeSet::new();
    for _ in 0..rng.usize(..3) {
        keys.insert(text(rng));
    }
    for key in keys {
        out += &format!("{key} = {}\n", text(rng));
    }
    out
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// What a round over a small tree writes; every point that was made is a line that reads back.
fn collect(config: &AgentConfig, host_name: &str) -> Vec<Point> {
    let root = watchpost_testkit::temp_folder();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("proc/loadavg", "1.0 2.0 3.0 1/2 3\n");
    write("proc/uptime", "680.59 1309.48\n");
    write("proc/meminfo", "MemTotal: 1000 kB\nMemFree: 500 kB\n");
    let mut config = config.clone();
    config.collect.host_root = root.path().to_path_buf();
    config.collect.interval = Interval(Duration::from_secs(1));
    let surroundings = Surroundings {
        host_name: host_name.to_owned(),
        state_directory: None,
    };
    let registry = Registry::new();
    let metrics = AgentMetrics::new(&registry);
    let mut round = Round::new(plan(&config, &surroundings, &metrics).unwrap(), metrics, 0);
    let batch = round.collect(NANOS_PER_SECOND);
    let points = parse_points(batch.text().as_bytes(), Precision::Nanoseconds, 0).unwrap();
    // The load, the uptime, memory and swap.
    assert_eq!(points.len(), 4, "{}", batch.text());
    points
}
