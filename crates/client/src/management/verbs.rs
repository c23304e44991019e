//! What the management calls do to a path: fetch it, page through it, create, update, remove.

use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::PAGE;
use crate::Result;
use crate::client::{Body, Client, Request};

/// One page of a list that goes on after the id of its last item.
pub(super) trait Page: DeserializeOwned {
    type Item;

    fn items(self) -> Vec<Self::Item>;
    fn id(item: &Self::Item) -> &str;
}

impl Client {
    /// The answer to a GET of `path`.
    pub(super) async fn fetch<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, Option<&str>)],
    ) -> Result<T> {
        self.json(&Request {
            path,
            query,
            ..Request::default()
        })
        .await
    }

    /// Everything that `path` lists for the client's organization, page by page.
    pub(super) async fn fetch_pages<P: Page>(&self, path: &str) -> Result<Vec<P::Item>> {
        let limit = PAGE.to_string();
        let mut found: Vec<P::Item> = Vec::new();
        loop {
            let after = found.last().map(|item| P::id(item).to_owned());
            let query = &[
                ("org", self.org()),
                ("limit", Some(limit.as_str())),
                ("after", after.as_deref()),
            ];
            let page = self.fetch::<P>(path, query).await?.items();
            let last = page.len() < PAGE;
            found.extend(page);
            if last {
                return Ok(found);
            }
        }
    }

    /// Makes what `new` says below `path`, and answers with it.
    pub(super) async fn create<T: DeserializeOwned>(
        &self,
        path: &str,
        new: &impl Serialize,
    ) -> Result<T> {
        self.json(&with_body(Method::POST, path, new)?).await
    }

    /// Changes of the thing at `path` what `patch` gives, and answers with it.
    pub(super) async fn update<T: DeserializeOwned>(
        &self,
        path: &str,
        patch: &impl Serialize,
    ) -> Result<T> {
        self.json(&with_body(Method::PATCH, path, patch)?).await
    }

    /// Puts `whole` in place of the thing at `path`, and answers with it.
    pub(super) async fn replace<T: DeserializeOwned>(
        &self,
        path: &str,
        whole: &impl Serialize,
    ) -> Result<T> {
        self.json(&with_body(Method::PUT, path, whole)?).await
    }

    /// Deletes the thing at `path`.
    pub(super) async fn remove(&self, path: &str) -> Result<()> {
        self.done(&Request {
            method: Method::DELETE,
            path,
            ..Request::default()
        })
        .await
    }
}

fn with_body<'r>(method: Method, path: &'r str, content: &impl Serialize) -> Result<Request<'r>> {
    Ok(Request {
        method,
        path,
        body: Some(Body::json(content)?),
        ..Request::default()
    })
}
