//! Logs: for a person on a terminal, as JSON lines otherwise, and always as JSON lines in a file that rotates. A thread
//! of its own writes them and never blocks the server. In a flood, lines are dropped.

mod file;

use std::io::{IsTerminal, stdout};
use std::path::Path;

use anyhow::{Context, Result};
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub(crate) use file::Reopen;

/// The running logging. Dropping it writes out the remaining lines.
pub(crate) struct Logging {
    pub(crate) reopen: Reopen,
    _guards: [WorkerGuard; 2],
}

/// Lines that may wait for a writing thread; further ones are dropped. The queue's memory is allocated at once, 32 bytes
/// for each line.
const QUEUED_LINES: usize = 8 * 1024;

pub(crate) fn start(file: &Path, level: LevelFilter) -> Result<Logging> {
    let reopen = Reopen::default();
    let file = file::LogFile::open(file, reopen.clone()).with_context(|| {
        format!("cannot write the log file {}; choose another with --log-file", file.display())
    })?;
    let (file, file_guard) = queue().finish(file);
    let (out, out_guard) = queue().finish(stdout());
    let to_file = layer().json().with_writer(file).with_ansi(false);
    let is_terminal = stdout().is_terminal();
    let with_colour = is_terminal && std::env::var_os("NO_COLOR").is_none();
    let to_person = is_terminal
        .then(|| layer().compact().with_target(false).with_ansi(with_colour).with_writer(out.clone()));
    let to_program = (!is_terminal).then(|| layer().json().with_writer(out));
    tracing_subscriber::registry()
        .with(to_file.with_filter(targets(level)))
        .with(to_person.with_filter(targets(level)))
        .with(to_program.with_filter(targets(level)))
        .try_init()
        .context("logging was started twice")?;
    Ok(Logging { reopen, _guards: [file_guard, out_guard] })
}

fn queue() -> NonBlockingBuilder {
    NonBlockingBuilder::default().buffered_lines_limit(QUEUED_LINES)
}

/// Selects the lines of a level. The NATS client logs each attempt to connect while no server answers. The relay logs
/// the lost connection once, so the client's lines are left out unless the level is debug or trace.
fn targets(level: LevelFilter) -> Targets {
    let of_nats = if level >= LevelFilter::DEBUG { level } else { LevelFilter::OFF };
    Targets::new().with_default(level).with_target("async_nats", of_nats)
}
