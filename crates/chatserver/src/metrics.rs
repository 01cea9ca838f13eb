//! The one registry of metrics: those of the server's parts and those of the process. All parts register here, so that
//! no name is used twice.

use std::fmt;
use std::time::Instant;

use chat_gateway::{Hub, SocketCounts, Tls};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::compose::storage::Storage;

/// Returns a registry with the metrics of these parts. All names begin with `chatserver_`.
pub(crate) fn registry(hub: &Hub, storage: &Storage, sockets: &SocketCounts, tls: Option<&Tls>) -> Registry {
    let mut registry = Registry::with_prefix("chatserver");
    let build = Info::new([("version", env!("CARGO_PKG_VERSION")), ("os", std::env::consts::OS)]);
    registry.register("build", "Version and operating system of this server", build);
    registry.register_collector(Box::new(Process { started: Instant::now() }));
    hub.register_metrics(&mut registry);
    storage.register_metrics(&mut registry);
    sockets.register_metrics(&mut registry);
    if let Some(tls) = tls {
        tls.register_metrics(&mut registry);
    }
    registry
}

/// Metrics of this process. Memory and descriptors are known on Linux only.
#[derive(Debug)]
struct Process {
    started: Instant,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let uptime = self.started.elapsed().as_secs_f64();
        let (gauge, seconds) = (MetricType::Gauge, Some(&Unit::Seconds));
        encoder.encode_descriptor("uptime", "Since the start", seconds, gauge)?.encode_gauge(&uptime)?;
        if let Some(bytes) = resident_bytes() {
            let name = "process_resident_memory";
            let help = "Resident memory of the process, in bytes";
            encoder.encode_descriptor(name, help, Some(&Unit::Bytes), gauge)?.encode_gauge(&bytes)?;
        }
        if let Some(open) = open_descriptors() {
            let name = "process_open_fds";
            encoder.encode_descriptor(name, "File descriptors in use", None, gauge)?.encode_gauge(&open)?;
        }
        if let Some(most) = most_descriptors() {
            let name = "process_max_fds";
            encoder.encode_descriptor(name, "File descriptors allowed", None, gauge)?.encode_gauge(&most)?;
        }
        Ok(())
    }
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib.saturating_mul(1024))
}

fn open_descriptors() -> Option<u64> {
    let count = std::fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(count).ok()
}

fn most_descriptors() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
