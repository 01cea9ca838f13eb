//! The thread of the client and the receiver. On a runtime with one thread, tasks run in the order in which they were
//! woken; so refusals, which the client passes on in one task, and messages, from another, have an order.

use std::io;

use async_nats::{Client, ConnectError, ConnectOptions, ServerAddr};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::NatsError;

/// A handle to the thread, which ends when this is dropped.
pub(crate) struct Thread {
    _end: oneshot::Sender<()>,
}

impl Thread {
    /// Starts the thread, connects on it and runs the task made by `task` on it.
    pub(crate) async fn start<T>(
        options: ConnectOptions,
        addresses: Vec<ServerAddr>,
        task: impl FnOnce(Client) -> T + Send + 'static,
    ) -> Result<(Self, Client), NatsError>
    where
        T: Future<Output = ()> + Send + 'static,
    {
        let (end, ended) = oneshot::channel();
        let (connected, client) = oneshot::channel();
        let runtime = Builder::new_current_thread().enable_all().build().map_err(NatsError::Thread)?;
        let live = async move {
            let client: Result<Client, ConnectError> = options.connect(addresses).await;
            if let Ok(client) = &client {
                tokio::spawn(task(client.clone()));
            }
            if connected.send(client).is_ok() {
                let _: Result<(), _> = ended.await;
            }
        };
        let run = move || {
            runtime.block_on(live);
            // Does not wait for a DNS query that is still running.
            runtime.shutdown_background();
        };
        std::thread::Builder::new().name("nats".into()).spawn(run).map_err(NatsError::Thread)?;
        let gone = |_| NatsError::Thread(io::Error::other("it has ended"));
        Ok((Self { _end: end }, client.await.map_err(gone)??))
    }
}
