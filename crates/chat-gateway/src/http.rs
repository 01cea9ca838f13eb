//! The route table, from which the OpenAPI document is generated. Handlers do not belong here.

mod access;
mod accounts;
pub(crate) mod around;
pub(crate) mod browsers;
mod compression;
mod conversations;
mod cors;
mod edits;
pub(crate) mod extract;
mod groups;
mod health;
mod host;
pub(crate) mod lean;
pub(crate) mod limited;
mod live_text;
mod messages;
mod middleware;
mod paging;
mod presence;
pub(crate) mod problem;
mod reactions;
mod receipts;
mod refusals;
mod saved;
mod search;
mod sending;
mod trace;
mod trace_context;

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::answers;
use crate::{App, Origins, asyncapi, ws};
use compression::CompressedRoutes;
use problem::Problem;

/// The API reference styles itself inline, and its icons are in its style sheet.
const REFERENCE_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "ChatServer",
        description = "A self-hosted chat backend: accounts, direct and group messages, history, and live delivery \
                       over WebSocket at `/ws`. Every error is an RFC 9457 problem with a stable `code`.",
        license(name = "MIT", identifier = "MIT"),
    ),
    modifiers(&BearerToken),
    components(schemas(chat_protocol::problem::Problem)),
    tags(
        (name = "accounts", description = "Registration, login, finding users"),
        (name = "groups", description = "Groups and their members"),
        (name = "conversations", description = "Conversations, receipts and unread counts"),
        (name = "messages", description = "Sending, reading, changing and finding messages"),
        (name = "operation", description = "Health and readiness"),
    )
)]
struct Document;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi()).merge(plain_routes()).merge(open_routes())
}

/// Routes whose responses are never compressed, because some carry secrets.
fn plain_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(accounts::register))
        .routes(routes!(accounts::login))
        .routes(routes!(access::log_out))
        .routes(routes!(access::change_password))
        .routes(routes!(accounts::ws_ticket))
}

/// Routes whose responses are compressed if they are large.
fn open_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(health::ping))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(accounts::test_auth))
        .routes(routes!(accounts::users))
        .routes(routes!(accounts::users_with_chat_info))
        .routes(routes!(accounts::user))
        .routes(routes!(groups::create, groups::list))
        .routes(routes!(groups::rename))
        .routes(routes!(groups::add_member, groups::members))
        .routes(routes!(groups::remove_member, groups::change_role))
        .merge(conversation_routes())
        .merge(message_routes())
}

fn conversation_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(conversations::list))
        .routes(routes!(conversations::conversation))
        .routes(routes!(conversations::change_state))
        .routes(routes!(conversations::typing))
        .routes(routes!(conversations::unread))
        .routes(routes!(presence::presence))
        .routes(routes!(messages::read_range, sending::send_to_conversation))
        .routes(routes!(receipts::read))
        .routes(routes!(receipts::read_many))
        .routes(routes!(receipts::delivered))
        .routes(routes!(receipts::receipts))
        .routes(routes!(edits::pins))
}

fn message_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(sending::send_to_user))
        .routes(routes!(sending::send_to_group))
        .routes(routes!(messages::history))
        .routes(routes!(messages::group_history))
        .routes(routes!(messages::chats))
        .routes(routes!(messages::message, edits::edit, edits::delete))
        .routes(routes!(edits::versions))
        .routes(routes!(trace::trace))
        .routes(routes!(edits::pin, edits::unpin))
        .routes(routes!(reactions::reactors))
        .routes(routes!(reactions::react, reactions::unreact))
        .routes(routes!(sending::forward))
        .routes(routes!(live_text::append))
        .routes(routes!(live_text::finish))
        .routes(routes!(receipts::thread))
        .routes(routes!(saved::save, saved::unsave))
        .routes(routes!(saved::saved))
        .routes(routes!(search::search))
}

fn compressed_routes() -> CompressedRoutes {
    open_routes().into_openapi().paths.paths.into_keys().collect()
}

/// The OpenAPI document of the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}

/// All routes, ready to be served. `pages` serves files to browsers. A bare 404 of `pages` becomes an API problem.
/// Pages of `origins` may call the API too.
pub fn router(app: App, pages: Router, origins: Origins) -> Router {
    let (api, document) = routes().split_for_parts();
    let is_compressed = app.options.compression;
    let compressed = if is_compressed { compressed_routes() } else { CompressedRoutes::from_iter([]) };
    let around = middleware::Around { app: app.clone(), compressed };
    let router = api
        .route("/ws", get(ws::upgrade))
        .route("/v1/ws", get(ws::upgrade))
        .route("/asyncapi.json", get(stream_reference).layer(map_response(answers::has_room)))
        .merge(reference(document))
        .with_state(app)
        .merge(pages.layer(map_response(answers::has_room)))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(around, middleware::surround));
    if origins.is_empty() {
        return router;
    }
    router.layer(axum::middleware::from_fn_with_state(Arc::new(origins), cors::share))
}

/// The browsable API reference. Its validator is turned off, because by default it asks a host of its makers to
/// validate the document.
fn reference(document: utoipa::openapi::OpenApi) -> Router<App> {
    let config = Config::default().validator_url("none").persist_authorization(false);
    let pages: Router<App> = SwaggerUi::new("/docs").url("/openapi.json", document).config(config).into();
    pages.layer(map_response(|response: Response| async {
        ([(CONTENT_SECURITY_POLICY, REFERENCE_POLICY)], answers::has_room(response).await)
    }))
}

/// The AsyncAPI document of the stream.
async fn stream_reference() -> Response {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| asyncapi().to_string());
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

async fn method_not_allowed() -> Response {
    Problem::new(
        405,
        "method_not_allowed",
        "This path does not take that method; the API reference is at /docs",
    )
    .into_response()
}
