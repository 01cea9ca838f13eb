//! What is not counted but looked at when somebody asks: how much waits for the shards, and how this node stands with the
//! others.

use std::fmt;
use std::sync::Arc;

use chat_core::cluster::{Link, Neighbours};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use tokio::sync::mpsc;

/// The queues of the shards.
pub(crate) struct Queues<T>(pub(crate) Arc<[mpsc::Sender<T>]>);

impl<T> fmt::Debug for Queues<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Queues").field(&self.0.len()).finish()
    }
}

impl<T: Send + 'static> Collector for Queues<T> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Orders that wait for a shard of the hub";
        let mut family = encoder.encode_descriptor("hub_queue_depth", help, None, MetricType::Gauge)?;
        for (number, shard) in self.0.iter().enumerate() {
            let waiting = shard.max_capacity() - shard.capacity();
            family.encode_family(&[("shard", number)])?.encode_gauge(&waiting)?;
        }
        Ok(())
    }
}

/// Offers how this node stands with the others of its cluster.
pub fn register_neighbours(registry: &mut Registry, neighbours: Arc<dyn Neighbours>) {
    registry.register_collector(Box::new(Others(neighbours)));
}

struct Others(Arc<dyn Neighbours>);

impl fmt::Debug for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Others").finish_non_exhaustive()
    }
}

impl Collector for Others {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "1 while news of other nodes travels over the bus, 0 while it is read from the database";
        let is_up = i64::from(self.0.link() == Link::Up);
        encoder.encode_descriptor("bus_up", help, None, MetricType::Gauge)?.encode_gauge(&is_up)?;
        let help = "Committed events that this node has not yet told its clients of";
        let lag = self.0.lag();
        encoder.encode_descriptor("bus_lag_events", help, None, MetricType::Gauge)?.encode_gauge(&lag)
    }
}
