//! `ipc pipe run`: what goes through, and what is told of it.

use std::io::{Read, Write};

use serde_json::{Value, json};

use crate::sandbox::{Outcome, Sandbox};

fn run<'a>(sb: &'a Sandbox, options: &[&str], commands: &[&str]) -> Outcome<'a> {
    sb.ipc([&["pipe", "run"], options, &["--"], commands].concat())
        .run()
}

/// The document that is the last line of standard error.
fn report(outcome: &Outcome<'_>) -> Value {
    let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
    serde_json::from_str(said.lines().last().unwrap()).unwrap()
}

#[test]
fn each_command_reads_what_the_one_before_writes() {
    let sb = Sandbox::new();
    let commands = ["sort", "::", "uniq", "-c", "::", "sort", "-rn"];
    let words = [&["pipe", "run", "--"], &commands[..]].concat();
    sb.ipc(words)
        .stdin("b\na\nb\n")
        .run()
        .ok()
        .stdout("      2 b\n      1 a\n");
    run(&sb, &[], &["echo", "alone"]).ok().stdout("alone\n");
    // Nothing is expanded and nothing is split.
    run(
        &sb,
        &[],
        &["printf", "%s|", "$HOME", "a b", "*", "::", "cat"],
    )
    .ok()
    .stdout("$HOME|a b|*|");
}

#[test]
fn the_word_in_between_can_be_another() {
    let sb = Sandbox::new();
    let commands = ["printf", "%s.", "::", ":::", "--", "+", "cat"];
    run(&sb, &["--separator", "+"], &commands)
        .ok()
        .stdout("::.:::.--.");
    for (commands, number) in [
        (&["::", "cat"][..], "1 of 2"),
        (&["cat", "::"], "2 of 2"),
        (&["cat", "::", "::", "cat"], "2 of 3"),
    ] {
        run(&sb, &[], commands)
            .code(125)
            .stderr_has(&format!("command {number} is empty\nhint: "));
    }
    sb.ipc(["pipe", "run"]).run().code(125);
    sb.ipc(["pipe", "run", "--"]).run().code(125);
    sb.ipc(["pipe", "run", "--frob", "--", "true"])
        .run()
        .code(125);
}

#[test]
fn a_great_many_bytes_go_through_many_commands() {
    let sb = Sandbox::new();
    let cats = [["cat", "::"]; 20].concat();
    let commands = [&cats[..], &["cat"]].concat();
    for size in [&[][..], &["--size", "4K"], &["--size", "1MiB"]] {
        let words = [&["pipe", "run"], size, &["--"], &commands].concat();
        let mut command = sb.ipc(words).command();
        let (mut reader, output) = std::io::pipe().unwrap();
        let (input, mut writer) = std::io::pipe().unwrap();
        let mut running = command.stdin(input).stdout(output).spawn().unwrap();
        drop(command);
        let bytes: Vec<u8> = (0..4_000_000u32).flat_map(u32::to_le_bytes).collect();
        let sent = bytes.clone();
        let writing = std::thread::spawn(move || writer.write_all(&sent).unwrap());
        let mut came = Vec::new();
        reader.read_to_end(&mut came).unwrap();
        writing.join().unwrap();
        assert!(came == bytes, "{} of {} bytes", came.len(), bytes.len());
        assert!(running.wait().unwrap().success());
    }
    run(&sb, &["--size", "99G"], &["true", "::", "true"]).code(125);
}

#[test]
fn the_exit_code_is_that_of_the_last_or_of_the_last_that_failed() {
    let sb = Sandbox::new();
    let exits = |codes: &[&str]| {
        let mut words = Vec::new();
        for code in codes {
            words.extend(["sh".to_owned(), "-c".to_owned(), format!("exit {code}")]);
            words.push("::".to_owned());
        }
        words.pop();
        words
    };
    for (codes, plain, pipefail) in [
        (&["0", "0", "0"][..], 0, 0),
        (&["3", "0", "0"], 0, 3),
        (&["3", "4", "0"], 0, 4),
        (&["3", "0", "5"], 5, 5),
        (&["125", "0"], 0, 125),
        (&["0", "124"], 124, 124),
    ] {
        let commands = exits(codes);
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        run(&sb, &["-q"], &commands).code(plain).stderr("");
        run(&sb, &["-q", "--pipefail"], &commands).code(pipefail);
    }
}

#[test]
fn what_failed_is_told_and_what_only_lost_its_reader_is_not() {
    let sb = Sandbox::new();
    let script = [
        "sh",
        "-c",
        "exit 3",
        "::",
        "sh",
        "-c",
        "kill -9 $$",
        "::",
        "cat",
    ];
    run(&sb, &[], &script).code(0).stderr(
        "ipc: command 1 (sh) ended with 3\n\
         ipc: command 2 (sh) was ended by SIGKILL\n",
    );
    run(&sb, &[], &["yes", "::", "head", "-n", "1"])
        .ok()
        .stdout("y\n");
    // Where it makes the exit code it is told, as bash counts it too.
    run(&sb, &["--pipefail"], &["yes", "::", "head", "-n", "1"])
        .killed_by(libc::SIGPIPE)
        .stderr("ipc: command 1 (yes) was ended by SIGPIPE\n");
    run(&sb, &[], &["true", "::", "sh", "-c", "kill -9 $$"]).killed_by(libc::SIGKILL);
}

#[test]
fn one_that_cannot_be_started_is_126_or_127_and_the_others_run() {
    let sb = Sandbox::new();
    crate::sandbox::file(&sb, "plain", b"");
    run(&sb, &[], &["./none", "::", "echo", "runs"])
        .code(0)
        .stdout("runs\n")
        .stderr("ipc: pipe run: ./none: command not found\n");
    run(&sb, &[], &["echo", "x", "::", "./none"])
        .code(127)
        .stdout("");
    run(&sb, &[], &["true", "::", "./plain"])
        .code(126)
        .stderr("ipc: pipe run: ./plain: cannot be executed\n");
    run(&sb, &["--pipefail"], &["./none", "::", "cat"])
        .code(127)
        .stdout("");
    run(&sb, &[], &["./none", "::", "./plain"]).code(126);
}

#[test]
fn the_report_has_every_end() {
    let sb = Sandbox::new();
    let commands = [
        "sh",
        "-c",
        "exit 3",
        "::",
        "./none",
        "::",
        "sh",
        "-c",
        "kill -9 $$",
        "::",
        "cat",
    ];
    let told = run(&sb, &["--json"], &commands);
    told.code(0);
    let stages = report(&told)["stages"].as_array().unwrap().clone();
    let keys: Vec<&String> = stages[0].as_object().unwrap().keys().collect();
    let expected = "index command pid code signal failed ended_by_ipc seconds user_seconds system_seconds \
                    max_rss read written";
    assert_eq!(keys, expected.split(' ').collect::<Vec<_>>());
    let ends: Vec<Value> = stages
        .iter()
        .map(|stage| json!([stage["code"], stage["signal"], stage["failed"]]))
        .collect();
    assert_eq!(
        ends,
        [
            json!([3, null, true]),
            json!([127, null, true]),
            json!([null, 9, true]),
            json!([0, null, false])
        ]
    );
    assert_eq!(stages[0]["command"], json!(["sh", "-c", "exit 3"]));
    assert_eq!(stages[1]["pid"], json!(null));
    assert!(stages[0]["pid"].as_i64().unwrap() > 1);
    assert!(stages[3]["max_rss"].as_u64().unwrap() > 0);
    assert_eq!(report(&told)["code"], 0);

    // In a file it is the same, and says how much went through.
    let words = ["--report", "report.json", "--pipefail"];
    let bytes = "head -c 300000 /dev/zero";
    let quiet = run(
        &sb,
        &words,
        &["sh", "-c", bytes, "::", "cat", "::", "wc", "-c"],
    );
    quiet.ok().stdout("300000\n");
    let file = std::fs::read(sb.folder().join("report.json")).unwrap();
    let document: Value = serde_json::from_slice(&file).unwrap();
    let cat = &document["stages"][1];
    if !cat["read"].is_null() {
        assert!(cat["written"].as_u64().unwrap() >= 300_000, "{cat}");
        assert!(cat["read"].as_u64().unwrap() >= 300_000, "{cat}");
    }
    run(&sb, &["--report", "/none/x"], &["touch", "made"])
        .code(125)
        .stderr_has("/none/x: no such file or directory (ENOENT)");
    assert!(!sb.folder().join("made").exists());
}

#[test]
fn the_table_has_a_line_for_each() {
    let sb = Sandbox::new();
    let told = run(
        &sb,
        &["--stat"],
        &["echo", "x", "::", "sh", "-c", "cat; exit 4"],
    );
    told.code(4).stdout("x\n");
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    let headings: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(
        headings,
        [
            "PID", "TIME", "USER", "SYSTEM", "MEMORY", "READ", "WRITTEN", "END", "COMMAND"
        ]
    );
    assert!(lines[1].ends_with("ended with 0  echo"), "{said}");
    assert!(lines[2].ends_with("ended with 4  sh"), "{said}");
}

#[test]
fn commands_are_started_as_the_caller_would_have() {
    let sb = Sandbox::new();
    // Descriptors: only the three, and a closed one stays closed.
    let list = ["sh", "-c", "ls /proc/self/fd | wc -l", "::", "cat"];
    let usual = sb.sh("ls /proc/self/fd | wc -l | cat").run();
    run(&sb, &[], &list).ok().stdout_bytes(&usual.stdout);
    let script = "ipc pipe run -- sh -c '[ -e /proc/self/fd/0 ] || echo closed' :: cat <&-";
    sb.sh(script).run().ok().stdout("closed\n");
    // SIGPIPE has its default action in each, and stays ignored where it was.
    let said = "grep SigIgn /proc/self/status";
    let ignored = |prefix: &str| {
        let script = format!("{prefix} ipc pipe run -- {said} :: cat");
        sb.sh(&script).run().stdout.clone()
    };
    assert_ne!(ignored(""), ignored("trap '' PIPE;"));
}

#[test]
fn a_report_that_does_not_arrive_is_125() {
    let sb = Sandbox::new();
    for (stderr, made) in [("2> /dev/full", true), ("2>&-", false)] {
        let script = format!("ipc pipe run --json -- touch made :: true {stderr}");
        sb.sh(&script).run().code(125).stderr("");
        // What is known to be closed is refused before anything runs.
        let file = sb.folder().join("made");
        assert_eq!(file.exists(), made, "{stderr}");
        let _ = std::fs::remove_file(file);
    }
    sb.sh("ipc pipe run --report r --json -- touch made :: true 2>&-")
        .run()
        .code(0);
}
