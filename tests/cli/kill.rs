//! `ipc kill`: targets, signals, verdicts, exit codes.

use std::os::unix::process::CommandExt;

use serde_json::Value;

use crate::sandbox::{Outcome, Running, Sandbox, has, is_root, skip, until};
use crate::shell::{Shell, someone};

/// A shell that does this about TERM, and lives until it is killed.
fn shell(sb: &Sandbox, about: &str) -> Running {
    let script = format!("{about}\necho ready; while :; do sleep 600 & wait $!; done");
    let mut running = sb
        .sh(&script)
        .with(|command| {
            command.process_group(0);
        })
        .start();
    assert_eq!(running.line(), "ready");
    running
}

/// Ends all of a shell's group, which is its own.
fn end(sb: &Sandbox, running: Running) {
    let group = format!("pgid:{}", running.pid());
    sb.ipc(["kill", "-9", &group]).run().code(0);
    drop(running);
}

fn verdict(outcome: &Outcome<'_>, pid: i32) -> String {
    let document = outcome.json();
    let targets = document["targets"].as_array().unwrap().clone();
    let all = targets
        .iter()
        .flat_map(|one| one["processes"].as_array().unwrap());
    let found = all.into_iter().find(|one| one["pid"] == pid);
    let found: &Value = found.unwrap_or_else(|| panic!("no {pid}\n{outcome}"));
    found["verdict"].as_str().unwrap().to_owned()
}

fn start_of(pid: i32) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let rest = stat.rsplit(')').next().unwrap().to_owned();
    rest.split_ascii_whitespace().nth(19).unwrap().to_owned()
}

#[test]
fn every_spelling_of_a_signal_is_sent() {
    let sb = Sandbox::new();
    for spelling in [
        &["-9"][..],
        &["-KILL"],
        &["-SIGKILL"],
        &["-kill"],
        &["-s", "9"],
        &["-s", "SIGKILL"],
        &["--signal", "kill"],
        &["--signal=KILL"],
    ] {
        let mut victim = shell(&sb, "trap '' TERM");
        let pid = victim.pid().to_string();
        sb.ipc([&["kill"], spelling, &[&pid]].concat())
            .run()
            .ok()
            .stdout("");
        let status = victim.wait();
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(9)
        );
    }
    // The default asks, behind the target it is the same, and JSON changes nothing.
    for words in [
        &["kill", "@"][..],
        &["kill", "@", "-TERM"],
        &["--json", "kill", "-15", "@"],
    ] {
        let mut victim = shell(&sb, "trap 'exit 9' TERM");
        let pid = victim.pid().to_string();
        let words = words
            .iter()
            .map(|word| if *word == "@" { &pid } else { *word });
        sb.ipc(words).run().code(0).stderr("");
        assert_eq!(victim.wait().code(), Some(9));
    }
    let mut victim = shell(&sb, "trap '' TERM");
    let pid = victim.pid().to_string();
    sb.ipc(["kill", "-RTMIN+2", &pid]).run().ok();
    let status = victim.wait();
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    assert_eq!(signal, Some(libc::SIGRTMIN() + 2));
}

#[test]
fn groups_and_sessions_are_signalled_whole() {
    let sb = Sandbox::new();
    if !has("setsid") {
        return;
    }
    let script = "sleep 600 & sleep 600 & echo $$; wait";
    for kind in ["pgid:", "sid:", "-- -"] {
        let mut running = sb.program("setsid", ["sh", "-c", script]).start();
        let pid = running.line();
        let target = format!("{kind}{pid}");
        let words = ["--json kill -9 --wait 30s", &target].join(" ");
        let outcome = sb.ipc(words.split(' ')).run();
        outcome.ok();
        let document = outcome.json();
        let processes = document["targets"][0]["processes"].as_array().unwrap();
        assert_eq!(processes.len(), 3, "{outcome}");
        running.wait();
        let gone = sb.ipc(["kill", "-9", &format!("pgid:{pid}")]).run();
        gone.code(3).stderr_has("no such process");
    }
}

#[test]
fn a_name_without_a_pattern_acts_and_a_pattern_only_shows() {
    let sb = Sandbox::new();
    // Longer than what the kernel keeps of a name, and nobody else's.
    let name = format!("ipckill-{}-victim", std::process::id());
    let program = sb.folder().join(&name);
    std::os::unix::fs::symlink("/bin/sleep", &program).unwrap();
    let start = || {
        let running = sb.program(&program, ["600"]).start();
        let comm = format!("/proc/{}/comm", running.pid());
        until("the program to start", || {
            std::fs::read_to_string(&comm)
                .unwrap_or_default()
                .starts_with("ipckill")
        });
        running
    };
    let (mut first, mut second) = (start(), start());
    let pattern = format!("name:ipckill-{}-*", std::process::id());
    let shown = sb.ipc(["kill", "-9", &pattern]).run();
    let text = String::from_utf8(shown.code(0).stdout.clone()).unwrap();
    for running in [&first, &second] {
        assert!(
            text.contains(&format!("would send KILL to pid:{}:", running.pid())),
            "{shown}"
        );
    }
    shown.stderr("hint: --yes signals them\n");
    sb.ipc(["kill", "-0", &pattern]).run().ok();
    sb.ipc(["kill", "-9", "--yes", "--wait", "30s", &pattern])
        .run()
        .code(0);
    first.wait();
    second.wait();
    let mut third = start();
    sb.ipc(["kill", "-9", &format!("name:{name}")]).run().ok();
    third.wait();
    sb.ipc(["kill", &format!("name:{name}")]).run().code(3);
}

#[test]
fn another_start_is_another_process() {
    let sb = Sandbox::new();
    let someone = someone(&sb);
    let pid = someone.pid();
    let start: u64 = start_of(pid).parse().unwrap();
    for wrong in [start - 1, start + 1, 0] {
        let refused = sb.ipc(["kill", "-9", &format!("pid:{pid}:{wrong}")]).run();
        refused
            .code(3)
            .stderr_has("belongs to another process by now");
    }
    sb.ipc(["kill", "-0", &format!("pid:{pid}:{start}")])
        .run()
        .ok();
    sb.ipc(["kill", "-9", "--wait", "30s", &format!("pid:{pid}:{start}")])
        .run()
        .code(0);
    someone.end();
}

/// F34. The next number can be chosen in a pid namespace of one's own.
const REUSE: &str = r#"
reuse() { echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid; }
tick() { read -r now rest </proc/uptime; }
next_tick() { tick; past=$now; while [ "$now" = "$past" ]; do tick; done; }
fail() { echo "round $round: $*"; exit 1; }
reuse 300 2>/dev/null || { echo cannot; exit 0; }
for round in $(seq 50); do
    sleep 600 & victim=$!
    name=$(ipc kill --dry-run $victim | sed 's/.* to \(pid:[0-9:]*\) .*/\1/')
    case $name in pid:$victim:*) ;; *) fail "name $name" ;; esac
    kill -9 $victim; wait $victim
    next_tick
    reuse $victim
    sleep 600 & innocent=$!
    [ $innocent = $victim ] || fail "$innocent instead of $victim"
    ipc kill -9 "$name" 2>said && fail "sent"
    [ $? = 3 ] || fail "not 3"
    grep -q 'belongs to another process' said || fail "$(cat said)"
    ipc kill --tree -9 "$name" 2>said && fail "sent to the tree"
    ipc kill -0 $innocent || fail "the innocent is gone"
    ipc kill -9 --wait 30s $innocent >/dev/null || fail "by its own number"
    wait $innocent
done 2>noise
echo right
"#;

#[test]
fn a_number_that_was_given_to_another_process_is_never_signalled_50_times() {
    let sb = Sandbox::new();
    if !has("unshare") {
        return;
    }
    let options = ["-Urpf", "--mount-proc"];
    let probe = sb
        .program("unshare", [&options[..], &["true"]].concat())
        .run();
    if !probe.status.success() {
        skip("unshare is not allowed here");
        return;
    }
    let outcome = sb
        .program("unshare", [&options[..], &["sh", "-c", REUSE]].concat())
        .run();
    if outcome.stdout == b"cannot\n" {
        skip("ns_last_pid cannot be written here");
        return;
    }
    outcome.code(0).stdout("right\n");
}

#[test]
fn ancestors_process_1_and_itself_are_spared_unless_told() {
    let sb = Sandbox::new();
    let script = "trap 'echo taken' USR1; ipc kill -USR1 $$; echo $?; \
        ipc kill -USR1 --tree $$; echo $?; ipc kill -0 $$; echo $?; \
        ipc kill -USR1 --force $$; echo $?";
    let outcome = sb.sh(script).run();
    outcome
        .code(0)
        .stdout("1\n1\n1\ntaken\n0\n")
        .stderr_has("is an ancestor of this process");
    outcome.stderr_has("hint: --force signals it all the same");
    sb.ipc(["kill", "-USR1", "1"])
        .run()
        .code(1)
        .stderr_has("is process 1");
    // In a group the others are signalled, and it is told who was not.
    let script = "trap ':' USR1; mkfifo up; sh -c 'echo up >up; exec sleep 600' & \
        read line <up; ipc kill -USR1 pgid:$$; echo $?; wait $!; echo $?";
    let group = sb.sh(script).with(|command| {
        command.process_group(0);
    });
    let outcome = group.run();
    outcome.code(0).stdout("8\n138\n");
    outcome.stderr_has("is an ancestor of this process, and was spared");
}

#[test]
fn a_verdict_says_why_a_process_is_still_there() {
    let sb = Sandbox::new();
    let kill = |words: &[&str], pid: i32| {
        let pid = pid.to_string();
        sb.ipc([&["--json", "kill", "--wait", "0.3"], words, &[&pid]].concat())
            .run()
    };
    let ignoring = shell(&sb, "trap '' TERM");
    let outcome = kill(&[], ignoring.pid());
    assert_eq!(verdict(outcome.code(124), ignoring.pid()), "ignored");
    let outcome = kill(&["-CHLD"], ignoring.pid());
    assert_eq!(verdict(outcome.code(124), ignoring.pid()), "unaffected");
    // Not waited for: the answer is no, as under --try everywhere.
    let pid = ignoring.pid().to_string();
    sb.ipc(["kill", "--wait", "0", &pid]).run().code(1);
    end(&sb, ignoring);

    let handling = shell(&sb, "trap 'true' TERM");
    let outcome = kill(&[], handling.pid());
    assert_eq!(verdict(outcome.code(124), handling.pid()), "handled");
    handling.signal(libc::SIGSTOP);
    let outcome = kill(&["-HUP"], handling.pid());
    assert_eq!(verdict(outcome.code(124), handling.pid()), "stopped");
    end(&sb, handling);

    let text = "#include <signal.h>\n#include <unistd.h>\nint main(void) { sigset_t set; \
        sigemptyset(&set); sigaddset(&set, SIGTERM); sigprocmask(SIG_BLOCK, &set, NULL); \
        if (write(1, \"up\\n\", 3) == 3) pause(); return 0; }";
    let program = crate::sandbox::compiled_text(&sb, "blocking", text);
    let mut blocking = sb.program(program, [""; 0]).start();
    blocking.line();
    let outcome = kill(&[], blocking.pid());
    assert_eq!(verdict(outcome.code(124), blocking.pid()), "blocked");
    drop(blocking);

    // Whose parent does not reap: this test, until it asks.
    let mut corpse = sb.program("sleep", ["600"]).start();
    let outcome = kill(&["-9"], corpse.pid());
    assert_eq!(verdict(outcome.ok(), corpse.pid()), "zombie");
    let pid = corpse.pid().to_string();
    let said = sb.ipc(["kill", &pid]).run();
    said.code(0).stderr_has("is a zombie: only its parent");
    sb.ipc(["kill", "-0", &pid])
        .run()
        .code(3)
        .stderr_has("has ended");
    corpse.wait();
    sb.ipc(["kill", "-0", &pid]).run().code(3);

    let mut reaping = Shell::new(&sb);
    reaping.tell("sleep 600 & echo $!; wait");
    let child: i32 = reaping.line().parse().unwrap();
    let outcome = sb
        .ipc(["--json", "kill", "-9", "--wait", "30s", &child.to_string()])
        .run();
    assert_eq!(verdict(outcome.ok(), child), "gone");
    reaping.end();
}

#[test]
fn what_does_not_end_is_sent_the_next_signal() {
    let sb = Sandbox::new();
    let victim = shell(&sb, "trap '' TERM HUP");
    let pid = victim.pid();
    let outcome = sb
        .ipc([
            "--json",
            "kill",
            &pid.to_string(),
            "--then",
            "HUP",
            "--after",
            "20ms",
        ])
        .with(|command| {
            command.args(["--then", "KILL", "--after", "20ms", "--wait", "30s"]);
        })
        .run();
    outcome.ok();
    let sent = &outcome.json()["targets"][0]["processes"][0]["sent"];
    assert_eq!(*sent, serde_json::json!(["TERM", "HUP", "KILL"]));
    end_group_of(&sb, pid);
    drop(victim);

    // One that ends is not sent the next.
    let quick = someone(&sb);
    let outcome = sb
        .ipc([
            "--json",
            "kill",
            &quick.pid_text(),
            "--then",
            "KILL",
            "--after",
            "30s",
        ])
        .run();
    let sent = &outcome.ok().json()["targets"][0]["processes"][0]["sent"];
    assert_eq!(*sent, serde_json::json!(["TERM"]));
    quick.end();
    sb.ipc(["kill", "1", "--then", "KILL"]).run().code(2);
    let uneven = [
        "kill", "9", "--then", "KILL", "--after", "1", "--after", "2",
    ];
    sb.ipc(uneven)
        .run()
        .code(2)
        .stderr_has("every --then needs an --after");
}

/// What a killed shell has left in its group.
fn end_group_of(sb: &Sandbox, pid: i32) {
    let _ = sb.ipc(["-q", "kill", "-9", &format!("pgid:{pid}")]).run();
}

#[test]
fn some_of_several_is_8_and_alike_is_their_own_code() {
    let sb = Sandbox::new();
    let one = someone(&sb);
    sb.ipc(["kill", "999999998", "999999999"]).run().code(3);
    sb.ipc(["kill", "-0", &one.pid_text(), "999999999"])
        .run()
        .code(8);
    sb.ipc(["kill", "-0", &one.pid_text(), &one.pid_text()])
        .run()
        .ok();
    one.end();
}

#[test]
fn processes_of_others_are_5_and_their_verdict_says_so() {
    let sb = Sandbox::new();
    if !is_root() {
        sb.ipc(["kill", "-0", "--force", "1"])
            .run()
            .code(5)
            .stderr_has("not permitted");
        return;
    }
    if !has("setpriv") {
        return;
    }
    let someone = someone(&sb);
    let as_nobody = |words: &[&str]| {
        let user = [
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
            "ipc",
        ];
        sb.program("setpriv", [&user[..], words].concat())
            .with(|command| {
                command.current_dir("/");
            })
    };
    if !as_nobody(&["--version"]).run().status.success() {
        skip("other users cannot run the binary here");
        return;
    }
    let pid = someone.pid_text();
    as_nobody(&["kill", "-0", &pid])
        .run()
        .code(5)
        .stderr_has("not permitted");
    let outcome = as_nobody(&["--json", "kill", "--wait", "30s", &pid]).run();
    assert_eq!(verdict(outcome.code(5), someone.pid()), "not_permitted");
    someone.end();
}

#[test]
fn what_is_shown_is_not_done() {
    let sb = Sandbox::new();
    let mut parent = Shell::new(&sb);
    parent.tell("sleep 600 & echo $!");
    let child: i32 = parent.line().parse().unwrap();
    let pid = parent.pid_text();
    let shown = sb.ipc(["kill", "--tree", "--dry-run", &pid]).run();
    let text = String::from_utf8(shown.ok().stdout.clone()).unwrap();
    let line = format!(
        "would send TERM to pid:{child}:{}  sleep 600\n",
        start_of(child)
    );
    assert!(text.contains(&line), "{shown}");
    assert!(
        text.contains(&format!("would send TERM to pid:{pid}:")),
        "{shown}"
    );
    let document = sb
        .ipc(["--json", "kill", "--tree", "--dry-run", &pid])
        .run()
        .json();
    assert_eq!(document["dry_run"], true);
    assert_eq!(
        document["targets"][0]["processes"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let (code, _) = parent.ask(&format!("kill -0 {child}; kill -9 {child}"));
    assert_eq!(code, 0);
    parent.end();
}

#[test]
fn what_would_come_of_it_is_explained() {
    let sb = Sandbox::new();
    if !has("python3") {
        return;
    }
    sb.ipc(["-q", "shm", "create", "lonely", "--size", "4K"])
        .run()
        .ok();
    let socket = sb.folder().join("s");
    let script = format!(
        "import socket, sys, time\nheld = open('{}', 'rb')\n\
        s = socket.socket(socket.AF_UNIX)\ns.bind('{}')\ns.listen()\n\
        print('ready', flush=True)\nsys.stdin.read()",
        sb.shm_file("lonely").display(),
        socket.display(),
    );
    let program = crate::sandbox::file(&sb, "holder.py", script.as_bytes());
    let mut parent = Shell::new(&sb);
    parent.tell("trap '' TERM");
    parent.tell("exec 9<&0; sleep 600 & child=$!; echo $child");
    let child: i32 = parent.line().parse().unwrap();
    parent.ask("ipc -q lock acquire deploy --owner $$");
    let (mut holder, input) = sb
        .program("python3", [program.to_str().unwrap()])
        .start_with_input();
    assert_eq!(holder.line(), "ready");
    let waiter = sb.ipc([
        "lock",
        "acquire",
        "deploy",
        "--owner",
        &holder.pid().to_string(),
    ]);
    let waiter = waiter.start();
    crate::shell::until_waiters(&sb, "deploy", 1);

    let explain = |words: &[&str]| {
        let outcome = sb.ipc([&["kill", "--explain"], words].concat()).run();
        String::from_utf8(outcome.code(0).stdout.clone()).unwrap()
    };
    let pid = parent.pid_text();
    let text = explain(&[&pid]);
    let full = sb.full("deploy");
    for part in [
        format!("TERM is ignored by {pid}"),
        format!(
            "frees lock /{full} held by {pid} (exclusive), released to {}",
            waiter.pid()
        ),
        format!("leaves child {child} of {pid} to another parent  sleep 600"),
    ] {
        assert!(text.contains(&part), "{part}\n{text}");
    }
    let text = explain(&[&holder.pid().to_string()]);
    for part in [
        format!(
            "orphans shm /{} used by {}",
            sb.full("lonely"),
            holder.pid()
        ),
        format!(
            "leaves stale socket {} used by {}",
            socket.display(),
            holder.pid()
        ),
    ] {
        assert!(text.contains(&part), "{part}\n{text}");
    }
    let document = sb.ipc(["--json", "kill", "--explain", &pid]).run().json();
    assert_eq!(document["effects"]["freed"][0]["waiters"][0], waiter.pid());
    assert_eq!(document["effects"]["children"][0]["pid"], child);
    parent.ask(&format!("kill -9 {child}"));
    parent.end();
    drop((waiter, input));
    let _ = holder.finish();
}

#[test]
fn words_that_make_no_sense_are_refused_and_nothing_is_sent() {
    let sb = Sandbox::new();
    let someone = someone(&sb);
    let pid = someone.pid_text();
    for (words, said) in [
        (&["-FOO", "@"][..], "'-FOO' is neither a signal nor a group"),
        (&["-9", "-TERM", "@"], "'-TERM' is a second signal"),
        (&["-s", "FOO", "@"], "'FOO' is not a signal"),
        (&["-9"], "there is no process to signal"),
        (&["x:7", "@"], "'x:7' names no process"),
        (&["0"], "'0' names no process"),
        (&["--tre", "@"], "--tree"),
        (&["-0", "--queue", "7", "@"], "signal 0 is not sent"),
        (&[], "TARGET"),
    ] {
        let words = words
            .iter()
            .map(|word| if *word == "@" { &pid } else { *word });
        sb.ipc(["kill"].into_iter().chain(words))
            .run()
            .code(2)
            .stderr_has(said);
    }
    sb.ipc(["kill", "proc:web"])
        .run()
        .code(3)
        .stderr_has("/web: no such process");
    sb.ipc(["kill", "-0", &pid]).run().ok();
    someone.end();
}
