//! `ipc proc stop`: several at once, and what a killed supervisor has left.

use crate::proc::{join, line_of, lives, record, start, state};
use crate::proc_ties::kill;
use crate::sandbox::{Sandbox, has, until};

/// Ends by nothing but SIGKILL, and says when that is so.
const DEAF: [&str; 3] = [
    "sh",
    "-c",
    "trap '' TERM; trap 'exit 6' INT; echo up; while :; do sleep 0.01; done",
];

#[test]
fn of_several_stops_the_earliest_deadline_counts() {
    let sb = Sandbox::new();
    for (first, second) in [("2s", "1h"), ("1h", "100ms"), ("1h", "0")] {
        let (pid, _) = start(&sb, "deaf", &[], &DEAF);
        line_of(&sb, "deaf", "up");
        let stop = |after| sb.ipc(["proc", "stop", "deaf", "--after", after]).start();
        let patient = stop(first);
        until("the first stop to be heard", || {
            state(&sb, "deaf")["state"] == "stopping"
        });
        let other = stop(second);
        for one in [patient, other] {
            let (status, _, said) = one.finish();
            assert_eq!(status.code(), Some(0), "{said}");
            assert!(said.ends_with("was ended by SIGKILL\n"), "{said}");
        }
        assert!(!lives(pid));
        sb.ipc(["proc", "rm", "deaf"]).run().ok();
    }
}

#[test]
fn the_signal_of_a_later_stop_is_sent_too() {
    let sb = Sandbox::new();
    start(&sb, "deaf", &[], &DEAF);
    line_of(&sb, "deaf", "up");
    let first = sb.ipc(["proc", "stop", "deaf", "--after", "1h"]).start();
    until("the first stop to be heard", || {
        state(&sb, "deaf")["state"] == "stopping"
    });
    sb.ipc(["proc", "stop", "deaf", "-s", "INT", "--after", "1h"])
        .run()
        .code(0)
        .stderr("/deaf ended with 6\n");
    assert_eq!(first.finish().0.code(), Some(0));
    sb.ipc(["proc", "rm", "deaf"]).run().ok();
}

#[test]
fn a_forced_removal_hastens_a_stop_and_does_not_delay_it() {
    let sb = Sandbox::new();
    for (patience, after) in [("1h", "2s"), ("100ms", "1h")] {
        start(&sb, "deaf", &["--stop-after", patience], &DEAF);
        line_of(&sb, "deaf", "up");
        let stop = sb.ipc(["proc", "stop", "deaf", "--after", after]).start();
        until("the stop to be heard", || {
            state(&sb, "deaf")["state"] == "stopping"
        });
        sb.ipc(["proc", "rm", "--force", "deaf"]).run().ok();
        assert_eq!(stop.finish().0.code(), Some(0));
    }
}

/// A command that leaves two more, in its session and in another one.
const SPREADS: &str = "sleep 600 & echo $! > one; setsid sleep 600 & echo $! > two; \
    echo up; exec sleep 600";

fn pid_in(sb: &Sandbox, file: &str) -> i32 {
    let text = std::fs::read_to_string(sb.folder().join(file)).unwrap();
    text.trim().parse().unwrap()
}

/// Waits until a process has become what it is to be: while a program is being
/// loaded its environment is empty.
fn until_it_sleeps(pid: i32) {
    until("it to be sleep(1)", || {
        std::fs::read(format!("/proc/{pid}/cmdline")).unwrap() == b"sleep\x00600\x00"
    });
}

/// Starts it, kills its supervisor, and waits until the command is gone too.
fn lost(sb: &Sandbox, name: &str, script: &str) {
    let (pid, supervisor) = start(sb, name, &[], &["sh", "-c", script]);
    line_of(sb, name, "up");
    kill(supervisor, libc::SIGKILL);
    until("the command to end with its supervisor", || !lives(pid));
    until("the supervisor to be gone", || {
        state(sb, name)["state"] == "lost"
    });
}

#[test]
fn what_a_killed_supervisor_has_left_is_known_and_ended() {
    let sb = Sandbox::new();
    let ways: [&[&str]; 3] = [
        &["proc", "stop", "x"],
        &["proc", "rm", "--force", "x"],
        &["proc", "start", "x", "--if-exists", "replace", "--", "true"],
    ];
    for way in ways {
        lost(&sb, "x", SPREADS);
        let (one, two) = (pid_in(&sb, "one"), pid_in(&sb, "two"));
        until_it_sleeps(one);
        until_it_sleeps(two);
        assert_eq!(state(&sb, "x")["leftovers"], true);
        sb.ipc(["proc", "rm", "x"])
            .run()
            .code(1)
            .stderr_has("/x: is lost, and what it left still runs");
        sb.ipc(way).run().code(0);
        assert!(!lives(one) && !lives(two));
        let _ = sb.ipc(["proc", "rm", "-f", "x"]).run();
    }
}

#[test]
fn what_may_be_of_a_killed_supervisor_is_told_and_left_alone() {
    let sb = Sandbox::new();
    let script = "env -i sleep 600 & echo $! > one; echo up; exec sleep 600";
    lost(&sb, "x", script);
    let one = pid_in(&sb, "one");
    until_it_sleeps(one);
    let told = format!(
        "/x: its supervisor was killed, and what may be of it is left alone: process {one}\n\
         hint: ipc kill {one}\n"
    );
    sb.ipc(["proc", "stop", "x"])
        .run()
        .code(8)
        .stderr_has(&told);
    for way in [&["proc", "rm", "x"][..], &["proc", "rm", "--force", "x"]] {
        sb.ipc(way).run().code(1).stderr_has(&told);
    }
    assert!(lives(one));
    kill(one, libc::SIGKILL);
    until("it to end", || !lives(one));
    sb.ipc(["-q", "proc", "stop", "x"]).run().ok();
    sb.ipc(["proc", "rm", "x"]).run().ok();
}

#[test]
fn a_command_without_a_supervisor_is_stopped_with_all_below_it() {
    let sb = Sandbox::new();
    if !has("setpriv") {
        return;
    }
    for signal in ["TERM", "HUP"] {
        let script = format!("trap '' {signal}; {SPREADS}");
        let untied = ["setpriv", "--pdeathsig", "clear", "sh", "-c", &script];
        let (pid, supervisor) = start(&sb, "u", &[], &untied);
        line_of(&sb, "u", "up");
        kill(supervisor, libc::SIGKILL);
        until("the supervisor to be gone", || {
            state(&sb, "u")["state"] == "unsupervised"
        });
        for one in [pid, pid_in(&sb, "one"), pid_in(&sb, "two")] {
            until_it_sleeps(one);
        }
        sb.ipc([
            "proc", "stop", "u", "-s", signal, "--after", "50ms", "--json",
        ])
        .run()
        .code(0);
        for one in [pid, pid_in(&sb, "one"), pid_in(&sb, "two")] {
            assert!(!lives(one));
        }
        // Whoever ended it has written down how, where the kernel tells.
        let code = join(&sb, "u");
        assert!([137, 125].contains(&code), "{code}");
        let expected = if code == 137 { "ended" } else { "lost" };
        let now = state(&sb, "u");
        assert_eq!(
            (&now["state"], &now["leftovers"]),
            (&expected.into(), &false.into())
        );
        sb.ipc(["proc", "rm", "u"]).run().ok();
    }
}

#[test]
fn nobody_takes_the_name_of_what_may_run_behind_a_corrupt_record() {
    let sb = Sandbox::new();
    let (pid, supervisor) = start(&sb, "x", &[], &["sleep", "600"]);
    // Another one of this name, in another scope: nobody means it.
    let scoped = |words: &[&str]| {
        let words = [&["--scope", "elsewhere"][..], words].concat();
        sb.ipc(words).run()
    };
    scoped(&["-q", "proc", "start", "x", "--", "sleep", "600"]).ok();
    std::fs::write(record(&sb, "x"), "{}\n").unwrap();
    let again = ["proc", "start", "x", "--if-exists", "replace", "--", "true"];
    let refused = sb.ipc(again).run();
    let told = String::from_utf8_lossy(&refused.code(7).stderr).into_owned();
    let target = told.split("hint: ipc kill ").nth(1).unwrap();
    let target = target.split(' ').next().unwrap();
    assert!(target.starts_with(&format!("pid:{supervisor}:")), "{told}");
    let only = format!("hint: ipc kill {target} stops what may be meant");
    assert!(told.contains(&only), "{told}");
    assert!(lives(pid));
    sb.ipc(["kill", target]).run().code(0);
    until("both to end", || !lives(pid) && !lives(supervisor));
    sb.ipc(again).run().code(7).stderr(
        "ipc: proc start: /x: its record is corrupt, nobody can tell whether it runs\n\
         hint: ipc proc rm NAME removes the record\n",
    );
    sb.ipc(["proc", "rm", "x"]).run().ok();
    scoped(&["-q", "proc", "rm", "--force", "x"]).ok();
}

#[test]
fn a_supervisor_that_reads_another_file_is_not_waited_for() {
    let sb = Sandbox::new();
    let (pid, supervisor) = start(&sb, "x", &[], &["sleep", "600"]);
    let (here, there) = (record(&sb, "x"), sb.folder().join("copy"));
    std::fs::copy(&here, &there).unwrap();
    std::fs::rename(&there, &here).unwrap();
    for way in [&["proc", "stop", "x"][..], &["proc", "rm", "-f", "x"]] {
        let way_out = format!("hint: ipc kill {supervisor} has its supervisor stop it\n");
        sb.ipc(way).run().code(7).stderr_has(&way_out);
        assert!(lives(pid) && here.exists());
    }
    kill(supervisor, libc::SIGTERM);
    until("both to end", || !lives(pid) && !lives(supervisor));
    sb.ipc(["proc", "rm", "x"]).run().ok();
}
