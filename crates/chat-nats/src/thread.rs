//! The thread on which the client and who listens run. On a runtime of one thread, tasks run in the order in which they
//! were woken; so what the client tells of refusals, by one task, and of messages, by another, has an order.

use std::io;

use async_nats::{Client, ConnectError, ConnectOptions, ServerAddr};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::NatsError;

/// The thread runs as long as this is kept.
pub(crate) struct Thread {
    _end: oneshot::Sender<()>,
}

impl Thread {
    /// Connects there, and has the task that is made of the client run there.
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
            // A name that is being looked up is waited for by nobody.
            runtime.shutdown_background();
        };
        std::thread::Builder::new().name("nats".into()).spawn(run).map_err(NatsError::Thread)?;
        let gone = |_| NatsError::Thread(io::Error::other("it has ended"));
        Ok((Self { _end: end }, client.await.map_err(gone)??))
    }
}
