//! Answers, read into one form: a module each for the form they come in.

pub mod annotated_csv;
pub mod influxdb3;
pub mod prometheus;

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not the form that this kind of server answers in.
    #[error("the answer is not {expected}: {reason}{}", hint(.begins))]
    Form {
        expected: &'static str,
        reason: String,
        /// How it begins.
        begins: String,
    },
    /// Some of the data was not there to be asked.
    #[error("the answer is partial: a storage node does not answer")]
    Partial,
    /// The server says that it failed.
    #[error("{0}")]
    Failed(String),
    #[error("the answer has more than {limit} points; narrow the question")]
    TooMany { limit: usize },
}

/// Bytes of a strange answer that an error shows.
const BEGIN_BYTES: usize = 120;

impl ReadError {
    pub(crate) fn form(expected: &'static str, reason: impl ToString, body: &[u8]) -> ReadError {
        let shown = &body[..body.len().min(BEGIN_BYTES)];
        ReadError::Form {
            expected,
            reason: reason.to_string(),
            begins: String::from_utf8_lossy(shown).trim().to_owned(),
        }
    }
}

fn hint(begins: &str) -> String {
    let lower = begins.to_ascii_lowercase();
    if begins.is_empty() {
        "; it is empty".to_owned()
    } else if lower.starts_with("<!doctype") || lower.starts_with("<html") {
        "; it is a web page: a proxy stands between, or the address is another server's".to_owned()
    } else {
        format!("; it begins with {begins:?}")
    }
}

/// The values of a tag, as an answer.
fn named<'n>(names: impl IntoIterator<Item = &'n str>) -> crate::Answer {
    let point = |name: &str| crate::Point {
        time: None,
        value: watchpost_core::csv::Value::String(name.into()),
    };
    let points: Vec<crate::Point> = names.into_iter().map(point).collect();
    let series = crate::Series {
        field: "".into(),
        statistic: None,
        labels: std::collections::BTreeMap::new(),
        points,
    };
    crate::Answer {
        series: Some(series)
            .filter(|series| !series.points.is_empty())
            .into_iter()
            .collect(),
    }
}
