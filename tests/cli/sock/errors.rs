//! Exit codes, words, listings and removal.

use super::{echoing, file_of, left};
use crate::sandbox::{Sandbox, until};

#[test]
fn nobody_there_is_3_and_says_what_to_type() {
    let sb = Sandbox::new();
    for verb in [
        &["connect", "x"][..],
        &["send", "x", "data"],
        &["call", "x", "data"],
        &["send-fd", "x", "0"],
    ] {
        let path = format!("ipc: sock {}: /x: ", verb[0]);
        sb.ipc(["sock"].iter().chain(verb))
            .run()
            .code(3)
            .stderr(&format!(
                "{path}nobody listens there (ENOENT)\nhint: --wait waits until somebody does\n"
            ));
    }
    sb.ipc(["sock", "connect", "@x"])
        .run()
        .code(3)
        .stderr_has("(ECONNREFUSED)");
    sb.ipc(["sock", "connect", "./no/such/folder/x"])
        .run()
        .code(3);
    sb.ipc(["sock", "recv", "./no/such/folder/x"]).run().code(3);
    for verb in ["stat", "rm"] {
        sb.ipc(["sock", verb, "x"])
            .run()
            .code(3)
            .stderr(&format!("ipc: sock {verb}: /x: no such socket (ENOENT)\n"));
    }
}

#[test]
fn every_wait_gives_up_in_time_and_try_does_not_wait() {
    let sb = Sandbox::new();
    for verb in [
        &["listen", "x"][..],
        &["recv", "x"],
        &["recv", "x", "--type", "dgram", "-n", "1"],
        &["recv-fd", "x"],
        &["connect", "x", "--wait"],
        &["connect", "@x", "--wait"],
        &["send", "x", "--wait", "data"],
        &["call", "x", "--wait", "data"],
        &["send-fd", "x", "0", "--wait"],
    ] {
        let words: Vec<&str> = ["sock"].iter().chain(verb).copied().collect();
        let late = sb.ipc(words.iter().chain(&["-t", "30ms"])).run();
        late.code(124).stderr_has("timed out");
        sb.ipc(words.iter().chain(&["--try"]))
            .run()
            .code(1)
            .stderr("");
        assert!(left(&sb).is_empty(), "{verb:?}: {:?}", left(&sb));
    }
}

#[test]
fn a_server_that_does_not_answer_is_a_time_out() {
    let sb = Sandbox::new();
    let _server = sb
        .ipc(["sock", "serve", "mute", "-t", "30s", "--", "sleep", "30"])
        .start();
    sb.ipc(["sock", "call", "mute", "--wait", "-t", "300ms", "hello?"])
        .run()
        .code(124)
        .stderr("ipc: sock call: /mute: timed out\n");
}

#[test]
fn a_reader_that_does_not_read_is_a_time_out_for_send() {
    let sb = Sandbox::new();
    for kind in ["stream", "seqpacket"] {
        let _server = sb
            .ipc([
                "sock", "serve", kind, "--type", kind, "-t", "30s", "--", "sleep", "30",
            ])
            .start();
        let script = "yes | ipc sock send $KIND --wait -t 500ms --type $KIND";
        sb.sh(script).env("KIND", kind).run().code(124);
    }
}

#[test]
fn a_server_that_goes_without_an_answer_is_7() {
    let sb = Sandbox::new();
    for (kind, more) in [("seqpacket", &[][..]), ("stream", &["--lines"])] {
        let _server = sb
            .ipc([
                "sock", "serve", kind, "--type", kind, "-n", "1", "-t", "30s", "--", "head", "-n",
                "0",
            ])
            .start();
        let call = [
            "sock", "call", kind, "--type", kind, "--wait", "-t", "30s", "x",
        ];
        let failed = sb.ipc(call.iter().chain(more)).run();
        assert_eq!(failed.status.code(), Some(7), "{failed}");
    }
}

#[test]
fn the_wrong_type_is_4_and_names_the_option() {
    let sb = Sandbox::new();
    let _server = sb
        .ipc(["sock", "serve", "s", "-t", "30s", "--", "cat"])
        .start();
    until("the socket", || file_of(&sb, "s").exists());
    for kind in ["seqpacket", "dgram"] {
        sb.ipc(["sock", "connect", "s", "--type", kind])
            .run()
            .code(4)
            .stderr_has("of another type (EPROTOTYPE)\nhint: ipc sock stat NAME shows of which");
    }
}

#[test]
fn a_message_that_is_too_long_names_both_ends_of_the_trouble() {
    let sb = Sandbox::new();
    let receiver = sb
        .ipc(["sock", "recv", "x", "--type", "seqpacket", "-t", "30s"])
        .start();
    let long = vec![b'x'; 8 << 20];
    sb.ipc([
        "sock",
        "send",
        "x",
        "--type",
        "seqpacket",
        "--lines",
        "--wait",
        "-t",
        "30s",
    ])
    .stdin(long)
    .run()
    .code(6)
    .stderr_has("a message of 8388608 bytes is too long (EMSGSIZE)");
    assert_eq!(receiver.finish().0.code(), Some(0));
}

#[test]
fn misuse_is_2() {
    let sb = Sandbox::new();
    for words in [
        &["sock", "recv", "x", "-n", "3"][..],
        &["sock", "recv", ""],
        &["sock", "recv", "@"],
        &["sock", "listen", "x", "--type", "raw"],
        &["sock", "listen", "x", "--lines", "--null"],
        &["sock", "listen", "a\nb"],
        &["sock", "serve", "x"],
        &["sock", "recv-fd", "x", "--place", "0=a"],
        &["sock", "fetch", "x", "--list", "--keep"],
        &["sock", "rm"],
    ] {
        sb.ipc(words).run().code(2);
    }
    sb.ipc(["sock", "recv-fd", "x", "--exec"]).run().code(125);
}

#[test]
fn listings_show_what_is_alive_stale_and_planted() {
    let sb = Sandbox::new();
    sb.ipc(["sock", "ls", "--json"])
        .run()
        .ok()
        .stdout("{\"objects\":[]}\n");
    let server = echoing(&sb, "alive");
    let mut dead = sb.ipc(["sock", "serve", "dead", "--", "cat"]).start();
    until("both", || {
        file_of(&sb, "alive").exists() && file_of(&sb, "dead").exists()
    });
    dead.signal(libc::SIGKILL);
    dead.wait();
    std::fs::write(file_of(&sb, "planted"), b"").unwrap();
    let pid = server.pid();
    let listed = sb
        .ipc([
            "sock",
            "ls",
            "--columns",
            "name,type,pids,status",
            "--no-headings",
        ])
        .run();
    listed.ok().stdout(&format!(
        "/alive    seqpacket  [{pid}]  ok\n/dead     -          []{pad}  stale\n/planted  -          []{pad}  not a socket\n",
        pad = " ".repeat(pid.to_string().len())
    ));
    let seen = sb.ipc(["sock", "stat", "alive", "--json"]).run();
    let seen = &seen.ok().json()["objects"][0];
    assert_eq!(seen["kind"], "sock");
    assert_eq!(seen["type"], "seqpacket");
    assert_eq!(seen["listening"], true);
    assert_eq!(seen["waiting"], 0);
    assert_eq!(seen["mode"], "0600");
    assert_eq!(seen["pids"][0], pid);
    assert_eq!(seen["path"], file_of(&sb, "alive").to_str().unwrap());
    sb.ipc(["sock", "stat", "alive", "nobody"]).run().code(8);
}

#[test]
fn removal_by_pattern_takes_what_the_dead_left_and_nothing_else() {
    let sb = Sandbox::new();
    let _server = sb
        .ipc(["sock", "serve", "alive", "-t", "30s", "--", "cat"])
        .start();
    let mut dead = sb.ipc(["sock", "serve", "dead", "--", "cat"]).start();
    // A draft of a name would stay when its maker is killed.
    until("both and no draft", || {
        file_of(&sb, "alive").exists() && file_of(&sb, "dead").exists() && left(&sb).len() == 2
    });
    dead.signal(libc::SIGKILL);
    dead.wait();
    sb.ipc(["sock", "rm", "--all"])
        .run()
        .code(0)
        .stdout("would remove /dead\n")
        .stderr("nothing is removed yet: add --yes\n");
    sb.ipc(["sock", "rm", "--all", "--yes", "--json"])
        .run()
        .ok()
        .stdout("{\"name\":\"/dead\",\"removed\":true}\n");
    assert_eq!(left(&sb).len(), 1);
    sb.ipc(["sock", "rm", "--all", "--yes"]).run().code(1);
}

#[test]
fn stat_shows_abstract_sockets_and_those_of_other_programs() {
    let sb = Sandbox::new();
    let receiver = sb
        .ipc([
            "sock", "recv", "@bus", "--type", "dgram", "-n", "1", "-t", "30s",
        ])
        .start();
    receiver.blocked_in(&[libc::SYS_ppoll]);
    let seen = sb.ipc(["sock", "stat", "@bus", "--json"]).run();
    let seen = &seen.ok().json()["objects"][0];
    assert_eq!(
        (&seen["name"], &seen["type"]),
        (&"@bus".into(), &"dgram".into())
    );
    assert_eq!(seen["pids"][0], receiver.pid());
    let _theirs = std::os::unix::net::UnixListener::bind(sb.folder().join("theirs")).unwrap();
    let seen = sb.ipc(["sock", "stat", "./theirs", "--json"]).run();
    let seen = &seen.ok().json()["objects"][0];
    assert_eq!(
        (&seen["name"], &seen["type"]),
        (&"./theirs".into(), &"stream".into())
    );
    sb.ipc(["sock", "send", "@bus", "--type", "dgram", "x"])
        .run()
        .ok();
    assert_eq!(receiver.finish().1, "x");
}

#[test]
fn live_names_are_completed() {
    let sb = Sandbox::new();
    let _server = sb
        .ipc(["sock", "serve", "alive", "-t", "30s", "--", "cat"])
        .start();
    until("the socket", || file_of(&sb, "alive").exists());
    let completed = sb
        .ipc(["--", "ipc", "sock", "call", "al"])
        .env("IPC_COMPLETE", "fish")
        .run();
    let text = String::from_utf8_lossy(&completed.stdout).into_owned();
    assert!(text.starts_with("alive\tstream, process "), "{completed}");
}

#[test]
fn a_result_that_cannot_arrive_is_6_for_every_verb_that_prints_one() {
    let sb = Sandbox::new();
    let _server = sb
        .ipc(["sock", "serve", "s", "-t", "30s", "--", "cat"])
        .start();
    until("the socket", || file_of(&sb, "s").exists());
    sb.sh("ipc sock store keep 0=in").run().ok();
    for (output, why) in [("> /dev/full", "no space left"), (">&-", "is closed")] {
        for verb in [
            "listen x -t 30s",
            "connect s -t 30s",
            "recv x -t 30s",
            "call s y -t 30s",
            "send s y --json -t 30s",
            "send-fd s 0 --json -t 30s",
            "serve x --json -t 1s -- cat",
            "recv-fd x -t 30s",
            "store keep 0=new --json -t 30s",
            "fetch keep -t 30s",
            "fetch keep --list -t 30s",
            "fetch keep --list --json -t 30s",
            "stat s",
            "stat s --json",
            "ls",
            "ls --json",
        ] {
            let refused = sb.sh(&format!("ipc sock {verb} {output}")).run();
            refused.code(6).stderr_has(why);
        }
    }
    // Nothing was done of which nobody would have heard.
    sb.ipc(["sock", "fetch", "keep", "--list"])
        .run()
        .ok()
        .stdout("in\n");
    sb.ipc(["sock", "fetch", "keep", "--exec", "--", "true"])
        .run()
        .ok();
}

#[test]
fn an_input_file_that_is_missing_is_no_missing_listener() {
    let sb = Sandbox::new();
    for verb in ["send", "call"] {
        sb.ipc(["sock", verb, "x", "--wait", "-f", "./none"])
            .run()
            .code(6)
            .stderr_has("input file ./none");
    }
}

#[test]
fn who_waits_in_vain_is_told_that_nobody_came() {
    let sb = Sandbox::new();
    let nobody = "timed out: nobody connected\n";
    for span in ["0", "0s", "1ms"] {
        for (name, more) in [("x", &[][..]), ("@x", &["--json"])] {
            let serve = ["sock", "serve", name, "-t", span];
            let command = ["--", "cat"];
            sb.ipc(serve.iter().chain(more).chain(&command))
                .run()
                .code(124)
                .stdout("")
                .stderr_has(nobody);
        }
    }
    for (kind, said) in [
        ("stream", nobody),
        ("seqpacket", nobody),
        ("dgram", "timed out: nobody sent a message\n"),
    ] {
        for verb in ["recv", "listen"] {
            sb.ipc(["sock", verb, "x", "--type", kind, "-t", "1ms"])
                .run()
                .code(124)
                .stderr_has(said);
        }
    }
}
