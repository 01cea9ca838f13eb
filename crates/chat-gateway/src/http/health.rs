//! Liveness and readiness.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use chat_core::clocks::Skew;
use chat_core::cluster::{Link, Peers};
use chat_protocol::problem::Problem as ProblemBody;
use chat_protocol::rest::{Bus, Health, Pong, Readiness};

use super::problem::Problem;
use crate::App;
use crate::clock;

/// Upper bound for the probing write. A slower database would keep users waiting too.
const PROBE: Duration = Duration::from_millis(1500);

/// Returns `pong` and the storage engine.
#[utoipa::path(get, path = "/ping", tag = "operation", responses((status = 200, body = Pong)))]
pub(super) async fn ping(State(app): State<App>) -> Json<Pong> {
    Json(Pong { message: "pong".into(), db_driver: app.chat.storage_name().into() })
}

/// Returns 200 while the process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, body = Health)))]
pub(super) async fn healthz() -> Json<Health> {
    Json(Health { status: "ok".into() })
}

/// Returns 200 only when a durable write would succeed now; it makes one to find out, and waits at most 1.5
/// seconds for it. A node of a cluster also reports the state of its bus and clock, which do not affect readiness.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, body = Readiness),
    (status = 503, description = "Writes fail or hang, or the server is shutting down", body = ProblemBody,
     content_type = "application/problem+json"),
))]
pub(super) async fn readyz(State(app): State<App>) -> Result<Json<Readiness>, Problem> {
    if app.is_draining() {
        return Err(Problem::new(503, "draining", "The server is shutting down").retry_after(1));
    }
    app.probes.ready(PROBE).await?;
    Ok(Json(readiness(app.peers.as_deref(), app.hub.metrics().skew.last())))
}

fn readiness(peers: Option<&dyn Peers>, skew: Option<Skew>) -> Readiness {
    let bus = peers.map(|peers| match peers.link() {
        Some(Link::Up) => Bus::Up,
        Some(Link::Down) => Bus::Down,
        None => Bus::None,
    });
    Readiness { status: "ready".into(), bus, clock_skew_ms: skew.map(clock::milliseconds) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Linked(Option<Link>);

    impl Peers for Linked {
        fn link(&self) -> Option<Link> {
            self.0
        }

        fn lag(&self) -> u64 {
            0
        }
    }

    fn body(peers: Option<&dyn Peers>) -> serde_json::Value {
        serde_json::to_value(readiness(peers, None)).unwrap()
    }

    #[test]
    fn readiness_reports_the_skew_if_there_is_another_clock() {
        let skew = Skew { ahead_us: -12_345, within: Duration::ZERO };
        let json = serde_json::to_value(readiness(None, Some(skew))).unwrap();
        assert_eq!(json, serde_json::json!({"status": "ready", "clock_skew_ms": -12}));
    }

    #[test]
    fn a_node_reports_its_bus_and_a_single_server_does_not() {
        assert_eq!(body(None), serde_json::json!({"status": "ready"}));
        for (link, bus) in [(Some(Link::Up), "up"), (Some(Link::Down), "down"), (None, "none")] {
            assert_eq!(body(Some(&Linked(link))), serde_json::json!({"status": "ready", "bus": bus}));
        }
    }
}
