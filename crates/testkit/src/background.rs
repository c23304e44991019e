//! A listener with a thread and a runtime of its own, so that a receiver serves blocking tests
//! and tests on tokio alike.

use std::future::Future;
use std::net::SocketAddr;
use std::thread;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Serves a free port of the loopback until the returned sender goes.
///
/// # Panics
/// If no port can be had.
pub(crate) fn serve<F, S>(service: S) -> (SocketAddr, oneshot::Sender<()>)
where
    F: Future<Output = ()>,
    S: FnOnce(TcpListener, oneshot::Receiver<()>) -> F + Send + 'static,
{
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port on the loopback");
    let address = listener
        .local_addr()
        .expect("a bound listener has an address");
    listener
        .set_nonblocking(true)
        .expect("a listener can be made non-blocking");
    let (end, ended) = oneshot::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).expect("the runtime takes the listener");
            service(listener, ended).await;
        });
    });
    (address, end)
}
