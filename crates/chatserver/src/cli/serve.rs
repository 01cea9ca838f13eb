//! `chatserver serve`: settings, start-up output and the signals that end it.

mod rates;

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chat_core::{Limits, failpoints};
use chat_gateway::{GatewayOptions, Origins, OutboxLimits, Pace, ProxyHeader, ServeOptions, TrustedProxies};
use tokio::runtime::Handle;
use tracing::level_filters::LevelFilter;

use super::print_line;
use crate::compose::storage::{Database, NatsFiles, Shared};
use crate::compose::{Plan, Server, compose};
use crate::logging::Reopen;
use crate::{certificate, demo, hangup, logging, private_files, stopping, watchdog};

/// The server's settings.
#[derive(clap::Args, Clone)]
pub(crate) struct Args {
    /// Address to listen on; 0.0.0.0 for all interfaces, refused while demo users exist
    #[arg(long, env = "HOST", default_value = "127.0.0.1")]
    host: String,
    /// Port to listen on; 0 picks a free one
    #[arg(long, env = "PORT", default_value_t = 8080)]
    port: u16,
    /// SQLite file; created on the first start
    #[arg(long, env = "DATABASE_PATH", default_value = "./chatserver.db")]
    database: PathBuf,
    /// PostgreSQL database instead of the file, such as postgres://user:password@host/database; nodes may share it
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Schema in that database for ChatServer's tables [default: chatserver, or the one that an earlier release used]
    #[arg(long, env = "DATABASE_SCHEMA")]
    database_schema: Option<String>,
    /// Connections to PostgreSQL for reading; one more writes
    #[arg(long, env = "DATABASE_CONNECTIONS", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1000))]
    database_connections: u16,
    /// NATS servers that carry events between nodes, such as nats://host:4222; without them nodes read events from PostgreSQL
    #[arg(long, env = "NATS_URL", hide_env_values = true)]
    nats_url: Option<String>,
    /// Prefix of this cluster's subjects, if several clusters share a NATS server
    #[arg(long, env = "NATS_PREFIX", default_value = "chatserver")]
    nats_prefix: String,
    /// File with an nkey seed to authenticate with NATS, if NATS_URL has no user
    #[arg(long, env = "NATS_NKEY_FILE")]
    nats_nkey_file: Option<PathBuf>,
    /// File with credentials (a JWT and its seed) to authenticate with NATS, if NATS_URL has no user
    #[arg(long, env = "NATS_CREDS_FILE")]
    nats_creds_file: Option<PathBuf>,
    /// PEM file with the authorities to trust for NATS [default: the system's]
    #[arg(long, env = "NATS_CA_FILE")]
    nats_ca_file: Option<PathBuf>,
    /// Address and port to serve Prometheus metrics on, such as 127.0.0.1:9090 [default: off]
    #[arg(long, env = "METRICS_ADDRESS")]
    metrics_address: Option<String>,
    /// PEM file with the TLS certificate; without it connections are not encrypted
    #[arg(long, env = "TLS_CERT")]
    tls_cert: Option<String>,
    /// PEM file with the certificate's key
    #[arg(long, env = "TLS_KEY")]
    tls_key: Option<String>,
    /// Key that signs tokens, at least 32 bytes; by default generated once and kept in `<DATABASE>.jwt-secret`
    #[arg(long, env = "JWT_SECRET", hide_env_values = true)]
    jwt_secret: Option<String>,
    /// Lifetime of a token, in minutes
    #[arg(long, env = "JWT_EXPIRY_MINUTES", default_value_t = 1440, value_parser = clap::value_parser!(u32).range(1..))]
    jwt_expiry_minutes: u32,
    /// Create the demo users Tom and Jerry, and allow them on any address
    #[arg(long)]
    demo: bool,
    /// Never create the demo users, not even in a new database on loopback; --demo overrides this
    #[arg(long, env = "NO_DEMO", value_parser = yes_or_no)]
    no_demo: bool,
    /// Log file; rotated files are kept beside it
    #[arg(long, env = "LOG_FILE", default_value = "./logs/app.log")]
    log_file: PathBuf,
    /// Log level: error, warn, info, debug or trace
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    log_level: LevelFilter,
    /// Maximum WebSocket connections per user
    #[arg(long, env = "MAX_CONNECTIONS_PER_USER", default_value_t = 100)]
    max_connections_per_user: usize,
    /// Maximum connections and streams per client address (behind a trusted proxy: requests and streams); this machine is exempt
    #[arg(long, env = "MAX_CONNECTIONS_PER_ADDRESS", default_value_t = 1000)]
    max_connections_per_address: usize,
    /// Maximum WebSocket connections in total
    #[arg(long, env = "MAX_CONNECTIONS", default_value_t = 100_000)]
    max_connections: usize,
    /// Maximum frames queued for one client before it is closed as too slow
    #[arg(long, env = "MAX_QUEUED_FRAMES", default_value_t = 1024)]
    max_queued_frames: usize,
    /// Maximum bytes queued for one client before it is closed as too slow
    #[arg(long, env = "MAX_QUEUED_BYTES", default_value_t = 1_048_576)]
    max_queued_bytes: usize,
    /// Messages that a v2 client may have missed and still resume; beyond them it is asked to reload. No limit by default
    #[arg(long, env = "RESUME_CHANGES")]
    resume_changes: Option<u64>,
    /// Whether large responses and frames are compressed for clients that ask for it; `off` if a proxy does it
    #[arg(long, env = "COMPRESSION", default_value = "on", action = clap::ArgAction::Set, value_parser = yes_or_no)]
    compression: bool,
    /// Maximum frames per second from one v2 client, on average over some seconds
    #[arg(long, env = "MAX_FRAMES_PER_SECOND", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    max_frames_per_second: u32,
    /// Seconds after which a client that reads nothing of a response is cut off
    #[arg(long, env = "ANSWER_TIMEOUT", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    answer_timeout: u64,
    /// Seconds of silence after which the server pings a stream's client; keep it below every proxy's idle timeout
    #[arg(long, env = "HEARTBEAT", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3600))]
    heartbeat: u64,
    /// Whether messages can be searched; needs a file beside the database and up to a quarter of a core
    #[arg(long, env = "SEARCH", default_value_t = true, action = clap::ArgAction::Set)]
    search: bool,
    /// Days for which changes are kept for readers of the feed
    #[arg(long, env = "FEED_DAYS", default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=3650))]
    feed_days: u64,
    /// Maximum number of changes that are kept for readers of the feed, the newest
    #[arg(long, env = "FEED_CHANGES", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    feed_changes: u64,
    /// Origins whose pages may embed the widget and call the API, such as https://app.example.com, separated by commas or spaces
    #[arg(long, env = "ALLOWED_ORIGINS", default_value = "", hide_default_value = true, value_parser = Origins::parse)]
    allowed_origins: Origins,
    /// Addresses and networks of the reverse proxies in front of the server, such as 127.0.0.1,10.0.0.0/8; `none` without a proxy
    #[arg(long, env = "TRUSTED_PROXIES", default_value = "", hide_default_value = true, value_parser = TrustedProxies::parse)]
    trusted_proxies: TrustedProxies,
    /// Header in which those proxies send the client's address
    #[arg(long, env = "TRUSTED_PROXIES_HEADER", default_value = "X-Forwarded-For", value_parser = ProxyHeader::parse)]
    trusted_proxies_header: ProxyHeader,
    /// `required` if those proxies use the PROXY protocol; then nothing else can connect
    #[arg(long, env = "PROXY_PROTOCOL", default_value = "off", value_parser = proxy_protocol, action = clap::ArgAction::Set)]
    proxy_protocol: bool,
    #[command(flatten)]
    rates: rates::Rates,
}

/// Serves until a signal ends it. `url_is_found`: `DATABASE_URL` comes from a file `.env`, which may be meant for
/// another program.
pub(crate) fn run(args: Args, url_is_found: bool) -> Result<ExitCode> {
    let database = database(&args, url_is_found)?;
    let logging = logging::start(&args.log_file, args.log_level)?;
    // Each client needs a descriptor, and the usual soft limit is 1024. If it cannot be raised, the accept loop copes.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(error = %error, "could not raise the limit of open files");
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let served = runtime.block_on(serve(args, database, logging.reopen.clone()));
    runtime.shutdown_timeout(Duration::from_secs(1));
    served.map(|()| ExitCode::SUCCESS)
}

/// Chooses the database that the settings name.
fn database(args: &Args, url_is_found: bool) -> Result<Database> {
    let given = |setting: &Option<String>| setting.clone().filter(|text| !text.is_empty());
    let nats = given(&args.nats_url);
    let Some(url) = given(&args.database_url) else {
        if nats.is_some() {
            bail!(
                "NATS_URL is set, but a SQLite file belongs to one server alone; set DATABASE_URL too, or neither"
            );
        }
        return Ok(Database::File(args.database.clone()));
    };
    if !is_prefix(&args.nats_prefix) {
        bail!("NATS_PREFIX may contain only letters, digits, - and _, with single dots between them");
    }
    let nats_files = nats_files(args);
    if let (None, Some(setting)) = (&nats, nats_files.given()) {
        bail!("{setting} is set, but NATS_URL is not; set it too, or neither");
    }
    let connections = usize::from(args.database_connections);
    let schema = given(&args.database_schema);
    let prefix = args.nats_prefix.clone();
    Ok(Database::Shared(Shared { url, url_is_found, schema, connections, nats, prefix, nats_files }))
}

/// Returns the files for NATS. An empty setting counts as unset.
fn nats_files(args: &Args) -> NatsFiles {
    let given = |file: &Option<PathBuf>| file.clone().filter(|file| !file.as_os_str().is_empty());
    NatsFiles {
        nkey: given(&args.nats_nkey_file),
        credentials: given(&args.nats_creds_file),
        authorities: given(&args.nats_ca_file),
    }
}

/// Whether subjects may begin with this prefix: one or more levels, none empty and none a wildcard.
fn is_prefix(prefix: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    prefix.split('.').all(|level| !level.is_empty() && level.chars().all(is_plain))
}

async fn serve(args: Args, database: Database, log: Reopen) -> Result<()> {
    // First of all, because SIGHUP ends a process that does not listen for it.
    let hangups = hangup::listen(log)?;
    let log_file = args.log_file.clone();
    let server = compose(plan(args, database.clone())?)
        .await
        .inspect_err(|error| tracing::error!("cannot start: {error:#}"))?;
    // After opening the database, so that the files that SQLite made beside it are checked too.
    private_files::warn_of_open(database.file(), &log_file);
    let stopped = stopping::signal()?;
    let watched = watchdog::watch(Handle::current(), server.status(), server.answered());
    watched.context("cannot start the watchdog")?;
    announce(&server, &database)?;
    stall_if_asked();
    server.run(stopped, hangups).await;
    Ok(())
}

/// Returns the operator's wish for the demo users. Behind proxies, loopback is not limited to this machine.
fn wish(args: &Args) -> demo::Wish {
    match args.demo {
        true => demo::Wish::Wanted,
        false if args.no_demo || !args.trusted_proxies.is_empty() => demo::Wish::Unwanted,
        false => demo::Wish::None,
    }
}

/// Parses `PROXY_PROTOCOL`: whether each connection has to begin with a header of that protocol.
fn proxy_protocol(setting: &str) -> Result<bool, String> {
    match setting {
        "" | "off" => Ok(false),
        "required" => Ok(true),
        _ => Err(format!("`{setting}` is neither off nor required")),
    }
}

fn serve_options(args: &Args) -> Result<ServeOptions> {
    if args.proxy_protocol && args.trusted_proxies.is_empty() {
        bail!("PROXY_PROTOCOL=required needs TRUSTED_PROXIES: list the proxies there");
    }
    Ok(ServeOptions {
        trusted_proxies: args.trusted_proxies.clone(),
        proxy_header: args.trusted_proxies_header.clone(),
        proxy_protocol: args.proxy_protocol,
        connections_per_address: args.max_connections_per_address,
        pace: Pace { nothing_for: Duration::from_secs(args.answer_timeout), ..Pace::default() },
        ..ServeOptions::default()
    })
}

fn plan(args: Args, database: Database) -> Result<Plan> {
    let serve = serve_options(&args)?;
    let demo = wish(&args);
    let outbox = OutboxLimits { frames: args.max_queued_frames, bytes: args.max_queued_bytes };
    Ok(Plan {
        host: args.host,
        port: args.port,
        metrics_address: args.metrics_address.filter(|address| !address.is_empty()),
        database,
        jwt_secret: args.jwt_secret,
        token_lifetime: Duration::from_secs(60 * u64::from(args.jwt_expiry_minutes)),
        tls: certificate::files(args.tls_cert, args.tls_key)?,
        demo,
        search: args.search,
        limits: Limits {
            feed_age: Duration::from_secs(24 * 3600 * args.feed_days),
            feed_entries: args.feed_changes,
            ..Limits::default()
        },
        origins: args.allowed_origins,
        gateway: GatewayOptions {
            connections_per_user: args.max_connections_per_user,
            connections: args.max_connections,
            outbox,
            frames_per_second: args.max_frames_per_second,
            resume_changes: args.resume_changes,
            compression: args.compression,
            rates: args.rates.limits(),
            heartbeat: Duration::from_secs(args.heartbeat),
            ..GatewayOptions::default()
        },
        serve,
    })
}

/// Prints the next steps for a person on a terminal, and logs where the server is for programs.
fn announce(server: &Server, database: &Database) -> Result<()> {
    let url = server.url();
    if let Some(backup) = &server.backup {
        tracing::info!(backup = %backup.display(), "the database was migrated; its former state is kept");
    }
    if stdout().is_terminal() {
        print_line(&greeting(&url, server, database))?;
    }
    if let Some(address) = server.metrics_address {
        tracing::info!(url = format!("http://{address}/metrics"), "serving metrics");
    }
    tracing::info!(url, database = %database.describe(), "ready");
    Ok(())
}

/// Parses a yes-or-no setting. An empty value means no.
fn yes_or_no(said: &str) -> Result<bool, String> {
    match said.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" | "y" | "t" => Ok(true),
        "" | "0" | "false" | "no" | "off" | "n" | "f" => Ok(false),
        _ => Err("it must be yes or no; 1, true, on, 0, false and off work too".into()),
    }
}

/// Returns the command as the user typed it, so that it works when typed again.
fn own_command() -> String {
    let typed = std::env::args().next().unwrap_or_default();
    let is_plain = |c: char| c.is_alphanumeric() || "/\\:._-+".contains(c);
    match typed.as_str() {
        "" => "chatserver".into(),
        plain if plain.chars().all(is_plain) => typed,
        other if other.chars().any(|c| c.is_control() || "\"\'$`!".contains(c)) => "chatserver".into(),
        other => format!("\"{other}\""),
    }
}

fn greeting(url: &str, server: &Server, database: &Database) -> String {
    let mut lines = vec![
        String::new(),
        format!("  ChatServer {} is running", env!("CARGO_PKG_VERSION")),
        String::new(),
        format!("  API         {url}"),
        format!("  Reference   {url}/docs"),
        format!("  WebSocket   {}/ws", url.replacen("http", "ws", 1)),
        format!("  Data        {}", database.describe()),
    ];
    if let Some(address) = server.metrics_address {
        lines.push(format!("  Metrics     http://{address}/metrics"));
    }
    if !server.demo_users.is_empty() {
        let logins = server.demo_users.iter().map(|name| demo::email(name)).collect::<Vec<_>>().join(", ");
        lines.push(format!("  Demo users  {logins} (password {})", demo::PASSWORD));
        // The client in the terminal does not speak TLS.
        if url.starts_with("http://") {
            lines.push(String::new());
            lines.push("  Chat now, in two more terminals:".into());
            let command = own_command();
            for name in &server.demo_users {
                lines.push(format!("    {command} chat --as {name} --url {url}"));
            }
        }
    }
    lines.push(String::new());
    lines.push("  Stop with Ctrl-C.".into());
    lines.push(String::new());
    lines.join("\n")
}

/// Blocks all threads of the runtime half a second later if a test arms `stuck_runtime`, to show what happens then.
fn stall_if_asked() {
    if !failpoints::is_broken("stuck_runtime") {
        return;
    }
    tokio::spawn(async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for _ in 0..Handle::current().metrics().num_workers() {
            tokio::spawn(async { std::thread::sleep(Duration::from_secs(3600)) });
        }
    });
}
