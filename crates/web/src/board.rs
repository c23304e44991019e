//! Boards: charts that people pin, arrange and share. Each is a point of the bucket of the notes, the newest
//! counting, so that they are backed up with what they show and need no folder; where the server keeps no such
//! points, a document of the alerter.
//!
//! Measurement `boards`, tag `board`; fields `document` (JSON, empty once it is removed) and `author`.

use serde::{Deserialize, Serialize};
use watchpost_client::flux_text;
use watchpost_core::csv::Table;
use watchpost_core::point::Point;
use watchpost_core::time::format_rfc3339;

use crate::annotation::Annotations;
use crate::database::Database;
use crate::document::Collection;
use crate::metric::Choice;
use crate::time_range::length;
use crate::{ApiError, Result};

const MEASUREMENT: &str = "boards";

/// Most charts of a board: more do not fit on any screen, and each asks the database.
pub const PANELS: usize = 24;

/// Most hosts of a chart: more lines than that are not told apart.
pub const HOSTS: usize = 50;

/// Longest name or title, in bytes.
pub const NAME_LIMIT: usize = 100;

/// A board as its file and the API have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// Its charts, in order.
    pub panels: Vec<Panel>,
    /// The range it opens with.
    #[serde(default = "hour")]
    pub range: String,
}

/// One chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// What stands above it; empty: its metrics.
    #[serde(default)]
    pub title: String,
    /// Its metrics.
    pub metrics: Vec<String>,
    /// Its hosts.
    pub hosts: Vec<String>,
    /// Whether each part of a host has a line of its own.
    #[serde(default)]
    pub each: bool,
}

/// A board that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its name, by which its address is made.
    pub name: String,
    /// When it was last changed, RFC 3339.
    pub changed: String,
    /// Who changed it.
    pub author: String,
    /// What it shows.
    #[serde(flatten)]
    pub board: Board,
}

fn hour() -> String {
    "1h".to_owned()
}

impl Board {
    /// Errors name the member: no metric of that name, too many charts, no length of time.
    pub fn check(&self) -> Result<()> {
        length("range", &self.range)?;
        if self.panels.len() > PANELS {
            return Err(ApiError::invalid(
                "panels",
                format!("a board has at most {PANELS} charts"),
            ));
        }
        for (place, panel) in self.panels.iter().enumerate() {
            let field = |member: &str| format!("panels[{place}].{member}");
            if panel.title.len() > NAME_LIMIT {
                return Err(ApiError::invalid(
                    field("title"),
                    format!("has more than {NAME_LIMIT} bytes"),
                ));
            }
            if panel.metrics.is_empty() || panel.metrics.len() > 8 {
                return Err(ApiError::invalid(
                    field("metrics"),
                    "a chart has 1 to 8 metrics",
                ));
            }
            for metric in &panel.metrics {
                Choice::find(&field("metrics"), metric, panel.each)?;
            }
            let is_list = panel
                .hosts
                .iter()
                .all(|host| !host.is_empty() && !host.contains(','));
            if panel.hosts.is_empty() || panel.hosts.len() > HOSTS || !is_list {
                return Err(ApiError::invalid(
                    field("hosts"),
                    format!("a chart has 1 to {HOSTS} hosts, named without commas"),
                ));
            }
        }
        Ok(())
    }
}

/// All boards by name; with a name, that one.
pub(crate) async fn list(
    notes: &Annotations,
    database: &Database,
    name: Option<&str>,
) -> Result<Vec<Kept>> {
    if let Some(documents) = notes.documents() {
        let found = match name {
            Some(name) => {
                let found = documents.find(Collection::Boards, name).await?;
                found.into_iter().collect()
            }
            None => {
                let found = documents.list(Collection::Boards, "", "").await?;
                found.into_iter().map(|(_, document)| document).collect()
            }
        };
        let boards: Vec<serde_json::Value> = found;
        return Ok(boards
            .into_iter()
            .filter_map(|document| serde_json::from_value(document).ok())
            .collect());
    }
    let tables = match database.query(text(notes.bucket(), name)).await {
        Err(error) if error.is_missing_bucket() => return Ok(Vec::new()),
        tables => tables?,
    };
    let read = |row: watchpost_core::csv::Row<'_>| {
        Some(Kept {
            name: row.str("board")?.to_owned(),
            changed: format_rfc3339(row.time("_time")?),
            author: row.str("author").unwrap_or("unknown").to_owned(),
            // One that was written by hand and is wrong costs only itself.
            board: serde_json::from_str(row.str("document")?).ok()?,
        })
    };
    let mut found: Vec<Kept> = tables
        .iter()
        .flat_map(Table::rows)
        .filter_map(read)
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The query for the newest state of boards.
pub fn text(bucket: &str, name: Option<&str>) -> String {
    let name = name.map_or(String::new(), |name| {
        format!(" and {}", flux_text::equals("board", name))
    });
    format!(
        "from(bucket: {})\n    |> range(start: {})\n    |> filter(fn: (r) => {}{name})\n    |> last()\n    |> pivot(rowKey: [\"_time\", \"board\"], columnKey: [\"_field\"], valueColumn: \"_value\")\n    |> group()\n",
        flux_text::string(bucket),
        flux_text::time(0),
        flux_text::equals("_measurement", MEASUREMENT),
    )
}

/// Keeps a board under a name; `None` removes it.
pub(crate) async fn keep(
    notes: &Annotations,
    name: &str,
    board: Option<&Board>,
    author: &str,
) -> Result<()> {
    let is_plain =
        !name.is_empty() && name.len() <= NAME_LIMIT && !name.contains(['\n', '\r', '\\']);
    if !is_plain {
        return Err(ApiError::invalid(
            "name",
            format!("a board's name has 1 to {NAME_LIMIT} bytes in one line"),
        ));
    }
    if let Some(documents) = notes.documents() {
        let Some(board) = board else {
            return documents.remove(Collection::Boards, name).await;
        };
        let kept = Kept {
            name: name.to_owned(),
            changed: format_rfc3339(crate::now()),
            author: author.to_owned(),
            board: board.clone(),
        };
        let document =
            serde_json::to_value(&kept).map_err(|error| ApiError::Internal(error.to_string()))?;
        return documents.put(Collection::Boards, name, &document).await;
    }
    let document = match board {
        Some(board) => {
            serde_json::to_string(board).map_err(|error| ApiError::Internal(error.to_string()))?
        }
        None => String::new(),
    };
    let point = Point::new(MEASUREMENT, crate::now())
        .tag("board", name)
        .field("document", document)
        .field("author", author);
    notes.write(&point).await
}
