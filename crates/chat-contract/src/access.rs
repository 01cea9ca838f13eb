//! Tests that every `AccessStore` must pass.

use chat_core::access::{Ended, Fingerprint, Revoked};
use chat_core::accounts::LoginName;
use chat_core::event::Change;
use chat_core::ids::UserId;

use super::samples::code;
use super::test_store::{Stores, TestStore};

/// Far from now in either direction, whatever the machine's clock says.
const LONG_AGO: i64 = 1;
const IN_AGES: i64 = 1 << 40;

fn one(user: UserId, number: u8, expires_at: i64) -> Ended {
    Ended { user, which: Revoked::One { token: Fingerprint([number; 16]), expires_at } }
}

fn all(user: UserId, before: i64) -> Ended {
    Ended { user, which: Revoked::IssuedBefore(before) }
}

async fn revocations(node: &TestStore, now: i64) -> Vec<Ended> {
    node.store.revocations(now).await.unwrap()
}

pub async fn a_revoked_token_is_remembered_until_it_has_expired(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    for ended in [one(tom, 1, IN_AGES), one(jerry, 2, IN_AGES + 1), one(tom, 1, IN_AGES)] {
        assert_eq!(node.store.revoke(ended).await.unwrap(), ended);
    }
    assert_eq!(code(node.store.revoke(one(UserId(99), 3, IN_AGES)).await), "unauthenticated");
    let node = node.reopen().await;
    assert_eq!(revocations(&node, 5).await, [one(tom, 1, IN_AGES), one(jerry, 2, IN_AGES + 1)]);
    assert_eq!(revocations(&node, IN_AGES).await, [one(jerry, 2, IN_AGES + 1)]);
    assert_eq!(revocations(&node, IN_AGES + 1).await, []);
}

pub async fn long_expired_tokens_are_removed_by_the_next_revocation(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let tom = node.user("tom").await;
    node.store.revoke(one(tom, 1, LONG_AGO)).await.unwrap();
    assert_eq!(revocations(&node, 0).await, [one(tom, 1, LONG_AGO)]);
    // A store must assume that this clock is up to a year ahead.
    let a_year_ago = one(tom, 2, seconds_ago(365 * 24 * 3600));
    node.store.revoke(a_year_ago).await.unwrap();
    node.store.revoke(one(tom, 3, IN_AGES)).await.unwrap();
    assert_eq!(revocations(&node, 0).await, [a_year_ago, one(tom, 3, IN_AGES)]);
}

fn seconds_ago(seconds: i64) -> i64 {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    i64::try_from(now).unwrap() - seconds
}

pub async fn all_tokens_up_to_a_second_are_revoked_and_that_second_grows_each_time(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    // A clock may be set back, or belong to another node: tokens issued between the two calls must be revoked too.
    for (second, taken) in [(50, 50), (40, 51), (51, 52), (60, 60)] {
        assert_eq!(node.store.revoke(all(tom, second)).await.unwrap(), all(tom, taken));
    }
    node.store.revoke(all(jerry, 7)).await.unwrap();
    assert_eq!(revocations(&node, 1000).await, [all(tom, 60), all(jerry, 7)]);
    let published: Vec<_> = node
        .sink
        .events()
        .iter()
        .map(|event| match event.change {
            Change::AccessRevoked { user, which } => Ended { user, which },
            ref other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        published,
        [50, 51, 52, 60]
            .map(|second| all(tom, second))
            .into_iter()
            .chain([all(jerry, 7)])
            .collect::<Vec<_>>()
    );
}

pub async fn a_password_is_changed_together_with_the_tokens_or_not_at_all(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let tom = node.user("tom").await;
    let hash = async || {
        let name = LoginName::Username("tom".into());
        node.store.credentials(name).await.unwrap().unwrap().password_hash
    };
    let change = async |user, old: &str, new: &str| {
        node.store.change_password(all(user, 9), old.into(), new.into()).await
    };
    assert_eq!(code(change(tom, "another hash", "new hash").await), "wrong_credentials");
    assert_eq!(code(change(UserId(99), "hash of tom", "new hash").await), "wrong_credentials");
    assert_eq!((hash().await.as_str(), revocations(&node, 0).await), ("hash of tom", vec![]));
    assert_eq!(change(tom, "hash of tom", "new hash").await.unwrap(), all(tom, 9));
    assert_eq!((hash().await.as_str(), revocations(&node, 0).await), ("new hash", vec![all(tom, 9)]));
    assert_eq!(code(change(tom, "hash of tom", "newer hash").await), "wrong_credentials");
    assert_eq!(node.sink.events().len(), 1);
}
