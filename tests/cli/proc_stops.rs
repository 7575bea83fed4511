//! `ipc proc stop`: several at once, and what a killed supervisor has left.

use crate::proc::{line_of, lives, start, state};
use crate::sandbox::{Sandbox, until};

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
