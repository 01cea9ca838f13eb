//! Clients of both streams that come back for what they missed, over small windows: some read nothing, some in drips, and
//! some vanish in the middle of it and come again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chat_client::v2::{Entrance, upgrade_v2};
use chat_client::{ServerUrl, upgrade};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Owed, connect};
use crate::torture::dice::Dice;
use crate::torture::verdict::Findings;

/// More than a server has threads, of each kind.
const EACH: usize = 4;
const DRIP: usize = 1024;
const PAUSE: Duration = Duration::from_millis(20);
/// How long those who vanish stay, in milliseconds.
const STAY_MS: (u64, u64) = (20, 300);

#[derive(Clone, Copy)]
enum Habit {
    Asleep,
    Drips,
    Vanishes,
}

pub(super) async fn come(owed: &Owed, lasts: Duration, dice: &mut Dice) -> Result<Findings> {
    let entrance = owed.reader.entrance(Some(owed.cursor.clone()));
    let there = Arc::new((owed.node.clone(), entrance));
    let mut crowd = JoinSet::new();
    for _ in 0..EACH {
        for habit in [Habit::Asleep, Habit::Drips, Habit::Vanishes] {
            for is_v2 in [false, true] {
                let dice = Dice::new(dice.throw(), "resumer", 0);
                crowd.spawn(come_and_come_again(there.clone(), is_v2, habit, dice));
            }
        }
    }
    tokio::select! {
        () = sleep(lasts) => {}
        // Whoever is kept out proves nothing.
        Some(ended) = crowd.join_next() => match ended.context("a client broke down")?? {},
    }
    // With them go their sockets.
    crowd.shutdown().await;
    Ok(Findings::default())
}

async fn come_and_come_again(
    there: Arc<(ServerUrl, Entrance)>,
    is_v2: bool,
    habit: Habit,
    mut dice: Dice,
) -> Result<Infallible> {
    let (node, entrance) = &*there;
    loop {
        let socket = connect(node).await?;
        let socket = match is_v2 {
            true => upgrade_v2(socket, node, entrance).await,
            false => upgrade(socket, node, &entrance.token).await,
        };
        stay(socket.context("a client cannot resume")?.0, habit, &mut dice).await;
    }
}

/// Until the server has had enough of it, or it of the server.
async fn stay(mut socket: TcpStream, habit: Habit, dice: &mut Dice) {
    let mut drip = [0; DRIP];
    match habit {
        Habit::Vanishes => sleep(dice.millis(STAY_MS.0, STAY_MS.1)).await,
        Habit::Asleep => std::future::pending().await,
        Habit::Drips => {
            while socket.read(&mut drip).await.is_ok_and(|read| read > 0) {
                sleep(PAUSE).await;
            }
        }
    }
}
