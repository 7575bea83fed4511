//! A stream through a socket, and a question with its answer.

use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::lab::{IPC, Lab, command, has, pipeline};
use crate::report::{Report, Times};

const ROUNDS: usize = 15;
const BYTES: &str = "268435456";
const CALLS: usize = 60;
const NO_SOCAT: &str = "socat is not installed";

pub fn measure(lab: &Lab, report: &mut Report) {
    copy(lab, report);
    call(lab, report);
}

/// Who sends and who takes, given a path.
type Pair = fn(&Lab, &str) -> [Command; 2];

fn ours(_: &Lab, path: &str) -> [Command; 2] {
    [
        command(&[IPC, "sock", "send", path, "--wait"]),
        command(&[IPC, "sock", "recv", path]),
    ]
}

fn floor(lab: &Lab, path: &str) -> [Command; 2] {
    [
        command(&[&lab.floor("sock_send"), path]),
        command(&[&lab.floor("sock_recv"), path]),
    ]
}

fn socat(_: &Lab, path: &str) -> [Command; 2] {
    [
        command(&[
            "socat",
            "-u",
            "-",
            &format!("UNIX-CONNECT:{path},retry=1000,interval=0.001"),
        ]),
        command(&["socat", "-u", &format!("UNIX-LISTEN:{path}"), "-"]),
    ]
}

/// A pipe in, a socket in the middle, a pipe out.
fn through(lab: &Lab, pair: Pair, path: &str) -> f64 {
    let [send, recv] = pair(lab, path);
    let start = Instant::now();
    let mut source = head().stdout(Stdio::piped()).spawn().unwrap();
    let mut send = send;
    let input = source.stdout.take().unwrap();
    let mut sender = send.stdin(input).stdout(Stdio::null()).spawn().unwrap();
    pipeline([recv, command(&[lab.floor("sink")])]);
    assert!(sender.wait().unwrap().success() && source.wait().unwrap().success());
    let _ = std::fs::remove_file(path);
    start.elapsed().as_secs_f64() * 1e6
}

fn head() -> Command {
    command(&["head", "-c", BYTES, "/dev/zero"])
}

fn copy(lab: &Lab, report: &mut Report) {
    let path = lab.path("socket");
    let has_socat = has("socat");
    let (mut our, mut their) = (Vec::new(), Vec::new());
    let (mut cats, mut socats) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        our.push(through(lab, ours, &path));
        their.push(through(lab, floor, &path));
        let cat = command(&["cat"]);
        cats.push(pipeline([
            head(),
            cat,
            command(&["cat"]),
            command(&[lab.floor("sink")]),
        ]));
        if has_socat {
            socats.push(through(lab, socat, &path));
        }
    }
    let our = Times::of(our);
    let title = "256 MiB through a socket";
    report.speed(title, our, "C, read and write", Times::of(their), 0.9);
    report.speed(title, our, "cat | cat", Times::of(cats), 1.0);
    match has_socat {
        true => report.speed(title, our, "socat", Times::of(socats), 2.0),
        false => report.skip("socat", NO_SOCAT),
    }
}

/// A server, killed when dropped.
struct Server(Child);

impl Server {
    fn start(mut command: Command, path: &str) -> Server {
        let server = Server(command.stdin(Stdio::null()).spawn().unwrap());
        while !std::path::Path::new(path).exists() {
            std::thread::yield_now();
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn call(lab: &Lab, report: &mut Report) {
    if !has("socat") {
        return report.skip("socat", NO_SOCAT);
    }
    let (path, other) = (lab.path("serve"), lab.path("socat"));
    for file in [&path, &other] {
        let _ = std::fs::remove_file(file);
    }
    let own = command(&[IPC, "sock", "serve", &path, "--", "cat"]);
    let _own = Server::start(own, &path);
    let listen = format!("UNIX-LISTEN:{other},fork");
    let _their = Server::start(command(&["socat", &listen, "EXEC:cat"]), &other);
    let ask = |mut words: Command| {
        let start = Instant::now();
        let mut asking = words
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut asking.stdin.take().unwrap(), b"question").unwrap();
        assert!(asking.wait().unwrap().success());
        start.elapsed().as_secs_f64() * 1e6
    };
    let connect = format!("UNIX-CONNECT:{other}");
    let (mut our, mut their) = (Vec::new(), Vec::new());
    for _ in 0..CALLS {
        our.push(ask(command(&[IPC, "sock", "call", &path])));
        their.push(ask(command(&["socat", "-t", "30", "-", &connect])));
    }
    report.cost(
        "sock call, cat answers",
        Times::of(our),
        "socat",
        Times::of(their),
        1.15,
    );
    for file in [&path, &other] {
        let _ = std::fs::remove_file(file);
    }
}
