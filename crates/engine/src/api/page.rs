//! Pages of lists: `limit`, `offset`, `after`, `descending`, and the links to the pages around.

use serde_json::{Map, Value, json};

use crate::api::call::Call;
use crate::api::error::ApiError;
use crate::limits::{PAGE, PAGE_DEFAULT};
use crate::meta::Id;

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    limit: i64,
    offset: i64,
    after: Option<Id>,
    descending: bool,
}

impl Page {
    /// From the query of a request.
    ///
    /// # Errors
    /// A number that is none, or a limit out of range.
    pub fn of(call: &Call) -> Result<Self, ApiError> {
        let number = |name: &str, default: i64| match call.query.get(name) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| ApiError::invalid(format!("{name} is invalid"))),
        };
        let limit = number("limit", PAGE_DEFAULT)?;
        if !PAGE.contains(&limit) {
            return Err(ApiError::invalid(format!(
                "limit must be between {} and {}",
                PAGE.start(),
                PAGE.end()
            )));
        }
        Ok(Self {
            limit,
            offset: number("offset", 0)?,
            after: call.query.id("after")?,
            descending: call.query.get("descending") == Some("true"),
        })
    }

    /// The page's part of things that are in ascending order of `id`.
    pub fn cut<T>(&self, mut things: Vec<T>, id: impl Fn(&T) -> Id) -> Vec<T> {
        if self.descending {
            things.reverse();
        }
        if let Some(after) = self.after {
            things.retain(|thing| {
                if self.descending {
                    id(thing) < after
                } else {
                    id(thing) > after
                }
            });
        }
        let skip = usize::try_from(self.offset).unwrap_or(0);
        things
            .into_iter()
            .skip(skip)
            .take(usize::try_from(self.limit).unwrap_or(0))
            .collect()
    }

    /// The links to this page and its neighbours; `filters` are the other parameters of the request.
    pub fn links(&self, path: &str, filters: &[(&str, Option<String>)], shown: usize) -> Value {
        let link = |offset: i64| {
            let mut parameters: Vec<(&str, String)> = filters
                .iter()
                .filter_map(|(name, value)| Some((*name, value.clone()?)))
                .collect();
            parameters.push(("descending", self.descending.to_string()));
            parameters.push(("limit", self.limit.to_string()));
            parameters.push(("offset", offset.to_string()));
            parameters.extend(self.after.map(|after| ("after", after.to_string())));
            parameters.sort();
            let query = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(parameters)
                .finish();
            json!(format!("{path}?{query}"))
        };
        let mut links = Map::new();
        if self.offset > 0 {
            links.insert("prev".to_owned(), link((self.offset - self.limit).max(0)));
        }
        links.insert("self".to_owned(), link(self.offset));
        if usize::try_from(self.limit) == Ok(shown) {
            links.insert("next".to_owned(), link(self.offset + self.limit));
        }
        Value::Object(links)
    }
}
