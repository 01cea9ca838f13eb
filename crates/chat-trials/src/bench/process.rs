//! A process's memory and CPU time, from `/proc` on Linux; nothing on other systems.

use std::fs;

/// The unit of CPU times in `/proc`: `USER_HZ`, which is 100 on every architecture that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;

/// Resident memory of the process.
pub(super) fn resident_bytes(pid: u32) -> Option<u64> {
    parse_resident(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

/// Seconds of CPU time that the process has used so far.
pub(super) fn cpu_seconds(pid: u32) -> Option<f64> {
    parse_cpu(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_resident(status: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

fn parse_cpu(stat: &str) -> Option<f64> {
    // The second field is the program's name in parentheses, which may itself contain parentheses and spaces.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some((f64::from(user) + f64::from(system)) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_bytes() {
        assert_eq!(
            parse_resident("VmPeak:\t 99 kB\nVmRSS:\t   12345 kB\nRssAnon:\t 1 kB\n"),
            Some(12345 * 1024)
        );
        assert_eq!(parse_resident("Name:\tx\n"), None);
    }

    #[test]
    fn cpu_time_is_user_and_system_time_whatever_the_program_is_called() {
        let stat = "77 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 13 14 20 0 9 0 100 0 0";
        assert_eq!(parse_cpu(stat), Some(3.0));
        assert_eq!(parse_cpu("77 (x) S 1 2"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_can_be_read() {
        assert!(resident_bytes(std::process::id()).is_some_and(|bytes| bytes > 100_000));
        assert!(cpu_seconds(std::process::id()).is_some());
    }
}
