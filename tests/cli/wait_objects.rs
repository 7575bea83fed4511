//! `ipc wait`: objects of all kinds, beside processes.

use crate::proc::start as start_named;
use crate::sandbox::{Sandbox, until};
use crate::wait::{Foreign, waiting};

#[test]
fn an_event_and_a_process_in_one_call() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "event", "create", "stop"]).run().ok();
    let foreign = Foreign::new(&sb, "exec sleep 600", true);
    let target = foreign.target();
    let both = ["wait", "--any", &target, "event:stop", "--timeout", "30s"];
    let first = sb.ipc(both).start();
    first.blocked_in(&[libc::SYS_ppoll]);
    sb.ipc(["event", "pulse", "stop"]).run().ok();
    assert_eq!(first.finish().1, "event:stop is set\n");
    let all = ["wait", &target, "event:stop", "--timeout", "30s"];
    let mut second = sb.ipc(all).start();
    second.blocked_in(&[libc::SYS_ppoll]);
    foreign.kill(libc::SIGKILL);
    assert!(second.line().starts_with(&format!("pid:{target} ")));
    second.blocked_in(&[libc::SYS_ppoll]);
    sb.ipc(["event", "set", "stop"]).run().ok();
    assert_eq!(second.line(), "event:stop is set");
    // With several targets the exit code of one is not ours.
    assert_eq!(second.finish().0.code(), Some(0));
    sb.ipc(["event", "rm", "stop"]).run().ok();
}

/// A queue `q`, a semaphore `s`, an event `e` and a value `v`, none of which
/// has anything to tell yet.
fn make_objects(sb: &Sandbox) {
    sb.queue("q");
    sb.ipc(["-q", "sem", "create", "s", "0"]).run().ok();
    sb.ipc(["-q", "event", "create", "e"]).run().ok();
    sb.ipc(["-q", "value", "create", "v", "int64", "0"])
        .run()
        .ok();
}

#[test]
fn all_kinds_in_one_call_each_when_it_comes_about() {
    let sb = Sandbox::new();
    make_objects(&sb);
    let (holder, _stdin) = sb.ipc(["lock", "run", "l", "--", "cat"]).start_with_input();
    let (_, _) = start_named(&sb, "p", &[], &["sleep", "600"]);
    until("the lock to be held", || {
        let status = sb.ipc(["lock", "status", "l"]).run();
        status.stdout.starts_with(b"held")
    });
    let targets = ["mq:q", "sem:s", "event:e", "value:v>=2", "lock:l", "proc:p"];
    let words = [&["wait", "--json", "--timeout", "30s"][..], &targets].concat();
    sb.will_make_queue("q");
    let mut waiting = sb.ipc(words).start();
    waiting.blocked_in(&[libc::SYS_ppoll]);
    let mut next = |expected: &str| {
        let line = waiting.line();
        assert_eq!(line, expected);
    };
    let told = |target: &str, kind: &str, outcome: &str, rest: &str| {
        format!("{{\"target\":\"{target}\",\"kind\":\"{kind}\",\"outcome\":\"{outcome}\",{rest}}}")
    };
    let nothing = "\"code\":null,\"signal\":null,\"value\":null";
    sb.ipc(["value", "add", "v", "1"]).run().code(0);
    sb.ipc(["mq", "send", "q", "hello"]).run().ok();
    next(&told(
        "mq:q",
        "mq",
        "messages",
        "\"code\":null,\"signal\":null,\"value\":1",
    ));
    sb.ipc(["value", "add", "v", "1"]).run().code(0);
    next(&told(
        "value:v>=2",
        "value",
        "value",
        "\"code\":null,\"signal\":null,\"value\":2",
    ));
    drop(holder);
    next(&told("lock:l", "lock", "free", nothing));
    sb.ipc(["-q", "sem", "release", "s"]).run().ok();
    next(&told(
        "sem:s",
        "sem",
        "units",
        "\"code\":null,\"signal\":null,\"value\":1",
    ));
    sb.ipc(["event", "set", "e"]).run().ok();
    next(&told("event:e", "event", "set", nothing));
    sb.ipc(["-q", "proc", "stop", "p"]).run().ok();
    next(&told(
        "proc:p",
        "proc",
        "ended",
        "\"code\":null,\"signal\":15,\"value\":null",
    ));
    assert_eq!(waiting.finish().0.code(), Some(0));
    // Nothing was taken.
    sb.ipc(["sem", "value", "s"]).run().ok().stdout("1\n");
    sb.ipc(["mq", "recv", "q", "--try"])
        .run()
        .ok()
        .stdout("hello");
    sb.ipc(["proc", "rm", "p"]).run().ok();
}

#[test]
fn every_comparison_of_values_is_known() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "value", "create", "v", "float64", "2.5"])
        .run()
        .ok();
    let holds = [
        "v=2.5", "v==2.5", "v!=2", "v<3", "v<=2.5", "v>2", "v>=2.5", "v eq 2.5", "v lt 3",
    ];
    for condition in holds {
        let outcome = sb
            .ipc(["wait", &format!("value:{condition}"), "--try"])
            .run();
        outcome.ok().stdout(&format!("value:{condition} is 2.5\n"));
    }
    for condition in ["v=2", "v!=2.5", "v<2.5", "v>2.5", "v ge 2.6"] {
        sb.ipc(["wait", &format!("value:{condition}"), "--try"])
            .run()
            .code(1);
    }
    sb.ipc(["wait", "value:v>=x"]).run().code(125);
}

#[test]
fn an_object_that_is_removed_is_waited_for_no_longer() {
    let sb = Sandbox::new();
    make_objects(&sb);
    for (noun, target) in [
        ("mq", "mq:q"),
        ("sem", "sem:s"),
        ("event", "event:e"),
        ("value", "value:v>0"),
    ] {
        let waiting = waiting(&sb, target);
        sb.ipc([noun, "rm", &target[noun.len() + 1..=noun.len() + 1]])
            .run()
            .ok();
        let (status, out, err) = waiting.finish();
        assert_eq!(status.code(), Some(7), "{target}: {out}{err}");
        assert!(err.contains("removed while"), "{target}: {err}");
    }
}

#[test]
fn a_lock_is_free_when_its_owner_is_killed_and_nobody_else_waits() {
    let sb = Sandbox::new();
    let owner = sb.program("sleep", ["600"]).start();
    let pid = owner.pid().to_string();
    for slots in [&[][..], &["--slots", "1"]] {
        let name = format!("l{}", slots.len());
        let words = [&["lock", "acquire", &name, "--owner", &pid][..], slots].concat();
        sb.ipc(words).run().code(0);
    }
    let targets = ["wait", "lock:l0", "lock:l2", "--timeout", "30s"];
    let waiting = sb.ipc(targets).start();
    waiting.blocked_in(&[libc::SYS_ppoll]);
    drop(owner);
    let (status, out, _) = waiting.finish();
    assert_eq!(status.code(), Some(0));
    let mut lines: Vec<&str> = out.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["lock:l0 is free", "lock:l2 is free"]);
}

#[test]
fn the_watcher_of_a_semaphore_takes_no_wake_of_a_taker() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "sem", "create", "s", "0"]).run().ok();
    for _ in 0..20 {
        let watcher = waiting(&sb, "sem:s");
        let taker = sb.ipc(["sem", "acquire", "s", "-t", "30s"]).start();
        taker.blocked_in(&[libc::SYS_futex]);
        sb.ipc(["-q", "sem", "release", "s"]).run().ok();
        assert_eq!(taker.finish().0.code(), Some(0));
        sb.ipc(["-q", "sem", "release", "s"]).run().ok();
        assert_eq!(watcher.finish().0.code(), Some(0));
        sb.ipc(["sem", "acquire", "s", "--try"]).run().ok();
    }
}
