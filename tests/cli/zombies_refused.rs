//! `ipc reap-zombies --inject`: parents that are left alone, and why.
#![cfg(target_arch = "x86_64")]

use crate::sandbox::{IPC, Running, Sandbox, has, is_root, skip, until};
use crate::zombies_inject::{SPAN, asleep, in_threads, is_zombie, sleeper, state_of, told};

/// The ways that a look would end with EINTR, or that are no sleep.
const REFUSED: [(&str, &str, &[libc::c_long], &str); 5] = [
    (
        "epoll_wait",
        "0 0",
        &[libc::SYS_epoll_wait, libc::SYS_epoll_pwait],
        "disturb",
    ),
    (
        "sigtimedwait",
        "-1 11",
        &[libc::SYS_rt_sigtimedwait],
        "disturb",
    ),
    ("semtimedop", "-1 11", &[libc::SYS_semtimedop], "disturb"),
    ("socket", "1 0", &[libc::SYS_read], "disturb"),
    ("running", "0 0", &[], "running"),
];

#[test]
fn a_sleep_that_would_be_disturbed_is_left_alone() {
    in_threads(|sb, program| {
        let sleepers = REFUSED.map(|(kind, _, calls, why)| {
            let (sleeper, zombie) = asleep(sb, program, kind, calls);
            refused(sb, &sleeper, zombie, why);
            if kind == "running" {
                sleeper.signal(libc::SIGUSR1);
            }
            sleeper
        });
        for ((kind, end, ..), sleeper) in REFUSED.into_iter().zip(sleepers) {
            let (result, took, status, _) = told(sleeper);
            assert_eq!((result.as_str(), status), (end, 7), "{kind}");
            // One that ran was told when to end.
            let is_short = kind != "running" && took < SPAN * 1000 - 20;
            assert!(!is_short, "{kind} slept only {took} ms");
        }
    });
}

#[test]
fn a_parent_in_whom_it_would_do_harm_is_refused() {
    let sb = Sandbox::new();
    let Some(program) = sleeper(&sb) else { return };
    for _ in 0..20 {
        for (kind, why) in [
            ("seccomp", "seccomp"),
            ("threads", "waits for children itself"),
            ("traced", "traces it"),
            ("trapless", "SIGTRAP"),
        ] {
            let (sleeper, zombie) = asleep(&sb, &program, kind, &[libc::SYS_nanosleep]);
            refused(&sb, &sleeper, zombie, why);
        }
        let (sleeper, zombie) = asleep(&sb, &program, "stopped", &[libc::SYS_nanosleep]);
        sleeper.signal(libc::SIGSTOP);
        until("it to stop", || state_of(sleeper.pid()) == Some('T'));
        refused(&sb, &sleeper, zombie, "it is stopped");
        sleeper.signal(libc::SIGCONT);
    }
}

#[track_caller]
fn refused(sb: &Sandbox, parent: &Running, zombie: i32, why: &str) {
    let outcome = sb
        .ipc(["reap-zombies", "--inject", &parent.pid().to_string()])
        .run();
    outcome
        .code(6)
        .stdout("")
        .stderr_has("refused: ")
        .stderr_has(why);
    assert!(is_zombie(zombie));
}

#[test]
fn a_process_of_another_pid_namespace_and_its_first_one_are_refused() {
    let sb = Sandbox::new();
    let Some(program) = sleeper(&sb) else { return };
    if !has("unshare") {
        return;
    }
    let unshare = ["unshare", "-Urpf", "--mount-proc", "true"];
    if !sb.program(unshare[0], &unshare[1..]).run().status.success() {
        return skip("this user may make no pid namespace");
    }
    for _ in 0..20 {
        // From within: the sleeper is the first process.
        let inner = format!("{IPC} reap-zombies --inject 1 2>&1; echo $?");
        let script = format!(
            "({{ until grep -q hrtimer /proc/1/wchan || ! kill -0 1; do :; done; {inner}; }} &) ; \
             exec {} nanosleep",
            program.display()
        );
        let mut within = sb
            .program(
                unshare[0],
                [&unshare[1..3], &["sh", "-c", &script]].concat(),
            )
            .start();
        let _zombie = within.line();
        let said = within.line();
        assert!(said.contains("first process"), "{said}");
        assert_eq!(within.line(), "6");
    }
    // From without.
    let script = format!("{} nanosleep; :", program.display());
    let mut without = sb
        .program(
            unshare[0],
            [&unshare[1..3], &["sh", "-c", &script]].concat(),
        )
        .start();
    let _zombie = without.line();
    let top = without.pid();
    let sleeper = || -> Option<i64> {
        let shown = sb
            .ipc(["tree", "--json", "--brief", &top.to_string()])
            .run()
            .json();
        let all = shown["processes"].as_array()?.clone();
        let own = all.iter().find(|one| one["command"] == "sleeper")?;
        own["pid"].as_i64()
    };
    until("the sleeper", || sleeper().is_some());
    let pid = sleeper().unwrap().to_string();
    let refused = sb.ipc(["reap-zombies", "--inject", &pid]).run();
    refused.code(6).stderr_has("another pid namespace");
}

#[test]
fn a_32_bit_parent_is_refused() {
    let sb = Sandbox::new();
    if !has("cc") {
        return;
    }
    // Without a C library for it, by hand: a child that ends with 7, another
    // that lives for a while, and waitpid for that one. The number of that
    // call is the one of poll on 64 bits.
    let text = ".globl _start\n_start:\n movl $2,%eax\n int $0x80\n testl %eax,%eax\n jz zombie\n\
        movl $2,%eax\n int $0x80\n testl %eax,%eax\n jz other\n movl %eax,%esi\n\
        movl $4,%eax\n movl $1,%ebx\n movl $line,%ecx\n movl $3,%edx\n int $0x80\n\
        movl $7,%eax\n movl %esi,%ebx\n xorl %ecx,%ecx\n xorl %edx,%edx\n int $0x80\n\
        xorl %ebx,%ebx\n jmp end\n\
        zombie: movl $7,%ebx\n\
        end: movl $1,%eax\n int $0x80\n\
        other: movl $162,%eax\n movl $span,%ebx\n xorl %ecx,%ecx\n int $0x80\n jmp end\n\
        .data\nline: .ascii \"up\\n\"\nspan: .long 20,0\n";
    let source = crate::sandbox::file(&sb, "narrow.s", text.as_bytes());
    let program = sb.folder().join("narrow");
    let built = sb
        .program("cc", ["-m32", "-nostdlib", "-static", "-no-pie", "-o"])
        .with(|command| {
            command.arg(&program).arg(source);
        })
        .run();
    if !built.status.success() {
        return skip("no 32-bit programs can be linked here");
    }
    let mut narrow = sb.program(&program, [] as [&str; 0]).start();
    if narrow.line() != "up" {
        return skip("this kernel runs no 32-bit programs");
    }
    let pid = narrow.pid().to_string();
    until("the zombie", || {
        let shown = sb
            .ipc(["reap-zombies", "--json", "--parent", &pid])
            .run()
            .json();
        shown["zombies"] == 1
    });
    for _ in 0..20 {
        let refused = sb.ipc(["reap-zombies", "--inject", &pid]).run();
        refused.code(6).stdout("").stderr_has("32-bit");
    }
    sb.ipc(["reap-zombies", "--max", "0", "--parent", &pid])
        .run()
        .code(1);
}

#[test]
fn the_parent_of_another_user_is_denied() {
    let sb = Sandbox::new();
    let Some(program) = sleeper(&sb) else { return };
    if !is_root() {
        return skip("another user is needed to be refused");
    }
    if !has("setpriv") {
        return;
    }
    let (sleeper, zombie) = asleep(&sb, &program, "nanosleep", &[libc::SYS_nanosleep]);
    let script = format!(
        "exec setpriv --reuid 54321 --regid 54321 --clear-groups ipc reap-zombies --inject {}",
        sleeper.pid()
    );
    let denied = sb.sh(&script).run();
    if matches!(denied.status.code(), Some(126 | 127)) {
        return skip("another user cannot run the binary where it lies");
    }
    // What it is in is hidden already.
    denied
        .code(6)
        .stdout("")
        .stderr_has("hidden from this user");
    assert!(is_zombie(zombie));
}
