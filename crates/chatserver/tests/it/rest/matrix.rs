//! Permissions: every route about a conversation, a message or a group, called by every kind of user. The routes are
//! those of the OpenAPI document, so none can be forgotten.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Answer, Request, Server, User};

/// A request with placeholders, and the statuses for a stranger, a former member, a member, an admin, the owner and the
/// author of the message (a member too).
type Row = (&'static str, &'static str, &'static str, [u16; 6]);

/// A route that members may use and others cannot even see.
const fn of_members(method: &'static str, path: &'static str, body: &'static str, status: u16) -> Row {
    (method, path, body, [404, 404, status, status, status, status])
}

const ROWS: [Row; 38] = [
    of_members("GET", "/v1/conversations/{c}", "", 200),
    of_members("PATCH", "/v1/conversations/{c}/state", r#"{"pinned":true}"#, 200),
    of_members("GET", "/v1/conversations/{c}/messages", "", 200),
    of_members("GET", "/v1/conversations/{c}/messages?thread_id={m}", "", 200),
    of_members("POST", "/v1/conversations/{c}/messages", r#"{"content":"hi"}"#, 201),
    of_members("POST", "/v1/conversations/{c}/messages", r#"{"content":"hi","reply_to":{m}}"#, 201),
    of_members("POST", "/v1/conversations/{c}/messages", r#"{"content":"hi","thread_id":{m}}"#, 201),
    of_members("POST", "/v1/conversations/{c}/read", r#"{"seq":1}"#, 204),
    of_members("POST", "/v1/conversations/{c}/read", r#"{"seq":1,"thread_id":{m}}"#, 204),
    of_members("POST", "/v1/conversations/{c}/delivered", r#"{"seq":1}"#, 204),
    of_members("POST", "/v1/conversations/{c}/typing", "", 204),
    of_members("GET", "/v1/conversations/{c}/receipts", "", 200),
    of_members("GET", "/v1/conversations/{c}/pins", "", 200),
    of_members("GET", "/v1/conversations/{c}/presence", "", 200),
    of_members("GET", "/v1/messages/{m}", "", 200),
    ("PATCH", "/v1/messages/{m}", r#"{"content":"other"}"#, [404, 404, 403, 403, 403, 200]),
    ("DELETE", "/v1/messages/{m}", "", [404, 404, 403, 200, 200, 200]),
    ("DELETE", "/v1/messages/{m}?for=everyone", "", [404, 404, 403, 200, 200, 200]),
    of_members("DELETE", "/v1/messages/{m}?for=me", "", 204),
    of_members("GET", "/v1/messages/{m}/versions", "", 200),
    ("GET", "/v1/messages/{m}/trace", "", [404, 404, 403, 200, 200, 200]),
    of_members("GET", "/v1/messages/{m}/reactions", "", 200),
    of_members("PUT", "/v1/messages/{m}/reactions/+1", "", 200),
    of_members("DELETE", "/v1/messages/{m}/reactions/+1", "", 200),
    of_members("PUT", "/v1/messages/{m}/pin", "", 200),
    of_members("DELETE", "/v1/messages/{m}/pin", "", 200),
    of_members("PUT", "/v1/messages/{m}/saved", "", 204),
    of_members("DELETE", "/v1/messages/{m}/saved", "", 204),
    of_members("POST", "/v1/messages/{m}/forward", r#"{"to_user":{other}}"#, 201),
    of_members("GET", "/v1/messages/{m}/thread", "", 200),
    (
        "POST",
        "/v1/messages/{growing}/append",
        r#"{"offset":0,"content":"a"}"#,
        [404, 404, 403, 403, 403, 200],
    ),
    ("POST", "/v1/messages/{growing}/finish", r#"{"content":"a"}"#, [404, 404, 403, 403, 403, 200]),
    ("GET", "/v1/groups/{g}/members", "", [403, 403, 200, 200, 200, 200]),
    ("GET", "/v1/groups/{g}/messages", "", [403, 403, 200, 200, 200, 200]),
    ("PATCH", "/v1/groups/{g}", r#"{"name":"Mice"}"#, [403, 403, 403, 200, 200, 403]),
    ("POST", "/v1/groups/{g}/members", r#"{"user_id":{other}}"#, [403, 403, 403, 200, 200, 403]),
    ("PATCH", "/v1/groups/{g}/members/{other}", r#"{"role":"admin"}"#, [403, 403, 403, 403, 200, 403]),
    ("DELETE", "/v1/groups/{g}/members/{other}", "", [403, 403, 403, 200, 200, 403]),
];

/// Routes whose path has no id of a conversation, a message or a group, or that other tests check.
const ELSEWHERE: [&str; 4] = [
    "GET /v1/users/{id}",
    "POST /v1/messages/p2p/{userID}",
    "POST /v1/messages/group/{groupID}",
    "GET /v1/messages/history/{userID}",
];

/// A group with every kind of user in it, and one more member as the object of requests.
struct Fixture {
    people: [User; 6],
    other: User,
    group: i64,
    conversation: Value,
}

impl Fixture {
    async fn new(server: &Server) -> Self {
        let mut people = Vec::new();
        for name in ["stranger", "former", "member", "an admin", "owner", "author", "other"] {
            people.push(server.register(name).await);
        }
        let [stranger, former, member, admin, owner, author, other] = people.try_into().ok().unwrap();
        let group = owner.group("Cheese", &[&former, &member, &admin, &author, &other]).await;
        let path = format!("/v1/groups/{group}/members/{}", admin.id);
        owner.patch(&path, &json!({ "role": "admin" })).await.expect(200);
        owner.delete(&format!("/v1/groups/{group}/members/{}", former.id)).await.expect(200);
        let conversation = owner.conversation_of(group).await;
        Self { people: [stranger, former, member, admin, owner, author], other, group, conversation }
    }

    fn owner(&self) -> &User {
        &self.people[4]
    }

    fn author(&self) -> &User {
        &self.people[5]
    }

    /// Returns the request of a row, about objects made for it.
    async fn request(&self, row: Row) -> Request {
        self.owner().add(self.group, self.other.id).await.expect(200);
        let demoted = json!({ "role": "member" });
        let other = format!("/v1/groups/{}/members/{}", self.group, self.other.id);
        self.owner().patch(&other, &demoted).await.expect(200);
        let growing = json!({ "streaming": true });
        let growing =
            self.author().post(&format!("/v1/messages/group/{}", self.group), &growing).await.expect(201);
        let message = self.author().write_group(self.group, "cheese").await;
        self.filled(row, [&message["id"], &growing["id"], &self.conversation])
    }

    /// Returns the request of a row about this message, this growing message and this conversation.
    fn filled(&self, row: Row, [message, growing, conversation]: [&Value; 3]) -> Request {
        let (method, path, body, _) = row;
        let fill = |text: &str| {
            let text = text.replace("{c}", &conversation.to_string()).replace("{m}", &message.to_string());
            let text =
                text.replace("{growing}", &growing.to_string()).replace("{g}", &self.group.to_string());
            text.replace("{other}", &self.other.id.to_string())
        };
        let request = Request::new(method, &fill(path)).header("X-Request-Id", "the-same");
        if body.is_empty() {
            return request;
        }
        request.header("Content-Type", "application/json").body(fill(body))
    }
}

#[tokio::test]
async fn everybody_may_do_what_the_policy_says_and_nothing_else() {
    let server = Server::start();
    let fixture = Fixture::new(&server).await;
    let names = ["a stranger", "a former member", "a member", "an admin", "the owner", "the author"];
    let mut wrong = Vec::new();
    for row in ROWS {
        for ((user, name), expected) in fixture.people.iter().zip(names).zip(row.3) {
            let answer = user.send(fixture.request(row).await).await;
            if answer.status != expected {
                let (method, path, body, _) = row;
                let text = answer.text();
                wrong.push(format!(
                    "{name}: {method} {path} {body}: {} {text}, not {expected}",
                    answer.status
                ));
            }
            if expected == 403 {
                let is_outside = name == "a stranger" || name == "a former member";
                answer.refused(403, if is_outside { "not_a_member" } else { "forbidden" });
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Otherwise a user who may not see an object would learn that it exists.
#[tokio::test]
async fn what_is_not_ones_own_answers_like_what_is_not_there_byte_for_byte() {
    let server = Server::start();
    let fixture = Fixture::new(&server).await;
    for row in ROWS.into_iter().filter(|row| !row.1.starts_with("/v1/groups/")) {
        let (method, path, ..) = row;
        let nothing = json!(999_999);
        let absent = fixture.filled(row, [&nothing; 3]);
        for outsider in &fixture.people[..2] {
            let foreign = outsider.send(fixture.request(row).await).await;
            let absent = outsider.send(absent.clone()).await;
            assert_eq!(foreign.status, 404, "{method} {path}");
            assert_eq!(foreign.text(), absent.text(), "{method} {path}");
            assert_eq!(foreign.header("content-type"), absent.header("content-type"));
        }
    }
}

/// In a direct conversation both have the same rights, and nobody else is in it.
#[tokio::test]
async fn a_direct_conversation_is_between_two() {
    let server = Server::start();
    let fixture = Fixture::new(&server).await;
    let (tom, jerry) = server.tom_and_jerry().await;
    let rows = ROWS.into_iter().filter(|row| !row.1.starts_with("/v1/groups/"));
    for row in rows {
        let (method, path, _, expected) = row;
        let growing = json!({ "streaming": true });
        let growing = tom.post("/v1/messages/p2p/2", &growing).await.expect(201);
        for (user, status) in [(&fixture.people[0], 404), (&jerry, expected[2]), (&tom, expected[5])] {
            let message = tom.write(&jerry, "cheese").await;
            let ids = [&message["id"], &growing["id"], &message["conversation_id"]];
            let request = fixture.filled(row, ids);
            let answer = user.send(request).await;
            assert_eq!(answer.status, status, "{}: {method} {path}: {}", user.id, answer.text());
        }
    }
}

fn operations(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().unwrap().iter();
    let named = |(path, item): (&String, &Value)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
    };
    paths.flat_map(named).collect()
}

#[tokio::test]
async fn no_route_is_left_out_of_the_table() {
    let server = Server::start();
    let document = server.get("/openapi.json").await.json();
    let with_id: BTreeSet<_> = operations(&document)
        .into_iter()
        .filter(|operation| operation.contains('{') && !ELSEWHERE.contains(&operation.as_str()))
        .collect();
    let in_table: BTreeSet<_> = ROWS
        .iter()
        .map(|(method, path, ..)| {
            let path = path.split('?').next().unwrap().replace("{other}", "{userId}");
            let path =
                ["{c}", "{m}", "{g}", "{growing}"].iter().fold(path, |path, id| path.replace(id, "{id}"));
            format!("{method} {}", path.replace("/+1", "/{emoji}"))
        })
        .collect();
    assert_eq!(in_table, with_id);
}

#[tokio::test]
async fn nothing_but_the_entrance_answers_without_a_token() {
    let server = Server::start();
    let document = server.get("/openapi.json").await.json();
    let open =
        ["GET /ping", "GET /healthz", "GET /readyz", "POST /v1/users/register", "POST /v1/users/login"];
    for operation in operations(&document).iter().filter(|operation| !open.contains(&operation.as_str())) {
        let (method, path) = operation.split_once(' ').unwrap();
        let path = path.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
        let path = path.collect::<Vec<_>>().join("/");
        for token in ["", "nonsense"] {
            let request = Request::new(method, &path);
            let request = if token.is_empty() { request } else { request.bearer(token) };
            let answer: Answer = server.send(request).await;
            answer.refused(401, "unauthenticated");
            assert!(answer.header("www-authenticate").is_some(), "{operation}");
        }
    }
}

#[tokio::test]
async fn an_id_in_the_path_is_a_positive_integer() {
    let server = Server::start();
    let tom = server.login("tom").await;
    for (method, path, ..) in ROWS {
        let (path, query) = path.split_once('?').map_or((path, ""), |(path, _)| (path, ""));
        for bad in ["0", "-1", "abc", "1.5", "99999999999999999999", "%00"] {
            let filled: Vec<_> =
                path.split('/').map(|part| if part.starts_with('{') { bad } else { part }).collect();
            let answer = tom.send(Request::new(method, &(filled.join("/") + query)).body("{}")).await;
            assert_eq!(answer.status, 400, "{method} {path} with {bad}: {}", answer.text());
        }
    }
}
