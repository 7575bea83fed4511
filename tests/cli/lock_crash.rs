//! `ipc lock` killed at every system call that it makes: the old state or the
//! new one, and never anything to repair.

use serde_json::Value;

use crate::sandbox::{Outcome, Sandbox, has};
use crate::shell::{Shell, someone, struck_at, system_calls};

/// Runs a verb again and again, killed at another system call each time and
/// not at all the last time; `check` sees what each left.
fn at_every_call(sb: &Sandbox, words: &[&str], mut check: impl FnMut(bool)) {
    let command = [&["ipc", "-q", "lock"], words].concat();
    let calls = system_calls(sb, &command);
    assert!(calls.len() > 20, "{calls:?}");
    check(true);
    // The first one is that of strace itself, the start of ipc.
    for call in &calls[1..] {
        let killed = struck_at(sb, call, "KILL", &command);
        killed.killed_by(libc::SIGKILL);
        check(false);
    }
    sb.program(command[0], &command[1..]).run().ok();
    check(true);
}

fn status(sb: &Sandbox) -> (Value, Vec<Value>) {
    let outcome = sb.ipc(["lock", "status", "L", "--json"]).run();
    let shown = outcome.ok().json();
    (
        shown["state"].clone(),
        shown["holders"].as_array().unwrap().clone(),
    )
}

fn release<'a>(sb: &'a Sandbox, owner: &Shell) -> Outcome<'a> {
    sb.ipc(["lock", "release", "L", "--owner", &owner.pid_text()])
        .run()
}

#[test]
fn a_killed_acquire_has_taken_it_or_not() {
    if !has("strace") {
        return;
    }
    for options in [&[][..], &["--shared"], &["--slots", "2"]] {
        let sb = Sandbox::new();
        let owner = someone(&sb);
        let number = owner.pid_text();
        sb.ipc(
            [
                &["-q", "lock", "create", "L"],
                &options[..options.len() & 2],
            ]
            .concat(),
        )
        .run()
        .ok();
        let words = [&["acquire", "L", "--owner", &number, "-t", "30s"], options].concat();
        at_every_call(&sb, &words, |through| {
            let (state, holders) = status(&sb);
            if through || state == "held" {
                assert_eq!(state, "held");
                assert_eq!(holders.len(), 1);
                assert_eq!(holders[0]["pid"], owner.pid());
                release(&sb, &owner).ok();
            } else {
                assert_eq!((state.as_str(), holders.len()), (Some("free"), 0));
            }
            sb.ipc(["lock", "run", "L", "--try", "--no-recover", "--", "true"])
                .run()
                .ok();
        });
    }
}

#[test]
fn a_killed_release_has_given_it_back_or_not() {
    if !has("strace") {
        return;
    }
    let sb = Sandbox::new();
    let owner = someone(&sb);
    let number = owner.pid_text();
    let take = || {
        sb.ipc(["-q", "lock", "acquire", "L", "--owner", &number])
            .run()
            .ok();
    };
    take();
    // Every round starts with a hold.
    at_every_call(&sb, &["release", "L", "--owner", &number], |through| {
        let (state, _) = status(&sb);
        if state == "held" {
            assert!(!through);
        } else {
            assert_eq!(state, "free");
            take();
        }
    });
}

/// F40: whoever recovers is killed, and the next one completes it.
#[test]
fn a_killed_recovery_is_completed_by_the_next_one() {
    if !has("strace") {
        return;
    }
    for options in [&[][..], &["--slots", "1"]] {
        let sb = Sandbox::new();
        let owner = someone(&sb);
        let number = owner.pid_text();
        let abandon = || {
            let dies = someone(&sb);
            let number = dies.pid_text();
            let words = [&["-q", "lock", "acquire", "L", "--owner", &number], options].concat();
            sb.ipc(words).run().ok();
            dies.die();
        };
        abandon();
        let words = [&["acquire", "L", "--owner", &number, "-t", "30s"], options].concat();
        at_every_call(&sb, &words, |through| {
            let (state, _) = status(&sb);
            if state == "held" {
                release(&sb, &owner).ok();
            } else {
                assert!(!through && state == "abandoned", "{state}");
                let taken = sb.ipc([&["lock"], &words[..]].concat()).run();
                taken.code(0).stderr_has("recovered from");
                release(&sb, &owner).ok();
            }
            abandon();
        });
    }
}

#[test]
fn a_killed_removal_leaves_what_can_be_removed() {
    if !has("strace") {
        return;
    }
    let sb = Sandbox::new();
    let make = || {
        sb.ipc(["-q", "lock", "run", "L", "--try", "--", "true"])
            .run()
            .ok();
    };
    make();
    at_every_call(&sb, &["rm", "L", "--force"], |_| {
        // Whatever it left can be removed, and then made again.
        let _ = sb.ipc(["-q", "lock", "rm", "L", "--force"]).run();
        make();
    });
}
