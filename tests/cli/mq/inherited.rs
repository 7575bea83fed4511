//! A command inherits from `ipc` what it would have inherited from the caller.

use std::os::unix::process::CommandExt;
use std::process::Command;

use super::send;
use crate::sandbox::Sandbox;

/// Starts a program with these signals ignored.
pub fn ignoring(signals: &'static [i32]) -> impl FnOnce(&mut Command) {
    prepared(&[], signals)
}

/// Starts a program with these signals blocked, and those ignored.
fn prepared(blocked: &'static [i32], ignored: &'static [i32]) -> impl FnOnce(&mut Command) {
    move |command| {
        let prepare = move || {
            // SAFETY: plain system calls on local values, between fork and exec.
            unsafe {
                let mut set = std::mem::zeroed();
                libc::sigemptyset(&raw mut set);
                for signal in blocked {
                    libc::sigaddset(&raw mut set, *signal);
                }
                libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut());
                for signal in ignored {
                    libc::signal(*signal, libc::SIG_IGN);
                }
            }
            Ok(())
        };
        // SAFETY: makes only async-signal-safe calls.
        unsafe { command.pre_exec(prepare) };
    }
}

const CASES: [(&[i32], &[i32]); 5] = [
    (&[], &[]),
    (&[libc::SIGTERM, libc::SIGUSR1, libc::SIGIO], &[]),
    (
        &[],
        &[libc::SIGINT, libc::SIGHUP, libc::SIGPIPE, libc::SIGCHLD],
    ),
    (
        &[libc::SIGTERM, libc::SIGCHLD, libc::SIGPIPE],
        &[libc::SIGTERM, libc::SIGIO, libc::SIGSEGV],
    ),
    (
        &[libc::SIGINT, libc::SIGQUIT],
        &[libc::SIGQUIT, libc::SIGPIPE],
    ),
];

const MASKS: [&str; 4] = ["grep", "-E", "^(Sig|Shd)(Blk|Ign|Cgt)", "/proc/self/status"];

#[test]
fn masks_and_dispositions_are_those_of_the_caller_bit_by_bit() {
    let sb = Sandbox::new();
    sb.queue("q");
    for (blocked, ignored) in CASES {
        let direct = sb
            .program(MASKS[0], &MASKS[1..])
            .with(prepared(blocked, ignored))
            .run();
        let direct = String::from_utf8(direct.ok().stdout.clone()).unwrap();
        assert_eq!(direct.lines().count(), 3);
        send(&sb, "q", &["x"]);
        let watch = ["mq", "watch", "q", "-n", "1", "-t", "30s", "--"];
        sb.ipc(watch.iter().chain(&MASKS))
            .with(prepared(blocked, ignored))
            .run()
            .ok()
            .stdout(&direct);
        for more in [&["--exec"][..], &["--keep-going", "--exec"]] {
            let recv = ["mq", "recv", "q", "-t", "30s"];
            sb.ipc(recv.iter().chain(more).chain(&MASKS))
                .with(prepared(blocked, ignored))
                .run()
                .ok()
                .stdout(&direct);
            send(&sb, "q", &["x"]);
        }
        sb.ipc(["mq", "recv", "q", "--drain"]).run().ok();
    }
}

/// Writes the numbers of its open descriptors to a file, whatever is closed.
const DESCRIPTORS: &str = "find /proc/self/fd -fprintf \"$OUT\" '%f\\n'";

#[test]
fn descriptors_are_those_of_the_caller_and_none_of_ours() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["x"]);
    let list = |through: &str, closed: u32| {
        let out = sb.folder().join("out");
        let close: String = (0..3)
            .filter(|fd| closed & (1 << fd) != 0)
            .map(|fd| format!(" {fd}>&-"))
            .collect();
        let script = format!("exec 7</dev/null; exec {through} {DESCRIPTORS}{close}");
        sb.sh(&script).env("OUT", &out).run().ok();
        std::fs::read_to_string(out).unwrap()
    };
    for closed in 0..8 {
        let watched = list("ipc mq watch q -n 1 -t 30s --", closed);
        assert_eq!(watched, list("", closed), "closed: {closed:03b}");
        // Standard input is the message, whatever the caller had there.
        let handled = list("ipc mq recv q -t 30s --exec", closed);
        assert_eq!(handled, list("", closed & !1), "closed: {closed:03b}");
        send(&sb, "q", &["x"]);
    }
}

#[test]
fn a_command_dies_of_a_closed_pipe_as_it_would_for_the_caller() {
    let sb = Sandbox::new();
    sb.queue("q");
    // Said by the shell in the middle: 141 is death by SIGPIPE.
    send(&sb, "q", &["x"]);
    sb.sh("ipc mq watch q -n 1 -t 30s -- sh -c 'yes | head -n 1 >/dev/null'")
        .run()
        .ok();
}
