//! Groups and their members.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chat_core::Error;
use chat_core::groups::{ChangeRole, Group, IdPage, MAX_LISTED, Member, Role};
use chat_core::ids::{ConversationId, GroupId, UserId};
use chat_core::names::wanted;
use chat_protocol::rest;
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{Body, Params, PathId, PathIds};
use super::limited::CameFrom;
use super::paging;
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

/// Filter and page of the list of groups.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct GroupParams {
    /// Only names in which a word begins with this, regardless of case and accents.
    q: Option<String>,
    /// Maximum number of entries, 1 to 1000. Without `limit` and `cursor`, the list is whole.
    #[param(minimum = 1)]
    limit: Option<i64>,
    /// That of the `Link` to the next page.
    cursor: Option<String>,
}

/// Lists the groups of which the caller is a member, oldest first; `Link: rel="next"` leads from a page to the next.
#[utoipa::path(get, path = "/v1/groups", tag = "groups", security(("bearer" = [])), params(GroupParams), responses(
    (status = 200, body = Vec<rest::Group>), Unauthenticated, Any,
))]
pub(super) async fn list(
    reader: Reader,
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<GroupParams>,
) -> Result<Response, Problem> {
    let part = paging::part(params.limit, params.cursor.as_deref(), MAX_LISTED)?;
    let page = part.map(|(after, limit)| IdPage { after: ConversationId(after), limit });
    let query = params.q.unwrap_or_default();
    let caller = reader.user;
    let turn = app.pages.turn(reader, part.map_or(WHOLE_LIST, |(_, limit)| limit)).await?;
    let groups = app.chat.groups_of(caller, &wanted(&query), page).await?;
    let last = groups.last().map(|group| group.conversation.0);
    let filter = (!query.is_empty()).then_some(("q", query.as_str()));
    let next = next_page(uri.path(), part.zip(last), groups.len(), filter);
    let list = |groups: Vec<Group>| groups.into_iter().map(chat_wire::group).collect::<Vec<_>>();
    Ok((next, turn.answer(groups, list).await?).into_response())
}

/// The `Link` header of a page that ends at this number and may not be the last.
fn next_page(
    path: &str,
    ended: Option<((i64, u16), i64)>,
    n_entries: usize,
    filter: Option<(&str, &str)>,
) -> HeaderMap {
    let Some(((_, limit), last)) = ended else { return HeaderMap::new() };
    if n_entries < limit.into() {
        return HeaderMap::new();
    }
    let (limit, last) = (limit.to_string(), last.to_string());
    let page = [("limit", limit.as_str()), ("cursor", &last)];
    paging::next(path, &page.into_iter().chain(filter).collect::<Vec<_>>())
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

/// Page of the list of members.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MemberParams {
    /// Maximum number of entries, 1 to 1000. Without `limit` and `cursor`, the list is whole.
    #[param(minimum = 1)]
    limit: Option<i64>,
    /// That of the `Link` to the next page.
    cursor: Option<String>,
}

/// Lists a group's members in the order of their ids; members only. `Link: rel="next"` leads from a page to the next.
#[utoipa::path(get, path = "/v1/groups/{id}/members", tag = "groups", security(("bearer" = [])),
    params(("id" = i64, Path, minimum = 1), MemberParams), responses(
    (status = 200, body = Vec<rest::Member>), Unauthenticated, OfGroup, Any,
))]
pub(super) async fn members(
    reader: Reader,
    State(app): State<App>,
    PathId(group): PathId,
    OriginalUri(uri): OriginalUri,
    Params(params): Params<MemberParams>,
) -> Result<Response, Problem> {
    let part = paging::part(params.limit, params.cursor.as_deref(), MAX_LISTED)?;
    let page = part.map(|(after, limit)| IdPage { after: UserId(after), limit });
    let caller = reader.user;
    let turn = app.pages.turn(reader, part.map_or(WHOLE_LIST, |(_, limit)| limit)).await?;
    let members = app.chat.members(caller, GroupId(group), page).await?;
    let last = members.last().map(|member| member.id.0);
    let next = next_page(uri.path(), part.zip(last), members.len(), None);
    let list = |members: Vec<Member>| members.into_iter().map(chat_wire::member).collect::<Vec<_>>();
    Ok((next, turn.answer(members, list).await?).into_response())
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
