//! Turns of two measurements that run in one program: only one of them measures at a time, first one and then the
//! other, in the order A B, B A, A B. What happens between measured runs, such as preparing data, is not ordered.

use anyhow::{Context, Result};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// One side's part. Dropping it ends the other side's waiting with an error.
pub(super) struct Turns {
    /// Whether this side goes first in the pairs with odd numbers.
    leads: bool,
    to_other: Sender<()>,
    from_other: Receiver<()>,
}

/// Creates both sides. The first one leads.
pub(super) fn pair() -> (Turns, Turns) {
    let (to_second, from_first) = channel(1);
    let (to_first, from_second) = channel(1);
    let first = Turns { leads: true, to_other: to_second, from_other: from_second };
    (first, Turns { leads: false, to_other: to_first, from_other: from_first })
}

impl Turns {
    /// Waits until this side may measure its run of the pair `number`, which counts from 1.
    ///
    /// # Errors
    /// Fails if the other side has stopped.
    pub(super) async fn begin(&mut self, number: u32) -> Result<()> {
        self.meet().await?;
        if !self.goes_first(number) {
            self.meet().await?;
        }
        Ok(())
    }

    /// Ends this side's run, and waits until both have measured theirs.
    ///
    /// # Errors
    /// Fails if the other side has stopped.
    pub(super) async fn end(&mut self, number: u32) -> Result<()> {
        if self.goes_first(number) {
            self.meet().await?;
        }
        self.meet().await
    }

    fn goes_first(&self, number: u32) -> bool {
        self.leads != number.is_multiple_of(2)
    }

    /// Waits until the other side has come to the same point.
    async fn meet(&mut self) -> Result<()> {
        const ENDED: &str = "the other server's measurement has ended";
        self.to_other.send(()).await.context(ENDED)?;
        self.from_other.recv().await.context(ENDED)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    async fn take_turns(name: char, mut turns: Turns, pairs: u32, log: &RefCell<String>) -> Result<()> {
        for number in 1..=pairs {
            turns.begin(number).await?;
            log.borrow_mut().push(name);
            // The other side gets the chance to measure at the same time.
            tokio::task::yield_now().await;
            log.borrow_mut().push(name.to_ascii_lowercase());
            turns.end(number).await?;
        }
        Ok(())
    }

    #[tokio::test]
    async fn one_side_measures_at_a_time_and_the_order_alternates() {
        let (first, second) = pair();
        let log = RefCell::default();
        let both = tokio::join!(take_turns('A', first, 3, &log), take_turns('B', second, 3, &log));
        assert!(both.0.is_ok() && both.1.is_ok());
        assert_eq!(log.into_inner(), "AaBbBbAaAaBb");
    }

    #[tokio::test]
    async fn a_side_that_has_stopped_is_not_waited_for() {
        let (first, second) = pair();
        let log = RefCell::default();
        let both = tokio::join!(take_turns('A', first, 1, &log), take_turns('B', second, 2, &log));
        assert!(both.0.is_ok());
        assert!(both.1.is_err_and(|error| error.to_string().contains("has ended")));
        assert_eq!(log.into_inner(), "AaBb");
    }
}
