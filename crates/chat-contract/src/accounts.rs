//! Tests that every `AccountStore` must pass.

use chat_core::accounts::{Account, AccountQuery, LoginName, NewAccount};
use chat_core::ids::UserId;
use chat_core::messages::Recipient;
use tokio::task::JoinSet;

use super::samples::{account, code};
use super::test_store::Stores;

fn query(prefix: Option<&str>) -> AccountQuery {
    AccountQuery { prefix: prefix.map(str::to_owned), after: UserId(0), limit: 1000 }
}

fn names(accounts: &[Account]) -> Vec<&str> {
    accounts.iter().map(|account| account.username.as_str()).collect()
}

pub async fn names_and_addresses_are_unique_without_regard_to_case(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let tom = node.user("Jérôme").await;
    let with = |username: &str, email: &str| NewAccount {
        username: username.to_owned(),
        email: email.to_owned(),
        ..account("x")
    };
    assert_eq!(code(node.store.create_account(with("JÉRÔME", "new@temp.com")).await), "username_taken");
    assert_eq!(code(node.store.create_account(with("new", "JÉRÔME@Temp.COM")).await), "email_taken");
    assert_eq!(node.store.accounts(query(None)).await.unwrap().len(), 1);
    for name in [LoginName::Username("jÉRÔME".into()), LoginName::Email("JÉRÔME@TEMP.com".into())] {
        let found = node.store.credentials(name).await.unwrap().unwrap();
        assert_eq!((found.account.id, found.account.username.as_str()), (tom, "Jérôme"));
        assert_eq!(found.password_hash, "hash of Jérôme");
    }
    // A username is not accepted as an address.
    assert!(node.store.credentials(LoginName::Email("jérôme".into())).await.unwrap().is_none());
}

pub async fn a_name_that_looks_like_an_existing_one_is_taken_in_any_case(stores: &dyn Stores) {
    let node = stores.fresh().await;
    node.users(["max", "tina", "alice", "jean-luc", "mike"]).await;
    for name in ["\u{41c}ax", "\u{422}INA", "ali\u{307}ce", "jean\u{2010}luc", "\u{41c}IKE"] {
        assert_eq!(code(node.store.create_account(account(name)).await), "username_taken", "{name:?}");
    }
    node.user("rnike").await;
}

pub async fn one_of_many_concurrent_registrations_gets_the_name(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let mut tasks = JoinSet::new();
    for number in 0..32 {
        let store = node.store.clone();
        let name = if number % 2 == 0 { "tom" } else { "TOM" };
        let new = NewAccount { email: format!("{number}@temp.com"), ..account(name) };
        tasks.spawn(async move { store.create_account(new).await });
    }
    let results = tasks.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for result in results.into_iter().filter(Result::is_err) {
        assert_eq!(code(result), "username_taken");
    }
}

pub async fn a_prefix_is_literal_and_without_regard_to_case(stores: &dyn Stores) {
    let node = stores.fresh().await;
    node.users(["tom", "Tomás", "t%m", "t_m", "jerry", "xtom"]).await;
    for (prefix, wanted) in [
        ("to", vec!["tom", "Tomás"]),
        ("TOMÁ", vec!["Tomás"]),
        ("t%", vec!["t%m"]),
        ("t_", vec!["t_m"]),
        ("%", vec![]),
        ("_", vec![]),
        ("", vec!["tom", "Tomás", "t%m", "t_m", "jerry", "xtom"]),
        ("to\0", vec![]),
        ("tomtomtomtom", vec![]),
    ] {
        let found = node.store.accounts(query(Some(prefix))).await.unwrap();
        assert_eq!(names(&found), wanted, "{prefix:?}");
    }
}

pub async fn names_are_found_by_the_beginning_of_any_word_whatever_their_accents(stores: &dyn Stores) {
    let node = stores.fresh().await;
    node.users(["Zoë", "Tom Cat", "jose\u{301}", "anna-lena", "誕生日子", "zo"]).await;
    for (typed, wanted) in [
        ("zo", vec!["Zoë", "zo"]),
        ("ZOE\u{308}", vec!["Zoë"]),
        ("cat", vec!["Tom Cat"]),
        ("tom c", vec!["Tom Cat"]),
        ("josé", vec!["jose\u{301}"]),
        ("lena", vec!["anna-lena"]),
        ("生日", vec!["誕生日子"]),
        ("at", vec![]),
    ] {
        let found = node.store.accounts(query(Some(typed))).await.unwrap();
        assert_eq!(names(&found), wanted, "{typed:?}");
        let with_last = node.store.accounts_with_last_message(UserId(1), query(Some(typed))).await.unwrap();
        assert!(with_last.iter().map(|(account, _)| account).eq(&found), "{typed:?}");
    }
    let page = AccountQuery { after: UserId(1), limit: 1, ..query(Some("zo")) };
    assert_eq!(names(&node.store.accounts(page).await.unwrap()), ["zo"]);
}

pub async fn pages_of_a_search_for_names_join_to_the_whole_list(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let tail = "각".repeat(11);
    let all: Vec<_> = (1..=9).map(|number| format!("ann{number} {tail}{}", number % 3)).collect();
    for name in &all {
        node.user(name).await;
    }
    // The last one has more characters than a username once they are taken apart.
    for (typed, digit) in [("a", None), ("ann", None), (&*tail, None), (&*format!("{tail}1"), Some('1'))] {
        let wanted: Vec<_> = all.iter().filter(|name| digit.is_none_or(|d| name.ends_with(d))).collect();
        let mut found = Vec::new();
        let mut after = UserId(0);
        loop {
            let page = AccountQuery { after, limit: 2, ..query(Some(typed)) };
            let page = node.store.accounts(page).await.unwrap();
            let Some(last) = page.last() else { break };
            after = last.id;
            found.extend(page.into_iter().map(|account| account.username));
        }
        assert!(found.iter().eq(wanted), "{typed:?}: {found:?}");
    }
}

pub async fn a_name_is_taken_with_all_that_could_be_mistaken_for_it(stores: &dyn Stores) {
    let node = stores.fresh().await;
    node.users(["alice", "jose\u{301}", "Mike", "рор"]).await;
    for (number, name) in
        ["аlice", "АLІСЕ", "al\u{200b}ice", "ａｌｉｃｅ", "josé", "JOSÉ", "MIKE", "pop"].iter().enumerate()
    {
        let new = NewAccount { email: format!("{number}@temp.com"), ..account(name) };
        assert_eq!(code(node.store.create_account(new).await), "username_taken", "{name:?}");
    }
    node.users(["rnike", "allce", "jose", "рос"]).await;
    let address = NewAccount { username: "new".into(), email: "josé@temp.com".into(), ..account("x") };
    assert_eq!(code(node.store.create_account(address).await), "email_taken", "in another form");
}

pub async fn an_account_is_found_in_whatever_form_its_name_is_stored(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [apart, together] = node.users(["jose\u{301}", "Zoë"]).await;
    for (typed, wanted) in [
        ("josé", Some(apart)),
        ("JOSE\u{301}", Some(apart)),
        ("zoë", Some(together)),
        ("zoe\u{308} ", Some(together)),
        ("Ｚｏë", Some(together)),
        ("zoe", None),
    ] {
        let found = node.store.credentials(LoginName::Username(typed.into())).await.unwrap();
        assert_eq!(found.map(|found| found.account.id), wanted, "{typed:?}");
    }
    let found = node.store.credentials(LoginName::Email("josé@TEMP.com".into())).await.unwrap();
    assert_eq!(found.map(|found| found.account.id), Some(apart));
}

pub async fn a_demo_user_is_one_by_its_mark_and_not_by_its_name(stores: &dyn Stores) {
    let node = stores.fresh().await;
    node.users(["tom", "spike"]).await;
    assert_eq!(node.store.demo_accounts().await.unwrap(), []);
    let jerry = node.store.create_account(NewAccount { is_demo: true, ..account("jerry") }).await.unwrap();
    assert_eq!(node.store.demo_accounts().await.unwrap(), [jerry]);
    for (name, is_demo) in [("tom", false), ("jerry", true)] {
        let found = node.store.credentials(LoginName::Username(name.into())).await.unwrap().unwrap();
        assert_eq!(found.is_demo, is_demo, "{name}");
    }
}

pub async fn the_costliest_of_the_old_hashes_is_known_as_long_as_there_is_one(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let hash = async |user, old: &str, new: &str| {
        node.store.replace_password_hash(user, old.into(), new.into()).await.unwrap();
        node.store.bcrypt_hash().await.unwrap()
    };
    assert_eq!(hash(tom, "hash of tom", "$argon2id$x").await, None);
    assert_eq!(hash(jerry, "hash of jerry", "$2a$10$jerry").await.as_deref(), Some("$2a$10$jerry"));
    assert_eq!(hash(spike, "hash of spike", "$2b$12$spike").await.as_deref(), Some("$2b$12$spike"));
    assert_eq!(hash(spike, "$2b$12$spike", "$argon2id$y").await.as_deref(), Some("$2a$10$jerry"));
    assert_eq!(hash(jerry, "$2a$10$jerry", "$argon2id$z").await, None);
}

pub async fn pages_of_accounts_follow_their_ids(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let ids = node.users(["aaa", "bbb", "ccc", "ddd", "eee"]).await;
    let mut seen = Vec::new();
    let mut after = UserId(0);
    loop {
        let query = AccountQuery { prefix: None, after, limit: 2 };
        let page = node.store.accounts(query.clone()).await.unwrap();
        let with_last = node.store.accounts_with_last_message(ids[0], query).await.unwrap();
        assert!(with_last.iter().map(|(account, _)| account).eq(&page));
        let Some(last) = page.last() else { break };
        after = last.id;
        seen.extend(page.iter().map(|account| account.id));
    }
    assert_eq!(seen, ids);
    assert_eq!(node.store.account(ids[2]).await.unwrap().unwrap().username, "ccc");
    assert!(node.store.account(UserId(99)).await.unwrap().is_none());
}

pub async fn the_last_message_is_that_of_the_direct_conversation(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry]).await;
    node.say(tom, Recipient::User(jerry), "first").await;
    node.say(jerry, Recipient::User(tom), "second").await;
    node.say(tom, Recipient::Group(group.id), "to all").await;
    node.say(spike, Recipient::User(jerry), "not Tom's business").await;
    let list = node.store.accounts_with_last_message(tom, query(None)).await.unwrap();
    let last: Vec<_> =
        list.iter().map(|(_, last)| last.as_ref().map(|last| (last.content.as_str(), last.sender))).collect();
    assert_eq!(last, [None, Some(("second", jerry)), None]);
}

pub async fn a_hash_is_replaced_only_if_it_is_still_the_old_one(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    node.store.replace_password_hash(tom, "hash of tom".into(), "changed".into()).await.unwrap();
    node.store.replace_password_hash(tom, "hash of tom".into(), "stale".into()).await.unwrap();
    let hash = async |name: &str| {
        let name = LoginName::Username(name.into());
        node.store.credentials(name).await.unwrap().unwrap().password_hash
    };
    assert_eq!(hash("tom").await, "changed");
    assert_eq!(hash("jerry").await, "hash of jerry");
    assert_ne!(tom, jerry);
}
