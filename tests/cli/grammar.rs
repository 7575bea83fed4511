//! The command line itself: help, version, misuse, options in every place.

use crate::sandbox::Sandbox;
use crate::shm::create;

#[test]
fn without_a_verb_the_help_is_an_error() {
    let sb = Sandbox::new();
    for (words, usage) in [
        (&[][..], "Usage: ipc [OPTIONS] <NOUN>"),
        (&["shm"], "Usage: ipc shm [OPTIONS] <VERB>"),
        (&["sem"], "Usage: ipc sem [OPTIONS] <VERB>"),
        (&["mq"], "Usage: ipc mq [OPTIONS] <VERB>"),
    ] {
        let refused = sb.ipc(words).run();
        refused.code(2).stdout("").stderr_has(usage);
        refused.stderr_has("  help ");
    }
    sb.ipc(["--json"])
        .run()
        .code(2)
        .stdout("")
        .stderr_has("<NOUN>");
}

#[test]
fn help_goes_to_standard_output_and_is_success() {
    let sb = Sandbox::new();
    for (words, shown) in [
        (&["--help"][..], "Exit status:\n  0        done"),
        (&["-h"], "Shared memory: segments of bytes under a name"),
        (&["help"], "Nouns:"),
        (&["shm", "--help"], "  read    Print the bytes of segments"),
        (
            &["help", "shm"],
            "  rm      Remove segments [alias: unlink]",
        ),
        (
            &["shm", "read", "--help"],
            "Exit status:\n  3  there is no such segment",
        ),
        (&["shm", "help", "cat"], "Usage: ipc shm read"),
        (&["--json", "mq", "send", "--help"], "Usage: ipc mq send"),
        (&["shm", "create", "-h"], "--if-exists"),
    ] {
        let help = sb.ipc(words).run();
        help.ok();
        let text = String::from_utf8(help.stdout.clone()).unwrap();
        assert!(text.contains(shown), "{words:?}\n{text}");
        assert!(!text.contains("IPC_SCOPE="), "{words:?}\n{text}");
    }
}

#[test]
fn the_version_is_that_of_the_package_everywhere() {
    let sb = Sandbox::new();
    let version = env!("CARGO_PKG_VERSION");
    sb.ipc(["-V"])
        .run()
        .ok()
        .stdout(&format!("ipc {version}\n"));
    sb.ipc(["--version"])
        .run()
        .ok()
        .stdout(&format!("ipc {version}\n"));
    for words in [
        &["shm", "-V"][..],
        &["shm", "read", "--version"],
        &["mq", "send", "-V"],
    ] {
        let shown = sb.ipc(words).run();
        shown.ok();
        assert!(
            shown.stdout.ends_with(format!(" {version}\n").as_bytes()),
            "{shown}"
        );
    }
}

#[test]
fn unknown_words_are_misuse_and_quoted() {
    let sb = Sandbox::new();
    for words in [
        &["frob"][..],
        &["shm", "frob"],
        &["shm", "ls", "--frob"],
        &["shm", "read", "a", "-Z"],
        &["--frob", "shm", "ls"],
        &["shm", "help", "frob"],
    ] {
        let refused = sb.ipc(words).run();
        refused.code(2).stdout("").stderr_has("error: ");
        refused.stderr_has(if words.contains(&"-Z") {
            "'-Z'"
        } else {
            "frob'"
        });
    }
    let close = sb.ipc(["shm", "ls", "--column", "name"]).run();
    close.code(2).stderr_has("--columns");
    // Abbreviations would break scripts when a verb is added.
    for short in ["r", "wri", "l"] {
        sb.ipc(["shm", short]).run().code(2);
    }
}

#[test]
fn words_in_a_usage_error_keep_their_form() {
    let sb = Sandbox::new();
    let refused = sb.ipc(["shm", "\x1b[31mls\x1b[0m"]).run();
    refused
        .code(2)
        .stderr_has("unrecognized subcommand '\\x1b[31mls\\x1b[0m'");
    let refused = sb.ipc(["shm", "x\nhint: rm -rf"]).run();
    refused.code(2).stderr_has("'x\\nhint: rm -rf'");
    let refused = sb.ipc(["shm", "a\\b\t"]).run();
    refused.code(2).stderr_has("'a\\\\b\\t'");
}

#[test]
fn global_options_may_stand_in_every_place() {
    let sb = Sandbox::new();
    create(&sb, "a", "2");
    let expected = sb.ipc(["shm", "read", "a", "--json"]).run();
    expected.ok();
    for words in [
        &["--json", "shm", "read", "a"][..],
        &["shm", "--json", "read", "a"],
        &["shm", "read", "--json", "a"],
        &["shm", "read", "a", "--json", "--length", "2"],
    ] {
        sb.ipc(words).run().ok().stdout_bytes(&expected.stdout);
    }
    let scope = sb.scope();
    for words in [
        &["--scope", scope, "shm", "read", "a"][..],
        &["shm", "--scope", scope, "read", "a"],
        &["shm", "read", "--scope", scope, "a"],
        &["shm", "read", "a", "--scope", scope],
        &["shm", "read", "a", &format!("--scope={scope}")],
    ] {
        sb.ipc(words).env("IPC_SCOPE", "nowhere").run().ok();
    }
}

#[test]
fn two_dashes_end_the_options() {
    let sb = Sandbox::new();
    create(&sb, "a", "6");
    sb.ipc(["shm", "write", "--", "a", "--json"])
        .run()
        .ok()
        .stdout("");
    sb.ipc(["shm", "read", "--", "a"])
        .run()
        .ok()
        .stdout("--json");
    sb.ipc(["-q", "shm", "create", "--size", "1", "--", "--help"])
        .run()
        .ok();
    sb.ipc(["shm", "rm", "--", "--help"]).run().ok();
}

#[test]
fn every_error_begins_with_the_command_that_said_it() {
    let sb = Sandbox::new();
    for (words, start) in [
        (&["shm", "cat", "x"][..], "ipc: shm read: /x: "),
        (&["sem", "post", "x"], "ipc: sem release: /x: "),
        (
            &["--json", "mq", "receive", "--try", "x"],
            "ipc: mq recv: /x: ",
        ),
        (&["man", "frob"], "ipc: man: frob: there is no such page"),
    ] {
        let refused = sb.ipc(words).run();
        refused.code(3).stdout("").stderr_has(start);
    }
}
