//! Counts and durations of HTTP requests. The routes are known in advance, so counting needs no lock, and made-up paths
//! share one series.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use utoipa::openapi::OpenApi;

/// Upper bounds of the histogram's buckets, in microseconds.
const BOUNDS_US: [u64; 12] =
    [500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// Routes that are not in the OpenAPI document.
const OTHERS: [&str; 5] = ["/ws", "/v1/ws", "/asyncapi.json", "/", "/client.json"];

/// The counts of all routes.
#[derive(Debug)]
pub struct Requests {
    /// The few methods of each path.
    routes: HashMap<String, Vec<(Method, Route)>>,
    elsewhere: Route,
}

#[derive(Debug, Default)]
struct Route {
    by_status: [AtomicU64; STATUS_CLASSES.len()],
    /// By histogram bucket; the last one is for requests above all bounds.
    by_time: [AtomicU64; BOUNDS_US.len() + 1],
    total_us: AtomicU64,
}

impl Requests {
    /// Counters for the routes of this document.
    pub fn of(document: &OpenApi) -> Self {
        let mut routes: HashMap<String, Vec<(Method, Route)>> = HashMap::new();
        for (path, item) in &document.paths.paths {
            let methods = [
                (Method::GET, item.get.is_some()),
                (Method::PUT, item.put.is_some()),
                (Method::POST, item.post.is_some()),
                (Method::PATCH, item.patch.is_some()),
                (Method::DELETE, item.delete.is_some()),
            ];
            let there = methods.into_iter().filter(|(_, is_there)| *is_there);
            routes.insert(path.clone(), there.map(|(method, _)| (method, Route::default())).collect());
        }
        for path in OTHERS {
            routes.insert(path.into(), vec![(Method::GET, Route::default())]);
        }
        Self { routes, elsewhere: Route::default() }
    }

    /// Counts a request that was answered after this time. `path` is the template of its route, if it matched one.
    pub(crate) fn answered(&self, method: &Method, path: Option<&str>, status: StatusCode, after: Duration) {
        let methods = path.and_then(|path| self.routes.get(path));
        let route = methods.and_then(|methods| methods.iter().find(|(known, _)| known == method));
        route.map_or(&self.elsewhere, |(_, route)| route).note(status, after);
    }

    /// Number of requests answered so far.
    pub(crate) fn n_answered(&self) -> u64 {
        let routes = self.each().map(|(_, route)| route);
        routes.flat_map(|route| &route.by_status).map(|count| count.load(Ordering::Relaxed)).sum()
    }

    fn each(&self) -> impl Iterator<Item = ([(&str, &str); 2], &Route)> {
        let known = self.routes.iter().flat_map(|(path, methods)| {
            methods.iter().map(|(method, route)| ([("method", method.as_str()), ("route", path)], route))
        });
        let elsewhere = std::iter::once(([("method", "any"), ("route", "other")], &self.elsewhere));
        known.chain(elsewhere)
    }
}

impl Route {
    fn note(&self, status: StatusCode, after: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, STATUS_CLASSES.len()) - 1;
        self.by_status[class].fetch_add(1, Ordering::Relaxed);
        let us = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        let time = BOUNDS_US.iter().position(|bound| us <= *bound).unwrap_or(BOUNDS_US.len());
        self.by_time[time].fetch_add(1, Ordering::Relaxed);
        self.total_us.fetch_add(us, Ordering::Relaxed);
    }

    /// The buckets as the encoder wants them, each with its upper bound in seconds, and the total count.
    fn times(&self) -> (Vec<(f64, u64)>, u64) {
        let bounds = BOUNDS_US.iter().map(|us| Duration::from_micros(*us).as_secs_f64());
        let counts = self.by_time.iter().map(|count| count.load(Ordering::Relaxed));
        let classes: Vec<_> = bounds.chain(std::iter::once(f64::INFINITY)).zip(counts).collect();
        let count = classes.iter().map(|(_, count)| count).sum();
        (classes, count)
    }
}

/// Encodes the counts at a scrape; routes that were never requested are left out.
#[derive(Debug)]
pub(super) struct Collected(pub(super) Arc<Requests>);

impl Collector for Collected {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Answered HTTP requests, by route and status class";
        let mut family = encoder.encode_descriptor("http_requests", help, None, MetricType::Counter)?;
        for ([method, path], route) in self.0.each() {
            for (class, count) in STATUS_CLASSES.into_iter().zip(&route.by_status) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let labels = [method, path, ("status", class)];
                    family.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, u64>(&count, None)?;
                }
            }
        }
        let (help, unit) = ("Seconds from the request's head to the response's head", Unit::Seconds);
        let name = "http_request_duration";
        let mut family = encoder.encode_descriptor(name, help, Some(&unit), MetricType::Histogram)?;
        for (labels, route) in self.0.each() {
            let (times, count) = route.times();
            if count > 0 {
                let sum = Duration::from_micros(route.total_us.load(Ordering::Relaxed)).as_secs_f64();
                family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &times, None)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    fn page(requests: &Arc<Requests>) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Collected(requests.clone())));
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
        page
    }

    #[test]
    fn a_request_counts_under_its_routes_template_and_any_other_under_one_name() {
        let requests = Arc::new(Requests::of(&crate::openapi()));
        let ms = Duration::from_millis;
        requests.answered(&Method::GET, Some("/v1/messages/{id}"), StatusCode::OK, ms(2));
        requests.answered(&Method::GET, Some("/v1/messages/{id}"), StatusCode::NOT_FOUND, ms(20_000));
        requests.answered(&Method::TRACE, Some("/v1/messages/{id}"), StatusCode::METHOD_NOT_ALLOWED, ms(1));
        requests.answered(&Method::GET, None, StatusCode::NOT_FOUND, ms(1));
        assert_eq!(requests.n_answered(), 4);
        let page = page(&requests);
        for line in [
            r#"http_requests_total{method="GET",route="/v1/messages/{id}",status="2xx"} 1"#,
            r#"http_requests_total{method="GET",route="/v1/messages/{id}",status="4xx"} 1"#,
            r#"http_requests_total{method="any",route="other",status="4xx"} 2"#,
            r#"http_request_duration_seconds_bucket{le="0.001",method="GET",route="/v1/messages/{id}"} 0"#,
            r#"http_request_duration_seconds_bucket{le="0.0025",method="GET",route="/v1/messages/{id}"} 1"#,
            r#"http_request_duration_seconds_bucket{le="5.0",method="GET",route="/v1/messages/{id}"} 1"#,
            r#"http_request_duration_seconds_bucket{le="+Inf",method="GET",route="/v1/messages/{id}"} 2"#,
            r#"http_request_duration_seconds_sum{method="GET",route="/v1/messages/{id}"} 20.002"#,
        ] {
            assert!(page.lines().any(|known| known == line), "{line} is not in\n{page}");
        }
    }
}
