//! Stopping: tasks hear the order, and waiting for them has an end.

use std::time::Duration;

use watchpost_service::shutdown::{Drained, Shutdown};

#[tokio::test]
async fn tasks_that_stop_are_waited_for() {
    let shutdown = Shutdown::new();
    let heard = shutdown.clone();
    let task = shutdown.spawn(async move {
        heard.requested().await;
        "finished its work"
    });
    assert!(!shutdown.is_requested());
    assert_eq!(
        shutdown.drain(Duration::from_secs(60)).await,
        Drained::Complete
    );
    assert_eq!(task.await.unwrap(), "finished its work");
}

#[tokio::test]
async fn a_task_that_hangs_is_left_behind() {
    let shutdown = Shutdown::new();
    shutdown.spawn(std::future::pending::<()>());
    assert_eq!(shutdown.drain(Duration::ZERO).await, Drained::Abandoned(1));
}

#[tokio::test]
async fn work_is_dropped_when_the_order_comes() {
    let shutdown = Shutdown::new();
    assert_eq!(shutdown.unless_requested(async { 7 }).await, Some(7));
    shutdown.request();
    assert_eq!(
        shutdown
            .unless_requested(std::future::pending::<()>())
            .await,
        None
    );
}

#[tokio::test]
async fn a_child_stops_alone_and_with_its_parent() {
    let parent = Shutdown::new();
    let (first, second) = (parent.child(), parent.child());
    first.request();
    assert!(first.is_requested() && !parent.is_requested() && !second.is_requested());
    parent.request();
    assert!(second.is_requested());
}
