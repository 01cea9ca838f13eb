//! The faults that can be injected, and their order. Pure; `inject.rs` injects them.

use std::time::Duration;

use crate::rng::Rng;

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
    /// The default faults of a cluster.
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

    /// Whether the fault needs a cluster.
    pub(super) fn needs_cluster(self) -> bool {
        !matches!(self, Self::KillNode | Self::FillDisk | Self::RestartProxy | Self::StepClock)
            && !self.is_by_clients()
    }

    /// Whether clients cause the fault.
    pub(super) fn is_by_clients(self) -> bool {
        matches!(self, Self::SlowResumers | Self::UntakenAnswers | Self::LateFrames)
    }

    /// The fault's name on the command line and in reports.
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

    /// Whether nodes have no database during the fault.
    pub(super) fn takes_the_database(self) -> bool {
        matches!(self, Self::CrashPostgres | Self::CutPostgres | Self::FillDisk)
    }

    /// Whether the database loses acknowledged changes, so that all clients have to reload.
    pub(super) fn loses_the_end(self) -> bool {
        self == Self::FailOver
    }

    /// Duration of the fault, or of each setting of a clock. A node reports a lost database within two seconds, and
    /// checks its clock at the same interval, so such faults last longer.
    fn lasts(self, is_long: bool, rng: &mut Rng) -> Duration {
        match (self, is_long) {
            (Self::KillNode | Self::RestartNodes, _) => Duration::ZERO,
            (Self::FailOver, true) => Duration::from_secs(2),
            (Self::FailOver, false) => rng.millis(100, 600),
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
            ) => rng.millis(2200, 3500),
            (_, false) => rng.millis(800, 2000),
        }
    }
}

/// A planned fault, with the random numbers for its details.
pub(super) struct Injection {
    pub(super) fault: Fault,
    pub(super) lasts: Duration,
    pub(super) rng: Rng,
}

/// The order of the faults.
pub(super) struct Plan {
    seed: u64,
    faults: Vec<Fault>,
    is_long: bool,
}

impl Plan {
    /// Plans each of these faults once before any repeats.
    pub(super) fn new(seed: u64, faults: Vec<Fault>, is_long: bool) -> Self {
        Self { seed, faults, is_long }
    }

    /// Number of cycles after which each fault has been injected once.
    pub(super) fn round(&self) -> u32 {
        u32::try_from(self.faults.len()).unwrap_or(u32::MAX)
    }

    /// The injection of a cycle, counted from 1.
    pub(super) fn injection(&self, cycle: u32) -> Injection {
        let (past, length) = (cycle.saturating_sub(1), self.round().max(1));
        let mut order = self.faults.clone();
        let mut shuffling = Rng::new(self.seed, "round", (past / length).into());
        for index in (1..order.len()).rev() {
            let other = shuffling.between(0, u64::try_from(index).unwrap_or(0));
            order.swap(index, usize::try_from(other).unwrap_or(0));
        }
        let index = usize::try_from(past % length).unwrap_or(0);
        let fault = order.get(index).copied().unwrap_or(Fault::KillNode);
        let mut rng = Rng::new(self.seed, fault.name(), cycle.into());
        Injection { fault, lasts: fault.lasts(self.is_long, &mut rng), rng }
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
    fn faults_of_a_cluster_are_its_defaults_and_others_are_chosen_explicitly() {
        for fault in Fault::value_variants() {
            let is_usual = Fault::OF_CLUSTER.contains(fault);
            assert_eq!(is_usual, fault.needs_cluster() || *fault == Fault::KillNode, "{fault:?}");
            let is_asked_for = fault.is_by_clients()
                || matches!(fault, Fault::FillDisk | Fault::RestartProxy | Fault::StepClock);
            assert_eq!(is_usual, !is_asked_for, "{fault:?}");
        }
    }

    #[test]
    fn each_fault_comes_once_a_round_in_an_order_drawn_from_the_seed() {
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
    fn a_seed_gives_the_same_injection_again() {
        let injection = |seed| Plan::new(seed, vec![Fault::CutNats], false).injection(3);
        assert_eq!(injection(5).lasts, injection(5).lasts);
        assert_eq!(injection(5).rng.number(), injection(5).rng.number());
        assert_ne!(injection(5).rng.number(), injection(6).rng.number());
    }
}
