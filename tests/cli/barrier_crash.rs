//! `ipc barrier wait` killed at every system call that it makes: the others
//! pass or are told, and the next generation is whole.

use crate::sandbox::{Running, Sandbox, has};
use crate::shell::{struck_at, system_calls};

fn member(sb: &Sandbox) -> Running {
    sb.ipc(["barrier", "wait", "b", "-t", "30s"]).start()
}

#[test]
fn a_killed_member_lets_the_others_pass_or_breaks_it_for_them() {
    if !has("strace") {
        return;
    }
    let sb = Sandbox::new();
    sb.ipc(["-q", "barrier", "create", "b", "2"]).run().ok();
    let words = ["ipc", "barrier", "wait", "b", "-t", "30s"];
    let first = member(&sb);
    first.blocked_in(&[libc::SYS_futex]);
    let calls = system_calls(&sb, &words);
    assert!(first.finish().0.success());
    let (mut stayed, mut passed, mut broken) = (0, 0, 0);
    // The first one is that of strace itself, the start of ipc.
    for call in &calls[1..] {
        let other = member(&sb);
        other.blocked_in(&[libc::SYS_futex]);
        struck_at(&sb, call, "KILL", &words).killed_by(libc::SIGKILL);
        // Arrives in its place, unless nobody waits any more.
        let completed = sb.ipc(["barrier", "wait", "b", "--try"]).run();
        let (status, _, said) = other.finish();
        match (completed.status.code(), status.code()) {
            (Some(0), Some(0)) => stayed += 1,
            (Some(1), Some(0)) => passed += 1,
            (Some(1), Some(7)) => broken += 1,
            codes => panic!("{call}: {codes:?}: {said}"),
        }
    }
    // Broken only when the other one saw the death first.
    assert!(stayed > 0 && passed > 0, "{stayed} {passed} {broken}");
}
