//! What the sender of descriptors hears of what becomes of them.

use super::left;
use crate::sandbox::{Sandbox, file, has};

#[test]
fn a_full_table_is_said_to_both_sides_and_none_is_leaked() {
    let sb = Sandbox::new();
    let receiver = sb
        .sh("ulimit -n 40; exec ipc sock recv-fd x -t 30s")
        .start();
    let script = "i=10; words=; while [ $i -lt 110 ]; do
            eval \"exec $i< /dev/null\"; words=\"$words $i\"; i=$((i+1)); done
        ipc sock send-fd x $words --wait -t 30s; echo $?; cat <&109; ls /proc/$$/fd | wc -l";
    let sender = sb.program("bash", ["-c", script]).run();
    let (status, stdout, stderr) = receiver.finish();
    assert_eq!((status.code(), stdout.as_str()), (Some(6), ""), "{stderr}");
    assert!(
        stderr.contains("RLIMIT_NOFILE") && stderr.contains("closed again"),
        "{stderr}"
    );
    let text = String::from_utf8_lossy(&sender.stdout).into_owned();
    // The sender has all of them still.
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "6", "{sender}");
    assert!(lines[1].parse::<u32>().unwrap() >= 103, "{sender}");
    sender.stderr_has("the receiver could not take them");
}

#[test]
fn the_sender_hears_of_a_full_table_whatever_it_has_still_to_send() {
    let sb = Sandbox::new();
    // One message takes 253: the receiver says no with the others unread, or
    // not even sent.
    for count in [254, 450] {
        let receiver = sb
            .sh("ulimit -n 40; exec ipc sock recv-fd x -t 30s")
            .start();
        let script = format!(
            "ulimit -n 1024; i=10; words=; while [ $i -lt {} ]; do
                eval \"exec $i< /dev/null\"; words=\"$words $i\"; i=$((i+1)); done
            exec ipc sock send-fd x $words --wait -t 30s",
            count + 10
        );
        sb.program("bash", ["-c", &script])
            .run()
            .code(6)
            .stderr_has("the receiver could not take them: the table of descriptors");
        assert_eq!(receiver.finish().0.code(), Some(6));
    }
}

#[test]
fn a_command_that_is_not_there_has_the_code_of_a_shell_before_anybody_is_let_in() {
    let sb = Sandbox::new();
    file(&sb, "plain", b"no program");
    for (command, code, why) in [
        ("./is-not-there", 127, "command not found"),
        ("is-not-there", 127, "command not found"),
        ("./plain", 126, "cannot be executed"),
    ] {
        sb.ipc(["sock", "recv-fd", "x", "-t", "30s", "--exec", "--", command])
            .run()
            .code(code)
            .stderr(&format!("ipc: sock recv-fd: {command}: {why}\n"));
        assert!(left(&sb).is_empty());
    }
}

#[test]
fn the_sender_hears_of_a_command_that_cannot_start_after_all() {
    let sb = Sandbox::new();
    // It is there and may be executed, and still it cannot be.
    sb.sh("printf '#!/is/not/there\\n' > script; chmod +x script")
        .run()
        .ok();
    let receiver = sb
        .ipc([
            "sock", "recv-fd", "x", "-t", "30s", "--place", "9=in", "--exec", "--", "./script",
        ])
        .start();
    sb.sh("ipc sock send-fd x 0=in --wait -t 30s")
        .run()
        .code(6)
        .stderr(
            "ipc: sock send-fd: /x: the receiver could not take them: the command did not start\n",
        );
    let (status, _, stderr) = receiver.finish();
    assert_eq!(status.code(), Some(127));
    assert_eq!(stderr, "ipc: sock recv-fd: ./script: command not found\n");
}

#[test]
fn a_label_that_place_misspells_is_said_to_both_sides() {
    let sb = Sandbox::new();
    let place = ["--place", "0=lgo", "--exec", "--", "cat"];
    let receiver = sb
        .ipc(["sock", "recv-fd", "x", "-t", "30s"].iter().chain(&place))
        .start();
    sb.sh("ipc sock send-fd x 0=log --wait -t 30s")
        .run()
        .code(6)
        .stderr_has("could not take them: no descriptor labelled 'lgo' came");
    let (status, stdout, _) = receiver.finish();
    assert_eq!((status.code(), stdout.as_str()), (Some(125), ""));
    // What is wrong whatever comes is said before anybody is let in.
    sb.ipc([
        "sock", "recv-fd", "x", "--place", "9=a", "--place", "9=b", "--exec", "--", "cat",
    ])
    .run()
    .code(125)
    .stderr_has("puts two descriptors at 9");
}

#[test]
fn a_number_beyond_the_table_is_said_to_both_sides() {
    let sb = Sandbox::new();
    let receiver = sb
        .sh("ulimit -n 40; exec ipc sock recv-fd x -t 30s --place 39=in --exec -- cat")
        .start();
    sb.sh("ipc sock send-fd x 0=in --wait -t 30s")
        .run()
        .code(6)
        .stderr_has("do not fit below RLIMIT_NOFILE");
    let (status, _, stderr) = receiver.finish();
    assert_eq!(status.code(), Some(125), "{stderr}");
    assert!(stderr.contains("ulimit -n"), "{stderr}");
}

#[test]
fn a_receiver_whose_list_does_not_arrive_says_so_to_the_sender() {
    let sb = Sandbox::new();
    // A file that may not grow: nothing tells of it before the first byte.
    let receiver = sb
        .sh("trap '' XFSZ; ulimit -f 0; exec ipc sock recv-fd x -t 30s > out")
        .start();
    sb.sh("ipc sock send-fd x 0=in --wait -t 30s")
        .run()
        .code(6)
        .stderr_has("could not take them: standard output: ");
    assert_eq!(receiver.finish().0.code(), Some(6));
}

#[test]
fn who_closes_without_a_word_has_not_confirmed() {
    if !has("python3") {
        return;
    }
    let sb = Sandbox::new();
    for (said, code, words) in [
        ("ok\\n", 0, ""),
        ("", 7, "closed without a word that it has them"),
        ("HTTP/1.1 400\\n", 7, "does not say ok but 'HTTP/1.1 400'"),
        ("no: no room\\n", 6, "could not take them: no room"),
    ] {
        let receiver = format!(
            "import socket
s = socket.socket(socket.AF_UNIX); s.bind('./y'); s.listen(1); s.settimeout(30)
c = s.accept()[0]
while c.recv(1000): pass
c.sendall(b'{said}')"
        );
        let receiver = sb.program("python3", ["-c", &receiver]).start();
        let sent = sb.sh("ipc sock send-fd ./y 0=in --wait -t 30s").run();
        sent.code(code).stderr_has(words);
        assert_eq!(receiver.finish().0.code(), Some(0));
        std::fs::remove_file(sb.folder().join("y")).unwrap();
    }
}

#[test]
fn a_receiver_that_is_killed_has_not_confirmed() {
    let sb = Sandbox::new();
    // It has taken them, and cannot print what they are.
    let receiver = sb
        .sh("mkfifo out; exec 7<> out; head -c 65536 /dev/zero >&7; exec ipc sock recv-fd x -t 30s >&7 7>&-")
        .start();
    let sender = sb.sh("exec ipc sock send-fd x 0=in --wait -t 30s").start();
    receiver.blocked_in(&[libc::SYS_write]);
    receiver.signal(libc::SIGKILL);
    let (status, _, stderr) = sender.finish();
    assert_eq!(status.code(), Some(7), "{stderr}");
    assert!(stderr.contains("without a word"), "{stderr}");
}
