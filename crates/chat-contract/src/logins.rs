//! Tests of logging in on a store: with names and passwords in any form, and with the same work for every failure.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chat_core::access::{ChangePassword, Fingerprint, Ticket, TicketStore};
use chat_core::accounts::{LoginName, NewAccount, Register};
use chat_core::demo::{DemoLogin, PASSWORD};
use chat_core::ports::{Clock, Passwords, Turn, Verdict};
use chat_core::time::Timestamp;
use chat_core::{Adapters, Chat, Limits, Result};

use super::samples::{NOW, account, code};
use super::test_store::{Stores, TestStore};

/// Prefix of a present hash in these tests. The password follows.
const PRESENT: &str = "present:";
/// Prefix of an earlier server's hash.
const EARLIER: &str = "$2a$10$";

/// A password hasher that keeps passwords in clear text, and records what it was asked to hash.
#[derive(Default)]
struct Work(Mutex<Vec<String>>);

impl Work {
    /// The work since the last call: the kinds of hashes and the passwords, sorted.
    fn done(&self) -> Vec<String> {
        let mut done = std::mem::take(&mut *self.0.lock().unwrap());
        done.sort();
        done
    }
}

#[async_trait]
impl Passwords for Work {
    async fn hash(&self, password: String, _: Turn) -> Result<String> {
        Ok(format!("{PRESENT}{password}"))
    }

    async fn verify(&self, password: String, hash: Option<String>, _: Turn) -> Result<Verdict> {
        let hash = hash.unwrap_or_else(|| PRESENT.into());
        let is_earlier = hash.starts_with(EARLIER);
        let kind = if is_earlier { "earlier" } else { "present" };
        self.0.lock().unwrap().push(format!("{kind} {password}"));
        Ok(match hash.split_once(&password) {
            Some((EARLIER, "")) => Verdict::MatchOutdated,
            Some((PRESENT, "")) => Verdict::Match,
            _ => Verdict::Mismatch,
        })
    }
}

struct Always;

impl Clock for Always {
    fn now(&self) -> Timestamp {
        NOW
    }
}

#[async_trait]
impl TicketStore for Always {
    async fn keep_ticket(&self, _: Ticket, _: Timestamp) -> Result<()> {
        Ok(())
    }

    async fn redeem_ticket(&self, _: Fingerprint, _: Timestamp) -> Result<Option<Ticket>> {
        Ok(None)
    }
}

fn chat(node: &TestStore) -> (Chat, Arc<Work>) {
    let work = Arc::new(Work::default());
    let adapters = Adapters {
        store: node.store.clone(),
        sink: node.sink.clone(),
        tickets: Arc::new(Always),
        passwords: work.clone(),
        clock: Arc::new(Always),
    };
    (Chat::new(adapters, Limits::default()), work)
}

async fn login(chat: &Chat, name: &str, password: &str) -> Result<i64> {
    let name = LoginName::Username(name.into());
    Ok(chat.login(name, password.into(), DemoLogin::Refused, Turn::OWN).await?.account.id.0)
}

fn with_hash(name: &str, password_hash: &str) -> NewAccount {
    NewAccount { password_hash: password_hash.into(), ..account(name) }
}

pub async fn every_failed_login_does_the_same_work(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let (chat, work) = chat(&node);
    node.store.create_account(with_hash("tom", "present:right password")).await.unwrap();
    for name in ["tom", "nobody"] {
        assert_eq!(code(login(&chat, name, "wrong").await), "wrong_credentials");
        assert_eq!(work.done(), ["present wrong"], "{name}");
    }
    node.store.create_account(with_hash("jerry", "$2a$10$right password")).await.unwrap();
    for name in ["tom", "jerry", "nobody"] {
        assert_eq!(code(login(&chat, name, "wrong").await), "wrong_credentials");
        assert_eq!(work.done(), ["earlier wrong", "present wrong"], "{name}");
        assert_eq!(code(login(&chat, name, "wrо\u{308}ng").await), "wrong_credentials");
        let both =
            ["earlier wrо\u{308}ng", "earlier wr\u{4e7}ng", "present wrо\u{308}ng", "present wr\u{4e7}ng"];
        assert_eq!(work.done(), both, "{name}: in both forms");
    }
    // Without any earlier hash, that work is no longer needed.
    assert_eq!(login(&chat, "jerry", "right password").await.unwrap(), 2);
    work.done();
    assert_eq!(code(login(&chat, "nobody", "wrong").await), "wrong_credentials");
    assert_eq!(work.done(), ["present wrong"]);
}

pub async fn a_password_is_right_in_every_form_also_that_of_an_earlier_release(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let (chat, _) = chat(&node);
    let (composed, apart) = ("gr\u{fc}ne wiese", "gru\u{308}ne wiese");
    let pia = Register { username: "pia".into(), email: "pia@temp.com".into(), password: apart.into() };
    chat.register(pia, Turn::OWN).await.unwrap();
    for (name, hash) in [("old", "present:gru\u{308}ne wiese"), ("older", "$2a$10$gru\u{308}ne wiese")] {
        node.store.create_account(with_hash(name, hash)).await.unwrap();
        assert!(login(&chat, name, composed).await.is_err(), "{name}: nobody could know");
    }
    for name in ["pia", "old", "older"] {
        assert!(login(&chat, name, apart).await.is_ok(), "{name}");
        assert!(
            login(&chat, name, composed).await.is_ok(),
            "{name}: the hash is of the form for all keyboards now"
        );
    }
}

pub async fn only_a_demo_user_with_the_known_password_has_to_be_on_the_servers_machine(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let (chat, _) = chat(&node);
    chat.make_demo_users().await.unwrap();
    let attempt = async |name: &str, password: &str, demo| {
        chat.login(LoginName::Username(name.into()), password.into(), demo, Turn::OWN).await
    };
    assert!(attempt("tom", PASSWORD, DemoLogin::Allowed).await.is_ok());
    assert_eq!(code(attempt("tom", PASSWORD, DemoLogin::Refused).await), "demo_user");
    assert_eq!(code(attempt("tom", "password124", DemoLogin::Refused).await), "wrong_credentials");
    // A demo user who has changed the password is an account like any other, and so is one that only looks like a demo
    // user.
    let [tom, _] = &chat.demo_users().await.unwrap()[..] else { panic!("two were made") };
    assert!(chat.has_known_password(tom).await.unwrap());
    let change = ChangePassword { old: PASSWORD.into(), new: "a secret".into(), turn: Turn::OWN };
    chat.change_password(tom.id, 0, change).await.unwrap();
    assert!(!chat.has_known_password(tom).await.unwrap());
    assert!(attempt("tom", "a secret", DemoLogin::Refused).await.is_ok());
    let spike =
        Register { username: "spike".into(), email: "spike@temp.com".into(), password: PASSWORD.into() };
    chat.register(spike, Turn::OWN).await.unwrap();
    assert!(attempt("spike", PASSWORD, DemoLogin::Refused).await.is_ok());
    chat.make_demo_users().await.unwrap();
    assert_eq!(chat.demo_users().await.unwrap().len(), 2, "they are made once");
}
