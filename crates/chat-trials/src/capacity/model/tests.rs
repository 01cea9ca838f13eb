//! The model against measurements, each with its tolerance, and properties that must hold for any load.

use proptest::prelude::*;

use super::*;

fn load(users: f64) -> Load {
    Load { users, online: 0.2, messages: 40.0, group_size: 20.0, groups: 5.0, peak_factor: 3.0 }
}

fn idle() -> Traffic {
    Traffic {
        connections: 0.0,
        sends: 0.0,
        group_sends: 0.0,
        pointers: 0.0,
        deliveries: 0.0,
        receipt_deliveries: 0.0,
        connects: 0.0,
        pages: 0.0,
        logins: 0.0,
    }
}

#[track_caller]
fn within(tolerance: f64, said: f64, measured: f64) {
    let off = (said / measured - 1.0).abs();
    assert!(off <= tolerance, "said {said}, measured {measured}, {:.0} % off", off * 100.0);
}

/// docs/performance.md: 2,589,061 deliveries/s of 2,589 sends/s to 1,000 connections filled the machine.
#[test]
fn the_measured_fan_out_fills_one_node() {
    let measured = Traffic { connections: 1_000.0, sends: 2_589.0, deliveries: 2_589_061.0, ..idle() };
    within(0.2, work(&measured), 1.0);
}

/// docs/performance.md: 65 logins/s, and one sender with 3,094/s beside them, filled the machine.
#[test]
fn the_measured_logins_and_their_sender_fill_one_node() {
    within(0.15, work(&Traffic { logins: 65.0, sends: 3_094.0, ..idle() }), 1.0);
}

/// docs/performance.md: at 50 sends/s to 100 connections, cores slept between messages.
#[test]
fn the_measured_latency_was_taken_on_an_almost_idle_node() {
    let measured = Traffic { connections: 100.0, sends: 50.0, deliveries: 5_000.0, ..idle() };
    assert!(work(&measured) < 0.1, "{}", work(&measured));
}

/// docs/performance.md: an idle v2 connection took 4,835 bytes, with 10,000 open.
#[test]
fn ten_thousand_idle_connections_take_what_was_measured() {
    let said = |connections| {
        // Two nodes share them, so each has `connections`.
        let nodes = nodes(&Traffic { connections: 2.0 * connections, ..idle() });
        assert_eq!(nodes.count, 2.0);
        nodes.memory_bytes
    };
    within(0.03, (said(10_000.0) - said(0.0)) / 10_000.0, 4_835.0);
}

/// docs/scaling.md: messages/s of three writers by messages in a commit.
#[test]
fn batches_commit_as_fast_as_was_measured() {
    for (batch, measured) in [(1.0, 1_038.0), (8.0, 6_737.0), (64.0, 22_745.0), (256.0, 33_657.0)] {
        within(0.1, batch / (m::COMMIT_SECONDS + batch * m::MESSAGE_SECONDS), measured);
    }
}

/// docs/scaling.md: writes come in batches at the lock's limit, and one by one at little load.
#[test]
fn batches_grow_with_the_load_as_was_measured() {
    assert_eq!(commits(100.0, 0.0), 100.0);
    // The more rows a batch has, the less time is left for commits, and the larger is the relative error.
    for (tolerance, measured, batch) in [(0.1, 842.0, 8.0), (0.2, 355.0, 64.0), (0.3, 131.0, 256.0)] {
        within(tolerance, commits(measured * batch, 0.0), measured);
    }
}

/// docs/scaling.md: WAL bytes per message, with page images, by messages written since the checkpoint.
#[test]
fn the_log_takes_the_bytes_that_were_measured() {
    // 100,000 conversations; leaves of the two indexes from their sizes in the measurement.
    let pages = |order_leaves, key_leaves| Pages {
        conversations: 100_000.0 / 60.0,
        order_leaves,
        key_leaves,
        members: 1.0,
    };
    let small = pages(986_083.0 * 51.0 / 8_192.0, 986_083.0 * 87.0 / 8_192.0);
    let large = pages(1_493_961.0 * 51.0 / 8_192.0, 1_493_961.0 * 87.0 / 8_192.0);
    for (pages, written, batch, measured) in [
        (&small, 460.4 * 15.0, 1.0, 13_027.0),
        (&large, 10_676.0 * 6.0, 512.0, 3_371.0),
        (&large, 20_703.0 * 6.0, 512.0, 2_362.0),
    ] {
        let said = m::MESSAGE_WAL_BYTES + m::COMMIT_WAL_BYTES / batch + pages.images(written, 0.0) / written;
        within(0.2, said, measured);
    }
}

/// docs/scaling.md: the bus's microseconds per message of 256 bytes, by subscribers.
#[test]
fn the_bus_takes_the_time_that_was_measured() {
    for (listeners, measured) in [(1.0, 1.15), (2.0, 1.38), (4.0, 1.98), (8.0, 4.67), (16.0, 8.13)] {
        within(0.3, (m::BUS_IN_SECONDS + listeners * m::BUS_OUT_SECONDS) * 1e6, measured);
    }
}

#[test]
fn a_load_of_nothing_needs_a_node_and_its_spare() {
    let forecast = forecast(&Load { messages: 0.0, online: 0.0, ..load(1.0) });
    assert_eq!(forecast.nodes.count, 2.0);
    assert!(forecast.nodes.one_is_enough);
    assert_eq!(forecast.database.commits, 0.0);
    assert_eq!(forecast.database.writes_per_commit, 0.0);
}

#[test]
fn without_groups_every_message_is_direct() {
    let forecast = forecast(&Load { groups: 0.0, ..load(1e6) });
    assert_eq!(forecast.traffic.group_sends, 0.0);
    within(1e-9, forecast.traffic.deliveries, forecast.traffic.sends * 1.2);
}

#[test]
fn in_large_groups_a_receipt_goes_to_its_owner_only() {
    let at = |group_size| forecast(&Load { group_size, ..load(1e6) }).traffic;
    let (small, large) = (at(100.0), at(101.0));
    assert!(large.pointers > small.pointers);
    assert!(large.receipt_deliveries < small.receipt_deliveries / 10.0);
}

/// A lost node must not make the others more than half busy.
#[test]
fn the_remaining_nodes_are_at_most_half_busy() {
    for users in [1e3, 1e5, 1e6, 1e7] {
        let Nodes { count, busy, connections, .. } = forecast(&load(users)).nodes;
        assert!(busy * count / (count - 1.0) <= m::BUSY + 1e-9);
        assert!(connections * count / (count - 1.0) <= m::CONNECTIONS_PER_NODE + 1e-6);
    }
}

fn loads() -> impl Strategy<Value = Load> {
    (1.0..1e9_f64, 0.0..1.0_f64, 0.0..500.0_f64, 2.0..5_000.0_f64, 0.0..200.0_f64, 1.0..20.0_f64).prop_map(
        |(users, online, messages, group_size, groups, peak_factor)| Load {
            users: users.round(),
            online,
            messages,
            group_size: group_size.round(),
            groups,
            peak_factor,
        },
    )
}

/// Figures that must not shrink when the load grows. Commits may shrink, because batches grow instead. The time for a
/// whole group may shrink, because more nodes share the work.
fn demands(forecast: &Forecast) -> Vec<f64> {
    let Forecast { traffic, nodes, database, bus, limits } = forecast;
    let mut named: Vec<_> = limits.iter().filter(|limit| !limit.name.contains("group")).collect();
    named.sort_by_key(|limit| limit.name);
    let mut demands = vec![
        traffic.connections,
        traffic.sends,
        traffic.pointers,
        traffic.deliveries,
        traffic.receipt_deliveries,
        nodes.count,
        database.writes,
        database.wal_bytes,
        database.stored_bytes_per_day,
        bus.bytes_in,
    ];
    demands.extend(named.iter().map(|limit| limit.share).filter(|share| *share > 1e-9));
    demands
}

proptest! {
    #[test]
    fn more_load_never_needs_less(load in loads(), which in 0..4, times in 1.0..10.0_f64) {
        let more = match which {
            0 => Load { users: load.users * times, ..load },
            1 => Load { online: (load.online * times).min(1.0), ..load },
            2 => Load { messages: load.messages * times, ..load },
            _ => Load { peak_factor: load.peak_factor * times, ..load },
        };
        let (before, after) = (demands(&forecast(&load)), demands(&forecast(&more)));
        for (number, (less, more)) in before.iter().zip(&after).enumerate() {
            prop_assert!(*more >= less * (1.0 - 1e-6), "demand {number}: {less} became {more}");
        }
    }

    #[test]
    fn every_figure_is_finite_and_none_is_negative(load in loads()) {
        for demand in demands(&forecast(&load)) {
            prop_assert!(demand.is_finite() && demand >= 0.0, "{demand}");
        }
    }
}
