//! `chatserver torture --cluster`: nodes that keep their promises pass under every fault, and nodes that break one do not.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use crate::torture::torture;

#[test]
fn no_fault_breaks_a_promise() {
    let (output, report) =
        torture(None, &["--cluster", "3", "--seed", "2026", "--clients", "6", "--untimed"]);
    assert!(output.status.success(), "{report:#}");
    let violations = report["violations"].as_object().unwrap();
    assert!(violations.len() > 9 && violations.values().all(|count| *count == 0), "{report:#}");
    assert_eq!(report["sent"], report["acked"]);
    // Fewer would prove little.
    assert!(report["acked"].as_u64().unwrap() > 500, "{report:#}");
    assert!(report["resumes"].as_u64().unwrap() > 10, "{report:#}");
    let faults = report["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 12, "{report:#}");
    for fault in faults {
        assert_eq!(fault["count"], 1, "{fault}");
        // The duration depends on the machine; this only checks that it was measured.
        assert!(fault["equal_ms"].as_u64().is_some_and(|took| took > 0), "{fault}");
        if fault.get("unready_ms").is_some() {
            assert!(fault["ready_ms"].is_u64() && fault["resumed_ms"].is_u64(), "{fault}");
        }
    }
}

/// Checks that nodes with this failpoint are found to have at least one of these violations.
#[cfg(feature = "failpoints")]
fn found(broken: &str, args: &[&str], violations: &[&str]) {
    let args: Vec<_> =
        ["--cluster", "2", "--clients", "4", "--untimed"].iter().chain(args).copied().collect();
    let (output, report) = torture(Some(broken), &args);
    assert_eq!(output.status.code(), Some(1), "{report:#}");
    let counts = violations.iter().map(|violation| report["violations"][violation].as_u64().unwrap());
    assert!(counts.sum::<u64>() > 0, "{report:#}");
}

#[cfg(feature = "failpoints")]
#[test]
fn nodes_that_store_retries_again_are_detected() {
    let args = ["--cycles", "3", "--seed", "1", "--faults", "kill-node,crash-postgres"];
    found("no_dedupe", &args, &["doubled", "phantom"]);
}

#[cfg(feature = "failpoints")]
#[test]
fn nodes_that_do_not_read_missed_events_are_detected() {
    let args = ["--cycles", "3", "--seed", "1", "--faults", "kill-nats,reset-nats"];
    found("no_journal", &args, &["different", "gaps"]);
}

#[test]
fn nodes_of_two_releases_take_turns_in_one_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let (program, starts) = (folder.path().join("other-release"), folder.path().join("starts"));
    // Simulates another release and records each of its starts.
    let script = format!(
        "#!/bin/sh\necho started >>'{}'\nexec '{}' \"$@\"\n",
        starts.display(),
        env!("CARGO_BIN_EXE_chatserver")
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
    let other = program.to_str().unwrap();
    let args =
        ["--cluster", "2", "--cycles", "1", "--faults", "restart-nodes", "--clients", "4", "--untimed"];
    let (output, report) = torture(None, &[&args[..], &["--seed", "4", "--other-release", other]].concat());
    assert!(output.status.success(), "{report:#}");
    // The second node began as the other release, and the first became one at its restart.
    assert_eq!(std::fs::read_to_string(&starts).unwrap(), "started\nstarted\n");
}

#[test]
fn faults_are_for_clusters() {
    for (args, status) in [
        (&["--faults", "kill-nats"][..], 1),
        (&["--cluster", "3", "--faults", "fill-disk"], 1),
        (&["--other-release", "chatserver"], 2),
        (&["--cluster", "3", "--faults", "earthquake"], 2),
    ] {
        let refused =
            std::process::Command::new(env!("CARGO_BIN_EXE_chatserver")).arg("torture").args(args).output();
        assert_eq!(refused.unwrap().status.code(), Some(status), "{args:?}");
    }
}
