//! The page that Prometheus scrapes, on a listener of its own. It covers the whole server and needs no authentication.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use crate::App;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Upper bound for the probing write; Prometheus waits 10 seconds for the page by default.
const PROBE: Duration = Duration::from_secs(3);

/// The routes of the metrics listener.
pub fn metrics_router(app: App, registry: Registry) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state((app, Arc::new(registry)))
}

async fn metrics(State((app, registry)): State<(App, Arc<Registry>)>) -> Response {
    let is_ready = app.probes.ready(PROBE).await.is_ok();
    app.hub.metrics().set_ready(is_ready && !app.is_draining());
    // Reading the process's statistics from the system may block.
    let encoded = tokio::task::spawn_blocking(move || {
        let mut page = String::new();
        text::encode(&mut page, &registry).map(|()| page)
    });
    match encoded.await {
        Ok(Ok(page)) => ([(CONTENT_TYPE, OPENMETRICS)], page).into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
