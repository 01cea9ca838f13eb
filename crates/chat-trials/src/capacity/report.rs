//! The forecast as text and as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::model::{Forecast, Load};

/// The forecast as text.
pub(super) fn text(load: &Load, forecast: &Forecast) -> String {
    let Forecast { traffic, nodes, database, bus, limits } = forecast;
    let mut lines = Lines::default();
    lines.heading("At the busiest time");
    lines.row("connections", figure(traffic.connections));
    lines.row("sends", format!("{}/s, {} to groups", figure(traffic.sends), figure(traffic.group_sends)));
    lines.row("pointers moved", format!("{}/s", figure(traffic.pointers)));
    let frames = (figure(traffic.deliveries), figure(traffic.receipt_deliveries));
    lines.row("deliveries", format!("{}/s of messages, {}/s of receipts", frames.0, frames.1));
    lines.row("logins", format!("{}/s", figure(traffic.logins)));

    lines.heading("Nodes");
    let sqlite = if nodes.one_is_enough { "; one with SQLite would do" } else { "" };
    lines.row("nodes of 2 cores", format!("{}, one of them spare{sqlite}", figure(nodes.count)));
    let memory =
        format!("{}, {}B of memory when idle", figure(nodes.connections), figure(nodes.memory_bytes));
    lines.row("connections of each", memory);
    let rates = (figure(nodes.sends), figure(nodes.deliveries));
    lines.row(
        "work of each",
        format!("{} sends/s, {} deliveries/s, {} busy", rates.0, rates.1, percent(nodes.busy)),
    );
    lines.row(
        "a lost node's clients",
        format!("live on the other nodes within {} s", figure(nodes.return_seconds)),
    );

    lines.heading("PostgreSQL");
    lines.row("writes", format!("{}/s", figure(database.writes)));
    let batch = figure(database.writes_per_commit);
    lines.row("commits", format!("{}/s, {batch} writes in each", figure(database.commits)));
    let wal = (figure(database.wal_bytes), figure(database.wal_bytes_per_day));
    lines.row("write-ahead log", format!("{}B/s, {}B a day", wal.0, wal.1));
    lines.row("messages stored", format!("{}B a day", figure(database.stored_bytes_per_day)));
    lines.row("pages of history", format!("{}/s", figure(database.pages)));

    lines.heading("NATS");
    lines.row("in", format!("{} messages/s, {}B/s", figure(bus.messages_in), figure(bus.bytes_in)));
    lines.row("out", format!("{} messages/s, {}B/s", figure(bus.messages_out), figure(bus.bytes_out)));

    lines.heading("Limits that more nodes do not raise, most critical first");
    for limit in limits {
        lines.row(limit.name, format!("{} used; then {}", percent(limit.share), limit.then));
    }
    lines.0 += "\n";
    lines.0 += &verdict(load, forecast);
    lines.0
}

/// The conclusion in one sentence.
fn verdict(load: &Load, forecast: &Forecast) -> String {
    let Some(first) = forecast.limits.first() else { return String::new() };
    let (name, headroom) = (first.name, first.headroom());
    if headroom < 1.0 {
        return format!("It breaks: the load on {name} is {} times its capacity.", figure(first.share));
    }
    format!(
        "It holds. First to break: {name}, at {} times this load, that is {} users.",
        figure(headroom),
        figure(headroom * load.users)
    )
}

/// The forecast as one object. Rates are per second at peak time.
pub(super) fn json(load: &Load, forecast: &Forecast) -> Value {
    let Forecast { traffic, nodes, database, bus, limits } = forecast;
    let first = limits.first();
    json!({
        "load": {
            "users": load.users, "online": load.online, "messages_per_user_per_day": load.messages,
            "group_size": load.group_size, "groups_per_user": load.groups, "peak_factor": load.peak_factor,
        },
        "traffic": {
            "connections": traffic.connections, "sends_per_s": traffic.sends,
            "group_sends_per_s": traffic.group_sends, "pointers_per_s": traffic.pointers,
            "deliveries_per_s": traffic.deliveries, "receipt_deliveries_per_s": traffic.receipt_deliveries,
            "connects_per_s": traffic.connects, "logins_per_s": traffic.logins,
        },
        "nodes": {
            "count": nodes.count, "one_is_enough": nodes.one_is_enough, "connections": nodes.connections,
            "memory_bytes": nodes.memory_bytes, "sends_per_s": nodes.sends,
            "deliveries_per_s": nodes.deliveries, "busy": nodes.busy, "return_s": nodes.return_seconds,
        },
        "database": {
            "rows_per_s": database.writes, "commits_per_s": database.commits,
            "rows_per_commit": database.writes_per_commit, "wal_bytes_per_s": database.wal_bytes,
            "wal_bytes_per_day": database.wal_bytes_per_day,
            "stored_bytes_per_day": database.stored_bytes_per_day, "pages_per_s": database.pages,
        },
        "bus": {
            "messages_in_per_s": bus.messages_in, "messages_out_per_s": bus.messages_out,
            "bytes_in_per_s": bus.bytes_in, "bytes_out_per_s": bus.bytes_out,
        },
        "limits": limits.iter().map(|limit| json!({
            "name": limit.name, "used": limit.share, "then": limit.then,
        })).collect::<Vec<_>>(),
        "breaks_first": first.map(|limit| limit.name),
        "headroom": first.map(super::model::Limit::headroom),
    })
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn heading(&mut self, text: &str) {
        let gap = if self.0.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.0, "{gap}{text}");
    }

    fn row(&mut self, name: &str, value: String) {
        let _ = writeln!(self.0, "  {name:<38}  {value}");
    }
}

fn percent(share: f64) -> String {
    if share < 0.001 { "under 0.1 %".into() } else { format!("{} %", figure(share * 100.0)) }
}

/// Formats a figure with at most three digits, which is more than the model's precision, and with k, M, G, T or P.
fn figure(value: f64) -> String {
    let mut rest = value;
    let mut unit = "";
    for next in ["k", "M", "G", "T", "P"] {
        if rest < 999.5 {
            break;
        }
        rest /= 1000.0;
        unit = next;
    }
    let digits = match rest {
        rest if rest.fract() == 0.0 || rest >= 99.95 => 0,
        rest if rest >= 9.995 => 1,
        _ => 2,
    };
    let gap = if unit.is_empty() { "" } else { " " };
    format!("{rest:.digits$}{gap}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        let texts = [0.0, 0.126, 7.0, 12.34, 99.96, 999.4, 999.6, 1_234.0, 2_500_000.0, 1e15].map(figure);
        assert_eq!(texts, ["0", "0.13", "7", "12.3", "100", "999", "1.00 k", "1.23 k", "2.50 M", "1 P"]);
    }

    #[test]
    fn the_report_names_the_limit_that_breaks_first() {
        let load =
            Load { users: 1e9, online: 0.2, messages: 40.0, group_size: 20.0, groups: 5.0, peak_factor: 3.0 };
        let forecast = super::super::model::forecast(&load);
        let text = text(&load, &forecast);
        assert!(text.contains("It breaks: "), "{text}");
        let object = json(&load, &forecast);
        assert!(object["headroom"].as_f64().is_some_and(|headroom| headroom < 1.0));
        assert_eq!(object["breaks_first"], object["limits"][0]["name"]);
        let small = Load { users: 100.0, ..load };
        assert!(super::text(&small, &super::super::model::forecast(&small)).contains("It holds. "));
    }
}
