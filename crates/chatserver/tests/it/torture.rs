//! `chatserver torture`: a server that keeps its promises passes, and one that breaks one of them fails.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use serde_json::Value;

/// Runs `chatserver torture` with this failpoint, if any. Returns its output and its report.
pub fn torture(broken: Option<&str>, args: &[&str]) -> (Output, Value) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
    command.current_dir(folder.path()).args(["torture", "--json"]).args(args);
    command.env_remove("CHATSERVER_FAILPOINTS");
    if let Some(broken) = broken {
        command.env("CHATSERVER_FAILPOINTS", broken);
    }
    let output = command.output().unwrap();
    let report = serde_json::from_slice(&output.stdout);
    (output.clone(), report.unwrap_or_else(|error| panic!("{error}: {output:?}")))
}

#[test]
fn crashes_and_broken_connections_break_no_promise() {
    let (output, report) = torture(None, &["--cycles", "3", "--seed", "2026"]);
    assert!(output.status.success(), "{report:#}");
    let violations = report["violations"].as_object().unwrap();
    assert!(violations.len() > 5 && violations.values().all(|count| *count == 0), "{report:#}");
    assert_eq!((&report["seed"], &report["cycles"]), (&Value::from(2026), &Value::from(3)));
    assert_eq!(report["sent"], report["acked"]);
    // Fewer would prove little.
    assert!(report["acked"].as_u64().unwrap() > 300, "{report:#}");
    assert!(report["resumes"].as_u64().unwrap() > 3, "{report:#}");
    assert!(report["longest_recovery_ms"].as_u64().unwrap() > 0, "{report:#}");
}

/// The faults that clients cause, in their short form; `--long` is for manual runs.
const BY_CLIENTS: [&str; 4] = ["--faults", "slow-resumers,untaken-answers,late-frames", "--clients", "2"];

#[test]
fn clients_that_read_slowly_take_no_answers_or_leave_break_no_promise() {
    let (output, report) = torture(None, &BY_CLIENTS);
    assert!(output.status.success(), "{report:#}");
    let faults = report["faults"].as_array().unwrap();
    let names: Vec<_> = faults.iter().map(|fault| fault["fault"].as_str().unwrap()).collect();
    assert_eq!(names, ["slow-resumers", "untaken-answers", "late-frames"], "{report:#}");
    assert!(faults.iter().all(|fault| fault["count"] == 1), "{report:#}");
    assert_eq!(report["sent"], report["acked"]);
}

#[test]
fn a_proxy_that_restarts_costs_no_message() {
    let (output, report) = torture(None, &["--faults", "restart-proxy", "--cycles", "2", "--clients", "4"]);
    assert!(output.status.success(), "{report:#}");
    assert_eq!(
        (&report["faults"][0]["fault"], &report["faults"][0]["count"]),
        (&"restart-proxy".into(), &2.into())
    );
    assert_eq!(report["sent"], report["acked"]);
    // Each client's streams are cut twice.
    assert!(report["resumes"].as_u64().unwrap() > 4, "{report:#}");
}

/// `--program` tests another program; this one waits without end for clients that read nothing.
#[test]
fn a_program_that_waits_for_clients_that_read_nothing_is_detected() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("patient");
    let real = env!("CARGO_BIN_EXE_chatserver");
    fs::write(&program, format!("#!/bin/sh\nANSWER_TIMEOUT=3600 exec {real} \"$@\"\n")).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
    let program = program.to_str().unwrap();
    let args = ["--faults", "untaken-answers", "--clients", "2", "--program", program];
    let (output, report) = torture(None, &args);
    assert_eq!(output.status.code(), Some(1), "{report:#}");
    assert!(report["violations"]["held"].as_u64().unwrap() > 0, "{report:#}");
}

#[test]
fn faults_of_a_cluster_are_refused_for_a_single_server() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_chatserver")).args(["torture", "--faults", "cut-nats"]).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "chatserver: cut-nats needs a cluster: use --cluster\n");
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_for_a_while_breaks_no_promise() {
    let (output, report) =
        torture(None, &["--faults", "kill-node,fill-disk", "--cycles", "2", "--seed", "5", "--untimed"]);
    assert!(output.status.success(), "{report:#}");
    assert!(report["violations"].as_object().unwrap().values().all(|count| *count == 0), "{report:#}");
    assert_eq!(report["sent"], report["acked"]);
    let faults = report["faults"].as_array().unwrap();
    let full = faults.iter().find(|fault| fault["fault"] == "fill-disk").expect("the disk was full");
    assert!(
        full["unready_ms"].is_u64() && full["ready_ms"].is_u64() && full["resumed_ms"].is_u64(),
        "{full}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_clock_that_is_set_breaks_no_promise() {
    let args = ["--faults", "step-clock,kill-node", "--cycles", "2", "--seed", "6", "--clients", "4"];
    let (output, report) = torture(None, &args);
    assert!(output.status.success(), "{report:#}");
    assert!(report["violations"].as_object().unwrap().values().all(|count| *count == 0), "{report:#}");
    assert_eq!(report["sent"], report["acked"]);
    let faults = report["faults"].as_array().unwrap();
    assert!(faults.iter().any(|fault| fault["fault"] == "step-clock" && fault["count"] == 1), "{report:#}");
}

/// A torture that does not detect a bad server proves nothing about a good one.
#[cfg(feature = "failpoints")]
#[test]
fn a_server_that_answers_before_it_has_stored_is_detected() {
    // A run ends with the first crash before a commit that was reported too early. If the crash comes after other clients
    // got the message and before the sender did, nothing acknowledged is lost, and another run has to show the loss.
    let found = (1..=10).map(|seed: u32| {
        let args = ["--cycles", "30", "--seed", &seed.to_string()];
        let (output, report) = torture(Some("ack_before_commit"), &args);
        assert_eq!(output.status.code(), Some(1), "{report:#}");
        report["violations"]["lost"].as_u64().unwrap()
    });
    assert!(found.into_iter().any(|lost| lost > 0), "no run detected the loss of acknowledged messages");
}

#[cfg(feature = "failpoints")]
#[test]
fn a_server_that_stores_retries_again_is_detected() {
    let (output, report) = torture(Some("no_dedupe"), &["--cycles", "2", "--seed", "1"]);
    assert_eq!(output.status.code(), Some(1), "{report:#}");
    let violations = &report["violations"];
    let doubled = violations["doubled"].as_u64().unwrap() + violations["phantom"].as_u64().unwrap();
    assert!(doubled > 0, "{report:#}");
}

#[cfg(all(target_os = "linux", feature = "failpoints"))]
#[test]
fn a_server_that_refuses_its_tokens_after_its_clock_was_set_back_is_detected() {
    let args = ["--faults", "step-clock", "--cycles", "1", "--seed", "1", "--clients", "2"];
    let (output, report) = torture(Some("strict_dates"), &args);
    assert_eq!(output.status.code(), Some(1), "{report:#}");
    assert!(report["violations"]["refused"].as_u64().unwrap() > 0, "{report:#}");
}
