//! A database that cannot store messages fails the readiness check, even if changing an existing row would
//! still succeed.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use chat_core::error::{Error, Obstacle};
use chat_core::messages::Recipient;
use chat_engines::Postgres;
use chat_postgres::{Options, Postgres as Store};
use tokio::task::spawn_blocking;

use crate::support::PostgresStore;
use chat_contract::{Recorder, account, message};

#[tokio::test]
async fn each_readiness_check_writes() {
    let node = PostgresStore::fresh().await;
    let db = node.connect().await;
    let mut last = 0;
    for _ in 0..5 {
        node.store.probe_write().await.unwrap();
        let probed = db.query_one("SELECT probed_at FROM log", &[]).await.unwrap().get::<_, i64>(0);
        assert!(probed > last, "{probed}, and {last} before");
        last = probed;
    }
}

/// As `pg_restore --clean` leaves it for a while.
#[tokio::test]
async fn missing_tables_are_a_temporary_failure() {
    let node = PostgresStore::fresh().await;
    let (tom, jerry) = (node.user("tom").await, node.user("jerry").await);
    let db = node.connect().await;
    for table in ["messages", "users", "log"] {
        let send = async |content: String| {
            node.store.post(message(tom, Recipient::User(jerry), &content)).await.map(drop)
        };
        send(format!("before {table} is gone")).await.unwrap();
        db.batch_execute(&format!("ALTER TABLE {table} RENAME TO kept_aside")).await.unwrap();
        let refused = send("meanwhile".into()).await;
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{table}: {refused:?}");
        db.batch_execute(&format!("ALTER TABLE kept_aside RENAME TO {table}")).await.unwrap();
        send(format!("{table} is back")).await.unwrap();
    }
}

#[tokio::test]
async fn a_read_only_database_is_not_ready_and_says_why() {
    let node = PostgresStore::fresh().await;
    let db = node.connect().await;
    node.store.probe_write().await.unwrap();
    let read_only = |is: &str| {
        format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = {is}',
             current_database()); END $$;
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    };
    db.batch_execute(&read_only("on")).await.unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match node.store.probe_write().await {
            Err(Error::Obstructed(Obstacle::ReadOnly)) => break,
            // Its connections are gone.
            Err(Error::Unavailable(_)) if Instant::now() < until => {}
            other => panic!("{other:?}"),
        }
    }
    db.batch_execute(&format!("SET default_transaction_read_only = off; {}", read_only("off")))
        .await
        .unwrap();
    while node.store.probe_write().await.is_err() {
        assert!(Instant::now() < until);
    }
}

/// A small file system in memory, which is unmounted when this is dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Mounts one that every user may write to, if this machine lets tests mount one.
    #[track_caller]
    fn mount(megabytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m,mode=0777");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path());
        if !mount.stderr(std::process::Stdio::null()).status().is_ok_and(|status| status.success()) {
            chat_engines::skipped("nothing can be mounted here (mount -t tmpfs)");
            return None;
        }
        Some(Self(folder))
    }

    /// Creates a folder in it for the owner of this file.
    fn folder_of(&self, file: &Path) -> PathBuf {
        let everybody = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(self.0.path(), everybody).unwrap();
        let (folder, owner) = (self.0.path().join("tables"), file.metadata().unwrap());
        std::fs::create_dir(&folder).unwrap();
        chown(&folder, Some(owner.uid()), Some(owner.gid())).unwrap();
        folder
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_with_a_full_disk_is_not_ready_even_if_rows_can_be_changed() {
    let Some(disk) = SmallDisk::mount(40) else { return };
    // A private server, because its files are on the full disk.
    let server = spawn_blocking(Postgres::start).await.unwrap().unwrap();
    let sql = |sql: &str| server.databases().execute("postgres", sql).unwrap();
    let folder = disk.folder_of(Path::new(&sql("SHOW data_directory")));
    sql(&format!("CREATE TABLESPACE small LOCATION '{}'", folder.display()));
    sql("CREATE DATABASE chat TABLESPACE small");
    let options = Options { url: server.url("chat"), readers: 2, search: false, ..Options::default() };
    let store = spawn_blocking(move || {
        Store::prepare(&options).unwrap().open(std::sync::Arc::new(Recorder::default())).unwrap()
    });
    let store: std::sync::Arc<dyn chat_core::ports::Store> = std::sync::Arc::new(store.await.unwrap());
    let tom = store.create_account(account("tom")).await.unwrap().id;
    let jerry = store.create_account(account("jerry")).await.unwrap().id;
    store.probe_write().await.unwrap();
    let filler = disk.0.path().join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
    assert!(matches!(store.probe_write().await, Err(Error::Obstructed(Obstacle::Full))));
    // An earlier check used this statement, which proves nothing.
    server.databases().execute("chat", "UPDATE log SET probed_at = probed_at + 1").unwrap();
    // Fill the database until no message fits any more.
    let mut refused = false;
    for _ in 0..100 {
        let long = message(tom, Recipient::User(jerry), &"long ".repeat(3000));
        match store.post(long).await {
            Ok(_) => assert!(store.probe_write().await.is_err(), "on a full disk"),
            Err(Error::Obstructed(Obstacle::Full)) => refused = true,
            Err(other) => panic!("{other:?}"),
        }
        if refused {
            break;
        }
    }
    assert!(refused, "a message fits where there is no room");
    // The space of an open file is not freed.
    drop(file);
    std::fs::remove_file(filler).unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while store.probe_write().await.is_err() {
        assert!(Instant::now() < until, "there is room again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    store.post(message(tom, Recipient::User(jerry), "there is room again")).await.unwrap();
    drop(store);
    drop(server);
}
