//! What a store counts for whoever watches the server: the same things under the same names, whatever the engine. Values
//! are only added to, and nothing may be decided by them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::{FeedMetrics, Outage};

/// Upper ends of the classes of commit times, in seconds: a disk with a cache takes less than a millisecond for an
/// fsync, a spinning one tens of them.
const COMMIT_SECONDS: [f64; 13] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// Upper ends of the classes of batches, in writes; the last is the most that there can be.
const BATCH_WRITES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// What the writing thread counts.
#[derive(Debug, Clone)]
pub struct WriterMetrics {
    /// From the beginning of a transaction until it is on disk, in seconds.
    pub commit: Histogram,
    /// Writes in one transaction.
    pub batch: Histogram,
    /// Transactions that came to nothing because of the storage.
    pub failures: Counter,
    /// Writes that wait for their transaction.
    pub waiting: Gauge,
    /// Writes that were refused because too many waited.
    pub refused: Counter,
    /// Whether the storage takes none at present; for the log.
    pub outage: Outage,
}

impl Default for WriterMetrics {
    fn default() -> Self {
        Self {
            commit: Histogram::new(COMMIT_SECONDS),
            batch: Histogram::new(BATCH_WRITES),
            failures: Counter::default(),
            waiting: Gauge::default(),
            refused: Counter::default(),
            outage: Outage::of("writes"),
        }
    }
}

impl WriterMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "commit_duration",
            "Seconds from the start of a transaction until it is on disk",
            Unit::Seconds,
            self.commit.clone(),
        );
        registry.register("commit_batch_writes", "Writes per transaction", self.batch.clone());
        registry.register(
            "commit_failures",
            "Transactions that the database refused, with their writes",
            self.failures.clone(),
        );
        registry.register("write_queue_depth", "Writes waiting for a transaction", self.waiting.clone());
        registry.register(
            "writes_refused",
            "Writes refused because the queue was full",
            self.refused.clone(),
        );
    }
}

/// What the reading threads count.
#[derive(Debug, Clone)]
pub struct ReaderMetrics {
    /// Reads that wait for a thread.
    pub waiting: Gauge,
    /// Reads that are being made.
    pub under_way: Gauge,
    /// Reads that were refused because too many waited.
    pub refused: Counter,
    /// Reads that the database could not answer.
    pub failures: Counter,
    /// Whether the storage answers none at present; for the log.
    pub outage: Outage,
}

impl Default for ReaderMetrics {
    fn default() -> Self {
        Self {
            waiting: Gauge::default(),
            under_way: Gauge::default(),
            refused: Counter::default(),
            failures: Counter::default(),
            outage: Outage::of("reads"),
        }
    }
}

impl ReaderMetrics {
    /// Those of other readers of the same storage, which are counted apart but fail with these.
    pub fn beside(&self) -> Self {
        Self { outage: self.outage.clone(), ..Self::default() }
    }
}

impl ReaderMetrics {
    fn register(&self, registry: &mut Registry, threads: usize) {
        registry.register("read_queue_depth", "Reads waiting for a connection", self.waiting.clone());
        registry.register("reads_under_way", "Reads in progress", self.under_way.clone());
        registry.register("reads_refused", "Reads refused because the queue was full", self.refused.clone());
        registry.register("read_failures", "Reads that the database could not answer", self.failures.clone());
        let threads = ConstGauge::new(u64::try_from(threads).unwrap_or(u64::MAX));
        registry.register("read_pool_size", "Connections used for reading", threads);
    }
}

/// How far the search index is behind the log.
#[derive(Debug, Clone, Default)]
pub struct SearchLag {
    /// Events that were committed since the start.
    pub committed: Arc<AtomicU64>,
    /// Those of them that the index had taken in when it last was up to date.
    pub indexed: Arc<AtomicU64>,
}

impl EncodeMetric for SearchLag {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        let indexed = self.indexed.load(Ordering::Relaxed);
        encoder.encode_gauge(&self.committed.load(Ordering::Relaxed).saturating_sub(indexed))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

/// All that a store counts.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub writer: WriterMetrics,
    pub readers: ReaderMetrics,
    pub feed: FeedMetrics,
    pub search: Option<SearchLag>,
}

impl Metrics {
    /// Offers it all under the names of the documentation.
    pub fn register(&self, registry: &mut Registry, threads: usize) {
        self.writer.register(registry);
        self.readers.register(registry, threads);
        self.feed.register(registry);
        if let Some(lag) = &self.search {
            registry.register(
                "search_lag_events",
                "Committed events that the search index does not contain yet",
                lag.clone(),
            );
        }
    }
}
