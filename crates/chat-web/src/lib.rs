//! Serves the web client from the binary, or a built-in page that explains how to build it.
//!
//! Files and their headers only, and no chat logic: the web client uses the API as any other client does.

mod answer;
mod files;

use answer::Policies;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

/// Routes of the page at `/`, the client's files, and `/client.json`, which gives the web client the server's version
/// and the demo users for a request with these headers and URI. Other paths get a 404 without a body. `embedders` are
/// the origins whose pages may show the widget, separated by spaces.
pub fn router<Ask, Users>(version: &'static str, embedders: &str, demo_users: Ask) -> Router
where
    Ask: Fn(HeaderMap, Uri) -> Users + Clone + Send + Sync + 'static,
    Users: Future<Output = Vec<String>> + Send,
{
    let client_json = move |headers: HeaderMap, uri: Uri| async move {
        let body = json!({"version": version, "demo_users": demo_users(headers, uri).await});
        ([(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
    };
    let policies = Policies::new(embedders);
    Router::new()
        .route("/", get(page))
        .route("/client.json", get(client_json))
        .fallback(file)
        .with_state(policies)
}

async fn page(State(policies): State<Policies>, headers: HeaderMap) -> Response {
    answer::answer("index.html", &headers, &policies)
}

async fn file(State(policies): State<Policies>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    answer::answer(path, request.headers(), &policies)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::header::CONTENT_SECURITY_POLICY;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn asked(method: &str, path: &str) -> (StatusCode, HeaderMap, String) {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let (head, body) = router("1.2.3", "", |_, _| async { vec!["tom".into()] })
            .oneshot(request)
            .await
            .unwrap()
            .into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, head.headers, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn the_root_is_a_page_whether_the_client_was_built_or_not() {
        let (status, headers, page) = asked("GET", "/").await;
        assert_eq!(
            (status, &headers[CONTENT_TYPE]),
            (StatusCode::OK, &"text/html; charset=utf-8".parse().unwrap())
        );
        assert!(headers[CONTENT_SECURITY_POLICY].to_str().unwrap().contains("script-src 'self'"));
        assert!(page.contains("<title>ChatServer</title>"), "{page}");
        for named in page.split(['"', '\'']).filter(|word| word.starts_with("/assets/")) {
            assert_eq!(asked("GET", named).await.0, StatusCode::OK, "{named}");
        }
    }

    #[tokio::test]
    async fn client_json_lists_the_demo_users() {
        let (status, _, body) = asked("GET", "/client.json").await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, body), (StatusCode::OK, json!({"version": "1.2.3", "demo_users": ["tom"]})));
    }

    #[tokio::test]
    async fn other_paths_are_not_found() {
        for (method, path) in [
            ("GET", "/nothing"),
            ("GET", "/assets/"),
            ("GET", "/index.html.gz"),
            ("GET", "/../Cargo.toml"),
            ("GET", "//etc/mtab"),
            ("POST", "/index.html"),
        ] {
            assert_eq!(asked(method, path).await.0, StatusCode::NOT_FOUND, "{method} {path}");
        }
    }
}
