//! Groups and their members.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chat_core::ids::{GroupId, UserId};
use chat_protocol::rest;

use super::extract::{Body, PathId};
use super::problem::Problem;
use super::refusals::{Any, BodyRefused, OfGroup, Unauthenticated};
use crate::auth::Caller;
use crate::{App, wire};

/// Creates a group that the caller owns.
#[utoipa::path(post, path = "/v1/groups", tag = "groups", security(("bearer" = [])),
    request_body = rest::CreateGroupRequest, responses(
    (status = 201, body = rest::GroupCreated), Unauthenticated, Any, BodyRefused,
))]
pub(super) async fn create(
    Caller(caller): Caller,
    State(app): State<App>,
    Body(request): Body<rest::CreateGroupRequest>,
) -> Result<(StatusCode, Json<rest::GroupCreated>), Problem> {
    let group = app.chat.create_group(caller, &request.name).await?;
    let created = rest::GroupCreated {
        message: "Group created successfully".into(),
        id: group.id.0,
        group_id: group.id.0,
        name: group.name,
        owner_id: group.owner.0,
    };
    Ok((StatusCode::CREATED, Json(created)))
}

/// Lists the groups of which the caller is a member.
#[utoipa::path(get, path = "/v1/groups", tag = "groups", security(("bearer" = [])), responses(
    (status = 200, body = Vec<rest::Group>), Unauthenticated, Any,
))]
pub(super) async fn list(
    Caller(caller): Caller,
    State(app): State<App>,
) -> Result<Json<Vec<rest::Group>>, Problem> {
    let groups = app.chat.groups_of(caller).await?;
    Ok(Json(groups.into_iter().map(wire::group).collect()))
}

/// Adds a user to a group; for its owner and admins. Adding a member twice changes nothing.
#[utoipa::path(post, path = "/v1/groups/{id}/members", tag = "groups", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), request_body = rest::AddMemberRequest, responses(
    (status = 200, body = rest::Done), Unauthenticated, OfGroup, Any, BodyRefused,
))]
pub(super) async fn add_member(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(group): PathId,
    Body(request): Body<rest::AddMemberRequest>,
) -> Result<Json<rest::Done>, Problem> {
    app.chat.add_member(caller, GroupId(group), UserId(request.user_id)).await?;
    Ok(Json(rest::Done { message: "Member added successfully".into() }))
}

/// Lists a group's members; for members.
#[utoipa::path(get, path = "/v1/groups/{id}/members", tag = "groups", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), responses(
    (status = 200, body = Vec<rest::Member>), Unauthenticated, OfGroup, Any,
))]
pub(super) async fn members(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(group): PathId,
) -> Result<Json<Vec<rest::Member>>, Problem> {
    let members = app.chat.members(caller, GroupId(group)).await?;
    Ok(Json(members.into_iter().map(wire::member).collect()))
}
