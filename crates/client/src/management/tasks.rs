//! Tasks, their runs and the logs of those.

use serde::{Deserialize, Serialize};

use super::Label;
use super::verbs::Page;
use crate::Result;
use crate::client::Client;

/// Whether a thing works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It does.
    #[default]
    Active,
    /// It is switched off.
    Inactive,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// 16 hexadecimal digits.
    pub id: String,
    /// The organization it belongs to.
    #[serde(default, rename = "orgID")]
    pub org_id: String,
    /// Its name, from the option in its text; not unique.
    pub name: String,
    /// Words about it.
    #[serde(default)]
    pub description: String,
    /// Whether it runs.
    #[serde(default)]
    pub status: Status,
    /// The Flux text with its `option task`.
    #[serde(default)]
    pub flux: String,
    /// Time between runs: `1h`.
    pub every: Option<String>,
    /// Time table instead of `every`.
    pub cron: Option<String>,
    /// Delay of each run: `5m`.
    pub offset: Option<String>,
    /// Scheduled time of the last finished run, RFC 3339.
    pub latest_completed: Option<String>,
    /// How the last run ended: `success`, `failed`, `canceled`.
    pub last_run_status: Option<String>,
    /// Error of the last run.
    pub last_run_error: Option<String>,
    /// Labels on it.
    #[serde(default)]
    pub labels: Vec<Label>,
}

/// A task to be made. Its name and schedule stand in the text.
#[derive(Debug, Clone, Serialize)]
pub struct NewTask {
    /// The organization's id.
    #[serde(rename = "orgID")]
    pub org_id: String,
    /// The Flux text.
    pub flux: String,
    /// Words about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it runs.
    pub status: Status,
}

/// What to change of a task; what is not given stays.
#[derive(Debug, Clone, Default, Serialize)]
pub struct TaskPatch {
    /// New text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flux: Option<String>,
    /// New description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Switch it on or off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

/// One run of a task.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// 16 hexadecimal digits.
    pub id: String,
    /// Its task.
    #[serde(default, rename = "taskID")]
    pub task_id: String,
    /// `scheduled`, `started`, `success`, `failed`, `canceled`.
    #[serde(default)]
    pub status: String,
    /// The time it stands for, RFC 3339.
    #[serde(default)]
    pub scheduled_for: String,
    /// When it began.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// When it was asked for, if by hand.
    pub requested_at: Option<String>,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEvent {
    /// Its run.
    #[serde(default, rename = "runID")]
    pub run_id: String,
    /// When, RFC 3339.
    #[serde(default)]
    pub time: String,
    /// What.
    #[serde(default)]
    pub message: String,
}

#[derive(Deserialize)]
struct Tasks {
    #[serde(default)]
    tasks: Vec<Task>,
}

impl Page for Tasks {
    type Item = Task;

    fn items(self) -> Vec<Task> {
        self.tasks
    }

    fn id(item: &Task) -> &str {
        &item.id
    }
}

#[derive(Deserialize)]
struct Runs {
    #[serde(default)]
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Logs {
    #[serde(default)]
    events: Vec<LogEvent>,
}

impl Client {
    /// All tasks of the client's organization, page by page.
    pub async fn tasks(&self) -> Result<Vec<Task>> {
        self.fetch_pages::<Tasks>("api/v2/tasks").await
    }

    /// One task.
    pub async fn task(&self, id: &str) -> Result<Task> {
        let path = format!("api/v2/tasks/{id}");
        self.fetch(&path, &[]).await
    }

    /// Makes a task.
    pub async fn create_task(&self, task: &NewTask) -> Result<Task> {
        self.create("api/v2/tasks", task).await
    }

    /// Changes a task.
    pub async fn update_task(&self, id: &str, patch: &TaskPatch) -> Result<Task> {
        self.update(&format!("api/v2/tasks/{id}"), patch).await
    }

    /// Deletes a task with its runs.
    pub async fn delete_task(&self, id: &str) -> Result<()> {
        self.remove(&format!("api/v2/tasks/{id}")).await
    }

    /// The runs of a task, the newest first, at most 500.
    pub async fn runs(&self, task_id: &str) -> Result<Vec<Run>> {
        let path = format!("api/v2/tasks/{task_id}/runs");
        let query = &[("limit", Some("500"))];
        let answer: Runs = self.fetch(&path, query).await?;
        Ok(answer.runs)
    }

    /// Runs a task now, for the time `scheduled_for` (RFC 3339) or the present.
    pub async fn start_run(&self, task_id: &str, scheduled_for: Option<&str>) -> Result<Run> {
        let path = format!("api/v2/tasks/{task_id}/runs");
        let body = match scheduled_for {
            Some(time) => serde_json::json!({ "scheduledFor": time }),
            None => serde_json::json!({}),
        };
        self.create(&path, &body).await
    }

    /// Runs a run again.
    pub async fn retry_run(&self, task_id: &str, run_id: &str) -> Result<Run> {
        let path = format!("api/v2/tasks/{task_id}/runs/{run_id}/retry");
        self.create(&path, &serde_json::json!({})).await
    }

    /// The log of a task's last runs.
    pub async fn task_logs(&self, task_id: &str) -> Result<Vec<LogEvent>> {
        let path = format!("api/v2/tasks/{task_id}/logs");
        let answer: Logs = self.fetch(&path, &[]).await?;
        Ok(answer.events)
    }

    /// The log of one run.
    pub async fn run_logs(&self, task_id: &str, run_id: &str) -> Result<Vec<LogEvent>> {
        let path = format!("api/v2/tasks/{task_id}/runs/{run_id}/logs");
        let answer: Logs = self.fetch(&path, &[]).await?;
        Ok(answer.events)
    }
}
