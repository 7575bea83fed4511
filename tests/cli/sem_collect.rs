//! `ipc sem acquire -n K`: several units for one taker.

use std::os::unix::process::ExitStatusExt;

use crate::sandbox::{Running, Sandbox, until};
use crate::sem::{create, word};

fn collect(sb: &Sandbox, units: u32) -> Running {
    let units = units.to_string();
    sb.ipc(["sem", "acquire", "s", "-n", &units, "-t", "30s"])
        .start()
}

#[track_caller]
fn settles_at(sb: &Sandbox, value: u32, waiters: u32) {
    until(&format!("value {value}, {waiters} waiters"), || {
        word(sb, "s") == (value, waiters)
    });
}

fn release(sb: &Sandbox, units: u32) {
    let units = units.to_string();
    sb.ipc(["sem", "release", "s", "-n", &units]).run().ok();
}

/// Waits until a process queues for the turn to collect: a thread of it
/// sleeps in fcntl(2).
#[track_caller]
fn queues(running: &Running) {
    until("a collector to queue", || {
        let folder = format!("/proc/{}/task", running.pid());
        let threads = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let calls = threads.filter_map(|t| std::fs::read_to_string(t.path().join("syscall")).ok());
        let number = libc::SYS_fcntl.to_string();
        calls
            .into_iter()
            .any(|call| call.split(' ').next() == Some(&number))
    });
}

#[test]
fn a_collector_takes_units_as_they_come() {
    let sb = Sandbox::new();
    create(&sb, "s", 1);
    let mut collector = collect(&sb, 3);
    settles_at(&sb, 0, 1);
    release(&sb, 1);
    settles_at(&sb, 0, 1);
    release(&sb, 1);
    assert!(collector.wait().success());
    assert_eq!(word(&sb, "s"), (0, 0));
}

#[test]
fn two_collectors_of_more_than_half_never_block_each_other() {
    let sb = Sandbox::new();
    create(&sb, "s", 0);
    for _ in 0..10 {
        let (one, two) = (collect(&sb, 2), collect(&sb, 2));
        one.blocked();
        two.blocked();
        // Two units: if each got one, none would go on. One after the other,
        // since a collector that waits again stands at the end of the queue.
        for _ in 0..2 {
            release(&sb, 1);
            until("the unit to be taken", || word(&sb, "s").0 == 0);
        }
        until("one to have both", || {
            one.state() == 'Z' || two.state() == 'Z'
        });
        release(&sb, 2);
        for collector in [one, two] {
            let (status, _, stderr) = collector.finish();
            assert!(status.success(), "{status}: {stderr}");
        }
        assert_eq!(word(&sb, "s"), (0, 0));
    }
}

#[test]
fn many_collectors_share_what_is_enough_for_one() {
    let sb = Sandbox::new();
    create(&sb, "s", 5);
    let script = "for i in 1 2 3 4 5; do
        ipc sem acquire s -n 3 -t 30s && ipc sem release s -n 3 || exit
    done";
    let shells: Vec<Running> = (0..4).map(|_| sb.sh(script).start()).collect();
    for shell in shells {
        let (status, _, stderr) = shell.finish();
        assert!(status.success(), "{status}: {stderr}");
    }
    assert_eq!(word(&sb, "s"), (5, 0));
}

#[test]
fn a_collector_whose_time_is_over_gives_back() {
    let sb = Sandbox::new();
    create(&sb, "s", 2);
    sb.ipc(["sem", "acquire", "s", "-n", "3", "-t", "200ms"])
        .run()
        .code(124)
        .stderr("ipc: sem acquire: /s: timed out\n");
    assert_eq!(word(&sb, "s"), (2, 0));
}

#[test]
fn what_a_collector_gives_back_goes_to_a_waiter() {
    let sb = Sandbox::new();
    create(&sb, "s", 1);
    let collector = collect(&sb, 2);
    settles_at(&sb, 0, 1);
    let mut waiter = sb.ipc(["sem", "acquire", "s", "-t", "30s"]).start();
    settles_at(&sb, 0, 2);
    waiter.blocked();
    collector.signal(libc::SIGTERM);
    assert_eq!(collector.finish().0.signal(), Some(libc::SIGTERM));
    assert!(waiter.wait().success());
    assert_eq!(word(&sb, "s"), (0, 0));
}

#[test]
fn a_collector_ended_by_a_signal_gives_back() {
    let sb = Sandbox::new();
    create(&sb, "s", 2);
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
        let collector = collect(&sb, 3);
        settles_at(&sb, 0, 1);
        collector.blocked();
        collector.signal(signal);
        assert_eq!(collector.finish().0.signal(), Some(signal));
        assert_eq!(word(&sb, "s"), (2, 0));
    }
}

#[test]
fn a_collector_in_the_queue_can_be_ended_and_runs_out_of_time() {
    let sb = Sandbox::new();
    create(&sb, "s", 1);
    let first = collect(&sb, 3);
    settles_at(&sb, 0, 1);
    let second = collect(&sb, 2);
    queues(&second);
    second.signal(libc::SIGTERM);
    assert_eq!(second.finish().0.signal(), Some(libc::SIGTERM));
    sb.ipc(["sem", "acquire", "s", "-n", "2", "-t", "100ms"])
        .run()
        .code(124);
    assert_eq!(word(&sb, "s"), (0, 1));
    release(&sb, 2);
    assert!(first.finish().0.success());
}

#[test]
fn a_killed_collector_loses_its_units_but_not_the_turn() {
    let sb = Sandbox::new();
    create(&sb, "s", 1);
    let mut first = collect(&sb, 2);
    settles_at(&sb, 0, 1);
    let mut second = collect(&sb, 2);
    queues(&second);
    first.signal(libc::SIGKILL);
    first.wait();
    release(&sb, 2);
    assert!(second.wait().success());
    assert_eq!(word(&sb, "s").0, 0);
}

#[test]
fn a_taker_of_one_is_not_held_up_by_the_queue_of_collectors() {
    let sb = Sandbox::new();
    create(&sb, "s", 0);
    let collector = collect(&sb, 1000);
    settles_at(&sb, 0, 1);
    let mut single = sb.ipc(["sem", "acquire", "s", "-t", "30s"]).start();
    settles_at(&sb, 0, 2);
    // The collector takes what it can; there is one more than it can use.
    release(&sb, 1001);
    assert!(single.wait().success());
    assert!(collector.finish().0.success());
    assert_eq!(word(&sb, "s"), (0, 0));
}

#[test]
fn the_turn_of_a_collector_ends_with_its_acquire() {
    use ipc::deadline::Deadline;
    use ipc::object::sem::Semaphore;
    use ipc::wait::Wait;
    let sb = Sandbox::new();
    create(&sb, "s", 2);
    let name = ipc::name::Name::parse(sb.full("s").as_bytes()).unwrap();
    let semaphore = Semaphore::open(&name).unwrap();
    // Collects two, has to wait for the third, and gives up.
    let soon = Deadline::after(std::time::Duration::from_millis(50));
    semaphore.acquire(3, &mut Wait::until(soon)).unwrap_err();
    // The semaphore is still open here, the turn is not taken any more.
    let mut collector = collect(&sb, 3);
    settles_at(&sb, 0, 1);
    semaphore.release(1).unwrap();
    assert!(collector.wait().success());
}
