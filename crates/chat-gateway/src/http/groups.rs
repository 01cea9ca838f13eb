//! Groups and their members.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chat_core::Error;
use chat_core::groups::{ChangeRole, Role};
use chat_core::ids::{GroupId, UserId};
use chat_core::names::{is_found, wanted};
use chat_protocol::rest;
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{Body, Params, PathId, PathIds};
use super::limited::CameFrom;
use super::problem::Problem;
use super::refusals::{Any, BodyRefused, DoesNotFit, OfGroup, Unauthenticated};
use crate::App;
use crate::audit::{Action, By, To};
use crate::auth::Caller;
use crate::pages::{Reader, WHOLE_LIST};

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

/// Filter of the list of groups.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct GroupParams {
    /// Only names in which a word begins with this, regardless of case and accents.
    q: Option<String>,
}

/// Lists the groups of which the caller is a member.
#[utoipa::path(get, path = "/v1/groups", tag = "groups", security(("bearer" = [])), params(GroupParams), responses(
    (status = 200, body = Vec<rest::Group>), Unauthenticated, Any,
))]
pub(super) async fn list(
    reader: Reader,
    State(app): State<App>,
    Params(params): Params<GroupParams>,
) -> Result<Response, Problem> {
    let wanted = wanted(&params.q.unwrap_or_default());
    let caller = reader.user;
    let turn = app.pages.turn(reader, WHOLE_LIST).await?;
    let mut groups = app.chat.groups_of(caller).await?;
    groups.retain(|group| is_found(&group.name, &wanted));
    turn.answer(groups, |groups| groups.into_iter().map(chat_wire::group).collect::<Vec<_>>()).await
}

/// Renames a group; owner and admins only.
#[utoipa::path(patch, path = "/v1/groups/{id}", tag = "groups", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), request_body = rest::RenameGroupRequest, responses(
    (status = 200, body = rest::Group), Unauthenticated, OfGroup, Any, BodyRefused,
))]
pub(super) async fn rename(
    Caller(caller): Caller,
    State(app): State<App>,
    PathId(group): PathId,
    Body(request): Body<rest::RenameGroupRequest>,
) -> Result<Json<rest::Group>, Problem> {
    let renamed = app.chat.rename_group(caller, GroupId(group), &request.name).await?;
    let group = chat_wire::group_of(renamed)
        .ok_or_else(|| Error::internal("the renamed conversation is not a group"))?;
    Ok(Json(group))
}

/// Adds a user to a group; owner and admins only. Adding a member again changes nothing.
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

/// Lists a group's members; members only.
#[utoipa::path(get, path = "/v1/groups/{id}/members", tag = "groups", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1)), responses(
    (status = 200, body = Vec<rest::Member>), Unauthenticated, OfGroup, Any,
))]
pub(super) async fn members(
    reader: Reader,
    State(app): State<App>,
    PathId(group): PathId,
) -> Result<Response, Problem> {
    let caller = reader.user;
    let turn = app.pages.turn(reader, WHOLE_LIST).await?;
    let members = app.chat.members(caller, GroupId(group)).await?;
    turn.answer(members, |members| members.into_iter().map(chat_wire::member).collect::<Vec<_>>()).await
}

/// Removes a member from a group (owner and admins), or leaves it. Only the owner may remove admins, and must
/// make another member the owner before leaving.
#[utoipa::path(delete, path = "/v1/groups/{id}/members/{userId}", tag = "groups", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1), ("userId" = i64, Path, minimum = 1)), responses(
    (status = 200, body = rest::Done), Unauthenticated, OfGroup, DoesNotFit, Any,
))]
pub(super) async fn remove_member(
    Caller(caller): Caller,
    from: CameFrom,
    State(app): State<App>,
    PathIds(group, user): PathIds,
) -> Result<Json<rest::Done>, Problem> {
    let (group, user) = (GroupId(group), UserId(user));
    app.chat.remove_member(caller, group, user).await?;
    let to = To { group: Some(group), member: Some(user), role: None };
    app.audit.note(Action::MemberRemoved, By { user: Some(caller), ..from.by() }, to);
    Ok(Json(rest::Done { message: "Member removed successfully".into() }))
}

/// Changes a member's role; owner only. Making another member the owner makes the caller an admin.
#[utoipa::path(patch, path = "/v1/groups/{id}/members/{userId}", tag = "groups", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1), ("userId" = i64, Path, minimum = 1)),
    request_body = rest::ChangeRoleRequest, responses(
    (status = 200, body = rest::Done), Unauthenticated, OfGroup, DoesNotFit, Any, BodyRefused,
))]
pub(super) async fn change_role(
    Caller(actor): Caller,
    from: CameFrom,
    State(app): State<App>,
    PathIds(group, user): PathIds,
    Body(request): Body<rest::ChangeRoleRequest>,
) -> Result<Json<rest::Done>, Problem> {
    let role = Role::parse(&request.role)
        .ok_or_else(|| Problem::invalid("role must be one of owner, admin, member"))?;
    let (group, user) = (GroupId(group), UserId(user));
    app.chat.change_role(ChangeRole { actor, group, user, role }).await?;
    let to = To { group: Some(group), member: Some(user), role: Some(role.as_str()) };
    app.audit.note(Action::RoleChanged, By { user: Some(actor), ..from.by() }, to);
    Ok(Json(rest::Done { message: "Role changed successfully".into() }))
}
