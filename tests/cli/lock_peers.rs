//! `ipc lock run` beside flock(1): equal where flock is right, better where
//! it is not.

use crate::sandbox::{Sandbox, has};

fn with_flock(sb: &Sandbox, script: &str) -> Option<i32> {
    let script = script.replace("LOCK", "flock file");
    sb.sh(&script).run().status.code()
}

fn with_ipc(sb: &Sandbox, script: &str) -> Option<i32> {
    let script = script.replace("LOCK", "ipc lock run L --");
    sb.sh(&script).run().status.code()
}

#[test]
fn statuses_pass_through_as_with_flock() {
    if !has("flock") {
        return;
    }
    let sb = Sandbox::new();
    for script in [
        "LOCK true",
        "LOCK false",
        "LOCK sh -c 'exit 123'",
        "LOCK sh -c 'kill -TERM $$'; test $? -eq 143",
        "LOCK sh -c 'exec sh -c \"exit 5\"'",
        "LOCK sh -c 'cat >/dev/null' </dev/null",
    ] {
        assert_eq!(with_ipc(&sb, script), with_flock(&sb, script), "{script}");
    }
}

#[test]
fn a_conflict_has_the_code_that_was_asked_for_as_with_flock() {
    if !has("flock") {
        return;
    }
    let sb = Sandbox::new();
    for (ipc, flock) in [
        ("--try --conflict-code 55", "-n -E 55"),
        ("-t 20ms --conflict-code 56", "-w 0.02 -E 56"),
        ("--shared --try --conflict-code 57", "-s -n -E 57"),
    ] {
        let ours = format!("ipc -q lock acquire L --owner $$ >tok; ipc lock run L {ipc} -- true");
        let theirs = format!("exec 9>file; flock 9; flock {flock} file true");
        let codes = [ours, theirs].map(|script| sb.sh(&script).run().status.code());
        assert_eq!(codes[0], codes[1]);
        sb.ipc(["lock", "rm", "--force", "L"]).run().ok();
    }
}

#[test]
fn a_missing_command_is_127_which_flock_has_no_code_for() {
    let sb = Sandbox::new();
    assert_eq!(with_ipc(&sb, "LOCK no-such-command"), Some(127));
}

#[test]
fn what_is_killed_is_the_holder_and_no_orphan_runs_on_with_the_lock() {
    let sb = Sandbox::new();
    // flock's command would live on, and with it the lock.
    let script = "ipc lock run L -- sh -c 'echo $$ >pid; exec sleep 600' & ipc=$!; \
        until test -s pid; do :; done; kill -9 $ipc; wait $ipc; \
        kill -0 $(cat pid) 2>/dev/null && echo lives; ipc lock status L";
    sb.sh(script).run().code(0).stdout("free\n");
}

#[test]
fn a_lock_that_is_held_is_not_pulled_away_by_removing_it() {
    let sb = Sandbox::new();
    // With flock the second holder of the same path gets in.
    let script = "ipc lock rm L; ipc lock run L --try -- echo in";
    sb.ipc(["lock", "run", "L", "--", "sh", "-c", script])
        .run()
        .code(125)
        .stdout("")
        .stderr_has("is held by process");
}
