//! A metric that is measured at each scrape: how much waits for the shards.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use tokio::sync::mpsc;

pub(crate) struct Queues<T>(pub(crate) Arc<[mpsc::Sender<T>]>);

impl<T> fmt::Debug for Queues<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Queues").field(&self.0.len()).finish()
    }
}

impl<T: Send + 'static> Collector for Queues<T> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Jobs queued for a shard of the hub";
        let mut family = encoder.encode_descriptor("hub_queue_depth", help, None, MetricType::Gauge)?;
        for (number, shard) in self.0.iter().enumerate() {
            let waiting = shard.max_capacity() - shard.capacity();
            family.encode_family(&[("shard", number)])?.encode_gauge(&waiting)?;
        }
        Ok(())
    }
}
