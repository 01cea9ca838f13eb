//! Compares this machine's clock with the database's every few seconds, keeps the result for metrics and `/readyz`, and
//! logs when the two disagree and when they agree again. The core decides what counts as disagreement.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chat_core::Chat;
use chat_core::clocks::{Agreement, Skew, Turn};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use tokio::time::MissedTickBehavior;

/// Time between two measurements.
const INTERVAL: Duration = Duration::from_secs(5);

/// The last measurement. `None`: there is no other clock, or it could not be read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured(Arc<Mutex<Option<Skew>>>);

impl Measured {
    pub(crate) fn last(&self) -> Option<Skew> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, skew: Option<Skew>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = skew;
    }
}

impl Collector for Measured {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(skew) = self.last() else { return Ok(()) };
        let (name, help) = (
            "clock_skew",
            "Seconds by which this machine's clock is ahead of the database's; negative if behind",
        );
        let mut encoder = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
        encoder.encode_gauge(&seconds(skew))
    }
}

/// Compares this machine's clock with the database's.
pub(crate) struct Comparison {
    chat: Chat,
    measured: Measured,
    agreement: Agreement,
}

impl Comparison {
    /// Measures for the first time, so that a result exists from now on.
    pub(crate) async fn begin(chat: Chat, measured: Measured) -> Self {
        let mut comparison = Self { chat, measured, agreement: Agreement::default() };
        comparison.measure().await;
        comparison
    }

    /// Measures for as long as the server runs. Returns at once if there is no other clock.
    pub(crate) async fn run(mut self) {
        let mut interval = tokio::time::interval(INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval.tick().await;
        loop {
            interval.tick().await;
            if !self.measure().await {
                return;
            }
        }
    }

    /// Measures once. `false`: there is no other clock.
    async fn measure(&mut self) -> bool {
        let measured = self.chat.clock_skew().await;
        // If the database does not answer, the skew is unknown: the clock may have been set since. The failure itself
        // is logged elsewhere.
        let skew = *measured.as_ref().unwrap_or(&None);
        self.measured.set(skew);
        if let Some(skew) = skew {
            self.log_turn(skew);
        }
        !matches!(measured, Ok(None))
    }

    fn log_turn(&mut self, skew: Skew) {
        let clock_skew_ms = milliseconds(skew);
        match self.agreement.judge(skew) {
            Some(Turn::Apart) => tracing::warn!(
                clock_skew_ms,
                "this machine's clock is {:.0} s {} the database's; synchronise both with NTP: messages show wrong times, and tokens expire early or late",
                seconds(skew).abs(),
                if skew.ahead_us < 0 { "behind" } else { "ahead of" },
            ),
            Some(Turn::Together) => {
                tracing::info!(clock_skew_ms, "this machine's clock agrees with the database's again");
            }
            None => {}
        }
    }
}

/// The skew in milliseconds, as `/readyz` reports it.
pub(crate) fn milliseconds(skew: Skew) -> i64 {
    skew.ahead_us / 1000
}

fn seconds(skew: Skew) -> f64 {
    skew.ahead_us as f64 / 1e6
}
