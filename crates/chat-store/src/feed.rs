//! How far each reader of the feed is behind: one value for each reader, which goes when the reader does.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

type Labels = Vec<(String, String)>;

/// What is known of the readers. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct FeedMetrics {
    lag: Family<Labels, Gauge>,
    age: Family<Labels, Gauge>,
    known: Arc<Mutex<BTreeSet<String>>>,
}

impl FeedMetrics {
    /// These are all readers: the name of each, how many changes it has not acknowledged, and for how many seconds the
    /// oldest of them has waited.
    pub fn set(&self, readers: impl IntoIterator<Item = (String, u64, u64)>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut gone = std::mem::take(&mut *known);
        for (name, lag, age) in readers {
            let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            self.lag.get_or_create(&labels(&name)).set(number(lag));
            self.age.get_or_create(&labels(&name)).set(number(age));
            gone.remove(&name);
            known.insert(name);
        }
        for name in gone {
            self.lag.remove(&labels(&name));
            self.age.remove(&labels(&name));
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "feed_reader_lag_changes",
            "Changes that a reader of the feed has not acknowledged",
            self.lag.clone(),
        );
        registry.register_with_unit(
            "feed_reader_oldest_age",
            "How long the oldest of them has waited",
            Unit::Seconds,
            self.age.clone(),
        );
    }
}

fn labels(name: &str) -> Labels {
    vec![("reader".into(), name.into())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_shown_no_longer() {
        let (mut registry, metrics) = (Registry::default(), FeedMetrics::default());
        metrics.register(&mut registry);
        let shown = || {
            let mut text = String::new();
            assert!(prometheus_client::encoding::text::encode(&mut text, &registry).is_ok());
            let values = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned);
            values.collect::<BTreeSet<_>>()
        };
        let wanted = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<BTreeSet<_>>();
        metrics.set([("hooks".into(), 5, 60), ("mirror".into(), 0, 0)]);
        let of_hooks = "feed_reader_lag_changes{reader=\"hooks\"} 5";
        assert!(shown().contains(of_hooks) && shown().len() == 4, "{:?}", shown());
        metrics.set([("mirror".into(), 7, 9)]);
        let left = [
            "feed_reader_lag_changes{reader=\"mirror\"} 7",
            "feed_reader_oldest_age_seconds{reader=\"mirror\"} 9",
        ];
        assert_eq!(shown(), wanted(&left));
    }
}
