//! The built programs: a real engine is followed, killed, restored, and drilled; into a folder, and into a real S3 server
//! where there is one (`moto_server` in the path).

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use watchpost_archive::drill::{count, into_folder};
use watchpost_archive::engine::Engine;
use watchpost_archive::envelope::{Identities, new_key};
use watchpost_archive::restore::{self, Options, plan::moments};
use watchpost_archive::vault::{self, Access, Vault};
use watchpost_client::write::{Outcome, Precision};
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_service::secret::Secret;
use watchpost_testkit::{Daemon, Server, Signal, TempFolder, binary, skip, temp_folder, wait};

/// The first point's time, nanoseconds: the year 2100. The others follow, a second each.
const BEGIN: i64 = 4_102_444_800_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// Rounds of the story that kills; `WATCHPOST_ARCHIVE_ROUNDS` asks for more.
const ROUNDS: u64 = 4;

/// An engine, and a process that follows it.
struct Site {
    server: Server,
    client: Client,
    folder: TempFolder,
    place: String,
    access: Access,
    follower: Daemon,
    written: i64,
}

impl Site {
    /// `None` where the programs are not built.
    fn start(place: Option<(&str, Access)>) -> Option<Site> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        binary("watchpost-archive")?;
        let server = watchpost_testkit::server()?;
        if !server.is_embedded() {
            skip("only the embedded engine is followed");
            return None;
        }
        let folder = temp_folder();
        let (private, public) = new_key();
        std::fs::write(folder.path().join("key"), private).expect("written");
        let in_folder = folder.path().join("copies").display().to_string();
        let (place, access) = place.map_or((in_folder, Access::default()), |(to, access)| {
            (to.to_owned(), access)
        });
        configure(folder.path(), &server, &place, &access, &public);
        let token = TokenSource::fixed(server.token.as_str());
        let config = ClientConfig {
            timeout: Duration::from_secs(30),
            ..ClientConfig::new(&server.url, &server.org, token)
        };
        Some(Site {
            client: Client::new(config).expect("a client"),
            follower: follow(folder.path()),
            server,
            folder,
            place,
            access,
            written: 0,
        })
    }

    fn vault(&self) -> Vault {
        vault::open(&self.place, &self.access, 0).expect("a place")
    }

    fn identities(&self) -> Identities {
        Identities::from_file(&self.folder.path().join("key")).expect("a key")
    }

    /// Writes so many points, each acknowledged.
    async fn write(&mut self, points: i64) {
        let number = self.written..self.written + points;
        let lines: String = number
            .map(|number| format!("m v={number}i {}\n", BEGIN + number * SECOND))
            .collect();
        let done = self
            .client
            .write(
                &self.server.bucket,
                Precision::Nanoseconds,
                lines.as_bytes(),
            )
            .await;
        assert_eq!(done, Outcome::Done);
        self.written += points;
    }

    /// Waits until all that is written by now can be restored; gives how much that is.
    async fn shipped(&mut self) -> i64 {
        let written = self.written;
        let now = now();
        loop {
            // An idle server has no new moments.
            self.write(1).await;
            let found = moments(&self.vault()).await.unwrap_or_default();
            if found.iter().any(|it| it.until.0 > now) {
                return written;
            }
            assert!(!self.follower.has_ended(), "{}", self.follower.text());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Restores the newest copy; how many points it holds, which have to be the first ones.
    async fn restored(&self) -> i64 {
        let folder = temp_folder();
        let data = folder.path().join("engine");
        let engine = Engine::find(binary("watchpost-engine").as_deref());
        let (vault, keys) = (self.vault(), self.identities());
        let plan = restore::plan(&vault, &keys, None, false)
            .await
            .expect("planned");
        let to = (&engine, data.as_path());
        into_folder(&vault, &keys, &plan, &Options::default(), to, &|_| {})
            .await
            .expect("restored");
        engine.verify(&data).expect("every byte");
        let serving = engine.serve(&data).expect("serves");
        let copy = Client::new(ClientConfig {
            url: serving.url.clone(),
            ..self.client.config().clone()
        });
        let copy = copy.expect("a client");
        let all = self.count(&copy, self.written).await;
        assert_eq!(
            self.count(&copy, all).await,
            all,
            "the first ones, and none is missing among them"
        );
        all
    }

    /// The points among the first so many.
    async fn count(&self, client: &Client, first: i64) -> i64 {
        let range = (BEGIN, BEGIN + first * SECOND);
        count(client, &self.server.bucket, range)
            .await
            .expect("counted")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        run(self.folder.path(), arguments)
    }
}

fn now() -> i64 {
    let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    time.expect("after 1970").as_millis() as i64
}

fn configure(folder: &Path, server: &Server, place: &str, access: &Access, recipient: &str) {
    let mut text = format!(
        "[influx]\nurl = \"{}\"\norg = \"{}\"\nbucket = \"{}\"\ntoken = \"{}\"\n\n[telemetry]\nenabled = false\n\n\
         [backup]\nto = \"{place}\"\nrecipients = [\"{recipient}\"]\nevery = \"200ms\"\nsnapshot_every = \"2s\"\n\
         state_directory = \"{}\"\n",
        server.url,
        server.org,
        server.bucket,
        server.token,
        folder.join("state").display()
    );
    if let (Some(endpoint), Some(id), Some(secret)) =
        (&access.endpoint, &access.key_id, &access.secret)
    {
        let file = folder.join("s3.key");
        private_file(&file, secret.reveal());
        text += &format!(
            "s3_endpoint = \"{endpoint}\"\ns3_region = \"us-east-1\"\ns3_key_id = \"{id}\"\ns3_key_file = \"{}\"\n",
            file.display()
        );
    }
    private_file(&folder.join("archive.toml"), &text);
}

fn private_file(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("closed");
}

fn command(folder: &Path) -> Command {
    let mut command = Daemon::command("watchpost-archive").expect("built");
    command.arg("--config").arg(folder.join("archive.toml"));
    command
}

fn follow(folder: &Path) -> Daemon {
    Daemon::start(command(folder))
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder).args(arguments).output().expect("runs")
}

fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_followed_restored_and_drilled() {
    let Some(mut site) = Site::start(None) else {
        return skip("the programs are not built");
    };
    site.write(100).await;
    let shipped = site.shipped().await;
    let restored = site.restored().await;
    assert!(
        (shipped..=site.written).contains(&restored),
        "{shipped} shipped, {restored} restored"
    );

    let key = site.folder.path().join("key").display().to_string();
    let listed = site.run(&["list"]);
    assert!(
        listed.status.success() && said(&listed).contains("every moment"),
        "{}",
        said(&listed)
    );
    let checked = site.run(&["check"]);
    assert!(checked.status.success(), "{}", said(&checked));
    // What is compared ends a minute before the copy, and the points lie in the future of that: nothing of both.
    let drilled = site.run(&["drill", "--identity", &key]);
    assert!(
        drilled.status.success() && said(&drilled).contains("holds the same"),
        "{}",
        said(&drilled)
    );

    let used = site.folder.path().join("used");
    std::fs::create_dir_all(used.join("something")).expect("made");
    let used = used.display().to_string();
    let refused = site.run(&["restore", "--identity", &key, "--data-dir", &used]);
    assert!(
        !refused.status.success() && said(&refused).contains("is not empty"),
        "{}",
        said(&refused)
    );

    let second = temp_folder();
    std::fs::copy(
        site.folder.path().join("archive.toml"),
        second.path().join("archive.toml"),
    )
    .expect("copied");
    let state = format!(
        "backup.state_directory={}",
        second.path().join("state").display()
    );
    let refused = run(second.path(), &["--set", &state]);
    assert!(
        !refused.status.success() && said(&refused).contains("--take-over"),
        "{}",
        said(&refused)
    );
    let mut other = command(second.path());
    other.args(["--set", &state, "--take-over"]);
    let mut other = Daemon::start(other);
    other.wait_for_line("following the server");
    site.write(1).await;
    let ended = site.follower.wait_for_exit();
    assert!(
        !ended.success() && site.follower.text().contains("took"),
        "{}",
        site.follower.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bucket_is_restored_beside_itself() {
    let Some(mut site) = Site::start(None) else {
        return skip("the programs are not built");
    };
    site.write(50).await;
    let shipped = site.shipped().await;
    watchpost_archive::import::target(&site.client, "recovered", 0)
        .await
        .expect("made");
    let key = site.folder.path().join("key").display().to_string();
    let bucket = site.server.bucket.clone();
    let restored = site.run(&[
        "restore",
        "--identity",
        &key,
        "--bucket",
        &bucket,
        "--into",
        "recovered",
    ]);
    assert!(restored.status.success(), "{}", said(&restored));
    let range = (BEGIN, BEGIN + site.written * SECOND);
    let found = count(&site.client, "recovered", range)
        .await
        .expect("counted");
    assert!(
        (shipped..=site.written).contains(&found),
        "{found}\n{}",
        said(&restored)
    );
    let refused = site.run(&[
        "restore",
        "--identity",
        &key,
        "--bucket",
        "none",
        "--into",
        "recovered",
    ]);
    assert!(
        said(&refused).contains(&bucket),
        "it names those that are there: {}",
        said(&refused)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn points_go_out_and_in_again() {
    let Some(mut site) = Site::start(None) else {
        return skip("the programs are not built");
    };
    site.write(4_000).await;
    for format in ["lp", "csv"] {
        let folder = site.folder.path().join(format).display().to_string();
        let bucket = site.server.bucket.clone();
        for there in [" 0 files were", " 1 files were"] {
            let exported = site.run(&["export", format, "--to", &folder, "--bucket", &bucket]);
            assert!(
                exported.status.success() && said(&exported).contains(there),
                "{}",
                said(&exported)
            );
        }
        let files: Vec<PathBuf> = (watchpost_durable::list(&Path::new(&folder).join(&bucket))
            .expect("listed"))
        .iter()
        .flat_map(|day| watchpost_durable::list(day).expect("listed"))
        .collect();
        let into = format!("again-{format}");
        let mut arguments = vec!["import", "--into", &into];
        arguments.extend(files.iter().map(|it| it.to_str().expect("a name")));
        let imported = site.run(&arguments);
        assert!(imported.status.success(), "{}", said(&imported));
        let found = count(&site.client, &into, (BEGIN, BEGIN + 4_000 * SECOND))
            .await
            .expect("counted");
        assert_eq!(found, 4_000, "{format}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_parquet_holds_every_point() {
    let Some(mut site) = Site::start(None) else {
        return skip("the programs are not built");
    };
    site.write(4_000).await;
    let folder = site.folder.path().join("history").display().to_string();
    let bucket = site.server.bucket.clone();
    for there in [" 0 files were", " 1 files were"] {
        let exported = site.run(&["export", "parquet", "--to", &folder, "--bucket", &bucket]);
        assert!(
            exported.status.success() && said(&exported).contains(there),
            "{}",
            said(&exported)
        );
    }
    let files = format!("{folder}/{bucket}/measurement=m/**/*.parquet");
    let sql = "import sys, duckdb; print(duckdb.execute(\"select count(*), count(distinct time), sum(v)::bigint \
               from read_parquet(?)\", [sys.argv[1]]).fetchall())";
    let output = Command::new("python3").args(["-c", sql, &files]).output();
    match output.map(|it| said(&it)) {
        Ok(found) if !found.contains("ModuleNotFoundError") => {
            assert!(found.contains("(4000, 4000, 7998000)"), "{found}");
        }
        _ => skip("python3 has no duckdb"),
    }
}

/// Kills engine and follower at random moments; nothing that was shipped is lost.
async fn survives(mut site: Site, rounds: u64) {
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..rounds {
        let shipped = site.shipped().await;
        site.write(random.i64(1..500)).await;
        tokio::time::sleep(Duration::from_millis(random.u64(..400))).await;
        if random.bool() {
            site.server.kill();
            site.server.start_again();
        }
        if random.bool() {
            site.follower.signal(Signal::Kill);
            site.follower.wait_for_exit();
            site.follower = follow(site.folder.path());
        }
        if round % 4 == 3 {
            let restored = site.restored().await;
            assert!(
                (shipped..=site.written).contains(&restored),
                "round {round}: {shipped} shipped, {restored} restored"
            );
        }
    }
    let shipped = site.shipped().await;
    assert!(site.restored().await >= shipped);
}

fn rounds() -> u64 {
    let asked = std::env::var("WATCHPOST_ARCHIVE_ROUNDS");
    asked.ok().and_then(|it| it.parse().ok()).unwrap_or(ROUNDS)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_shipped_to_a_folder_is_lost_when_processes_are_killed() {
    match Site::start(None) {
        Some(site) => survives(site, rounds()).await,
        None => skip("the programs are not built"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_shipped_to_s3_is_lost_when_processes_are_killed() {
    let free = TcpListener::bind("127.0.0.1:0")
        .and_then(|it| it.local_addr())
        .expect("a port");
    let mut moto = Command::new("moto_server");
    moto.args(["-H", "127.0.0.1", "-p", &free.port().to_string()]);
    if moto.arg("--help").output().is_err() {
        return skip("no S3 server: moto_server (PyPI: moto[server]) is not in the path");
    }
    let mut moto = Command::new("moto_server");
    moto.args(["-H", "127.0.0.1", "-p", &free.port().to_string()]);
    let mut store = Daemon::start(moto);
    store.wait_for_port(free);
    let endpoint = format!("http://{free}");
    make_bucket(&endpoint).await;
    let access = Access {
        endpoint: Some(endpoint),
        region: Some("us-east-1".to_owned()),
        key_id: Some("test".to_owned()),
        secret: Some(Secret::new("test-secret")),
    };
    match Site::start(Some(("s3://copies/site/a", access))) {
        Some(site) => survives(site, rounds()).await,
        None => skip("the programs are not built"),
    }
}

/// `PUT /copies`, which this S3 server takes unsigned.
async fn make_bucket(endpoint: &str) {
    use std::io::{Read as _, Write as _};
    let address = endpoint.trim_start_matches("http://").to_owned();
    wait::until("the bucket", || {
        let mut stream = std::net::TcpStream::connect(&address).ok()?;
        let request = "PUT /copies HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.contains(" 200 ").then_some(())
    });
}
