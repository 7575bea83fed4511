//! F27: signals that meet a verb while it waits.

use std::os::unix::process::ExitStatusExt;

use super::{depth, drain, full_queue, send, waits};
use crate::sandbox::Sandbox;

/// Every blocking verb, waiting: `e` is empty, `f` is full, `s` has one message.
const VERBS: [&[&str]; 10] = [
    &["mq", "recv", "e", "-t", "30s"],
    &["mq", "recv", "e", "-t", "30s", "--follow", "--json"],
    &["mq", "recv", "e", "-t", "30s", "--exec", "true"],
    &[
        "mq",
        "recv",
        "e",
        "-t",
        "30s",
        "--keep-going",
        "--exec",
        "true",
    ],
    &["mq", "wait", "e", "-t", "30s"],
    &["mq", "send", "f", "more", "-t", "30s"],
    &["mq", "move", "s", "f", "-t", "30s"],
    &["mq", "move", "s", "f", "-n", "1", "-t", "30s"],
    &["mq", "watch", "e", "-n", "1", "-t", "30s", "--", "true"],
    &[
        "mq",
        "watch",
        "e",
        "-n",
        "1",
        "--keep-going",
        "-t",
        "30s",
        "--",
        "true",
    ],
];

fn queues(sb: &Sandbox) {
    sb.queue("e");
    full_queue(sb, "f");
    sb.queue("s");
    send(sb, "s", &["x"]);
}

/// Lets a verb that waits come to its end.
fn release(sb: &Sandbox, verb: &[&str]) {
    if verb[2] == "e" {
        send(sb, "e", &["x"]);
    } else {
        sb.ipc(["mq", "recv", "f"]).run().ok();
    }
}

#[test]
fn int_term_hup_and_quit_end_each_waiting_verb_for_real_and_change_nothing() {
    let sb = Sandbox::new();
    queues(&sb);
    for verb in VERBS {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
            let mut running = sb.ipc(verb).start();
            waits(&running);
            running.signal(signal);
            let status = running.wait();
            assert_eq!(status.signal(), Some(signal), "{verb:?}");
            let (_, stdout, stderr) = running.finish();
            assert_eq!((stdout.as_str(), stderr.as_str()), ("", ""), "{verb:?}");
        }
    }
    assert_eq!(depth(&sb, "e"), 0);
    assert_eq!(drain(&sb, "s"), ["x"]);
    assert_eq!(drain(&sb, "f"), ["f1", "f2", "f3", "f4"]);
}

#[test]
fn a_stopped_verb_keeps_waiting_when_it_is_continued() {
    for verb in VERBS.into_iter().filter(|verb| !verb.contains(&"--follow")) {
        let sb = Sandbox::new();
        queues(&sb);
        let running = sb.ipc(verb).start();
        waits(&running);
        running.stop();
        running.signal(libc::SIGCONT);
        waits(&running);
        release(&sb, verb);
        let (status, _, stderr) = running.finish();
        assert!(status.success(), "{verb:?}: {stderr}");
    }
}

#[test]
fn the_deadline_passes_while_a_verb_is_stopped() {
    for verb in VERBS {
        let sb = Sandbox::new();
        queues(&sb);
        let soon: Vec<_> = verb
            .iter()
            .map(|word| if *word == "30s" { "50ms" } else { word })
            .collect();
        let running = sb.ipc(&soon).start();
        running.stop();
        // Another wait of the same length, begun later, has come to its end.
        sb.ipc(["mq", "wait", "e", "-t", "50ms"]).run().code(124);
        running.signal(libc::SIGCONT);
        assert_eq!(running.finish().0.code(), Some(124), "{verb:?}");
        assert_eq!(depth(&sb, "s"), 1);
    }
}

#[test]
fn signals_that_were_ignored_at_the_start_stay_ignored() {
    for verb in VERBS.into_iter().filter(|verb| !verb.contains(&"--follow")) {
        let sb = Sandbox::new();
        queues(&sb);
        let running = sb
            .ipc(verb)
            .with(super::inherited::ignoring(&[
                libc::SIGINT,
                libc::SIGTERM,
                libc::SIGHUP,
            ]))
            .start();
        waits(&running);
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            running.signal(signal);
        }
        waits(&running);
        release(&sb, verb);
        let (status, _, stderr) = running.finish();
        assert!(status.success(), "{verb:?}: {stderr}");
    }
}

#[test]
fn ignored_signals_do_not_disturb_a_command_either() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["one", "two"]);
    let script = "kill -TERM $PPID; kill -HUP $PPID; cat; echo";
    for more in [&[][..], &["--keep-going"]] {
        let recv = ["mq", "recv", "q", "-n", "2", "-t", "30s"];
        let command = ["--exec", "sh", "-c", script];
        sb.ipc(recv.iter().chain(more).chain(&command))
            .with(super::inherited::ignoring(&[libc::SIGTERM, libc::SIGHUP]))
            .run()
            .ok()
            .stdout("one\ntwo\n");
        send(&sb, "q", &["one", "two"]);
    }
}

#[test]
fn a_command_that_ends_its_own_ipc_leaves_the_rest_in_the_queue() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["one", "two", "three"]);
    let script = "trap '' TERM; kill -TERM $PPID; cat";
    let ended = sb
        .ipc([
            "mq", "recv", "q", "--follow", "-t", "30s", "--exec", "sh", "-c", script,
        ])
        .run();
    assert_eq!(ended.status.signal(), Some(libc::SIGTERM));
    ended.stdout("one");
    assert_eq!(drain(&sb, "q"), ["two", "three"]);
}

#[test]
fn a_less_common_signal_puts_the_message_back_too() {
    let sb = Sandbox::new();
    for signal in [libc::SIGUSR1, libc::SIGALRM, libc::SIGXCPU] {
        sb.queue("q");
        sb.ipc(["mq", "send", "q", "precious"]).run().ok();
        let verb = [
            "mq",
            "recv",
            "q",
            "--exec",
            "--",
            "sh",
            "-c",
            "echo up; exec sleep 30",
        ];
        let mut running = sb.ipc(verb).start();
        assert_eq!(running.line(), "up");
        running.signal(signal);
        let (status, ..) = running.finish();
        assert_eq!(status.signal(), Some(signal));
        sb.ipc(["mq", "recv", "q", "--try"])
            .run()
            .ok()
            .stdout("precious");
        sb.ipc(["mq", "rm", "q"]).run().ok();
    }
}

#[test]
fn a_message_too_large_for_the_file_stays_in_the_queue() {
    let sb = Sandbox::new();
    sb.queue("q");
    sb.ipc(["mq", "send", "q", "precious"]).run().ok();
    let limited = sb.sh("ulimit -f 0; exec ipc mq recv q -t 30s > out").run();
    assert!(!limited.status.success(), "{limited}");
    sb.ipc(["mq", "recv", "q", "--try"])
        .run()
        .ok()
        .stdout("precious");
}
