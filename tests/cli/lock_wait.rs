//! `ipc lock wait`.

use crate::sandbox::{Running, Sandbox};
use crate::shell::{Shell, someone};

fn hold(sb: &Sandbox, options: &[&str]) -> Shell {
    let owner = someone(sb);
    let number = owner.pid_text();
    let words = [&["-q", "lock", "acquire", "L", "--owner", &number], options].concat();
    sb.ipc(words).run().ok();
    owner
}

fn waiting(sb: &Sandbox) -> Running {
    let waiter = sb.ipc(["lock", "wait", "L", "-t", "30s"]).start();
    waiter.blocked_in(&[libc::SYS_futex]);
    waiter
}

#[test]
fn it_ends_when_nobody_holds_the_lock_and_takes_nothing() {
    let sb = Sandbox::new();
    for options in [&[][..], &["--shared"], &["--slots", "3"]] {
        let (stays, dies) = (hold(&sb, options), someone(&sb));
        sb.ipc(["lock", "wait", "L", "--try"])
            .run()
            .code(1)
            .stderr("");
        sb.ipc(["lock", "wait", "L", "-t", "20ms"]).run().code(124);
        let mut waiter = waiting(&sb);
        if !options.is_empty() {
            let number = dies.pid_text();
            let words = [&["lock", "acquire", "L", "--owner", &number], options].concat();
            sb.ipc(words).run().ok();
        }
        sb.ipc(["lock", "release", "L", "--owner", &stays.pid_text()])
            .run()
            .ok();
        dies.die();
        assert!(waiter.wait().success());
        sb.ipc(["lock", "wait", "L", "--try", "--json"])
            .run()
            .ok()
            .json()["free"]
            .as_bool()
            .filter(|free| *free)
            .unwrap();
        sb.ipc(["lock", "rm", "L"]).run().ok();
    }
}

#[test]
fn the_death_of_the_owner_ends_it_and_the_next_holder_is_still_told() {
    let sb = Sandbox::new();
    for _ in 0..20 {
        let owner = hold(&sb, &[]);
        let mut waiters = [waiting(&sb), waiting(&sb)];
        let dead = owner.pid();
        owner.die();
        for waiter in &mut waiters {
            assert!(waiter.wait().success());
        }
        sb.ipc(["lock", "run", "L", "--", "true"])
            .run()
            .code(0)
            .stderr_has(&format!("recovered from dead owner {dead}"));
    }
}

#[test]
fn a_lock_that_is_not_there_is_3_and_one_that_is_removed_7() {
    let sb = Sandbox::new();
    sb.ipc(["lock", "wait", "L"])
        .run()
        .code(3)
        .stderr_has("no such lock");
    assert_eq!(sb.left_in_shm(), Vec::<String>::new());
    let _owner = hold(&sb, &[]);
    let waiter = waiting(&sb);
    sb.ipc(["lock", "rm", "--force", "L"]).run().ok();
    let (status, _, said) = waiter.finish();
    assert_eq!(status.code(), Some(7), "{said}");
}
