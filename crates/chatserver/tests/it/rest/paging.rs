//! Lists that are whole unless a page is requested: groups, members, and the last message of each conversation.

use serde_json::Value;

use crate::support::{Server, User};

/// Returns the entries of each page, following `Link: rel="next"`.
async fn pages(user: &User, path: &str) -> Vec<Vec<Value>> {
    let mut next = Some(path.to_owned());
    let mut pages = Vec::new();
    while let Some(path) = next {
        let answer = user.get(&path).await;
        pages.push(answer.expect(200).as_array().unwrap().clone());
        next = answer.header("link").map(|link| {
            let (target, relation) = link[1..].split_once('>').unwrap();
            assert_eq!(relation, "; rel=\"next\"");
            target.to_owned()
        });
    }
    pages
}

async fn whole(user: &User, path: &str) -> Vec<Value> {
    let answer = user.get(path).await;
    assert_eq!(answer.header("link"), None, "{path}");
    answer.expect(200).as_array().unwrap().clone()
}

#[tokio::test]
async fn a_list_is_whole_or_comes_in_pages() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let mut group = 0;
    for name in ["Cheese", "Mice", "Cheddar", "Traps", "Chess"] {
        group = tom.group(name, &[&jerry, &spike]).await;
        jerry.write_group(group, name).await;
    }
    for (path, n_entries) in [
        ("/v1/groups".to_owned(), 5),
        (format!("/v1/groups/{group}/members"), 3),
        ("/v1/chats".to_owned(), 5),
    ] {
        let all = whole(&tom, &path).await;
        assert_eq!(all.len(), n_entries, "{path}");
        for limit in [1, 2, n_entries, 5000] {
            let pages = pages(&tom, &format!("{path}?limit={limit}")).await;
            assert!(pages.iter().all(|page| page.len() <= limit), "{path}");
            assert_eq!(pages.len(), n_entries / limit + 1, "{path} by {limit}");
            assert_eq!(pages.concat(), all, "{path} by {limit}");
        }
        for bad in ["?limit=0", "?limit=-1", "?cursor=", "?cursor=-1", "?cursor=7-3", "?cursor=x&limit=1"] {
            tom.get(&format!("{path}{bad}")).await.invalid();
        }
    }
    let found = pages(&tom, "/v1/groups?q=che&limit=2").await;
    let names: Vec<Vec<_>> =
        found.iter().map(|page| page.iter().map(|group| group["name"].as_str().unwrap()).collect()).collect();
    assert_eq!(names, [vec!["Cheese", "Cheddar"], vec!["Chess"]]);
}

#[tokio::test]
async fn a_cursor_of_somebody_else_shows_nothing_of_theirs() {
    let server = Server::start();
    let (tom, jerry) = server.tom_and_jerry().await;
    let spike = server.register("spike").await;
    let mut group = 0;
    for _ in 0..3 {
        group = tom.group("Cheese", &[&jerry]).await;
        tom.write_group(group, "hi").await;
    }
    for path in ["/v1/groups", "/v1/chats"] {
        let link = tom.get(&format!("{path}?limit=1")).await.header("link").unwrap().to_owned();
        let (target, _) = link[1..].split_once('>').unwrap();
        assert_eq!(tom.get(target).await.expect(200).as_array().unwrap().len(), 1, "{path}");
        assert_eq!(spike.get(target).await.expect(200), Value::Array(Vec::new()), "{path}");
    }
    let members = format!("/v1/groups/{group}/members?limit=1&cursor={}", tom.id);
    assert_eq!(tom.get(&members).await.expect(200)[0]["id"], jerry.id);
    spike.get(&members).await.refused(403, "not_a_member");
}
