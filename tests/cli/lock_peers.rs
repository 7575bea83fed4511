//! `ipc lock run` beside flock(1) and the `sem` of GNU parallel: equal where
//! they are right, better where they are not.
//!
//! | they | here |
//! | --- | --- |
//! | `flock CMD`: the status is the command's | `statuses_pass_through_as_with_flock` |
//! | `-n -w -s -E`: busy and timed out have a code that can be chosen | `a_conflict_has_the_code_that_was_asked_for_as_with_flock` |
//! | a missing command is 69 | 127: `a_missing_command_is_127_which_flock_has_no_code_for` |
//! | flock or sem killed: the command runs on, with the lock or beside the next holder | `what_is_killed_is_the_holder_and_no_orphan_runs_on_with_the_lock` |
//! | the file removed: a second holder gets in | `a_lock_that_is_held_is_not_pulled_away_by_removing_it` |
//! | `-o`: daemons do not inherit it, but flock must stay | always, without anybody staying: `lock_run::a_daemon_left_behind_holds_nothing` |
//! | `-F`: no process in between | always: `lock_run::the_command_is_the_process_that_was_started_and_holds_it` |
//! | `--verbose` | `verbose_tells_how_long_it_took_or_who_holds_it` |
//! | `flock 9`, `flock -u 9`: a hold of the shell, kept by what inherited the descriptor | `the_hold_of_a_shell_needs_no_descriptor_and_is_not_inherited` |
//! | `sem CMD`: its words go through a shell once more | as they are: `statuses_pass_through_as_with_sem_and_words_as_they_are` |
//! | sem killed: the next one gets in beside its command | `what_is_killed_is_the_holder_…`, and `a_sem_that_is_killed_lets_the_next_one_in_beside_its_command` |
//! | `sem -j N`, `sem --wait` | `four_slots_let_four_run_and_wait_waits_for_all` |
//! | sem without `--fg`: 0 before the job has ended | the status of the job, in the background too: `a_job_in_the_background_keeps_its_status` |
//! | sem looks again by the clock | woken: `lock_faults`, and the bench `wakeup` |
//! | who holds it: a dead pid, or a link in a folder of one user | `lock_show::status_names_holder_and_waiter` |

use crate::sandbox::{Sandbox, has};
use crate::shell::someone;

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
fn statuses_pass_through_as_with_sem_and_words_as_they_are() {
    if !has("sem") {
        return;
    }
    let sb = Sandbox::new();
    for script in ["LOCK true", "LOCK false", "LOCK no-such-command"] {
        let theirs = sb.sh(&script.replace("LOCK", "sem --fg --id L")).run();
        assert_eq!(with_ipc(&sb, script), theirs.status.code(), "{script}");
    }
    let words = "LOCK printf '%s|' 'a  b' '$HOME'";
    let run = |lock: &str| sb.sh(&words.replace("LOCK", lock)).run().stdout;
    assert_eq!(run("ipc lock run L --"), b"a  b|$HOME|");
    assert_ne!(run("sem --fg --id L"), b"a  b|$HOME|");
    // In the background, which is how it is made to be used, the status is lost.
    sb.sh("sem --id L 'exit 7' && sem --wait --id L")
        .run()
        .code(0);
    sb.sh("ipc lock run L -- sh -c 'exit 7' & wait $!")
        .run()
        .code(7);
}

#[test]
fn a_sem_that_is_killed_lets_the_next_one_in_beside_its_command() {
    if !has("sem") {
        return;
    }
    let sb = Sandbox::new();
    let script = "sem --fg --id L 'echo $$ >pid; exec sleep 600' & sem=$!; \
        until test -s pid; do :; done; kill -9 $sem; wait $sem; \
        sem --fg --id L 'kill -0 $(cat pid) && echo both are in'; kill $(cat pid)";
    sb.sh(script).run().code(0).stdout("both are in\n");
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

#[test]
fn verbose_tells_how_long_it_took_or_who_holds_it() {
    let sb = Sandbox::new();
    sb.ipc(["lock", "run", "L", "--verbose", "--", "true"])
        .run()
        .code(0)
        .stderr_has("taken after 0.");
    let holder = someone(&sb);
    let number = holder.pid_text();
    sb.ipc(["-q", "lock", "acquire", "L", "--owner", &number])
        .run()
        .ok();
    let held = format!("held by process {number} (cat)");
    for wait in [&["--try"][..], &["-t", "20ms"]] {
        let run = [&["lock", "run", "L", "--verbose"], wait, &["--", "true"]].concat();
        sb.ipc(run).run().code(124).stderr_has(&held);
        let acquire = [&["lock", "acquire", "L", "--verbose"], wait].concat();
        let outcome = sb.ipc(acquire).run();
        outcome.stderr_has(&held);
    }
    sb.ipc(["-q", "lock", "run", "L", "--verbose", "--try", "--", "true"])
        .run()
        .code(124)
        .stderr("");
}

#[test]
fn the_hold_of_a_shell_needs_no_descriptor_and_is_not_inherited() {
    let sb = Sandbox::new();
    // With a descriptor of flock the job would have kept the lock.
    let script = "ipc lock acquire L >token; sleep 600 >out 2>&1 & job=$!; \
        ipc lock release L; ipc lock status L; \
        sh -c 'ipc lock acquire M >token; sleep 600 >out 2>&1 & echo $!'";
    let outcome = sb.sh(&format!("{script}; kill $job")).run();
    outcome.ok();
    let printed = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let (status, left) = printed.trim().split_once('\n').unwrap();
    assert_eq!(status, "free");
    sb.ipc(["lock", "acquire", "M", "-t", "30s"]).run().code(0);
    let left: i32 = left.parse().unwrap();
    // SAFETY: it lives for ten minutes, so the number is its own.
    assert_eq!(unsafe { libc::kill(left, libc::SIGKILL) }, 0);
}

#[test]
fn four_slots_let_four_run_and_wait_waits_for_all() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "value", "create", "inside", "i64", "0"])
        .run()
        .ok();
    sb.ipc(["-q", "value", "create", "done", "i64", "0"])
        .run()
        .ok();
    let job = "ipc value add inside 1; ipc value add done 1 >>all; ipc value add inside -1 >>all";
    // Jobs are counted before they are waited for: wait knows of no others.
    let script = format!(
        "for i in $(seq 24); do ipc lock run L --slots 4 -- sh -c '{job}' & done; \
         ipc value wait done '==' 24 -t 2m >>all; ipc lock wait L -t 2m; \
         ipc value get inside; ipc lock status L; wait"
    );
    let outcome = sb.sh(&script).run();
    outcome.ok();
    let printed = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let mut lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.split_off(24), ["0", "free, 0 of 4 slots"]);
    let most = lines.iter().map(|line| line.parse::<u32>().unwrap()).max();
    assert!((1..=4).contains(&most.unwrap()), "{lines:?}");
}

#[test]
fn a_job_in_the_background_keeps_its_status() {
    let sb = Sandbox::new();
    let script = "ipc lock run L --slots 2 -- sh -c 'exit 7' & one=$!; \
        ipc lock run L --slots 2 -- sh -c 'kill -9 $$' & two=$!; \
        wait $one; echo $?; wait $two; echo $?";
    sb.sh(script).run().code(0).stdout("7\n137\n");
}
