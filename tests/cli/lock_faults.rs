//! `ipc lock` when processes are killed, stopped or swapped under it.

use crate::sandbox::{Running, Sandbox, compiled_text, has};
use crate::shell::{Shell, rounds, someone};

fn acquire(sb: &Sandbox, owner: &Shell) {
    sb.ipc(["lock", "acquire", "L", "--owner", &owner.pid_text()])
        .run()
        .ok();
}

fn waiter(sb: &Sandbox, owner: &Shell) -> Running {
    let number = owner.pid_text();
    let waiter = sb
        .ipc([
            "lock", "acquire", "L", "--owner", &number, "-t", "30s", "--json",
        ])
        .start();
    waiter.blocked();
    waiter
}

fn got_it(waiter: Running) -> serde_json::Value {
    let (status, printed, said) = waiter.finish();
    assert!(status.success(), "{status}: {said}");
    serde_json::from_str(&printed).unwrap()
}

/// F1.
#[test]
fn a_waiter_gets_the_lock_of_a_killed_owner_and_is_told() {
    let sb = Sandbox::new();
    let mut holder = someone(&sb);
    acquire(&sb, &holder);
    for _ in 0..rounds(50, 2000) {
        let next = someone(&sb);
        let waiter = waiter(&sb, &next);
        let dead = holder.pid();
        holder.die();
        let (status, printed, said) = waiter.finish();
        assert!(status.success(), "{said}");
        assert!(
            said.ends_with(&format!("recovered from dead owner {dead}\n")),
            "{said}"
        );
        let answer: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(
            (&answer["recovered"], &answer["dead_owner"]),
            (&true.into(), &dead.into())
        );
        holder = next;
    }
}

#[test]
fn who_comes_later_is_told_as_well_and_only_once() {
    let sb = Sandbox::new();
    let holder = someone(&sb);
    acquire(&sb, &holder);
    let dead = holder.pid();
    holder.die();
    sb.ipc(["lock", "status", "L"])
        .run()
        .ok()
        .stdout("abandoned\n");
    sb.ipc(["lock", "verify", "L", "1"]).run().code(1);
    sb.ipc(["lock", "break", "L"]).run().code(1);
    sb.ipc(["lock", "acquire", "L", "--no-recover"])
        .run()
        .code(7)
        .stdout("")
        .stderr_has("died while it held");
    sb.ipc(["lock", "acquire", "L"])
        .run()
        .code(0)
        .stderr_has(&format!("recovered from dead owner {dead}"));
    sb.ipc(["lock", "release", "L"]).run().ok();
    sb.ipc(["lock", "acquire", "L", "--no-recover"]).run().ok();
}

#[test]
fn the_slot_of_a_killed_owner_comes_back() {
    let sb = Sandbox::new();
    let (stays, mut dies) = (someone(&sb), someone(&sb));
    let take = |owner: &Shell| {
        let number = owner.pid_text();
        sb.ipc([
            "lock", "acquire", "S", "--slots", "2", "--owner", &number, "-t", "30s",
        ])
    };
    take(&stays).run().ok();
    take(&dies).run().ok();
    for _ in 0..10 {
        let next = someone(&sb);
        let waiter = take(&next).start();
        waiter.blocked();
        let dead = format!("recovered from dead owner {}\n", dies.pid());
        dies.die();
        let (status, _, said) = waiter.finish();
        assert!(status.success() && said.ends_with(&dead), "{said}");
        dies = next;
    }
}

/// F4: the word is free, and whoever freed it is killed before it can wake.
#[test]
fn a_waiter_is_woken_although_the_releaser_is_killed_between_swap_and_wake() {
    if !has("strace") {
        return;
    }
    let sb = Sandbox::new();
    let trace = [
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=futex",
        "-e",
        "inject=futex:signal=KILL",
    ];
    let mut holder = someone(&sb);
    acquire(&sb, &holder);
    for _ in 0..rounds(20, 200) {
        let next = someone(&sb);
        let waiter = waiter(&sb, &next);
        let number = holder.pid_text();
        let words = [
            &trace[..],
            &["ipc", "lock", "release", "L", "--owner", &number],
        ]
        .concat();
        let killed = sb.program("strace", words).run();
        killed.killed_by(libc::SIGKILL);
        // Released, so there is nothing to recover.
        assert_eq!(got_it(waiter)["recovered"], false);
        holder = next;
    }
}

/// F6.
#[test]
fn a_zombie_owner_is_dead() {
    let sb = Sandbox::new();
    // The shell never waits for its child: cat reads what the test never ends.
    let script = "sleep 600 & echo $!; exec cat";
    for _ in 0..20 {
        let (mut parent, input) = sb.sh(script).start_with_input();
        let zombie = parent.line();
        sb.ipc(["-q", "lock", "acquire", "L", "--owner", &zombie])
            .run()
            .ok();
        let number: i32 = zombie.parse().unwrap();
        // SAFETY: its parent has not reaped it, so the number is its own.
        unsafe { libc::kill(number, libc::SIGKILL) };
        sb.ipc(["lock", "acquire", "L", "-t", "30s"])
            .run()
            .code(0)
            .stderr_has(&format!("recovered from dead owner {zombie}"));
        sb.ipc(["lock", "acquire", "L", "--owner", &zombie])
            .run()
            .code(3)
            .stderr_has("has ended");
        sb.ipc(["lock", "release", "L"]).run().ok();
        drop(input);
    }
}

const LEADER_EXITS: &str = "\
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
static void *live(void *nothing) {
    char byte;
    printf(\"%ld\\n\", (long)syscall(SYS_gettid));
    fflush(stdout);
    (void)!read(0, &byte, 1);
    _exit(0);
    return nothing;
}
int main(void) {
    pthread_t thread;
    pthread_create(&thread, 0, live, 0);
    pthread_exit(0);
}
";

/// F6.
#[test]
fn an_owner_whose_first_thread_has_ended_is_alive_and_a_thread_is_no_owner() {
    if !has("cc") {
        return;
    }
    let sb = Sandbox::new();
    let program = compiled_text(&sb, "leader", LEADER_EXITS);
    for _ in 0..20 {
        let (mut owner, input) = sb.program(&program, [""; 0]).start_with_input();
        let thread = owner.line();
        sb.ipc(["lock", "acquire", "L", "--owner", &thread])
            .run()
            .code(3)
            .stderr_has("is a thread, not a process");
        crate::sandbox::until("the first thread to end", || owner.state() == 'Z');
        let number = owner.pid().to_string();
        sb.ipc(["lock", "acquire", "L", "--owner", &number])
            .run()
            .ok();
        sb.ipc(["lock", "acquire", "L", "--try"]).run().code(1);
        sb.ipc(["lock", "status", "L", "--mine", "--owner", &number])
            .run()
            .code(0);
        drop(input);
        owner.wait();
        sb.ipc(["lock", "acquire", "L", "-t", "30s"])
            .run()
            .code(0)
            .stderr_has("recovered");
        sb.ipc(["lock", "release", "L"]).run().ok();
    }
}

/// F12.
#[test]
fn removing_and_making_it_again_under_waiters_hangs_nobody() {
    let sb = Sandbox::new();
    let holder = someone(&sb);
    for _ in 0..rounds(50, 200) {
        acquire(&sb, &holder);
        let waiters = [0; 3].map(|_| {
            sb.ipc(["lock", "run", "L", "-t", "30s", "--", "true"])
                .start()
        });
        waiters[0].blocked();
        sb.ipc(["lock", "rm", "-f", "L"]).run().ok();
        acquire_again(&sb, &holder);
        for (number, waiter) in waiters.into_iter().enumerate() {
            let (status, _, said) = waiter.finish();
            let removed = status.code() == Some(125) && said.contains("was removed while waiting");
            // One that came late finds the new lock.
            assert!(
                removed || number > 0 && status.success(),
                "{number}: {status}: {said}"
            );
        }
        sb.ipc(["lock", "rm", "L"]).run().ok();
    }
}

/// Takes and releases the new lock of the name, among others who may do so.
fn acquire_again(sb: &Sandbox, owner: &Shell) {
    let number = owner.pid_text();
    sb.ipc(["lock", "acquire", "L", "--owner", &number, "-t", "30s"])
        .run()
        .ok();
    sb.ipc(["lock", "release", "L", "--owner", &number])
        .run()
        .ok();
}

/// F15.
#[test]
fn a_stopped_holder_that_was_broken_is_refused_when_it_goes_on() {
    let sb = Sandbox::new();
    for _ in 0..rounds(20, 200) {
        let mut holder = Shell::new(&sb);
        let (code, token) = holder.ask("ipc -q lock acquire L");
        assert_eq!(code, 0);
        holder.stop();
        sb.ipc(["lock", "acquire", "L", "--try"]).run().code(1);
        sb.ipc(["-q", "lock", "break", "L"]).run().ok();
        sb.ipc(["-q", "lock", "acquire", "L"]).run().ok();
        holder.signal(libc::SIGCONT);
        let token = token.trim();
        assert_eq!(holder.ask(&format!("ipc lock verify L {token}")).0, 1);
        assert_eq!(holder.ask("ipc lock status L --mine").0, 1);
        assert_eq!(holder.ask("ipc lock release L 2>&1 >&-").0, 1);
        sb.ipc(["lock", "status", "L", "--mine"]).run().code(0);
        sb.ipc(["lock", "release", "L"]).run().ok();
    }
}

/// F16.
#[test]
fn of_16_waiters_15_are_killed_and_the_last_one_gets_it() {
    let sb = Sandbox::new();
    let holder = someone(&sb);
    let owners: Vec<Shell> = (0..16).map(|_| someone(&sb)).collect();
    let mut order: Vec<usize> = (0..16).collect();
    for round in 0..rounds(5, 500) {
        acquire(&sb, &holder);
        let mut waiters: Vec<Option<Running>> = owners
            .iter()
            .map(|owner| Some(waiter(&sb, owner)))
            .collect();
        // Another order and another survivor in each round.
        order.rotate_left(5);
        order.swap(round % 16, 15 - round % 16);
        for index in &order[..15] {
            let mut killed = waiters[*index].take().unwrap();
            killed.signal(libc::SIGKILL);
            killed.wait();
        }
        sb.ipc(["lock", "release", "L", "--owner", &holder.pid_text()])
            .run()
            .ok();
        let last = order[15];
        assert_eq!(
            got_it(waiters[last].take().unwrap())["owner"],
            owners[last].pid()
        );
        sb.ipc(["lock", "release", "L", "--owner", &owners[last].pid_text()])
            .run()
            .ok();
    }
}

#[test]
fn who_waits_for_a_process_that_is_killed_stops_waiting() {
    let sb = Sandbox::new();
    let holder = someone(&sb);
    acquire(&sb, &holder);
    for _ in 0..10 {
        let owner = someone(&sb);
        let waiter = waiter(&sb, &owner);
        owner.die();
        let (status, _, said) = waiter.finish();
        assert_eq!(status.code(), Some(3), "{said}");
    }
    let mine = ["lock", "release", "L", "--owner", &holder.pid_text()].map(String::from);
    sb.ipc(&mine).run().ok();
    sb.ipc(["lock", "acquire", "L", "--no-recover"]).run().ok();
}

#[test]
fn a_time_out_is_kept_through_stop_and_continue() {
    let sb = Sandbox::new();
    let holder = someone(&sb);
    acquire(&sb, &holder);
    let mut waiter = sb.ipc(["lock", "acquire", "L", "-t", "300ms"]).start();
    for _ in 0..3 {
        waiter.stop();
        waiter.signal(libc::SIGCONT);
    }
    assert_eq!(waiter.wait().code(), Some(124));
}

#[test]
fn ending_signals_end_a_waiter_and_leave_nothing() {
    use std::os::unix::process::ExitStatusExt;
    let sb = Sandbox::new();
    let (holder, owner) = (someone(&sb), someone(&sb));
    acquire(&sb, &holder);
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let mut waiter = waiter(&sb, &owner);
        waiter.signal(signal);
        assert_eq!(waiter.wait().signal(), Some(signal));
    }
    sb.ipc(["lock", "release", "L", "--owner", &holder.pid_text()])
        .run()
        .ok();
    sb.ipc(["lock", "acquire", "L", "--try", "--no-recover"])
        .run()
        .ok();
}
