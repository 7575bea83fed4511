//! `ipc lock run`: the command is the holder.

use std::os::unix::process::{CommandExt, ExitStatusExt};

use crate::sandbox::{Outcome, Sandbox, file, has};
use crate::shell::{Shell, someone};

fn run<'a>(sb: &'a Sandbox, options: &[&str], command: &[&str]) -> Outcome<'a> {
    let words = [
        &["lock", "run", "L", "-t", "30s"],
        options,
        &["--"],
        command,
    ]
    .concat();
    sb.ipc(words).run()
}

/// Free, and nothing to recover.
#[track_caller]
fn is_free(sb: &Sandbox) {
    sb.ipc(["lock", "status", "L"]).run().ok().stdout("free\n");
    sb.ipc(["lock", "acquire", "L", "--try", "--no-recover"])
        .run()
        .ok();
    sb.ipc(["lock", "release", "L"]).run().ok();
}

#[test]
fn the_exit_code_is_that_of_the_command() {
    let sb = Sandbox::new();
    for code in [0, 1, 2, 3, 7, 99, 123, 124, 125, 255] {
        run(&sb, &[], &["sh", "-c", &format!("exit {code}")])
            .code(code)
            .stderr("");
        is_free(&sb);
    }
}

#[test]
fn however_the_command_ends_the_lock_is_free_and_not_abandoned() {
    let sb = Sandbox::new();
    for signal in [libc::SIGTERM, libc::SIGKILL, libc::SIGHUP, libc::SIGINT] {
        run(&sb, &[], &["sh", "-c", &format!("kill -{signal} $$")]).killed_by(signal);
        is_free(&sb);
    }
    run(
        &sb,
        &[],
        &["sh", "-c", "exec sh -c 'exec sh -c \"exit 5\"'"],
    )
    .code(5);
    is_free(&sb);
}

#[test]
fn a_waiter_goes_on_when_a_command_is_killed_and_recovers_nothing() {
    let sb = Sandbox::new();
    for options in [&[][..], &["--shared"], &["--slots", "1"]] {
        let mut command = sb
            .ipc(
                [
                    &["lock", "run", "L"],
                    options,
                    &["--", "sh", "-c", "echo in; exec sleep 600"],
                ]
                .concat(),
            )
            .start();
        assert_eq!(command.line(), "in");
        let writer = sb
            .ipc([
                "lock",
                "run",
                "L",
                "--no-recover",
                "-t",
                "30s",
                "--",
                "true",
            ])
            .start();
        writer.blocked();
        command.signal(libc::SIGKILL);
        let (status, _, said) = writer.finish();
        assert_eq!((status.code(), said.as_str()), (Some(0), ""));
        sb.ipc(["lock", "rm", "L"]).run().ok();
    }
}

#[test]
fn the_command_is_the_process_that_was_started_and_holds_it() {
    let sb = Sandbox::new();
    let script = "echo $$; ipc lock status L --mine; echo $IPC_LOCK_TOKEN $IPC_LOCK_NAME; cat";
    let (mut command, input) = sb
        .ipc(["lock", "run", "L", "--", "sh", "-c", script])
        .start_with_input();
    assert_eq!(command.line(), command.pid().to_string());
    let token = command.line();
    assert_eq!(command.line(), format!("{token} L"));
    let status = sb.ipc(["lock", "status", "L", "--json"]).run().json();
    let holder = &status["holders"][0];
    assert_eq!(holder["pid"], command.pid());
    assert_eq!(holder["run"], true);
    assert_eq!(holder["token"].to_string(), token);
    drop(input);
    assert!(command.wait().success());
    sb.ipc(["lock", "verify", "L", &token]).run().code(1);
    is_free(&sb);
}

#[test]
fn a_command_that_cannot_be_started_is_126_or_127_and_holds_nothing() {
    let sb = Sandbox::new();
    run(&sb, &[], &["no-such-command"])
        .code(127)
        .stderr("ipc: lock run: no-such-command: command not found\n");
    is_free(&sb);
    let plain = file(&sb, "plain", b"no program");
    for what in [plain.to_str().unwrap(), "/"] {
        run(&sb, &[], &[what])
            .code(126)
            .stderr_has("cannot be executed");
        is_free(&sb);
    }
}

#[test]
fn what_fails_before_the_command_starts_is_125() {
    let sb = Sandbox::new();
    std::fs::write(format!("/dev/shm/ipc.lock.{}", sb.full("foreign")), "x").unwrap();
    sb.ipc(["-q", "lock", "create", "slots", "--slots", "2"])
        .run()
        .ok();
    for words in [
        &["run"][..],
        &["run", "L"],
        &["run", "L", "true"],
        &["run", "L", "--"],
        &["run", "L", "--slots", "0", "--", "true"],
        &["run", "L", "--no-such-option", "--", "true"],
        &["run", "a/b", "--", "true"],
        &["run", "foreign", "--", "true"],
        &["run", "slots", "--slots", "3", "--", "true"],
        &["run", "slots", "--shared", "--", "true"],
    ] {
        let outcome = sb.ipc([&["lock"], words].concat()).run();
        outcome.code(125);
        assert!(!outcome.stderr.is_empty(), "{words:?}");
    }
}

#[test]
fn busy_is_124_or_the_code_that_was_asked_for() {
    let sb = Sandbox::new();
    sb.ipc(["lock", "acquire", "L"]).run().ok();
    for (options, code) in [
        (&["--try"][..], 124),
        (&["-t", "0"], 124),
        (&["-t", "20ms"], 124),
        (&["--try", "--conflict-code", "0"], 0),
        (&["-t", "20ms", "--conflict-code", "77"], 77),
    ] {
        let words = [&["lock", "run", "L"], options, &["--", "echo", "ran"]].concat();
        sb.ipc(words).run().code(code).stdout("");
    }
}

#[test]
fn an_abandoned_lock_is_told_to_the_command_and_is_clean_after_it() {
    let sb = Sandbox::new();
    let dies = someone(&sb);
    sb.ipc(["lock", "acquire", "L", "--owner", &dies.pid_text()])
        .run()
        .ok();
    let dead = dies.pid();
    dies.die();
    run(&sb, &["--no-recover"], &["true"]).code(125);
    run(&sb, &[], &["sh", "-c", "echo ${IPC_LOCK_RECOVERED-unset}"])
        .code(0)
        .stdout("1\n")
        .stderr_has(&format!("recovered from dead owner {dead}"));
    is_free(&sb);
    run(&sb, &[], &["sh", "-c", "echo ${IPC_LOCK_RECOVERED-unset}"])
        .ok()
        .stdout("unset\n");
}

#[test]
fn a_daemon_left_behind_holds_nothing() {
    let sb = Sandbox::new();
    let script = "setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $!";
    let outcome = run(&sb, &[], &["sh", "-c", script]);
    outcome.ok();
    let daemon: i32 = std::str::from_utf8(&outcome.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    is_free(&sb);
    // SAFETY: the daemon lives for ten minutes, so the number is its own.
    assert_eq!(unsafe { libc::kill(daemon, libc::SIGKILL) }, 0);
}

#[test]
fn the_command_has_the_descriptors_that_it_would_have_without() {
    let sb = Sandbox::new();
    for redirection in ["", "<&-", "2>&-", "3</dev/null 7>&1", "<&- 2>&-"] {
        let list = "sh -c 'echo /proc/self/fd/* | tr -d \"\\n\"; for fd in 0 1 2 3 7; do \
            readlink /proc/self/fd/$fd; done'";
        let plain = sb.sh(&format!("{list} {redirection}")).run();
        let held = sb
            .sh(&format!("ipc lock run L -t 30s -- {list} {redirection}"))
            .run();
        let kinds = |outcome: &Outcome<'_>| {
            // The number of a pipe differs from run to run.
            let text = String::from_utf8_lossy(&outcome.stdout).into_owned();
            text.split(['[', ']']).step_by(2).collect::<String>()
        };
        assert_eq!(kinds(&held), kinds(&plain), "{redirection}");
    }
}

#[test]
fn the_command_has_the_signals_that_it_would_have_without() {
    let sb = Sandbox::new();
    let masks = "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status";
    for trap in [
        "",
        "trap '' PIPE;",
        "trap '' CHLD TERM;",
        "trap '' HUP INT QUIT USR1;",
    ] {
        let plain = sb.sh(&format!("{trap} {masks}")).run();
        let held = sb
            .sh(&format!("{trap} ipc lock run L -t 30s -- {masks}"))
            .run();
        assert_eq!(
            String::from_utf8_lossy(&held.stdout),
            String::from_utf8_lossy(&plain.stdout),
            "{trap}"
        );
    }
    let block = || {
        // SAFETY: plain C calls on a local set, between fork and exec.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&raw mut set, libc::SIGUSR1);
            libc::sigaddset(&raw mut set, libc::SIGTERM);
            libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        }
        Ok(())
    };
    let command = [
        "lock",
        "run",
        "L",
        "-t",
        "30s",
        "--",
        "grep",
        "SigBlk",
        "/proc/self/status",
    ];
    sb.ipc(command)
        .with(|command| {
            // SAFETY: the closure makes only async-signal-safe calls.
            unsafe { command.pre_exec(block) };
        })
        .run()
        .ok()
        .stdout("SigBlk:\t0000000000004200\n");
}

#[test]
fn it_works_under_timeout() {
    if !has("timeout") {
        return;
    }
    let sb = Sandbox::new();
    let words = ["0.2", "ipc", "lock", "run", "L", "--", "sleep", "600"];
    sb.program("timeout", words).run().code(124);
    is_free(&sb);
}

#[test]
fn job_control_reaches_the_command() {
    if !has("bash") {
        return;
    }
    let sb = Sandbox::new();
    let mut shell = Shell::of(&sb, &["bash"]);
    assert_eq!(shell.ask("set -m").0, 0);
    shell.tell("ipc lock run L -- sh -c 'echo in; exec sleep 600' & job=$!");
    assert_eq!(shell.line(), "in");
    let group = "set -- $(cut -d' ' -f5 /proc/$job/stat); test $1 = $job";
    assert_eq!(shell.ask(group).0, 0);
    assert_eq!(shell.ask("kill -STOP %1").0, 0);
    sb.ipc(["lock", "acquire", "L", "--try"]).run().code(1);
    assert_eq!(
        shell.ask("kill -CONT %1; kill -TERM %1; wait $job").0,
        128 + libc::SIGTERM
    );
    is_free(&sb);
}

#[test]
fn a_command_whose_hold_was_broken_keeps_its_own_exit_code() {
    let sb = Sandbox::new();
    let script = "ipc -q lock break L; ipc lock verify L $IPC_LOCK_TOKEN; exit $((40 + $?))";
    run(&sb, &[], &["sh", "-c", script]).code(41).stderr("");
}

#[test]
fn signals_reach_the_command_without_anybody_between() {
    let sb = Sandbox::new();
    let mut command = sb
        .ipc([
            "lock",
            "run",
            "L",
            "--",
            "sh",
            "-c",
            "trap 'exit 9' TERM; echo in; while :; do read x; done",
        ])
        .start_with_input()
        .0;
    assert_eq!(command.line(), "in");
    command.signal(libc::SIGTERM);
    let status = command.wait();
    assert_eq!((status.code(), status.signal()), (Some(9), None));
    is_free(&sb);
}
