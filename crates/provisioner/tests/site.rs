//! A server of a test's own and the provisioner's binary, called as a person calls it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use watchpost_client::management::{BucketPatch, RetentionRule, Status, TaskPatch};
use watchpost_client::write::{Outcome, Precision};
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_core::csv::Table;
use watchpost_provisioner::secret_file;
use watchpost_testkit::{Server, TempFolder, server, temp_folder};

/// A server, a folder with a desired state, and the secrets that the provisioner writes.
pub(crate) struct Site {
    pub(crate) server: Server,
    folder: TempFolder,
}

/// What a run of the binary gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) text: String,
}

impl Site {
    /// `None`, and said so, where there is no server to be had.
    pub(crate) fn new() -> Option<Site> {
        let server = server()?;
        let folder = temp_folder();
        secret_file::write(&folder.path().join("operator.token"), &server.token).unwrap();
        Some(Site { server, folder })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the desired state, for the server's organization.
    pub(crate) fn desire(&self, text: &str) {
        let text = format!("organization = \"{}\"\n{text}", self.server.org);
        fs::write(self.path("platform.toml"), text).unwrap();
    }

    /// The shipped desired state, with the paths of its tasks made whole.
    pub(crate) fn desire_shipped(&self) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let shipped = fs::read_to_string(root.join("deploy/platform.toml")).unwrap();
        let tasks = format!("file = \"{}/flux-tasks/", root.display());
        let text = shipped
            .replace("organization = \"watchpost\"", "")
            .replace("file = \"../flux-tasks/", &tasks);
        self.desire(&text);
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        ran(&output)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watchpost-provisioner"));
        command.env_clear().args(arguments);
        command
            .arg("--file")
            .arg(self.path("platform.toml"))
            .arg("--tokens-dir")
            .arg(self.path("secrets"));
        command
            .env("INFLUX_URL", &self.server.url)
            .env("INFLUX_ORG", &self.server.org);
        command.env("INFLUX_TOKEN_FILE", self.path("operator.token"));
        command
    }

    /// A client with the operator's token.
    pub(crate) fn client(&self) -> Client {
        self.client_with(TokenSource::fixed(self.server.token.as_str()))
    }

    pub(crate) fn client_with(&self, token: TokenSource) -> Client {
        Client::new(ClientConfig::new(
            self.server.url.as_str(),
            self.server.org.as_str(),
            token,
        ))
        .unwrap()
    }

    pub(crate) fn query(&self, text: &str) -> Vec<Table> {
        block_on(
            self.client()
                .query(&watchpost_client::query::Query::new(text)),
        )
        .unwrap()
    }

    pub(crate) fn write(&self, bucket: &str, lines: &str) {
        let outcome = block_on(self.client().write(
            bucket,
            Precision::Nanoseconds,
            lines.as_bytes(),
        ));
        assert_eq!(outcome, Outcome::Done);
    }

    /// Somebody changes the retention of a bucket by hand.
    pub(crate) fn change_retention(&self, bucket: &str, seconds: u64) {
        let client = self.client();
        let found = block_on(client.find_bucket(bucket)).unwrap().unwrap();
        let patch = BucketPatch {
            retention_rules: Some(vec![RetentionRule::expire(seconds)]),
            ..BucketPatch::default()
        };
        block_on(client.update_bucket(&found.id, &patch)).unwrap();
    }

    /// Somebody pauses a task by hand.
    pub(crate) fn pause(&self, task: &str) {
        let client = self.client();
        let tasks = block_on(client.tasks()).unwrap();
        let found = tasks.iter().find(|it| it.name == task).unwrap();
        let patch = TaskPatch {
            status: Some(Status::Inactive),
            ..TaskPatch::default()
        };
        block_on(client.update_task(&found.id, &patch)).unwrap();
    }
}

pub(crate) fn ran(output: &Output) -> Ran {
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    Ran {
        code: output.status.code().unwrap_or(-1),
        text,
    }
}

pub(crate) fn block_on<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}
