//! Who owns a lock that a shell takes without naming an owner.
//!
//! The shell, or nobody: a hold by something that ends with the command would
//! be a lock that looks taken and is free. What a given version of a shell
//! forks is its own affair, so each form may come out either way.

use crate::sandbox::{Sandbox, has, skip};
use crate::shell::Shell;

const SHELLS: [&[&str]; 4] = [&["bash"], &["dash"], &["zsh", "-f"], &["busybox", "sh"]];

/// Every form must leave the lock with the shell, or refuse with 2, or speak of
/// the subshell that has it.
const FORMS: [&str; 35] = [
    "ipc lock acquire L >tok",
    "ipc lock acquire L >tok 2>log",
    "tok=$(ipc lock acquire L)",
    "tok=$(ipc lock acquire L 2>log)",
    "tok=$(ipc lock acquire L 2>&1)",
    "tok=$(ipc lock acquire L >tok)",
    "tok=`ipc lock acquire L`",
    "tok=\"$(ipc lock acquire L)\"",
    "tok=$(true; ipc lock acquire L)",
    "tok=$(ipc lock acquire L; true)",
    "tok=$(ipc lock acquire L || true)",
    "tok=$( (ipc lock acquire L) )",
    "tok=$(if true; then ipc lock acquire L; fi)",
    "tok=$(eval 'ipc lock acquire L')",
    "tok=$(exec ipc lock acquire L)",
    "tok=$(ipc lock acquire L | cat)",
    "tok=$(sh -c 'ipc lock acquire L')",
    "echo $(ipc lock acquire L) >tok",
    "f() { ipc lock acquire L; }; f >tok",
    "f() { ipc lock acquire L; }; tok=$(f)",
    "f() { ipc lock acquire L; }; f | cat >tok",
    "f() { ipc lock acquire L >tok; }; f | cat",
    "ipc lock acquire L | cat >tok",
    "{ ipc lock acquire L; } | cat >tok",
    "{ ipc lock acquire L; true; } | cat >tok",
    "sh -c 'ipc lock acquire L' >tok",
    "sh -c 'ipc lock acquire L >tok'",
    "sh -ec 'exec ipc lock acquire L' >tok",
    "ipc lock acquire L >tok & wait",
    // A subshell that goes on, or hides that it does not: that is spoken of.
    "f() { ipc lock acquire L; }; tok=$(f >tok)",
    "( ipc lock acquire L; true ) >tok",
    "f() { ipc lock acquire L; }; ( f; true ) >tok",
    "{ ipc lock acquire L; true; } >tok & wait",
    "f() { ipc lock acquire L; true; }; f >tok & wait",
    "echo x | while read -r x; do ipc lock acquire L >tok; true; done",
];

fn each_shell(test: impl Fn(&Sandbox, &[&str])) {
    for words in SHELLS {
        if has(words[0]) {
            test(&Sandbox::new(), words);
        }
    }
}

/// A shell whose standard error is the file `said`.
fn shell(sb: &Sandbox, words: &[&str]) -> Shell {
    let mut shell = Shell::of(sb, words);
    assert_eq!(shell.ask("exec 2>>said").0, 0);
    shell
}

/// Everything that was said since the last time.
fn said(shell: &mut Shell) -> String {
    let (_, said) = shell.ask("cat said log tok; echo \"tok=$tok\"");
    shell.ask(": >said; rm -f log tok; tok=");
    said
}

#[test]
fn every_form_leaves_it_with_the_shell_or_is_refused() {
    each_shell(|sb, words| {
        let mut shell = shell(sb, words);
        for form in FORMS {
            shell.ask(form);
            let mine = shell.ask("ipc lock status L --mine").0;
            let told = said(&mut shell);
            if mine == 0 {
                shell.ask("ipc lock rm --force L");
                continue;
            }
            let refused = told.contains("hint: --owner $$");
            assert!(
                refused || told.contains("held by the subshell"),
                "{words:?}: {form}: the shell does not hold it and nobody was told: {told}"
            );
            assert_eq!(
                mine,
                if refused { 3 } else { 1 },
                "{words:?}: {form}: {told}"
            );
            shell.ask("ipc lock rm --force L");
        }
    });
}

#[test]
fn the_common_forms_work_in_every_shell() {
    each_shell(|sb, words| {
        let mut shell = shell(sb, words);
        for form in [
            "ipc lock acquire L >tok",
            "tok=$(ipc lock acquire L)",
            "tok=$(ipc lock acquire L --owner $$ 2>log)",
            "f() { ipc lock acquire L --owner $$; }; tok=$(f)",
            "if ipc lock acquire L >tok; then true; fi",
            "ipc lock acquire L >tok && true",
            "f() { ipc lock acquire L >tok; }; f",
            "eval 'ipc lock acquire L' >tok",
        ] {
            assert_eq!(shell.ask(form).0, 0, "{words:?}: {form}");
            assert_eq!(
                shell.ask("ipc lock status L --mine").0,
                0,
                "{words:?}: {form}"
            );
            assert_eq!(shell.ask("ipc lock release L").0, 0, "{words:?}: {form}");
        }
    });
}

#[test]
fn a_refusal_is_2_and_says_what_to_type() {
    each_shell(|sb, words| {
        let mut shell = shell(sb, words);
        let (code, said) =
            shell.ask("tok=$(ipc lock acquire L 2>said; echo $?); echo \"$tok\"; cat said");
        assert_eq!(code, 0);
        assert!(said.starts_with("2\n"), "{words:?}: {said}");
        assert!(said.contains("--owner $$"), "{words:?}: {said}");
    });
}

/// What is in between and ends with the command cannot be meant as the owner.
#[test]
fn a_program_that_only_runs_the_command_is_refused() {
    let sb = Sandbox::new();
    let mut shell = shell(&sb, &["sh"]);
    shell.ask("printf '#!/bin/sh\\n\"$@\"; ipc lock release L\\n' >wrapper; chmod +x wrapper");
    for form in [
        "timeout 5 ipc lock acquire L",
        "timeout -k 1 5 ipc -q lock acquire L --try",
        "strace -f -o trace ipc lock acquire L",
        "flock file ipc lock acquire L",
        "echo L | xargs ipc lock acquire",
        "echo L | xargs -I{} ipc lock acquire {} --try",
        "find . -maxdepth 0 -exec ipc lock acquire L ';'",
        "nice timeout 5 env A=1 ipc lock acquire L",
    ] {
        let program = form.split("| ").last().unwrap().split(' ').next().unwrap();
        if !has(program) {
            continue;
        }
        shell.ask(&format!("{form} >tok 2>log"));
        let told = said(&mut shell);
        assert!(told.contains("only runs this command"), "{form}: {told}");
        assert!(told.contains("hint: --owner $$"), "{form}: {told}");
    }
    assert_eq!(shell.ask("ipc lock ls L | grep -c held").0, 1);
    // With an owner that is named all of them will do, and what becomes the
    // command by exec is nothing in between.
    for form in [
        "timeout 5 ipc lock acquire L --owner $$ >tok",
        "env A=1 ipc lock acquire L >tok",
        "nice ipc lock acquire L >tok",
        "nohup ipc lock acquire L >tok",
    ] {
        assert_eq!(shell.ask(form).0, 0, "{form}");
        assert_eq!(shell.ask("timeout 5 ipc lock release L --owner $$").0, 0);
    }
    // A script may do more than that.
    assert_eq!(shell.ask("./wrapper ipc lock acquire L >tok").0, 0);
}

#[test]
fn a_subshell_holds_works_and_releases_by_itself() {
    each_shell(|sb, words| {
        let mut shell = shell(sb, words);
        let body =
            "ipc -q lock acquire L && ipc lock status L --mine && ipc lock release L; echo $?";
        for form in [
            format!("( {body} ) >tok"),
            format!("{{ {body}; }} >tok & wait"),
        ] {
            let (_, printed) = shell.ask(&format!("{form}; tail -n 1 tok"));
            assert_eq!(printed, "0\n", "{words:?}: {form}");
        }
    });
}

#[test]
fn a_background_job_of_a_script_in_a_pipe_may_hold_a_lock() {
    let sb = Sandbox::new();
    // Standard output is a pipe for all of the script, not of a substitution.
    sb.sh("{ ipc -q lock acquire L && ipc lock release L; echo $?; } & wait")
        .run()
        .code(0)
        .stderr("");
}

#[test]
fn a_process_left_to_a_reaper_is_not_its_child() {
    if !has("setsid") {
        return;
    }
    let sb = Sandbox::new();
    // When setsid returns the parent of what becomes ipc is gone.
    let script = "mkfifo go done; \
        setsid sh -c '( read x <go; exec ipc lock acquire L >done 2>&1 ) &'; \
        echo x >go; cat done";
    let outcome = sb.sh(script).run();
    outcome.ok();
    let said = String::from_utf8_lossy(&outcome.stdout);
    assert!(said.contains("the parent has ended"), "{said}");
    assert!(said.contains("hint: --owner"), "{said}");
    assert_eq!(sb.left_in_shm(), Vec::<String>::new());
}

#[test]
fn process_1_is_not_the_owner_of_what_was_left_to_it() {
    if !has("setsid") {
        return;
    }
    let sb = Sandbox::new();
    let script = "mkfifo go done; \
        ( setsid sh -c 'read x <go; set -- $(cat /proc/$$/stat); echo $4 >parent; \
            exec ipc lock acquire L >done 2>&1' & ); \
        echo x >go; cat done; cat parent";
    let outcome = sb.sh(script).run();
    outcome.ok();
    let said = String::from_utf8_lossy(&outcome.stdout);
    if said.lines().last() != Some("1") {
        skip("orphans do not come to process 1 here");
        return;
    }
    assert!(said.contains("the parent has ended"), "{said}");
    assert_eq!(sb.left_in_shm(), Vec::<String>::new());
}

#[test]
fn a_shell_that_becomes_its_last_command_releases_its_own_hold() {
    each_shell(|sb, words| {
        for script in [
            "ipc lock acquire L >tok; ipc lock release L",
            "ipc lock acquire L >tok && ipc lock release L",
            "ipc lock acquire L >tok; exec ipc lock release L",
            "ipc lock acquire L >tok; f() { ipc lock release L; }; f",
        ] {
            sb.program(words[0], [&words[1..], &["-c", script]].concat())
                .run()
                .ok();
            sb.ipc(["lock", "status", "L"]).run().ok().stdout("free\n");
        }
        let script = "ipc lock acquire L >tok; ipc lock status L --mine";
        sb.program(words[0], [&words[1..], &["-c", script]].concat())
            .run()
            .code(0);
    });
}
