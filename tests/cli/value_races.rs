//! `ipc value`: between processes that add, wait, are killed, or write plainly.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;

use crate::sandbox::{Running, Sandbox};

/// Places in the file of a value of 16 bytes: its generation and its writer.
pub const GENERATION: u64 = 160;
pub const WRITER: u64 = 168;

pub fn create(sb: &Sandbox, name: &str, kind: &str, initial: &str) {
    sb.ipc(["-q", "value", "create", name, kind, initial])
        .run()
        .ok();
}

/// Puts bytes into the file as a program does that knows nothing of ipc.
pub fn pwrite(sb: &Sandbox, name: &str, bytes: &[u8], at: u64) {
    let file = OpenOptions::new().write(true).open(sb.shm_file(name));
    file.unwrap().write_all_at(bytes, at).unwrap();
}

pub fn waiter(sb: &Sandbox, words: &[&str]) -> Running {
    let start = ["value", "wait", "n", "-t", "30s"];
    let waiter = sb.ipc(start.iter().chain(words)).start();
    waiter.blocked_in(&[libc::SYS_futex, libc::SYS_ppoll]);
    waiter
}

#[track_caller]
pub fn ends_with(waiter: Running, code: i32, printed: &str) {
    let (status, stdout, stderr) = waiter.finish();
    assert_eq!(
        (status.code(), stdout.as_str()),
        (Some(code), printed),
        "{stderr}"
    );
}

#[test]
fn no_addition_of_2_8_and_64_processes_is_lost() {
    let sb = Sandbox::new();
    for (processes, kind) in [(2, "int64"), (8, "float64"), (64, "uint16")] {
        create(&sb, kind, kind, "0");
        // Half of the additions in processes of their own, half in streams.
        let script = "for i in 1 2 3 4 5; do ipc value add $0 1 >&2 || exit; done
            printf '%s\\n' 1 1 1 1 1 | ipc value add $0 --lines";
        let adders: Vec<Running> = (0..processes)
            .map(|_| sb.program("sh", ["-c", script, kind]).start())
            .collect();
        for adder in adders {
            assert!(adder.finish().0.success());
        }
        sb.ipc(["value", "get", kind])
            .run()
            .ok()
            .stdout(&format!("{}\n", processes * 10));
    }
}

#[test]
fn every_drawn_number_is_drawn_once() {
    let sb = Sandbox::new();
    create(&sb, "n", "i64", "0");
    let drawers: Vec<Running> = (0..4)
        .map(|_| {
            let ones = "1\n".repeat(500);
            let words = ["value", "add", "n", "--lines", "--old"];
            sb.ipc(words).stdin(ones).start()
        })
        .collect();
    let mut drawn = Vec::new();
    for drawer in drawers {
        let (status, stdout, _) = drawer.finish();
        assert!(status.success());
        drawn.extend(stdout.lines().map(|line| line.parse::<u32>().unwrap()));
    }
    drawn.sort_unstable();
    assert!(drawn.into_iter().eq(0..2000));
}

#[test]
fn swaps_and_adds_together_lose_nothing() {
    let sb = Sandbox::new();
    create(&sb, "n", "i64", "0");
    let adder = sb
        .ipc(["value", "add", "n", "--lines"])
        .stdin("1\n".repeat(3000))
        .start();
    let taker = sb
        .sh("sum=0; for i in $(seq 40); do sum=$((sum + $(ipc value swap n 0))); done; echo $sum")
        .start();
    let (status, taken, _) = taker.finish();
    assert!(status.success() && adder.finish().0.success());
    let left = sb.ipc(["value", "swap", "n", "0"]).run().stdout;
    let left: i64 = String::from_utf8(left).unwrap().trim().parse().unwrap();
    assert_eq!(taken.trim().parse::<i64>().unwrap() + left, 3000);
}

#[test]
fn cas_elects_one_leader() {
    let sb = Sandbox::new();
    create(&sb, "n", "i64", "0");
    let shells: Vec<Running> = (1..=8)
        .map(|id| {
            let id = id.to_string();
            sb.ipc(["value", "cas", "n", "0", &id]).start()
        })
        .collect();
    let ends: Vec<_> = shells.into_iter().map(Running::finish).collect();
    let won = ends.iter().filter(|end| end.0.success()).count();
    assert_eq!(won, 1);
    assert!(ends.iter().all(|end| end.1 == ends[0].1), "{ends:?}");
}

#[test]
fn a_waiter_goes_on_when_another_shell_adds() {
    let sb = Sandbox::new();
    create(&sb, "n", "i64", "0");
    // It would not look again before the test is given up: it must be woken.
    let waiter = waiter(&sb, &[">=", "3", "--recheck", "1h"]);
    for _ in 0..2 {
        sb.ipc(["value", "add", "n", "1"]).run().code(0);
        waiter.blocked_in(&[libc::SYS_futex]);
    }
    sb.ipc(["value", "add", "n", "1"]).run().code(0);
    ends_with(waiter, 0, "3\n");
}

#[test]
fn every_way_to_write_wakes() {
    let sb = Sandbox::new();
    create(&sb, "n", "i64", "5");
    for (words, printed) in [
        (&["set", "n", "0x500000005"][..], "21474836485\n"),
        (&["add", "n", "1"], "21474836486\n"),
        (&["min", "n", "2"], "2\n"),
        (&["max", "n", "3"], "3\n"),
        (&["swap", "n", "4"], "4\n"),
        (&["cas", "n", "4", "6"], "6\n"),
        // The same value again is a write as well.
        (&["set", "n", "6"], "6\n"),
    ] {
        let waiter = waiter(&sb, &["--change", "--recheck", "1h"]);
        sb.ipc(["value"].iter().chain(words)).run().code(0);
        ends_with(waiter, 0, printed);
    }
}

#[test]
fn a_change_that_is_none_wakes_nobody() {
    let sb = Sandbox::new();
    create(&sb, "n", "i64", "5");
    let waiter = waiter(&sb, &["--change", "--recheck", "1h"]);
    for words in [&["max", "n", "1"][..], &["min", "n", "9"]] {
        sb.ipc(["value"].iter().chain(words)).run().code(0);
    }
    sb.ipc(["value", "cas", "n", "1", "2"]).run().code(1);
    sb.ipc(["value", "add", "n", "9223372036854775807"])
        .run()
        .code(6);
    waiter.blocked_in(&[libc::SYS_futex]);
    sb.ipc(["value", "set", "n", "1"]).run().code(0);
    ends_with(waiter, 0, "1\n");
}

#[test]
fn time_is_124_and_try_is_1() {
    let sb = Sandbox::new();
    create(&sb, "n", "i64", "5");
    sb.ipc(["value", "wait", "n", "<", "5", "-t", "50ms"])
        .run()
        .code(124)
        .stderr("ipc: value wait: /n: timed out\n");
    for words in [&["<", "5"][..], &["--change"]] {
        let start = ["value", "wait", "n", "--try"];
        sb.ipc(start.iter().chain(words))
            .run()
            .code(1)
            .stdout("")
            .stderr("");
    }
    sb.ipc(["value", "wait", "n", "==", "5", "-t", "0"])
        .run()
        .ok()
        .stdout("5\n");
}

#[test]
fn removed_while_waiting_is_7_however_it_is_removed() {
    let sb = Sandbox::new();
    for kind in ["i64", "bytes16"] {
        create(&sb, "n", kind, "5");
        let waiting = waiter(&sb, &["==", "6", "--recheck", "1h"]);
        sb.ipc(["value", "rm", "n"]).run().ok();
        ends_with(waiting, 7, "");
        create(&sb, "n", kind, "5");
        let waiting = waiter(&sb, &["--change", "--recheck", "1h"]);
        sb.ipc([
            "-q",
            "value",
            "create",
            "n",
            "i64",
            "5",
            "--if-exists",
            "replace",
        ])
        .run()
        .ok();
        ends_with(waiting, 7, "");
        // One that tells nobody is noticed by the next look.
        let waiting = waiter(&sb, &["==", "6", "--recheck", "1ms"]);
        std::fs::remove_file(sb.shm_file("n")).unwrap();
        ends_with(waiting, 7, "");
    }
}

#[test]
fn a_plain_writer_is_noticed_by_the_next_look() {
    let sb = Sandbox::new();
    create(&sb, "n", "i64", "5");
    let waiting = waiter(&sb, &["==", "6", "--recheck", "1ms"]);
    pwrite(&sb, "n", &6_i64.to_ne_bytes(), 128);
    ends_with(waiting, 0, "6\n");
    let waiting = waiter(&sb, &["--change", "--recheck", "1ms"]);
    pwrite(&sb, "n", &7_i64.to_ne_bytes(), 128);
    ends_with(waiting, 0, "7\n");
    // A file without a trailer has nothing to be woken by.
    let whole = std::fs::read(sb.shm_file("n")).unwrap();
    std::fs::remove_file(sb.shm_file("n")).unwrap();
    std::fs::write(sb.shm_file("n"), &whole[..136]).unwrap();
    let waiting = waiter(&sb, &["==", "8"]);
    sb.ipc(["value", "add", "n", "1"]).run().ok().stdout("8\n");
    ends_with(waiting, 0, "8\n");
}

#[test]
fn a_killed_waiter_is_of_no_effect_on_the_others() {
    let sb = Sandbox::new();
    create(&sb, "n", "i64", "0");
    let waiters: Vec<Running> = (0..8)
        .map(|_| waiter(&sb, &["==", "1", "--recheck", "1h"]))
        .collect();
    for (index, one) in waiters.iter().enumerate() {
        if index % 4 != 0 {
            one.signal(libc::SIGKILL);
        }
    }
    sb.ipc(["value", "add", "n", "1"]).run().code(0);
    for (index, one) in waiters.into_iter().enumerate() {
        let (status, stdout, _) = one.finish();
        if index % 4 == 0 {
            assert_eq!((status.code(), stdout.as_str()), (Some(0), "1\n"));
        } else {
            assert_eq!(status.signal(), Some(libc::SIGKILL));
        }
    }
}

#[test]
fn a_signal_ends_a_waiter_as_it_ends_any_program() {
    let sb = Sandbox::new();
    create(&sb, "n", "i64", "0");
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let waiting = waiter(&sb, &["==", "1"]);
        waiting.signal(signal);
        assert_eq!(waiting.finish().0.signal(), Some(signal));
    }
}
