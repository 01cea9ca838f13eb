//! Nodes that exchange their users over a lossy bus.

use proptest::prelude::*;

use super::*;

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);
const TOM: UserId = UserId(1);
const JERRY: UserId = UserId(2);

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The statements that a node publishes at this time.
fn published(nodes: &mut Nodes, now: Duration, here: &[(UserId, PresenceStatus)]) -> Vec<Statement> {
    let published = |effect| if let Effect::Publish(statement) = effect { Some(statement) } else { None };
    nodes.turn(now, || here.to_vec()).into_iter().filter_map(published).collect()
}

/// The effects of another node's statement, without heartbeats.
fn effects_of(nodes: &mut Nodes, from: NodeId, statement: Statement, now: Duration) -> Vec<Effect> {
    nodes.receive(from, statement, now);
    let is_beat = |effect: &Effect| matches!(effect, Effect::Publish(Statement::Beat { .. }));
    nodes.turn(now, Vec::new).into_iter().filter(|effect| !is_beat(effect)).collect()
}

fn list(number: u64, users: Users) -> Statement {
    list_with(number, users, &[])
}

/// The list of a node that has heard others.
fn list_with(number: u64, users: Users, others: &[NodeId]) -> Statement {
    Statement::List { number, part: 0, parts: 1, users, others: others.iter().map(|node| node.0).collect() }
}

fn online(user: UserId) -> (UserId, Option<PresenceStatus>) {
    (user, Some(PresenceStatus::Online))
}

/// Node A, which knows B's list: Tom, at number 5.
fn with_b_known() -> Nodes {
    let mut nodes = Nodes::new(A);
    let effects = effects_of(&mut nodes, B, list(5, vec![online(TOM)]), s(0));
    assert_eq!(effects, [Effect::UsersChanged(B, vec![online(TOM)])]);
    nodes
}

#[test]
fn a_node_that_starts_greets_and_is_answered_with_lists() {
    let mut a = Nodes::new(A);
    a.greet();
    let here = [(TOM, PresenceStatus::Away)];
    let beat = Statement::Beat { number: 0 };
    let own_list = list(0, vec![(TOM, Some(PresenceStatus::Away))]);
    assert_eq!(published(&mut a, s(0), &here), [Statement::Hello, own_list.clone(), beat]);

    let mut b = Nodes::new(B);
    b.receive(A, Statement::Hello, s(0));
    let reply = published(&mut b, s(0), &[(JERRY, PresenceStatus::Online)]);
    assert_eq!(reply, [list_with(0, vec![online(JERRY)], &[A]), Statement::Beat { number: 0 }]);
    assert_eq!(
        effects_of(&mut b, A, own_list, s(0)),
        [Effect::UsersChanged(A, vec![(TOM, Some(PresenceStatus::Away))])]
    );
}

#[test]
fn the_other_nodes_are_met_when_the_list_of_each_has_arrived() {
    const C: NodeId = NodeId(3);
    let mut a = Nodes::new(A);
    a.greet();
    assert!(!a.has_met(), "no node has answered");
    a.receive(B, Statement::Beat { number: 5 }, s(0));
    assert!(!a.has_met(), "B's list is not known");
    a.receive(B, list_with(5, vec![online(TOM)], &[A, C]), s(0));
    assert!(!a.has_met(), "B has heard of C");
    a.receive(C, list_with(0, Vec::new(), &[A, B]), s(0));
    assert!(a.has_met());

    // From a release whose lists do not name others.
    let mut a = Nodes::new(A);
    a.receive(
        B,
        serde_json::from_str(r#"{"t":"list","number":0,"part":0,"parts":1,"users":[]}"#).unwrap(),
        s(0),
    );
    assert!(a.has_met());
}

#[test]
fn a_list_names_the_others_that_were_heard_lately() {
    let others_at = |seconds| {
        let mut nodes = with_b_known();
        nodes.receive(NodeId(3), Statement::Hello, s(seconds));
        let list =
            |statement| if let Statement::List { others, .. } = statement { Some(others) } else { None };
        published(&mut nodes, s(seconds), &[]).into_iter().find_map(list).unwrap()
    };
    assert_eq!(others_at(2), [2, 3]);
    assert_eq!(others_at(3), [3], "B has missed a beat");
}

#[test]
fn changes_are_applied_in_order_and_reported_if_they_change_something() {
    let mut nodes = with_b_known();
    let changed = Statement::Changed { number: 6, users: vec![online(TOM), online(JERRY)] };
    assert_eq!(
        effects_of(&mut nodes, B, changed.clone(), s(1)),
        [Effect::UsersChanged(B, vec![online(JERRY)])]
    );
    assert_eq!(effects_of(&mut nodes, B, changed, s(1)), []);
    let gone = Statement::Changed { number: 7, users: vec![(TOM, None)] };
    assert_eq!(effects_of(&mut nodes, B, gone, s(1)), [Effect::UsersChanged(B, vec![(TOM, None)])]);
}

#[test]
fn a_missing_number_makes_a_node_request_the_list_and_report_the_differences() {
    let mut nodes = with_b_known();
    let asks = [Effect::Publish(Statement::Ask { of: B.0 })];
    let late = Statement::Changed { number: 7, users: vec![online(UserId(3))] };
    assert_eq!(effects_of(&mut nodes, B, late, s(1)), asks);
    // Asks again, but not at once.
    assert_eq!(effects_of(&mut nodes, B, Statement::Beat { number: 7 }, s(1)), []);
    assert_eq!(effects_of(&mut nodes, B, Statement::Beat { number: 7 }, s(3)), asks);
    let whole = list(7, vec![online(JERRY), online(UserId(3))]);
    let changed = vec![(TOM, None), online(JERRY), online(UserId(3))];
    assert_eq!(effects_of(&mut nodes, B, whole, s(3)), [Effect::UsersChanged(B, changed)]);
    assert_eq!(effects_of(&mut nodes, B, Statement::Beat { number: 7 }, s(9)), []);
}

#[test]
fn a_loss_without_a_change_after_it_is_found_by_the_heartbeat() {
    let mut nodes = with_b_known();
    assert_eq!(
        effects_of(&mut nodes, B, Statement::Beat { number: 6 }, s(1)),
        [Effect::Publish(Statement::Ask { of: B.0 })]
    );
}

#[test]
fn a_list_counts_when_all_its_parts_have_arrived() {
    let part =
        |part, user| Statement::List { number: 3, part, parts: 2, users: vec![online(user)], others: vec![] };
    let mut nodes = Nodes::new(A);
    assert_eq!(effects_of(&mut nodes, B, part(0, TOM), s(0)), []);
    let changed = vec![online(TOM), online(JERRY)];
    assert_eq!(effects_of(&mut nodes, B, part(1, JERRY), s(0)), [Effect::UsersChanged(B, changed)]);

    let mut nodes = Nodes::new(A);
    assert_eq!(effects_of(&mut nodes, B, part(0, TOM), s(0)), []);
    // The other part was lost.
    let beat = Statement::Beat { number: 3 };
    assert_eq!(effects_of(&mut nodes, B, beat, s(1)), [Effect::Publish(Statement::Ask { of: B.0 })]);
}

#[test]
fn a_list_of_many_users_is_published_in_parts() {
    let mut nodes = Nodes::new(A);
    nodes.greet();
    let here: Vec<_> = (0..2500).map(|user| (UserId(user), PresenceStatus::Online)).collect();
    let parts: Vec<_> = published(&mut nodes, s(0), &here)
        .into_iter()
        .filter_map(|statement| match statement {
            Statement::List { part, parts, users, .. } => Some((part, parts, users.len())),
            _ => None,
        })
        .collect();
    assert_eq!(parts, [(0, 3, 1000), (1, 3, 1000), (2, 3, 500)]);
}

#[test]
fn a_node_that_is_silent_is_lost_and_one_that_says_goodbye_at_once() {
    let mut nodes = with_b_known();
    assert_eq!(effects_of(&mut nodes, B, Statement::Beat { number: 5 }, s(4)), []);
    assert_eq!(nodes.wake_at(), s(6));
    let lost = |nodes: &mut Nodes, now| nodes.turn(now, Vec::new).contains(&Effect::Lost(B));
    assert!(!lost(&mut nodes, s(13)));
    assert!(lost(&mut nodes, s(14)));
    assert!(!lost(&mut nodes, s(15)), "reported once");

    let mut nodes = with_b_known();
    assert_eq!(effects_of(&mut nodes, B, Statement::Goodbye, s(1)), [Effect::Lost(B)]);
    assert_eq!(effects_of(&mut nodes, B, Statement::Goodbye, s(1)), []);
}

#[test]
fn a_list_is_published_once_for_many_requests_at_a_time() {
    let mut nodes = Nodes::new(A);
    let is_list = |statement: &Statement| matches!(statement, Statement::List { .. });
    let mut lists = 0;
    for (index, ms) in [(2, 0), (3, 10), (4, 20), (5, 30)] {
        nodes.receive(NodeId(index), Statement::Ask { of: A.0 }, Duration::from_millis(ms));
        lists +=
            published(&mut nodes, Duration::from_millis(ms), &[]).iter().filter(|one| is_list(one)).count();
    }
    assert_eq!(lists, 1);
    assert_eq!(nodes.wake_at(), LIST_AGAIN);
    assert!(published(&mut nodes, LIST_AGAIN, &[]).iter().any(is_list));
    nodes.receive(B, Statement::Ask { of: 77 }, s(5));
    assert!(!published(&mut nodes, s(5), &[]).iter().any(is_list), "another node was asked");
}

#[test]
fn statements_survive_a_round_trip() {
    let users = vec![online(TOM), (JERRY, None), (UserId(3), Some(PresenceStatus::Invisible))];
    for statement in [
        Statement::Hello,
        Statement::Goodbye,
        Statement::Beat { number: u64::MAX },
        Statement::Changed { number: 1, users: users.clone() },
        Statement::List { number: 1, part: 2, parts: 3, users, others: vec![7, u64::MAX] },
        Statement::Ask { of: u64::MAX },
    ] {
        let text = serde_json::to_string(&statement).unwrap();
        assert_eq!(serde_json::from_str::<Statement>(&text).unwrap(), statement, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever was lost before, both soon know each other's users when nothing is lost any more.
    #[test]
    fn both_nodes_converge_on_each_others_users(
        steps in prop::collection::vec((any::<bool>(), 0..6_i64, 0..4_u8, any::<bool>(), 0..3000_u64), 1..60),
    ) {
        let mut pair = Pair::new();
        for (of_first, user, status, loses, ms) in steps {
            let side = usize::from(of_first);
            let status = [None, Some(PresenceStatus::Invisible), Some(PresenceStatus::Online), Some(PresenceStatus::Away)]
                [usize::from(status)];
            pair.change(side, UserId(user), status);
            pair.pass(Duration::from_millis(ms), loses);
        }
        for _ in 0..60 {
            pair.pass(Duration::from_millis(100), false);
        }
        prop_assert_eq!(&pair.known[0], &pair.here[1]);
        prop_assert_eq!(&pair.known[1], &pair.here[0]);
    }
}

/// Two nodes, the users of each, and the users that each believes to be at the other.
struct Pair {
    nodes: [Nodes; 2],
    here: [BTreeMap<UserId, PresenceStatus>; 2],
    known: [BTreeMap<UserId, PresenceStatus>; 2],
    now: Duration,
}

impl Pair {
    fn new() -> Self {
        let mut nodes = [Nodes::new(A), Nodes::new(B)];
        nodes.iter_mut().for_each(Nodes::greet);
        Self { nodes, here: Default::default(), known: Default::default(), now: Duration::ZERO }
    }

    fn change(&mut self, side: usize, user: UserId, status: Option<PresenceStatus>) {
        match status {
            Some(status) => self.here[side].insert(user, status),
            None => self.here[side].remove(&user),
        };
        self.nodes[side].changed(vec![(user, status)]);
    }

    fn pass(&mut self, time: Duration, loses: bool) {
        self.now += time;
        // Several rounds, for replies to replies.
        for _ in 0..4 {
            for side in 0..2 {
                let here: Vec<_> = self.here[side].iter().map(|(user, status)| (*user, *status)).collect();
                for effect in self.nodes[side].turn(self.now, || here) {
                    self.follow(side, effect, loses);
                }
            }
        }
    }

    fn follow(&mut self, side: usize, effect: Effect, loses: bool) {
        match effect {
            Effect::Publish(statement) if !loses => {
                let from = [A, B][side];
                self.nodes[1 - side].receive(from, statement, self.now);
            }
            Effect::Publish(_) => {}
            Effect::UsersChanged(_, users) => {
                for (user, status) in users {
                    match status {
                        Some(status) => self.known[side].insert(user, status),
                        None => self.known[side].remove(&user),
                    };
                }
            }
            Effect::Lost(_) => self.known[side].clear(),
        }
    }
}
