//! What the alerter keeps for the page where the server does not: notes, boards, preferences.

use reqwest::Method;
use serde_json::Value;

use crate::Result;
use crate::alerter::{Alerter, segment};

/// Documents of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collection {
    Notes,
    Boards,
    Preferences,
}

/// Reads and writes them.
#[derive(Debug, Clone)]
pub(crate) struct Documents(Alerter);

impl Documents {
    pub(crate) fn of(alerter: &Alerter) -> Documents {
        Documents(alerter.clone())
    }

    /// Whether the alerter takes some.
    pub(crate) fn may_change(&self) -> bool {
        self.0.may_change()
    }

    /// Those whose names lie in `[from, to)`, by name; an empty end is none. Without an alerter there are
    /// none.
    pub(crate) async fn list(
        &self,
        collection: Collection,
        from: &str,
        to: &str,
    ) -> Result<Vec<(String, Value)>> {
        if !self.0.is_configured() {
            return Ok(Vec::new());
        }
        let path = format!("{}?{}", path(collection), ends(from, to));
        let mut answer = self.0.get(&path).await?;
        let Value::Array(documents) = answer["documents"].take() else {
            return Ok(Vec::new());
        };
        let read = |mut found: Value| {
            let name = found["name"].as_str()?.to_owned();
            Some((name, found["document"].take()))
        };
        Ok(documents.into_iter().filter_map(read).collect())
    }

    /// The one of a name.
    pub(crate) async fn find(&self, collection: Collection, name: &str) -> Result<Option<Value>> {
        // No name lies between one and the same with the least character behind it.
        let found = self.list(collection, name, &format!("{name}\u{0}")).await?;
        Ok(found.into_iter().next().map(|(_, document)| document))
    }

    pub(crate) async fn put(
        &self,
        collection: Collection,
        name: &str,
        document: &Value,
    ) -> Result<()> {
        let path = format!("{}/{}", path(collection), segment(name));
        self.0
            .change(Method::PUT, &path, Some(document))
            .await
            .map(drop)
    }

    pub(crate) async fn remove(&self, collection: Collection, name: &str) -> Result<()> {
        let path = format!("{}/{}", path(collection), segment(name));
        self.0.change(Method::DELETE, &path, None).await.map(drop)
    }
}

/// The parameters of a range of names.
fn ends(from: &str, to: &str) -> String {
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("from", from), ("to", to)] {
        if !value.is_empty() {
            parameters.append_pair(name, value);
        }
    }
    parameters.finish()
}

fn path(collection: Collection) -> String {
    let name = match collection {
        Collection::Notes => "notes",
        Collection::Boards => "boards",
        Collection::Preferences => "preferences",
    };
    format!("/api/v1/documents/{name}")
}
