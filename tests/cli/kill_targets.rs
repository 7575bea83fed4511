//! `ipc kill`: which processes a target stands for, and which are spared.

use std::os::unix::process::CommandExt;

use crate::kill::{start_of, verdict};
use crate::lock_worlds::{PIDS, can_unshare};
use crate::sandbox::{Sandbox, has, is_root, skip, until};
use crate::shell::{Shell, someone};

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
    if !can_unshare(&sb, PIDS) {
        return;
    }
    let outcome = sb
        .program("unshare", [PIDS, &["sh", "-c", REUSE]].concat())
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
        .stdout("1\n1\n0\ntaken\n0\n")
        .stderr_has("is an ancestor of this process");
    outcome.stderr_has("hint: --force signals it all the same");
    sb.ipc(["kill", "-USR1", "1"])
        .run()
        .code(1)
        .stderr_has("is process 1");
    // To ask whether they are there is what scripts do with $$ and $PPID.
    sb.sh("ipc kill -0 $$ && ipc kill -0 $PPID").run().ok();
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
fn processes_of_others_are_5_and_their_verdict_says_so() {
    let sb = Sandbox::new();
    if !is_root() {
        sb.ipc(["kill", "-0", "--force", "1"])
            .run()
            .code(5)
            .stderr_has("not permitted");
        return;
    }
    let someone = someone(&sb);
    let pid = someone.pid_text();
    sb.ipc_as_nobody(["kill", "-0", &pid])
        .run()
        .code(5)
        .stderr_has("not permitted");
    let shown = sb
        .ipc_as_nobody(["kill", "--tree", "--dry-run", &pid])
        .run();
    let line = format!("would not be permitted to signal pid:{pid}:");
    assert!(String::from_utf8_lossy(&shown.code(5).stdout).starts_with(&line));
    let outcome = sb
        .ipc_as_nobody(["--json", "kill", "--wait", "30s", &pid])
        .run();
    assert_eq!(verdict(outcome.code(5), someone.pid()), "not_permitted");
    someone.end();
}

#[test]
fn a_process_that_several_targets_stand_for_is_signalled_once() {
    let sb = Sandbox::new();
    let script = "exec 3>&1; exec ipc --json signal wait RTMIN+1 -n 2 --ready-fd 3 -t 30s";
    let mut waiter = sb
        .sh(script)
        .with(|command| {
            command.process_group(0);
        })
        .start();
    let pid = waiter.line();
    let group = format!("pgid:{pid}");
    let exact = format!("pid:{pid}:{}", start_of(waiter.pid()));
    let send = |value: &str, targets: &[&str]| {
        let words = ["kill", "-RTMIN+1", "--queue", value];
        sb.ipc([&words, targets].concat()).run().ok();
    };
    send("1", &[&pid, &pid, &exact, &group]);
    send("2", &[&group, &pid]);
    for value in ["1", "2"] {
        let letter = waiter.line();
        assert!(letter.contains(&format!("\"value\":{value}")), "{letter}");
    }
    let (status, printed, _) = waiter.finish();
    assert!(status.success() && printed.is_empty(), "{printed}");

    // One verdict for each, whichever way round the trees are.
    if !has("setsid") {
        return;
    }
    for reversed in [false, true] {
        // In a group of its own, where no other test leaves orphans.
        let mut parent = Shell::of(&sb, &["setsid", "sh"]);
        parent.tell("sh -c 'echo up; exec sleep 600' & echo $!");
        let lines = [parent.line(), parent.line()];
        let child = lines.iter().find(|line| *line != "up").unwrap();
        let mut roots = [parent.pid_text(), child.clone()];
        if reversed {
            roots.reverse();
        }
        let [first, second] = roots.each_ref().map(String::as_str);
        let shown = sb.ipc(["kill", "--tree", "--dry-run", first, second]).run();
        let text = String::from_utf8_lossy(&shown.ok().stdout).into_owned();
        assert_eq!(text.matches("would send").count(), 2, "{shown}");
        let killed = sb
            .ipc(["kill", "-9", "--tree", "--wait", "30s", first, second])
            .run();
        let text = String::from_utf8_lossy(&killed.code(0).stdout).into_owned();
        let mut told: Vec<&str> = text
            .lines()
            .flat_map(|line| line.split(' ').next())
            .collect();
        told.sort_unstable();
        let mut both = [first, second];
        both.sort_unstable();
        assert_eq!(told, both, "{killed}");
        parent.end();
    }
}

#[test]
fn a_name_that_is_no_text_is_met_by_a_pattern() {
    use std::os::unix::ffi::OsStrExt;
    let sb = Sandbox::new();
    let name = [format!("ik{}", std::process::id()).as_bytes(), b"\xe9"].concat();
    let program = sb.folder().join(std::ffi::OsStr::from_bytes(&name));
    std::os::unix::fs::symlink("/bin/sleep", &program).unwrap();
    let mut victim = sb.program(&program, ["600"]).start();
    let comm = format!("/proc/{}/comm", victim.pid());
    until("the program to start", || {
        std::fs::read(&comm).is_ok_and(|read| read.starts_with(&name))
    });
    let word = [b"name:", &*name].concat();
    let words = [
        std::ffi::OsStr::new("kill"),
        std::ffi::OsStr::from_bytes(&word),
    ];
    sb.ipc(words)
        .run()
        .code(2)
        .stderr_has("a ? stands for a byte");
    let pattern = format!("name:ik{}?", std::process::id());
    sb.ipc(["kill", "--yes", &pattern]).run().ok();
    assert!(!victim.wait().success());
}
