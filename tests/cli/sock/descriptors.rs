//! Descriptors handed from one process to another.

use crate::sandbox::{Sandbox, file, has, is_root, skip, until};

use super::{file_of, left};

#[test]
fn a_file_goes_to_somebody_who_could_not_open_it() {
    let sb = Sandbox::new();
    file(&sb, "secret", b"the secret");
    let receiver = sb
        .ipc([
            "sock", "recv-fd", "x", "-t", "30s", "--place", "0=doc", "--exec", "--", "cat",
        ])
        .start();
    sb.sh("exec 5< secret; rm secret; ipc sock send-fd x 5=doc --wait -t 30s")
        .run()
        .ok();
    let (status, stdout, stderr) = receiver.finish();
    assert_eq!(
        (status.code(), stdout.as_str(), stderr.as_str()),
        (Some(0), "the secret", "")
    );
    assert!(left(&sb).is_empty());
}

#[test]
fn the_command_finds_them_from_three_on_as_systemd_hands_them() {
    let sb = Sandbox::new();
    for (name, text) in [("a", "A"), ("b", "B"), ("c", "C")] {
        file(&sb, name, text.as_bytes());
    }
    let script = "[ $LISTEN_PID = $$ ] && echo $LISTEN_FDS $LISTEN_FDNAMES $IPC_SOCK_NAME;
        cat <&3; cat <&4; cat <&5; echo";
    let receiver = sb
        .ipc([
            "sock", "recv-fd", "x", "-t", "30s", "--exec", "--", "bash", "-c", script,
        ])
        .start();
    sb.sh("exec 7< c 8< a 9< b; ipc sock send-fd x 8=first 9 7=last --wait -t 30s")
        .run()
        .ok();
    let (_, stdout, stderr) = receiver.finish();
    assert_eq!(stdout, "3 first:fd9:last x\nABC\n", "{stderr}");
}

#[test]
fn the_command_has_the_descriptors_of_the_caller_those_that_came_and_none_of_ours() {
    let sb = Sandbox::new();
    let list = "ls /proc/$$/fd; :";
    let numbers = |text: &[u8]| -> std::collections::BTreeSet<u32> {
        let text = String::from_utf8_lossy(text);
        text.lines().map(|line| line.parse().unwrap()).collect()
    };
    let direct = sb.program("sh", ["-c", list]).run();
    let mut expected = numbers(&direct.ok().stdout);
    let receiver = sb
        .ipc([
            "sock", "recv-fd", "x", "-t", "30s", "--place", "9=a", "--exec", "--", "sh", "-c", list,
        ])
        .start();
    sb.sh("ipc sock send-fd x 0=a 0=b --wait -t 30s").run().ok();
    expected.extend([3, 4, 9]);
    assert_eq!(numbers(receiver.finish().1.as_bytes()), expected);
}

#[test]
fn two_hundred_arrive_in_order_and_again_through_a_command() {
    let sb = Sandbox::new();
    let script = "i=10; words=; while [ $i -lt 210 ]; do
            echo $i > f$i; eval \"exec $i< f$i\"; words=\"$words $i=n$i\"; i=$((i+1)); done
        ipc sock send-fd x $words --wait -t 30s";
    let receiver = "i=3; while [ $i -lt 203 ]; do read -r n <&$i; echo $n; i=$((i+1)); done; echo $LISTEN_FDNAMES";
    let receiver = sb
        .ipc([
            "sock", "recv-fd", "x", "-t", "30s", "--exec", "--", "bash", "-c", receiver,
        ])
        .start();
    sb.program("bash", ["-c", script]).run().ok();
    let (status, stdout, stderr) = receiver.finish();
    assert_eq!(status.code(), Some(0), "{stderr}");
    let mut lines: Vec<&str> = stdout.lines().collect();
    let names = lines.pop().unwrap();
    let expected: Vec<String> = (10..210).map(|n| n.to_string()).collect();
    assert_eq!(lines, expected);
    assert!(names.starts_with("n10:n11:") && names.ends_with(":n209"));
}

#[test]
fn what_came_is_shown_and_closed_without_a_command() {
    let sb = Sandbox::new();
    for json in [false, true] {
        let more: &[&str] = if json { &["--json"] } else { &[] };
        let recv = ["sock", "recv-fd", "x", "-t", "30s"];
        let receiver = sb.ipc(recv.iter().chain(more)).start();
        sb.sh("exec 5< /dev/null; ipc sock send-fd x 5=null --wait -t 30s")
            .run()
            .ok();
        let (status, stdout, _) = receiver.finish();
        assert_eq!(status.code(), Some(0));
        let expected = if json {
            "{\"name\":\"/x\",\"descriptors\":[{\"label\":\"null\",\"type\":\"device\",\"target\":\"/dev/null\"}]}\n"
        } else {
            "null\tdevice\t/dev/null\n"
        };
        assert_eq!(stdout, expected);
    }
}

#[test]
fn python_sends_and_takes_descriptors() {
    if !has("python3") {
        return;
    }
    let sb = Sandbox::new();
    file(&sb, "data", b"from python");
    let receiver = sb
        .ipc([
            "sock",
            "recv-fd",
            "./x",
            "-t",
            "30s",
            "--exec",
            "--",
            "sh",
            "-c",
            "cat <&3; echo $LISTEN_FDNAMES",
        ])
        .start();
    until("the socket", || sb.folder().join("x").exists());
    let sender = "import socket
s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect('./x')
f = open('data')
socket.send_fds(s, [b'x'], [f.fileno()])";
    sb.program("python3", ["-c", sender]).run().ok();
    assert_eq!(receiver.finish().1, "from pythonunknown\n");
    let receiver = "import os, socket
s = socket.socket(socket.AF_UNIX); s.bind('./y'); s.listen(1); s.settimeout(30)
c = s.accept()[0]
text, fds, _, _ = socket.recv_fds(c, 1000, 10)
c.sendall(b'ok\\n')
print(text.decode(), os.read(fds[1], 100).decode())";
    let receiver = sb.program("python3", ["-c", receiver]).start();
    sb.sh("exec 5< /dev/null 6< data; ipc sock send-fd ./y 5=null 6=text --wait -t 30s")
        .run()
        .ok();
    assert_eq!(receiver.finish().1, "null\ntext\n from python\n");
}

/// What the page of recv-fd says to do.
const SENDER: &str = "import socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(sys.argv[1])
for words in sys.argv[2:]:
    names = words.split()
    files = [open(name) for name in names]
    text = ''.join(f'{name}\\n' for name in names).encode()
    socket.send_fds(s, [text], [f.fileno() for f in files])
s.shutdown(socket.SHUT_WR)
print(s.makefile().read().splitlines()[-1])";

/// What the page of send-fd says to do, and the answer to give.
const RECEIVER: &str = "import os, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind('./y'); s.listen(1); s.settimeout(30)
print('listens', flush=True)
c = s.accept()[0]; c.settimeout(30)
text, fds = b'', []
while True:
    more, came, _, _ = socket.recv_fds(c, 65536, 253)
    if not more: break
    text += more; fds += came
labels = text.decode().splitlines()
assert len(labels) == len(fds)
c.sendall(sys.argv[1].encode()); c.close()
print(len(fds), labels[0], labels[-1], os.read(fds[-1], 100).decode())";

#[test]
fn a_program_that_does_what_the_pages_say_is_understood() {
    if !has("python3") {
        return;
    }
    let sb = Sandbox::new();
    for name in ["one", "two", "three"] {
        file(&sb, name, name.as_bytes());
    }
    let script = "cat <&3 <&4; cat <&5; echo \" $LISTEN_FDNAMES\"";
    for (exec, answer) in [("sh", "ok"), ("./bad", "no: the command did not start")] {
        file(&sb, "bad", b"#!/is/not/there\n");
        sb.sh("chmod +x bad").run().ok();
        let recv = ["sock", "recv-fd", "./x", "-t", "30s", "--exec", "--", exec];
        let receiver = sb.ipc(recv.iter().chain(&["-c", script])).start();
        until("the socket", || sb.folder().join("x").exists());
        sb.program("python3", ["-c", SENDER, "./x", "one two", "three"])
            .run()
            .ok()
            .stdout(&format!("{answer}\n"));
        let (status, stdout, _) = receiver.finish();
        let (code, expected) = match exec {
            "sh" => (0, "twothree one:two:three\n"),
            _ => (127, ""),
        };
        assert_eq!((status.code(), stdout.as_str()), (Some(code), expected));
    }
    for (answer, code, said) in [
        ("ok\n", 0, ""),
        ("no: not today\n", 6, "could not take them: not today"),
        ("ok\nno: after all\n", 6, "could not take them: after all"),
        ("", 7, "closed without a word"),
    ] {
        let mut receiver = sb.program("python3", ["-c", RECEIVER, answer]).start();
        assert_eq!(receiver.line(), "listens");
        let given: Vec<String> = (0..300).map(|index| format!("3=n{index}")).collect();
        let send = format!(
            "exec 3< one; ipc sock send-fd ./y {} -t 30s",
            given.join(" ")
        );
        let sent = sb.sh(&send).run();
        sent.code(code).stderr_has(said);
        assert_eq!(receiver.line(), "300 n0 n299 one");
        receiver.finish();
        std::fs::remove_file(sb.folder().join("y")).unwrap();
    }
}

#[test]
fn a_sender_that_waits_outlasts_a_receiver_that_was_refused() {
    let sb = Sandbox::new();
    let send = "exec 3< /dev/null; exec ipc sock send-fd x 3=null --wait -t 30s";
    let sender = sb.sh(send).start();
    sender.blocked();
    for (words, code) in [
        (&["--exec", "--", "is-not-there"][..], 127),
        (&["--no-such-option"], 2),
        (
            &["--place", "5=null", "--place", "5=null", "--exec", "true"],
            125,
        ),
    ] {
        sb.ipc(["sock", "recv-fd", "x"].iter().chain(words))
            .run()
            .code(code);
    }
    sender.blocked();
    sb.ipc(["sock", "recv-fd", "x", "-t", "30s"])
        .run()
        .ok()
        .stdout("null\tdevice\t/dev/null\n");
    assert_eq!(sender.finish().0.code(), Some(0));
    // Nobody at all is a time-out, and without --wait an answer at once.
    let send = ["sock", "send-fd", "x", "0"];
    sb.ipc(send.iter().chain(&["--wait", "-t", "20ms"]))
        .run()
        .code(124);
    sb.ipc(send).run().code(3);
}

#[test]
fn a_command_that_cannot_start_is_told_of_where_errors_went_before() {
    let sb = Sandbox::new();
    file(&sb, "bad", b"#!/is/not/there\n");
    sb.sh("chmod +x bad").run().ok();
    let place = ["--place", "2=log", "--exec", "--"];
    let recv = ["sock", "recv-fd", "x", "-t", "30s"];
    let recv = recv.iter().chain(&place);
    let send = "exec 3> log; ipc sock send-fd x 3=log --wait -t 30s";
    let receiver = sb.ipc(recv.clone().chain(&["./bad"])).start();
    sb.sh(send).run().code(6);
    let (status, _, said) = receiver.finish();
    assert_eq!(status.code(), Some(127));
    assert_eq!(said, "ipc: sock recv-fd: ./bad: command not found\n");
    let log = || std::fs::read_to_string(sb.folder().join("log")).unwrap();
    assert_eq!(log(), "");
    // The command itself has what was put there, and nothing more than without.
    let script = "ls /proc/self/fd; echo said >&2";
    let receiver = sb.ipc(recv.chain(&["sh", "-c", script])).start();
    sb.sh(send).run().ok();
    let (_, with, said) = receiver.finish();
    assert_eq!((log().as_str(), said.as_str()), ("said\n", ""));
    let recv = ["sock", "recv-fd", "x", "-t", "30s", "--exec", "--", "sh"];
    let receiver = sb.ipc(recv.iter().chain(&["-c", script])).start();
    sb.sh(send).run().ok();
    assert_eq!(receiver.finish().1, with);
}

#[test]
fn a_listening_socket_goes_to_another_process_which_serves_it() {
    if !has("python3") {
        return;
    }
    let sb = Sandbox::new();
    let giver = "import os, socket, subprocess
s = socket.socket(socket.AF_UNIX); s.bind('./public'); s.listen(5)
fd = s.fileno()
subprocess.run(['ipc', 'sock', 'send-fd', 'x', f'{fd}=web', '--wait', '-t', '30s'], pass_fds=[fd], check=True)";
    let server = "import socket
s = socket.socket(fileno=3); s.settimeout(30); c = s.accept()[0]; c.sendall(b'served'); c.close()";
    let server = sb
        .ipc([
            "sock", "recv-fd", "x", "-t", "30s", "--exec", "--", "python3", "-c", server,
        ])
        .start();
    sb.program("python3", ["-c", giver]).run().ok();
    sb.ipc(["sock", "connect", "./public", "-t", "30s"])
        .run()
        .ok()
        .stdout("served");
    assert_eq!(server.finish().0.code(), Some(0));
}

#[test]
fn failures_of_ours_are_125_with_a_command_and_their_own_codes_without() {
    let sb = Sandbox::new();
    let exec = ["--exec", "--", "true"];
    let recv = ["sock", "recv-fd", "x"];
    for (words, with, without) in [
        (&["-t", "20ms"][..], 124, 124),
        (&["--try"], 124, 1),
        (&["--conflict-code", "9", "--try"], 9, 1),
        (&["--no-such-option"], 125, 2),
    ] {
        let own = recv.iter().chain(words);
        let _ = sb.ipc(own.clone().chain(&exec)).run().code(with);
        let _ = sb.ipc(own).run().code(without);
    }
    std::fs::write(file_of(&sb, "x"), b"").unwrap();
    sb.ipc(recv.iter().chain(&exec)).run().code(125);
    sb.ipc(recv).run().code(7);
}

#[test]
fn what_is_not_open_is_not_sent() {
    let sb = Sandbox::new();
    sb.sh("ipc sock send-fd x 77=log").run().code(3).stderr(
        "ipc: sock send-fd: descriptor 77: is not open\nhint: exec 77< FILE opens it in a shell\n",
    );
    sb.sh("ipc sock send-fd x 0 <&-").run().code(3);
    sb.ipc(["sock", "send-fd", "x", "1=a:b"]).run().code(2);
    for words in [
        "send-fd x 1=a\\377b",
        "store x 1=a\\377b",
        "fetch x a\\377b",
    ] {
        let script = format!("ipc sock $(printf '{words}')");
        let refused = sb.sh(&script).run();
        refused
            .code(2)
            .stderr_has("a\\xffb")
            .stderr_has("not even UTF-8");
    }
    sb.ipc(["sock", "send-fd", "x", "log"]).run().code(2);
}

#[test]
fn the_receiver_has_the_rights_of_the_open_file_and_not_of_its_user() {
    if !is_root() {
        return skip("only root can start a process of another user");
    }
    let sb = Sandbox::new();
    let path = file(&sb, "secret", b"for root alone");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(sb.folder(), open).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];
    let refused = sb
        .program("setpriv", nobody.iter().chain(&["cat", "secret"]))
        .run();
    assert!(!refused.status.success());
    let recv = [
        "ipc",
        "sock",
        "recv-fd",
        "@secret",
        "-t",
        "30s",
        "--exec",
        "--",
        "sh",
        "-c",
        "id -u; cat <&3",
    ];
    let receiver = sb.program("setpriv", nobody.iter().chain(&recv)).start();
    sb.sh("exec 3< secret; ipc sock send-fd @secret 3 --wait -t 30s --allow-uid 65534")
        .run()
        .ok();
    let (_, stdout, stderr) = receiver.finish();
    assert_eq!(stdout, "65534\nfor root alone", "{stderr}");
}
