//! Live values as server-sent events: `update` with new values, `status` when the database goes or
//! comes back.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event as SentEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::broadcast::error::RecvError;

use crate::Result;
use crate::live::{Event, Following};
use crate::parameters::Parameters;
use crate::security;
use crate::state::App;

/// Longest silence; proxies close what is quiet for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How often a follower's session or token is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Time after which a browser that lost the connection tries again.
const RETRY: Duration = Duration::from_secs(2);

pub(super) async fn follow(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response> {
    let parameters = Parameters::read(query.as_deref(), &["host"])?;
    let fleet = app.live.follow()?;
    let host = parameters
        .one("host")?
        .map(|host| app.live.follow_host(host))
        .transpose()?;
    let only_host = host.is_some();
    // Who follows one host wants the fleet's status alone.
    let of_fleet = events(fleet).filter(move |event| {
        let wanted = !only_host || matches!(event, Event::Status(_));
        async move { wanted }
    });
    let of_host = stream::iter(host).flat_map(events);
    let first = stream::iter([app.live.status()]);
    let ended = ended(app.clone(), headers);
    let all = first
        .chain(stream::select(of_fleet, of_host))
        .take_until(Box::pin(ended))
        .map(|event| Ok::<_, Infallible>(sent(&event)));
    let events = Sse::new(all).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    // nginx would hold events back until 4 kB have come.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), "no");
    Ok(([unbuffered], events).into_response())
}

/// Returns when the server stops, or when the follower may not look any more.
async fn ended(app: App, headers: HeaderMap) {
    while app
        .shutdown
        .unless_requested(tokio::time::sleep(LOOK_AGAIN))
        .await
        .is_some()
    {
        if security::identify(&app, &headers).is_none() {
            return;
        }
    }
}

fn sent(event: &Event) -> SentEvent {
    let (name, document) = match event {
        Event::Update(document) => ("update", document),
        Event::Status(document) => ("status", document),
    };
    SentEvent::default().event(name).retry(RETRY).data(document)
}

/// The events of a follower, until the sender goes. One that is behind goes on with the newest.
fn events(following: Following) -> impl futures_util::Stream<Item = Event> {
    stream::unfold(following, |mut following| async move {
        loop {
            match following.events.recv().await {
                Ok(event) => return Some((event, following)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    })
    .boxed()
}
