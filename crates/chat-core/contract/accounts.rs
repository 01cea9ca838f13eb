//! The MUSTs of `AccountStore`.

use chat_core::accounts::{Account, AccountQuery, LoginName, NewAccount};
use chat_core::ids::UserId;
use chat_core::messages::Recipient;
use tokio::task::JoinSet;

use super::house::{House, account, code};

fn query(prefix: Option<&str>) -> AccountQuery {
    AccountQuery { prefix: prefix.map(str::to_owned), after: UserId(0), limit: 1000 }
}

fn names(accounts: &[Account]) -> Vec<&str> {
    accounts.iter().map(|account| account.username.as_str()).collect()
}

#[tokio::test]
async fn names_and_addresses_are_unique_without_regard_to_case() {
    let house = House::fresh().await;
    let tom = house.user("Jérôme").await;
    let with = |username: &str, email: &str| NewAccount {
        username: username.to_owned(),
        email: email.to_owned(),
        ..account("x")
    };
    assert_eq!(code(house.store.create_account(with("JÉRÔME", "new@temp.com")).await), "username_taken");
    assert_eq!(code(house.store.create_account(with("new", "JÉRÔME@Temp.COM")).await), "email_taken");
    assert_eq!(house.store.accounts(query(None)).await.unwrap().len(), 1);
    for name in [LoginName::Username("jÉRÔME".into()), LoginName::Email("JÉRÔME@TEMP.com".into())] {
        let found = house.store.credentials(name).await.unwrap().unwrap();
        assert_eq!((found.account.id, found.account.username.as_str()), (tom, "Jérôme"));
        assert_eq!(found.password_hash, "hash of Jérôme");
    }
    // A name is not an address.
    assert!(house.store.credentials(LoginName::Email("jérôme".into())).await.unwrap().is_none());
}

#[tokio::test]
async fn a_name_that_looks_like_one_that_is_there_is_taken_in_every_case() {
    let house = House::fresh().await;
    house.users(["max", "tina", "alice", "jean-luc", "mike"]).await;
    for name in ["\u{41c}ax", "\u{422}INA", "ali\u{307}ce", "jean\u{2010}luc", "\u{41c}IKE"] {
        assert_eq!(code(house.store.create_account(account(name)).await), "username_taken", "{name:?}");
    }
    house.user("rnike").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_register_one_name_at_once_one_gets_it() {
    let house = House::fresh().await;
    let mut tasks = JoinSet::new();
    for number in 0..32 {
        let store = house.store.clone();
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

#[tokio::test]
async fn a_prefix_is_literal_and_without_regard_to_case() {
    let house = House::fresh().await;
    house.users(["tom", "Tomás", "t%m", "t_m", "jerry", "xtom"]).await;
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
        let found = house.store.accounts(query(Some(prefix))).await.unwrap();
        assert_eq!(names(&found), wanted, "{prefix:?}");
    }
}

#[tokio::test]
async fn names_are_found_by_the_beginning_of_any_word_whatever_their_accents() {
    let house = House::fresh().await;
    house.users(["Zoë", "Tom Cat", "jose\u{301}", "anna-lena", "誕生日子", "zo"]).await;
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
        let found = house.store.accounts(query(Some(typed))).await.unwrap();
        assert_eq!(names(&found), wanted, "{typed:?}");
        let with_last = house.store.accounts_with_last_message(UserId(1), query(Some(typed))).await.unwrap();
        assert!(with_last.iter().map(|(account, _)| account).eq(&found), "{typed:?}");
    }
    let page = AccountQuery { after: UserId(1), limit: 1, ..query(Some("zo")) };
    assert_eq!(names(&house.store.accounts(page).await.unwrap()), ["zo"]);
}

#[tokio::test]
async fn a_name_is_taken_with_all_that_could_be_mistaken_for_it() {
    let house = House::fresh().await;
    house.users(["alice", "jose\u{301}", "Mike", "рор"]).await;
    for (number, name) in
        ["аlice", "АLІСЕ", "al\u{200b}ice", "ａｌｉｃｅ", "josé", "JOSÉ", "MIKE", "pop"].iter().enumerate()
    {
        let new = NewAccount { email: format!("{number}@temp.com"), ..account(name) };
        assert_eq!(code(house.store.create_account(new).await), "username_taken", "{name:?}");
    }
    house.users(["rnike", "allce", "jose", "рос"]).await;
    let address = NewAccount { username: "new".into(), email: "josé@temp.com".into(), ..account("x") };
    assert_eq!(code(house.store.create_account(address).await), "email_taken", "in another form");
}

#[tokio::test]
async fn an_account_is_found_in_whatever_form_its_name_is_stored() {
    let house = House::fresh().await;
    let [apart, together] = house.users(["jose\u{301}", "Zoë"]).await;
    for (typed, wanted) in [
        ("josé", Some(apart)),
        ("JOSE\u{301}", Some(apart)),
        ("zoë", Some(together)),
        ("zoe\u{308} ", Some(together)),
        ("Ｚｏë", Some(together)),
        ("zoe", None),
    ] {
        let found = house.store.credentials(LoginName::Username(typed.into())).await.unwrap();
        assert_eq!(found.map(|found| found.account.id), wanted, "{typed:?}");
    }
    let found = house.store.credentials(LoginName::Email("josé@TEMP.com".into())).await.unwrap();
    assert_eq!(found.map(|found| found.account.id), Some(apart));
}

#[tokio::test]
async fn a_demo_user_is_one_by_its_mark_and_not_by_its_name() {
    let house = House::fresh().await;
    house.users(["tom", "spike"]).await;
    assert_eq!(house.store.demo_accounts().await.unwrap(), []);
    let jerry = house.store.create_account(NewAccount { is_demo: true, ..account("jerry") }).await.unwrap();
    assert_eq!(house.store.demo_accounts().await.unwrap(), [jerry]);
    for (name, is_demo) in [("tom", false), ("jerry", true)] {
        let found = house.store.credentials(LoginName::Username(name.into())).await.unwrap().unwrap();
        assert_eq!(found.is_demo, is_demo, "{name}");
    }
}

#[tokio::test]
async fn the_costliest_of_the_old_hashes_is_known_as_long_as_there_is_one() {
    let house = House::fresh().await;
    let [tom, jerry, spike] = house.users(["tom", "jerry", "spike"]).await;
    let hash = async |user, old: &str, new: &str| {
        house.store.replace_password_hash(user, old.into(), new.into()).await.unwrap();
        house.store.bcrypt_hash().await.unwrap()
    };
    assert_eq!(hash(tom, "hash of tom", "$argon2id$x").await, None);
    assert_eq!(hash(jerry, "hash of jerry", "$2a$10$jerry").await.as_deref(), Some("$2a$10$jerry"));
    assert_eq!(hash(spike, "hash of spike", "$2b$12$spike").await.as_deref(), Some("$2b$12$spike"));
    assert_eq!(hash(spike, "$2b$12$spike", "$argon2id$y").await.as_deref(), Some("$2a$10$jerry"));
    assert_eq!(hash(jerry, "$2a$10$jerry", "$argon2id$z").await, None);
}

#[tokio::test]
async fn pages_of_accounts_follow_their_ids() {
    let house = House::fresh().await;
    let ids = house.users(["aaa", "bbb", "ccc", "ddd", "eee"]).await;
    let mut seen = Vec::new();
    let mut after = UserId(0);
    loop {
        let query = AccountQuery { prefix: None, after, limit: 2 };
        let page = house.store.accounts(query.clone()).await.unwrap();
        let with_last = house.store.accounts_with_last_message(ids[0], query).await.unwrap();
        assert!(with_last.iter().map(|(account, _)| account).eq(&page));
        let Some(last) = page.last() else { break };
        after = last.id;
        seen.extend(page.iter().map(|account| account.id));
    }
    assert_eq!(seen, ids);
    assert_eq!(house.store.account(ids[2]).await.unwrap().unwrap().username, "ccc");
    assert!(house.store.account(UserId(99)).await.unwrap().is_none());
}

#[tokio::test]
async fn the_last_message_is_that_of_the_direct_conversation() {
    let house = House::fresh().await;
    let [tom, jerry, spike] = house.users(["tom", "jerry", "spike"]).await;
    let group = house.group(tom, &[jerry]).await;
    house.say(tom, Recipient::User(jerry), "first").await;
    house.say(jerry, Recipient::User(tom), "second").await;
    house.say(tom, Recipient::Group(group.id), "to all").await;
    house.say(spike, Recipient::User(jerry), "not Tom's business").await;
    let list = house.store.accounts_with_last_message(tom, query(None)).await.unwrap();
    let last: Vec<_> =
        list.iter().map(|(_, last)| last.as_ref().map(|last| (last.content.as_str(), last.sender))).collect();
    assert_eq!(last, [None, Some(("second", jerry)), None]);
}

#[tokio::test]
async fn a_hash_is_replaced_only_if_it_is_still_the_old_one() {
    let house = House::fresh().await;
    let [tom, jerry] = house.users(["tom", "jerry"]).await;
    house.store.replace_password_hash(tom, "hash of tom".into(), "changed".into()).await.unwrap();
    house.store.replace_password_hash(tom, "hash of tom".into(), "stale".into()).await.unwrap();
    let hash = async |name: &str| {
        let name = LoginName::Username(name.into());
        house.store.credentials(name).await.unwrap().unwrap().password_hash
    };
    assert_eq!(hash("tom").await, "changed");
    assert_eq!(hash("jerry").await, "hash of jerry");
    assert_ne!(tom, jerry);
}
