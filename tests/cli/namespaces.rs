//! Events, barriers, values and arrays across pid and time namespaces (F7):
//! whom a number stands for elsewhere is never guessed. `lock_worlds` has locks.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use crate::lock_worlds::{PIDS, can_unshare};
use crate::sandbox::{Outcome, Running, Sandbox, until};

/// Ten million seconds from here.
const TIMES: &[&str] = &["-Urf", "-T", "--boottime", "10000000"];

/// A script in a world of its own.
fn within<'a>(sb: &'a Sandbox, world: &[&str], script: &str) -> Outcome<'a> {
    sb.program("unshare", [world, &["sh", "-c", script]].concat())
        .run()
}

fn each_world(test: impl Fn(&Sandbox, &[&str])) {
    for world in [PIDS, TIMES] {
        let sb = Sandbox::new();
        if can_unshare(&sb, world) {
            test(&sb, world);
        }
    }
}

fn member(sb: &Sandbox) -> Running {
    sb.ipc(["barrier", "wait", "b", "--parties", "3", "-t", "30s"])
        .start()
}

#[test]
fn a_barrier_of_another_world_is_refused_and_not_broken_20_times() {
    each_world(|sb, world| {
        let members = [member(sb), member(sb)];
        until("two members to arrive", || {
            let status = sb.ipc(["barrier", "status", "b", "--json"]).run();
            status.status.success() && status.json()["arrived"] == 2
        });
        // Arriving would complete it, giving up would break it.
        let script = "for options in '-t 30s' '-t 1ms' --try; do \
            ipc barrier wait b $options 2>said; printf '%s ' $?; grep -c 'cannot be judged across' said; \
            done; ipc barrier status b | head -n 1; ipc barrier status b | grep -c '^member [0-9]*  ?$'";
        for _ in 0..20 {
            within(sb, world, script)
                .code(0)
                .stdout("6 1\n6 1\n6 1\n2 of 3 arrived, generation 0\n2\n");
        }
        let last = member(sb);
        for one in members.into_iter().chain([last]) {
            let (status, _, said) = one.finish();
            assert!(status.success(), "{said}");
        }
        within(sb, world, "ipc -q barrier create inner 1").ok();
        sb.ipc(["barrier", "wait", "inner", "--try"])
            .run()
            .code(6)
            .stderr_has("owners cannot be judged across");
        // Who may write may end it: that needs nobody judged.
        let mut one = member(sb);
        until("one member to arrive", || {
            let status = sb.ipc(["barrier", "status", "b", "--json"]).run();
            status.json()["arrived"] == 1
        });
        within(sb, world, "ipc barrier reset b").ok();
        assert_eq!(one.wait().code(), Some(7));
    });
}

#[test]
fn an_event_has_no_owner_and_is_the_same_in_every_world_20_times() {
    each_world(|sb, world| {
        for _ in 0..20 {
            let mut waiter = sb.ipc(["event", "wait", "e", "-t", "30s"]).start();
            waiter.blocked();
            within(sb, world, "ipc event pulse e").ok();
            assert!(waiter.wait().success());
        }
        sb.ipc(["event", "set", "e"]).run().ok();
        let script = "ipc event wait e -t 30s && ipc event wait e --or-exit $$ -t 30s; echo $?; \
            ipc event status e; ipc event clear e";
        within(sb, world, script).ok().stdout("0\nset\n");
        let status = sb.ipc(["event", "status", "e", "--json"]).run().json();
        assert_eq!(
            (&status["set"], &status["count"]),
            (&false.into(), &21.into())
        );
    });
}

#[test]
fn one_cell_is_added_to_from_every_world_and_nothing_is_lost() {
    each_world(|sb, world| {
        sb.ipc(["-q", "value", "create", "n", "i64", "0"])
            .run()
            .ok();
        let add = "for i in $(seq 40); do ipc value add n 1 >&2 || exit; done";
        let outer = sb.sh(add).start();
        within(sb, world, add).code(0);
        assert!(outer.finish().0.success());
        sb.ipc(["value", "get", "n"]).run().ok().stdout("80\n");
        let waiter = sb
            .ipc([
                "value",
                "wait",
                "n",
                "==",
                "1",
                "-t",
                "30s",
                "--recheck",
                "1h",
            ])
            .start();
        waiter.blocked_in(&[libc::SYS_futex]);
        within(
            sb,
            world,
            "ipc value set n 1 && ipc array get n 2>said; echo $?",
        )
        .code(0)
        .stdout("7\n");
        assert!(waiter.finish().0.success());
    });
}

#[test]
fn the_turn_of_a_writer_of_another_world_is_refused_and_not_stolen_20_times() {
    each_world(|sb, world| {
        sb.ipc(["-q", "value", "create", "v", "bytes16", "before"])
            .run()
            .ok();
        let words = ["-q", "array", "create", "a", "i64", "--from", "1", "2", "3"];
        sb.ipc(words).run().ok();
        // More than a cell takes a turn; one cell does not.
        let script = "for words in 'value set v x' 'value swap v x' 'value cas v before x' \
            'array set a : 4 5 6' 'array fill a 9'; do \
            ipc $words 2>said; printf '%s ' $?; grep -o 'namespace [0-9]*' said | sort -u | wc -l; \
            done; ipc value get v; ipc array get a : | tr '\\n' ' '; ipc array set a 0 1; echo $?";
        let expected = "6 3\n6 3\n6 3\n6 3\n6 3\nbefore\n1 2 3 0\n";
        for _ in 0..20 {
            within(sb, world, script).code(0).stdout(expected);
        }
        // A change is under way, by a writer that lives: nobody elsewhere may
        // take it for dead, or for itself.
        let (writer, _input) = sb.program("cat", [] as [&str; 0]).start_with_input();
        let word = (1_u64 << 63) | writer.pid() as u64;
        let file = OpenOptions::new()
            .write(true)
            .open(sb.shm_file("v"))
            .unwrap();
        file.write_all_at(&1_u64.to_ne_bytes(), 160).unwrap();
        file.write_all_at(&word.to_ne_bytes(), 168).unwrap();
        let script = "ipc value get v --try; echo $?; ipc value get v -t 20ms 2>said; echo $?; \
            ipc value set v x 2>said; echo $?";
        for _ in 0..20 {
            within(sb, world, script).code(0).stdout("1\n124\n6\n");
        }
        drop(writer);
        // Dead to those who can judge it, unknown to the others.
        sb.ipc(["value", "get", "v"]).run().code(7);
        within(sb, world, "ipc value get v --try").code(1);
        sb.ipc(["value", "set", "v", "after"]).run().ok();
        within(sb, world, "ipc value get v").ok().stdout("after\n");
    });
}

#[test]
fn what_was_made_within_is_foreign_outside() {
    each_world(|sb, world| {
        within(
            sb,
            world,
            "ipc -q value create v bytes16 inner && ipc value set v again",
        )
        .ok();
        sb.ipc(["value", "get", "v"]).run().ok().stdout("again\n");
        sb.ipc(["value", "set", "v", "outer"])
            .run()
            .code(6)
            .stderr_has("only elements of 1, 2, 4 and 8 bytes can be changed from here");
        sb.ipc(["value", "rm", "v"]).run().ok();
    });
}
