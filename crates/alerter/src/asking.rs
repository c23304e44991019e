//! Sends the question of a batch to the server, whatever its kind.

use watchpost_client::ask::Limits;
use watchpost_client::query::Query;
use watchpost_client::{Client, Error};

use crate::dialect::shape::{Batch, Content};
use crate::dialect::{question, rows};
use crate::rules::sample::Row;

/// The rows of each member of a batch.
///
/// Errors: the client's; and a rule's own Flux on a server that runs none.
pub(crate) async fn rows(
    client: &Client,
    batch: &Batch,
    limits: &Limits,
) -> watchpost_client::Result<Vec<Vec<Row>>> {
    match &batch.content {
        Content::Shaped(shape) => {
            let question = question::of(shape, &batch.members);
            let answer = client.ask(&question, limits).await?;
            Ok(rows::assign(batch, &answer))
        }
        Content::Own { text, at } => {
            let kind = client.config().kind;
            if !kind.runs_flux() {
                return Err(Error::Config(format!(
                    "a rule of kind \"flux\" needs Flux, which {} does not run",
                    kind.title()
                )));
            }
            let mut query = Query::new(text.clone())
                .row_limit(limits.rows)
                .byte_limit(limits.bytes)
                .now(*at);
            if let Some(timeout) = limits.timeout {
                query = query.timeout(timeout);
            }
            let tables = client.query(&query).await?;
            let mut lists: Vec<Vec<Row>> = batch.members.iter().map(|_| Vec::new()).collect();
            lists[0] = rows::of_tables(&tables);
            Ok(lists)
        }
    }
}
