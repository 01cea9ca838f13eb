//! Gauges of how far each reader of the feed is behind. Each reader has its own values, and they are removed with the
//! reader.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use chat_core::feed::Counted;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

type Labels = Vec<(String, String)>;

/// Gauges of all readers of the feed, one set per reader name. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct FeedMetrics {
    lag: Family<Labels, Gauge>,
    age: Family<Labels, Gauge>,
    has_to_reload: Family<Labels, Gauge>,
    known: Arc<Mutex<BTreeSet<String>>>,
}

impl FeedMetrics {
    /// Sets the values of all `readers`, and removes those of every reader that is not among them.
    pub fn set(&self, readers: impl IntoIterator<Item = Counted>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut gone = std::mem::take(&mut *known);
        for Counted { name, lag, oldest_age, has_to_reload } in readers {
            let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            self.lag.get_or_create(&labels(&name)).set(number(lag));
            self.age.get_or_create(&labels(&name)).set(number(oldest_age));
            self.has_to_reload.get_or_create(&labels(&name)).set(has_to_reload.into());
            gone.remove(&name);
            known.insert(name);
        }
        for name in gone {
            self.lag.remove(&labels(&name));
            self.age.remove(&labels(&name));
            self.has_to_reload.remove(&labels(&name));
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
        registry.register(
            "feed_reader_has_to_reload",
            "Whether changes after the reader's position are not kept, or it is one of another log",
            self.has_to_reload.clone(),
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
    fn a_reader_that_was_removed_has_no_values() {
        let (mut registry, metrics) = (Registry::default(), FeedMetrics::default());
        metrics.register(&mut registry);
        let shown = || {
            let mut text = String::new();
            assert!(prometheus_client::encoding::text::encode(&mut text, &registry).is_ok());
            let values = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned);
            values.collect::<BTreeSet<_>>()
        };
        let wanted = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<BTreeSet<_>>();
        let counted = |name: &str, lag, oldest_age, has_to_reload| Counted {
            name: name.into(),
            lag,
            oldest_age,
            has_to_reload,
        };
        metrics.set([counted("hooks", 5, 60, false), counted("mirror", 0, 0, true)]);
        let lag_of_hooks = "feed_reader_lag_changes{reader=\"hooks\"} 5";
        assert!(shown().contains(lag_of_hooks) && shown().len() == 6, "{:?}", shown());
        let mirror_has_to_reload = "feed_reader_has_to_reload{reader=\"mirror\"} 1";
        assert!(shown().contains(mirror_has_to_reload), "{:?}", shown());
        metrics.set([counted("mirror", 7, 9, false)]);
        let left = [
            "feed_reader_has_to_reload{reader=\"mirror\"} 0",
            "feed_reader_lag_changes{reader=\"mirror\"} 7",
            "feed_reader_oldest_age_seconds{reader=\"mirror\"} 9",
        ];
        assert_eq!(shown(), wanted(&left));
    }
}
