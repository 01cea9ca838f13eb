//! PostgreSQL's own throughput for the nodes' writes: `pgbench` writes such batches into the same tables, in a separate
//! database on the same server. The comparison is in `pgbench.rs`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use chat_engines::Postgres;
use tokio::task::spawn_blocking;

use super::cluster::Cluster;
use super::testbed::content;
use crate::Adapters;

const DATABASE: &str = "bench_yardstick";
/// The settings of the nodes' sessions: statements are always the same, and tables that are empty now will be filled.
const SESSION: &str = "-c jit=off -c plan_cache_mode=force_generic_plan -c enable_seqscan=off \
                       -c enable_hashjoin=off -c enable_mergejoin=off";

/// The contents of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Batch {
    /// Number of messages, each in a different conversation.
    pub(super) messages: usize,
    /// Length of its row in the journal.
    pub(super) journal_bytes: usize,
}

/// A database like that of the nodes, and the pgbench that writes batches into it.
pub(super) struct Yardstick {
    pgbench: PathBuf,
    url: String,
    /// Name of the schema with the tables.
    schema: &'static str,
    script: PathBuf,
    writers: usize,
    conversations: usize,
}

impl Yardstick {
    /// Creates the database with `conversations` in it.
    pub(super) async fn make(cluster: &Cluster, adapters: Adapters, conversations: usize) -> Result<Self> {
        let postgres = cluster.postgres();
        let pgbench = program(postgres)?;
        postgres.create_database(DATABASE)?;
        let url = postgres.url(DATABASE);
        make_tables(adapters, url.clone()).await?;
        let fill = format!(
            "INSERT INTO conversations (id, n_members) SELECT g, 2 FROM generate_series(1, {conversations}) g"
        );
        let databases = postgres.databases();
        databases.execute(DATABASE, &fill)?;
        databases.execute(DATABASE, "ANALYZE")?;
        let script = cluster.folder().join("batch.sql");
        let (schema, writers) = (adapters.schema, cluster.n_nodes());
        Ok(Self { pgbench, url, schema, script, writers, conversations })
    }

    /// Measures commits of this batch per second, with as many writers as there are nodes.
    pub(super) async fn commits_per_second(&self, batch: Batch, seconds: u64) -> Result<f64> {
        std::fs::write(&self.script, script(batch, self.conversations))
            .with_context(|| format!("{} cannot be written", self.script.display()))?;
        let mut command = self.command(seconds);
        let output =
            spawn_blocking(move || command.output()).await.context("waiting for pgbench broke down")?;
        let output = output.context("pgbench cannot be started")?;
        if !output.status.success() {
            bail!("pgbench failed: {:.500}", String::from_utf8_lossy(&output.stderr).trim());
        }
        rate(&String::from_utf8_lossy(&output.stdout)).context("pgbench does not say how much it did")
    }

    fn command(&self, seconds: u64) -> Command {
        let mut command = Command::new(&self.pgbench);
        // PostgreSQL settings from the user's environment would change the measurement.
        let own = std::env::vars_os().map(|(name, _)| name);
        for name in own.filter(|name| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        let writers = self.writers.to_string();
        command.env("LC_ALL", "C").env("PGOPTIONS", session(self.schema)).stdin(Stdio::null());
        command.args(["--no-vacuum", "--protocol=prepared", "--jobs=1", "--client", &writers]);
        command.args(["--time", &seconds.to_string(), "--file"]).arg(&self.script).arg(&self.url);
        command
    }
}

/// The settings of a node's sessions, with the schema of its tables.
fn session(schema: &str) -> String {
    format!("{SESSION} -c search_path={schema}")
}

fn program(postgres: &Postgres) -> Result<PathBuf> {
    let folder: &Path = postgres.programs();
    let program = folder.join("pgbench");
    if !program.is_file() {
        bail!(
            "pgbench is not in {}, where PostgreSQL's other programs are; on Debian and Ubuntu the package \
             `postgresql` brings it, elsewhere often `postgresql-contrib`",
            folder.display()
        );
    }
    Ok(program)
}

/// Creates the same tables as a node does.
async fn make_tables(adapters: Adapters, url: String) -> Result<()> {
    let made = spawn_blocking(move || (adapters.make_tables)(url));
    made.await.context("making the tables broke down")?.context("the tables cannot be made")
}

/// The pgbench script: a node's statements for a batch of ordinary messages, without the checks of permissions.
fn script(Batch { messages, journal_bytes }: Batch, conversations: usize) -> String {
    let (last, content) = (messages.saturating_sub(1), content());
    format!(
        "\\set first random(1, {conversations})
BEGIN;
SELECT position AS p, message_id AS m FROM log FOR UPDATE \\gset
UPDATE conversations c SET last_seq = last_seq + 1, rev = rev + 1, position = n.position
FROM (SELECT 1 + (:first::bigint + g) % {conversations} AS id, :p::bigint + 1 + g AS position
      FROM generate_series(0, {last}) g) n
WHERE c.id = n.id;
INSERT INTO messages (id, conversation_id, seq, rev, position, sender_id, recipient_id, group_id, sent_at, kind,
                      content, media_url, client_msg_id, reply_to, thread_id, streaming, extra)
SELECT :m::bigint + 1 + g, c.id, c.last_seq, c.rev, c.position, c.id, c.id + 1, 0, 1700000000000000, 'text',
       '{content}', '', NULL, NULL, NULL, NULL, NULL
FROM generate_series(0, {last}) g JOIN conversations c ON c.id = 1 + (:first::bigint + g) % {conversations};
INSERT INTO journal (first, last, body)
VALUES (:p::bigint + 1, :p::bigint + {messages}, convert_to(repeat('x', {journal_bytes}), 'UTF8'));
UPDATE log SET position = :p::bigint + {messages}, message_id = :m::bigint + {messages};
COMMIT;
"
    )
}

/// Parses the transactions per second from pgbench's output. Older releases print two values; the last one excludes the
/// time to connect.
fn rate(output: &str) -> Option<f64> {
    let line = output.lines().rfind(|line| line.starts_with("tps = "))?;
    line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_excludes_the_time_to_connect() {
        let new =
            "number of failed transactions: 0 (0.000%)\ntps = 842.125 (without initial connection time)\n";
        assert_eq!(rate(new), Some(842.125));
        let old = "tps = 840.5 (including connections establishing)\n\
                   tps = 842.5 (excluding connections establishing)\n";
        assert_eq!(rate(old), Some(842.5));
        assert_eq!(rate("pgbench (15.14)\n"), None);
    }
}
