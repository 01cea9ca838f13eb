//! Promotes a standby that was cut off from its primary for a while: later messages are lost with the primary, as with
//! any asynchronous replication, and every client has to reload.

use std::time::Duration;

use anyhow::{Context, Result};
use chat_engines::Postgres;
use tokio::time::sleep;

use super::engines::{DATABASE, Engine};
use super::target::Target;

impl Target {
    /// Copies a standby from the primary, lets it fall behind, kills the primary, and connects the nodes to the
    /// standby. Returns the id of the last message that the standby has.
    pub(super) async fn fail_over(&mut self, behind: Duration) -> Result<i64> {
        let standby = self.engines()?.postgres().run(|primary| primary.standby()).await?;
        let port = standby.port();
        let standby = Engine::of(standby);
        standby.run(Postgres::crash).await?;
        // The stopped standby does not get what is written from now on.
        sleep(behind).await;
        self.engines()?.postgres().run(Postgres::crash).await?;
        standby.run(Postgres::start_again).await?;
        standby.run(|standby| standby.promote()).await?;
        let last = standby.run(last_message).await?;
        self.replacements.begin();
        for node in &self.nodes {
            node.links()?.postgres.connect_to(port);
        }
        self.engines_mut()?.replace_postgres(standby);
        Ok(last)
    }
}

fn last_message(postgres: &mut Postgres) -> Result<i64> {
    let last = postgres.databases().execute(DATABASE, "SELECT message_id FROM chatserver.log")?;
    last.trim().parse().context("the log's end is no number")
}
