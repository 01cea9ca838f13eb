//! `chatserver capacity`: calculates what a number of users needs. The arithmetic is in `capacity/model.rs`, its input
//! figures are in `capacity/measured.rs`; docs/scaling.md explains both. Connects to no server.

mod measured;
mod model;
mod report;

/// The users and their behaviour.
#[derive(clap::Args)]
pub struct Args {
    /// Users with an account
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000_000_000))]
    users: u64,
    /// Share of them that is connected at peak time, 0 to 1
    #[arg(long, default_value_t = 0.2, value_parser = share)]
    online: f64,
    /// Messages per user per day
    #[arg(long, default_value_t = 40.0, value_parser = amount)]
    messages_per_user_per_day: f64,
    /// Members of a group
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=10_000_000))]
    group_size: u32,
    /// Groups per user; 0 if all messages are direct
    #[arg(long, default_value_t = 5.0, value_parser = amount)]
    groups_per_user: f64,
    /// Load at peak time as a multiple of the daily average
    #[arg(long, default_value_t = 3.0, value_parser = factor)]
    peak_factor: f64,
    /// Print one JSON object instead of the table
    #[arg(long)]
    json: bool,
}

/// Calculates the forecast. Returns text, or one JSON object.
pub fn run(args: &Args) -> String {
    let load = args.load();
    let forecast = model::forecast(&load);
    if args.json { format!("{:#}", report::json(&load, &forecast)) } else { report::text(&load, &forecast) }
}

impl Args {
    #[expect(clippy::cast_precision_loss, reason = "a count of users to 16 digits is exact enough")]
    fn load(&self) -> model::Load {
        model::Load {
            users: self.users as f64,
            online: self.online,
            messages: self.messages_per_user_per_day,
            group_size: f64::from(self.group_size),
            groups: self.groups_per_user,
            peak_factor: self.peak_factor,
        }
    }
}

fn number(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "is no number".to_owned())?;
    // NaN is in no range.
    if (least..=most).contains(&value) { Ok(value) } else { Err(format!("must be from {least} to {most}")) }
}

fn share(text: &str) -> Result<f64, String> {
    number(text, 0.0, 1.0)
}

fn amount(text: &str) -> Result<f64, String> {
    number(text, 0.0, 1e6)
}

fn factor(text: &str) -> Result<f64, String> {
    number(text, 1.0, 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert_eq!(share("0.5"), Ok(0.5));
        for bad in ["-0.1", "1.1", "NaN", "inf", "many", ""] {
            assert!(share(bad).is_err(), "{bad}");
        }
        assert!(factor("0.5").is_err());
        assert!(amount("1e9").is_err());
    }
}
