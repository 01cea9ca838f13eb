//! A standby takes over that was cut off from its primary a while ago: the messages since then are lost with the primary,
//! which is what one gets who does not wait for standbys, and every client has to hear of it.

use std::time::Duration;

use anyhow::{Context, Result};
use chat_engines::Postgres;
use tokio::time::sleep;

use super::engines::{DATABASE, Engine};
use super::target::Target;

impl Target {
    /// From the copy that becomes the standby until nodes reach it in the place of the primary. Gives the last message
    /// that it has.
    pub(super) async fn fail_over(&mut self, behind: Duration) -> Result<i64> {
        let standby = self.engines()?.postgres().has(|primary| primary.standby()).await?;
        let port = standby.port();
        let standby = Engine::of(standby);
        standby.has(Postgres::crash).await?;
        // What is written from now on, it does not hear of.
        sleep(behind).await;
        self.engines()?.postgres().has(Postgres::crash).await?;
        standby.has(Postgres::start_again).await?;
        standby.has(|standby| standby.promote()).await?;
        let last = standby.has(last_message).await?;
        self.era.begin();
        for node in &self.nodes {
            node.links()?.postgres.lead_to(port);
        }
        self.engines_mut()?.take_over(standby);
        Ok(last)
    }
}

fn last_message(postgres: &mut Postgres) -> Result<i64> {
    let last = postgres.databases().execute(DATABASE, "SELECT message_id FROM chatserver.log")?;
    last.trim().parse().context("the log's end is no number")
}
