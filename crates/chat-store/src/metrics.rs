//! The metrics of a store, with the same names for every engine. Metrics only record what happens: no code may decide
//! anything by them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::{FeedMetrics, Outage};

/// Upper bounds of the histogram buckets of commit times, in seconds. An fsync takes less than a millisecond on a disk
/// with a cache, and tens of milliseconds on a spinning disk.
const COMMIT_SECONDS: [f64; 13] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// Upper bounds of the histogram buckets of batch sizes, in writes. The last one is the largest batch that a store
/// makes.
const BATCH_WRITES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Metrics of the writing thread.
#[derive(Debug, Clone)]
pub struct WriterMetrics {
    /// Time from the start of a transaction until it is on disk, in seconds.
    pub commit: Histogram,
    /// Number of writes in one transaction.
    pub batch: Histogram,
    /// Transactions that failed because of the storage.
    pub failures: Counter,
    /// Writes that are waiting for a transaction.
    pub waiting: Gauge,
    /// Writes that were refused because the queue was full.
    pub refused: Counter,
    /// Whether storage refuses writes at present. Only log lines depend on it.
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

/// Metrics of the reading threads.
#[derive(Debug, Clone)]
pub struct ReaderMetrics {
    /// Reads that are waiting for a thread.
    pub waiting: Gauge,
    /// Reads in progress.
    pub under_way: Gauge,
    /// Reads that were refused because the queue was full.
    pub refused: Counter,
    /// Reads that the database could not answer.
    pub failures: Counter,
    /// Whether storage refuses reads at present. Only log lines depend on it.
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
    /// Metrics for further readers of the same storage: they count separately and share the outage, since they fail
    /// together.
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

/// How many committed events the search index does not contain yet.
#[derive(Debug, Clone, Default)]
pub struct SearchLag {
    /// Number of events committed since the start.
    pub committed: Arc<AtomicU64>,
    /// Value of `committed` when the index was last up to date.
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

/// All metrics of one store.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub writer: WriterMetrics,
    pub readers: ReaderMetrics,
    pub feed: FeedMetrics,
    pub search: Option<SearchLag>,
}

impl Metrics {
    /// Registers all metrics under their documented names. `threads` is the number of reading threads.
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
