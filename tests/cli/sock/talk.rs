//! Two shells that talk, and bytes that arrive as they were sent.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;

use super::{file_of, left, noise};
use crate::sandbox::{Sandbox, file};

const TYPES: [&str; 3] = ["stream", "seqpacket", "dgram"];

#[test]
fn two_shells_talk_both_ways_over_every_type() {
    for kind in TYPES {
        let sb = Sandbox::new();
        let form = ["--type", kind, "--lines", "-t", "30s"];
        let listen = ["sock", "listen", "chat"];
        let (mut one, mut one_in) = sb.ipc(listen.iter().chain(&form)).start_with_input();
        let connect = ["sock", "connect", "chat", "--wait"];
        let (mut two, mut two_in) = sb.ipc(connect.iter().chain(&form)).start_with_input();
        two_in.write_all(b"ping 1\n").unwrap();
        assert_eq!(one.line(), "ping 1", "{kind}");
        one_in.write_all(b"pong 1\n").unwrap();
        assert_eq!(two.line(), "pong 1", "{kind}");
        two_in.write_all(b"ping 2\nping 3\n").unwrap();
        assert_eq!(
            (one.line(), one.line()),
            ("ping 2".into(), "ping 3".into()),
            "{kind}"
        );
        // Half-closed: one direction ends, the other goes on.
        drop(two_in);
        one_in.write_all(b"still here\n").unwrap();
        assert_eq!(two.line(), "still here", "{kind}");
        drop(one_in);
        for side in [one, two] {
            let (status, stdout, stderr) = side.finish();
            assert_eq!(
                (status.code(), stdout.as_str(), stderr.as_str()),
                (Some(0), "", ""),
                "{kind}"
            );
        }
        assert!(left(&sb).is_empty(), "{kind}: {:?}", left(&sb));
    }
}

#[test]
fn the_name_is_free_as_soon_as_somebody_has_connected() {
    let sb = Sandbox::new();
    let listen = ["sock", "listen", "chat", "-t", "30s"];
    let (mut first, _first_in) = sb.ipc(listen).start_with_input();
    let (_caller, mut caller_in) = sb
        .ipc(["sock", "connect", "chat", "--wait", "-t", "30s"])
        .start_with_input();
    caller_in.write_all(b"x\n").unwrap();
    assert_eq!(first.line(), "x");
    let (mut second, _second_in) = sb.ipc(listen).start_with_input();
    sb.ipc(["sock", "send", "chat", "--wait", "-t", "30s", "y\n"])
        .run()
        .ok();
    assert_eq!(second.line(), "y");
}

#[test]
fn connect_ends_when_the_other_side_has_closed_while_its_input_is_open() {
    let sb = Sandbox::new();
    let (one, _kept_open) = sb
        .ipc(["sock", "connect", "chat", "--wait", "-t", "30s"])
        .start_with_input();
    sb.ipc(["sock", "serve", "chat", "-n", "1", "--", "echo", "bye"])
        .run()
        .ok();
    let mut one = one;
    assert_eq!(one.line(), "bye");
    assert_eq!(one.wait().code(), Some(0));
}

#[test]
fn messages_are_kept_apart_empty_ones_too() {
    let sb = Sandbox::new();
    let recv = ["sock", "recv", "box", "--type", "seqpacket", "-t", "30s"];
    for (more, expected) in [
        (&["--lines"][..], "a\n\nb c\n".to_owned()),
        (&["--null"], "a\0\0b c\0".to_owned()),
        (&[], "ab c".to_owned()),
    ] {
        let receiver = sb.ipc(recv.iter().chain(more)).start();
        let send = ["sock", "send", "box", "--wait", "-t", "30s"];
        let messages = ["--type", "seqpacket", "--", "a", "", "b c"];
        sb.ipc(send.iter().chain(&messages)).run().ok();
        let (status, stdout, stderr) = receiver.finish();
        assert_eq!(
            (status.code(), stdout, stderr),
            (Some(0), expected, String::new())
        );
    }
}

#[test]
fn messages_come_as_json_with_their_bytes() {
    let sb = Sandbox::new();
    for (kind, more) in [
        ("seqpacket", &[][..]),
        ("dgram", &["-n", "2"]),
        ("stream", &["--lines"]),
    ] {
        let recv = ["sock", "recv", "box", "--json", "-t", "30s", "--type", kind];
        let receiver = sb.ipc(recv.iter().chain(more)).start();
        sb.sh(&format!(
            "printf 'one\\n\\377\\033\\n' | ipc sock send box --wait -t 30s --lines --type {kind}"
        ))
        .run()
        .ok();
        let (status, stdout, _) = receiver.finish();
        assert_eq!(status.code(), Some(0));
        let expected = "{\"name\":\"/box\",\"size\":3,\"encoding\":\"utf-8\",\"data\":\"one\"}\n\
            {\"name\":\"/box\",\"size\":2,\"encoding\":\"base64\",\"data\":\"/xs=\"}\n";
        assert_eq!(stdout, expected, "{kind}");
    }
}

#[test]
fn one_hundred_megabytes_arrive_through_every_type() {
    let sb = Sandbox::new();
    let bytes = noise(100_000_000);
    let source = file(&sb, "source", &bytes);
    let target = sb.folder().join("target");
    for kind in TYPES {
        // A file to a file, and a pipe to a pipe with a reader that stops and goes on.
        for script in [
            "ipc sock recv big -t 120s --type $KIND > target & \
             ipc sock send big --wait -t 120s --type $KIND < source; wait $!",
            "ipc sock recv big -t 120s --type $KIND | { \
                head -c 1000000 > target; exec 3< gate; cat >> target; } & \
             mkfifo gate; \
             { cat source; } | { ipc sock send big --wait -t 120s --type $KIND; } & \
             exec 4> gate; wait",
        ] {
            let _ = std::fs::remove_file(sb.folder().join("gate"));
            sb.sh(script).env("KIND", kind).run().ok();
            assert!(std::fs::read(&target).unwrap() == bytes, "{kind}: {script}");
        }
    }
    assert_eq!(source.metadata().unwrap().len(), 100_000_000);
}

#[test]
fn both_directions_are_copied_at_once_and_neither_waits_for_the_other() {
    let sb = Sandbox::new();
    let bytes = noise(5_000_000);
    file(&sb, "up", &bytes);
    file(&sb, "down", &bytes[1..]);
    for kind in TYPES {
        sb.sh("ipc sock listen x -t 60s --type $KIND < down > got-up & \
               ipc sock connect x --wait -t 60s --type $KIND < up > got-down; wait $!")
            .env("KIND", kind)
            .run()
            .ok();
        assert!(
            std::fs::read(sb.folder().join("got-up")).unwrap() == bytes,
            "{kind}"
        );
        assert!(
            std::fs::read(sb.folder().join("got-down")).unwrap() == bytes[1..],
            "{kind}"
        );
    }
}

#[test]
fn lines_of_sixteen_writers_never_mix() {
    let sb = Sandbox::new();
    // Datagrams come from all at once, connections one after the other.
    for kind in ["dgram", "stream"] {
        let script = "ipc sock recv log --lines -t 60s -n 1600 --type $KIND > got &
            for w in a b c d e f g h i j k l m n o p; do
                { yes $(printf %04000d 0 | tr 0 $w) | head -n 100 |
                  ipc sock send log --wait -t 60s --lines --type $KIND; } & done; wait";
        sb.sh(script).env("KIND", kind).run().ok();
        let stdout = std::fs::read_to_string(sb.folder().join("got")).unwrap();
        assert_eq!(stdout.lines().count(), 1600, "{kind}");
        let mut counts = std::collections::BTreeMap::new();
        for line in stdout.lines() {
            let first = line.as_bytes()[0];
            assert!(
                line.len() == 4000 && line.bytes().all(|byte| byte == first),
                "{kind}"
            );
            *counts.entry(first).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 16, "{kind}");
        assert!(
            counts.values().all(|count| *count == 100),
            "{kind}: {counts:?}"
        );
    }
}

#[test]
fn abstract_names_and_paths_work_like_names() {
    let sb = Sandbox::new();
    let long = format!("./{}/{}", "d".repeat(120), "s".repeat(120));
    std::fs::create_dir(sb.folder().join("d".repeat(120))).unwrap();
    for name in ["@chat", "./chat.sock", &long] {
        let receiver = sb.ipc(["sock", "recv", name, "-t", "30s"]).start();
        let send = ["sock", "send", name, "--wait", "-t", "30s", "hello"];
        sb.ipc(send).run().ok();
        let (status, stdout, stderr) = receiver.finish();
        assert_eq!(
            (status.code(), stdout.as_str(), stderr.as_str()),
            (Some(0), "hello", ""),
            "{name}"
        );
    }
    assert!(!sb.folder().join("chat.sock").exists());
}

#[test]
fn the_longest_name_works_and_its_mode_is_exact() {
    use std::os::unix::fs::PermissionsExt;
    let sb = Sandbox::new();
    let name = "n".repeat(240 - sb.full("").len());
    for mode in ["0600", "0777", "0640"] {
        let mut listener = sb
            .sh(&format!(
                "umask 077; exec ipc sock recv {name} --mode {mode} -t 30s"
            ))
            .start();
        crate::sandbox::until("the socket", || file_of(&sb, &name).exists());
        let found = file_of(&sb, &name).metadata().unwrap().permissions().mode();
        assert_eq!(format!("{:04o}", found & 0o7777), mode);
        sb.ipc(["sock", "send", &name, "-t", "30s", "x"]).run().ok();
        assert_eq!(listener.wait().code(), Some(0));
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_receiver_quietly() {
    let sb = Sandbox::new();
    let script = "ipc sock recv x -t 30s --type $KIND --lines | head -n 1 & \
        yes | ipc sock send x --wait -t 30s --type $KIND --lines; echo sender $?; wait";
    for kind in ["stream", "seqpacket"] {
        let ended = sb.sh(script).env("KIND", kind).run();
        let text = String::from_utf8_lossy(&ended.stdout).into_owned();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["sender 7", "y"], "{ended}");
    }
}

#[test]
fn signals_end_each_waiting_verb_for_real_and_leave_nothing() {
    let sb = Sandbox::new();
    for verb in [
        &["sock", "listen", "x"][..],
        &["sock", "recv", "x", "--follow"],
        &["sock", "recv", "x", "--type", "dgram", "-n", "1"],
        &["sock", "recv-fd", "x"],
        &["sock", "connect", "x", "--wait"],
        &["sock", "send", "x", "--wait", "data"],
        &["sock", "call", "x", "--wait", "data"],
        &["sock", "serve", "x", "--", "cat"],
    ] {
        for signal in [libc::SIGINT, libc::SIGTERM] {
            let mut running = sb.ipc(verb).start();
            running.blocked_in(&[libc::SYS_ppoll]);
            running.signal(signal);
            assert_eq!(running.wait().signal(), Some(signal), "{verb:?}");
            assert!(left(&sb).is_empty(), "{verb:?}: {:?}", left(&sb));
        }
    }
}

#[test]
fn input_that_is_closed_is_an_end_and_output_that_is_closed_is_refused() {
    let sb = Sandbox::new();
    let receiver = sb.ipc(["sock", "recv", "x", "-t", "30s"]).start();
    sb.sh("ipc sock connect x --wait -t 30s <&-").run().ok();
    assert_eq!(receiver.finish().0.code(), Some(0));
    for verb in ["recv x", "listen x", "connect x", "call x y"] {
        for (output, word) in [(">&-", "is closed"), ("> /dev/full", "no space left")] {
            let refused = sb.sh(&format!("ipc sock {verb} -t 30s {output}")).run();
            refused.code(6).stderr_has(word);
        }
    }
    assert!(left(&sb).is_empty());
}

#[test]
fn control_bytes_reach_a_pipe_as_they_are() {
    let sb = Sandbox::new();
    let mut receiver = sb.ipc(["sock", "recv", "x", "-t", "30s"]).command();
    let mut child = receiver
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let bytes: Vec<u8> = (0..=255).collect();
    sb.ipc(["sock", "send", "x", "--wait", "-t", "30s"])
        .stdin(bytes.clone())
        .run()
        .ok();
    let mut came = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut came).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(came, bytes);
}
