//! Messages and hints that lead on: what a stranger types next must work.

use std::path::Path;

use crate::sandbox::{Sandbox, file, is_root, skip};
use crate::shell::someone;

#[test]
fn rm_without_a_name_asks_for_a_name() {
    let sb = Sandbox::new();
    for kind in [
        "shm", "value", "array", "sem", "mq", "lock", "event", "barrier",
    ] {
        sb.ipc([kind, "rm"])
            .run()
            .code(2)
            .stderr_has("not provided:\n  <NAME>...");
    }
}

#[test]
fn a_negative_value_of_an_option_is_called_what_it_is() {
    let sb = Sandbox::new();
    for words in [
        &["lock", "acquire", "L", "--owner", "-5"][..],
        &["lock", "acquire", "L", "--slots", "-5"],
        &["lock", "acquire", "L", "-t", "-5"],
        &["lock", "run", "L", "--conflict-code", "-5", "--", "true"],
        &["sem", "acquire", "s", "-n", "-5"],
        &["mq", "create", "q", "--max-size", "-5"],
    ] {
        let outcome = sb.ipc(words).run();
        outcome.stderr_has("invalid value '-5' for '");
        let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
        assert!(!said.contains("-- -5"), "{outcome}");
    }
}

#[test]
fn no_mark_of_ours_is_seen_in_a_word_that_looks_negative() {
    let sb = Sandbox::new();
    sb.ipc(["array", "create", "a", "i64", "-3"])
        .run()
        .code(2)
        .stderr_has("'-3' is no length");
    sb.ipc(["array", "create", "a", "i64", "--from-file", "-3"])
        .run()
        .code(6)
        .stderr_has("input file -3: ");
    file(&sb, "-3", b"4 5");
    sb.ipc(["-q", "array", "create", "a", "i64", "--from-file", "-3"])
        .run()
        .ok();
    sb.ipc(["array", "set", "a", ":", "--from-file", "-3"])
        .run()
        .ok();
    sb.ipc(["array", "rm", "--", "-3"])
        .run()
        .code(3)
        .stderr_has("/-3: no such array");
    sb.ipc(["array", "ls", "--", "-3*"]).run().ok();
}

#[test]
fn an_index_too_large_to_be_read_is_shown_as_it_was_written() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "array", "create", "a", "i64", "3"])
        .run()
        .ok();
    for index in ["99999999999999999999", "-99999999999999999999", "3", "-4"] {
        sb.ipc(["array", "get", "a", index])
            .run()
            .code(6)
            .stderr_has(&format!("index {index} is beyond the end"));
    }
}

#[test]
fn the_widest_bytes_are_named() {
    let sb = Sandbox::new();
    sb.ipc(["value", "create", "v", "bytes1048577", "x"])
        .run()
        .code(2)
        .stderr_has("bytesN, with N of 1 to 1048576");
}

#[test]
fn a_line_that_is_too_long_by_its_end_hears_of_lines() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "value", "create", "v", "bytes5", ""])
        .run()
        .ok();
    sb.ipc(["value", "set", "v"])
        .stdin("hello\n")
        .run()
        .code(2)
        .stderr_has("is too long for bytes5\nhint: without its line end it fits: --lines");
    sb.ipc(["value", "set", "v", "--lines"])
        .stdin("hello\n")
        .run()
        .ok();
    sb.ipc(["value", "set", "v"])
        .stdin("hello!\n")
        .run()
        .code(2)
        .stderr("ipc: value set: 'hello!\\n' is too long for bytes5\n");
}

#[test]
fn only_a_barrier_that_is_missing_is_made_by_parties() {
    let sb = Sandbox::new();
    sb.ipc(["barrier", "wait", "b", "--try"])
        .run()
        .code(3)
        .stderr_has("hint: --parties N makes it");
    std::fs::write(format!("/dev/shm/ipc.barrier.{}", sb.full("b")), "x").unwrap();
    sb.ipc(["barrier", "wait", "b", "--try"])
        .run()
        .code(7)
        .stderr_has("is no barrier: 1 bytes instead of 4096\nhint: ipc barrier rm NAME\n");
}

#[test]
fn release_after_a_break_says_that_it_was_broken() {
    let sb = Sandbox::new();
    let owner = someone(&sb);
    let number = owner.pid_text();
    for slots in [&[][..], &["--slots", "2"]] {
        let acquire = ["lock", "acquire", "L", "--owner", &number];
        sb.ipc(acquire.iter().chain(slots)).run().code(0);
        sb.ipc(["-q", "lock", "break", "L"]).run().ok();
        let release = || sb.ipc(["lock", "release", "L", "--owner", &number]).run();
        release()
            .code(1)
            .stderr_has(&format!("process {number} does not hold it: it was broken"));
        sb.ipc(["-q", "lock", "run", "L", "--", "true"]).run().ok();
        sb.ipc(["lock", "rm", "L"]).run().ok();
    }
}

#[test]
fn a_hold_that_died_is_not_called_broken() {
    let sb = Sandbox::new();
    let owner = someone(&sb);
    let number = owner.pid_text();
    sb.ipc(["lock", "acquire", "L", "--owner", &number])
        .run()
        .code(0);
    owner.die();
    let other = someone(&sb);
    let release = ["lock", "release", "L", "--owner", &other.pid_text()];
    let outcome = sb.ipc(release).run();
    outcome.code(1);
    let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
    assert!(!said.contains("broken"), "{said}");
}

#[test]
fn a_command_gets_the_scope_in_which_its_names_are() {
    let sb = Sandbox::new();
    let scope = format!("{}-other", sb.scope());
    let within = "ipc lock verify \"$IPC_LOCK_NAME\" \"$IPC_LOCK_TOKEN\" && echo \"$IPC_SCOPE\"";
    let run = ["--scope", &scope, "lock", "run", "L", "--", "sh", "-c"];
    sb.ipc(run.iter().chain(&[within]))
        .run()
        .ok()
        .stdout(&format!("{scope}\n"));
    let run = ["--scope", &scope, "sem", "run", "s", "--create=3", "--"];
    sb.ipc(run.iter().chain(&["ipc", "sem", "value", "s"]))
        .run()
        .ok()
        .stdout("2\n");
    // One that came by the environment is there already.
    sb.ipc(["lock", "run", "L", "--", "sh", "-c", within])
        .run()
        .ok()
        .stdout(&format!("{}\n", sb.scope()));
}

#[test]
fn a_value_that_is_no_text_is_shown_escaped_and_on_one_line() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "value", "create", "v", "bytes8", "x"])
        .run()
        .ok();
    for (bytes, shown) in [
        (&b"\xff\x1b[1m"[..], "\\xff\\x1b[1m"),
        (b"a\nb\tc", "a\\nb\\tc"),
        (b"plain", "plain"),
    ] {
        sb.ipc(["value", "set", "v"]).stdin(bytes).run().ok();
        sb.ipc(["value", "ls", "--columns", "value", "--no-headings"])
            .run()
            .ok()
            .stdout(&format!("{shown}\n"));
        let stat = sb.ipc(["value", "stat", "v"]).run();
        let stat = String::from_utf8(stat.ok().stdout.clone()).unwrap();
        assert!(stat.contains(&format!("value:        {shown}\n")), "{stat}");
    }
}

#[test]
fn a_group_is_shown_by_name_as_a_user_is() {
    let sb = Sandbox::new();
    if !is_root() {
        return skip("only root is known to be in /etc/group");
    }
    let groups = std::fs::read_to_string(Path::new("/etc/group")).unwrap_or_default();
    if !groups.starts_with("root:") {
        return skip("/etc/group does not begin with root");
    }
    sb.ipc(["-q", "lock", "create", "L"]).run().ok();
    let stat = sb.ipc(["lock", "stat", "L"]).run();
    let stat = String::from_utf8(stat.ok().stdout.clone()).unwrap();
    assert!(stat.contains("gid:          root\n"), "{stat}");
    let json = sb.ipc(["lock", "stat", "L", "--json"]).run().json();
    assert_eq!(json["objects"][0]["gid"], 0);
}

#[test]
fn who_holds_a_lock_that_cannot_be_read_is_not_known() {
    let sb = Sandbox::new();
    std::fs::write(format!("/dev/shm/ipc.lock.{}", sb.full("L")), "x").unwrap();
    let json = sb.ipc(["lock", "stat", "L", "--json"]).run().json();
    assert_eq!(json["objects"][0]["holders"], serde_json::Value::Null);
    sb.ipc(["lock", "ls", "--columns", "holders", "--no-headings"])
        .run()
        .ok()
        .stdout("-\n");
}

#[test]
fn sums_with_infinity_are_as_ieee_has_them_and_finite_ones_stay_finite() {
    let sb = Sandbox::new();
    for (now, more, sum) in [
        ("1", "inf", "inf"),
        ("inf", "-inf", "NaN"),
        ("1", "nan", "NaN"),
    ] {
        sb.ipc([
            "-q",
            "value",
            "create",
            "v",
            "f64",
            now,
            "--if-exists",
            "replace",
        ])
        .run()
        .ok();
        sb.ipc(["value", "add", "v", more])
            .run()
            .ok()
            .stdout(&format!("{sum}\n"));
    }
    sb.ipc(["value", "set", "v", "1e308"]).run().ok();
    sb.ipc(["value", "add", "v", "1e308"])
        .run()
        .code(6)
        .stderr_has("EOVERFLOW");
}
