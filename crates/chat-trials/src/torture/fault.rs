//! The faults that can be injected, and in which order they are. Pure; what is done then is in `inject.rs`.

use std::time::Duration;

use super::dice::Dice;

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Fault {
    /// Kill a node and restart it
    KillNode,
    /// Stop PostgreSQL with all its connections, and restart it after a while
    CrashPostgres,
    /// Kill NATS, and restart it after a while
    KillNats,
    /// Pause NATS for a while
    PauseNats,
    /// Cut a node off from NATS, in one direction or both
    CutNats,
    /// Cut a node off from PostgreSQL, in one direction or both
    CutPostgres,
    /// Reset all connections to NATS repeatedly, so that events are lost
    ResetNats,
    /// Delay events, differently between each two nodes
    DelayNats,
    /// Forbid all publishing and subscribing on NATS for a while
    ForbidNats,
    /// Pause a node for a while
    PauseNode,
    /// Stop each node cleanly in turn and restart it
    RestartNodes,
    /// Kill PostgreSQL and promote a standby that lacks the last messages
    FailOver,
    /// Stop the proxy in front of the server with all its connections, and restart it after a while
    RestartProxy,
    /// Let clients resume a lot of data and read nothing, read slowly, or vanish; a node with two threads must go on
    SlowResumers,
    /// Let clients request files, pages and refusals without reading the responses; they must be cut off
    UntakenAnswers,
    /// Let clients send a thousand frames at once and log out meanwhile; frames not started by then must not be executed
    LateFrames,
    /// Fill a single server's disk for a while
    FillDisk,
    /// Set a node's clock back by an hour, forward by a year, and right again; needs libfaketime
    StepClock,
}

impl Fault {
    /// What is injected into a cluster unless something is chosen.
    pub(super) const OF_CLUSTER: [Self; 12] = [
        Self::KillNode,
        Self::CrashPostgres,
        Self::KillNats,
        Self::PauseNats,
        Self::CutNats,
        Self::CutPostgres,
        Self::ResetNats,
        Self::DelayNats,
        Self::ForbidNats,
        Self::PauseNode,
        Self::RestartNodes,
        Self::FailOver,
    ];

    /// Whether it takes a cluster.
    pub(super) fn needs_cluster(self) -> bool {
        !matches!(self, Self::KillNode | Self::FillDisk | Self::RestartProxy | Self::StepClock)
            && !self.is_by_clients()
    }

    /// Whether it is clients that do it.
    pub(super) fn is_by_clients(self) -> bool {
        matches!(self, Self::SlowResumers | Self::UntakenAnswers | Self::LateFrames)
    }

    /// As it is called on the command line and in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KillNode => "kill-node",
            Self::CrashPostgres => "crash-postgres",
            Self::KillNats => "kill-nats",
            Self::PauseNats => "pause-nats",
            Self::CutNats => "cut-nats",
            Self::CutPostgres => "cut-postgres",
            Self::ResetNats => "reset-nats",
            Self::DelayNats => "delay-nats",
            Self::ForbidNats => "forbid-nats",
            Self::PauseNode => "pause-node",
            Self::RestartNodes => "restart-nodes",
            Self::FailOver => "fail-over",
            Self::RestartProxy => "restart-proxy",
            Self::SlowResumers => "slow-resumers",
            Self::UntakenAnswers => "untaken-answers",
            Self::LateFrames => "late-frames",
            Self::FillDisk => "fill-disk",
            Self::StepClock => "step-clock",
        }
    }

    /// Whether nodes are without their database meanwhile.
    pub(super) fn takes_the_database(self) -> bool {
        matches!(self, Self::CrashPostgres | Self::CutPostgres | Self::FillDisk)
    }

    /// Whether the database loses what was acknowledged, so that all clients have to load anew.
    pub(super) fn loses_the_end(self) -> bool {
        self == Self::FailOver
    }

    /// How long it lasts, or a clock stays where it was set. A node may serve for two seconds without its database before it
    /// has to say so, and looks at its clock as often.
    fn lasts(self, is_long: bool, dice: &mut Dice) -> Duration {
        match (self, is_long) {
            (Self::KillNode | Self::RestartNodes, _) => Duration::ZERO,
            (Self::FailOver, true) => Duration::from_secs(2),
            (Self::FailOver, false) => dice.millis(100, 600),
            (Self::PauseNode, true) => Duration::from_secs(30),
            (Self::CrashPostgres, true) => Duration::from_secs(5),
            (_, true) => Duration::from_secs(10),
            (
                Self::CrashPostgres
                | Self::CutPostgres
                | Self::PauseNode
                | Self::SlowResumers
                | Self::FillDisk
                | Self::StepClock,
                false,
            ) => dice.millis(2200, 3500),
            (_, false) => dice.millis(800, 2000),
        }
    }
}

/// A fault at its time, with the dice that decide about the rest of it.
pub(super) struct Injection {
    pub(super) fault: Fault,
    pub(super) lasts: Duration,
    pub(super) dice: Dice,
}

/// Which fault comes when.
pub(super) struct Plan {
    seed: u64,
    faults: Vec<Fault>,
    is_long: bool,
}

impl Plan {
    /// Each of these once before any of them again.
    pub(super) fn new(seed: u64, faults: Vec<Fault>, is_long: bool) -> Self {
        Self { seed, faults, is_long }
    }

    /// After how many cycles each fault has come once.
    pub(super) fn round(&self) -> u32 {
        u32::try_from(self.faults.len()).unwrap_or(u32::MAX)
    }

    /// What comes in a cycle; they are counted from 1.
    pub(super) fn injection(&self, cycle: u32) -> Injection {
        let (past, length) = (cycle.saturating_sub(1), self.round().max(1));
        let mut order = self.faults.clone();
        let mut shuffling = Dice::new(self.seed, "round", (past / length).into());
        for place in (1..order.len()).rev() {
            let other = shuffling.between(0, u64::try_from(place).unwrap_or(0));
            order.swap(place, usize::try_from(other).unwrap_or(0));
        }
        let place = usize::try_from(past % length).unwrap_or(0);
        let fault = order.get(place).copied().unwrap_or(Fault::KillNode);
        let mut dice = Dice::new(self.seed, fault.name(), cycle.into());
        Injection { fault, lasts: fault.lasts(self.is_long, &mut dice), dice }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn names_are_those_of_the_command_line() {
        for fault in Fault::value_variants() {
            assert_eq!(fault.to_possible_value().unwrap().get_name(), fault.name());
        }
    }

    #[test]
    fn what_takes_a_cluster_befalls_it_and_what_lies_before_it_is_asked_for() {
        for fault in Fault::value_variants() {
            let is_usual = Fault::OF_CLUSTER.contains(fault);
            assert_eq!(is_usual, fault.needs_cluster() || *fault == Fault::KillNode, "{fault:?}");
            let is_asked_for = fault.is_by_clients()
                || matches!(fault, Fault::FillDisk | Fault::RestartProxy | Fault::StepClock);
            assert_eq!(is_usual, !is_asked_for, "{fault:?}");
        }
    }

    #[test]
    fn each_comes_once_a_round_in_an_order_of_the_seeds() {
        let order = |seed, first: u32| {
            let plan = Plan::new(seed, Fault::OF_CLUSTER.to_vec(), false);
            (first..first + 12).map(|cycle| plan.injection(cycle).fault).collect::<Vec<_>>()
        };
        for (seed, first) in [(1, 1), (1, 13), (2, 1)] {
            let mut sorted = order(seed, first);
            assert_eq!(sorted, order(seed, first));
            sorted.sort();
            assert_eq!(sorted, Fault::OF_CLUSTER);
        }
        assert_ne!(order(1, 1), order(2, 1));
        assert_ne!(order(1, 1), order(1, 13));
    }

    #[test]
    fn a_seed_gives_the_same_blow_again() {
        let injection = |seed| Plan::new(seed, vec![Fault::CutNats], false).injection(3);
        assert_eq!(injection(5).lasts, injection(5).lasts);
        assert_eq!(injection(5).dice.throw(), injection(5).dice.throw());
        assert_ne!(injection(5).dice.throw(), injection(6).dice.throw());
    }
}
