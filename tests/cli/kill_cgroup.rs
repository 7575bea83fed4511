//! `ipc kill --tree -9` of a tree that has a cgroup to itself.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use serde_json::json;

use crate::kill::verdict;
use crate::sandbox::{Running, Sandbox, skip, until};

/// A cgroup of our own, with another one in it.
struct Cgroup(PathBuf);

impl Cgroup {
    /// Below that of this test; nothing, and aloud, where none may be made.
    fn new(sb: &Sandbox) -> Option<Cgroup> {
        let made = place().and_then(|place| {
            let folder = place.join(sb.scope());
            std::fs::create_dir(&folder).ok()?;
            Some(Cgroup(folder))
        });
        let Some(made) = made else {
            skip("no cgroup of version 2 can be made here");
            return None;
        };
        std::fs::create_dir(made.sub()).unwrap();
        if !made.0.join("cgroup.kill").exists() {
            skip("this kernel has no cgroup.kill");
            return None;
        }
        Some(made)
    }

    fn sub(&self) -> PathBuf {
        self.0.join("sub")
    }

    fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn is_empty(&self) -> bool {
        let events = std::fs::read_to_string(self.0.join("cgroup.events")).unwrap();
        events.contains("populated 0")
    }

    /// Moves a process into it.
    fn take(&self, pid: i32) {
        std::fs::write(self.0.join("cgroup.procs"), pid.to_string()).unwrap();
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // What a failed test left in it: all of it is the test's own.
        let _ = std::fs::write(self.0.join("cgroup.kill"), "1");
        until("the cgroup to be empty", || self.is_empty());
        let _ = std::fs::remove_dir(self.sub());
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// The folder of this process in the hierarchy of version 2.
fn place() -> Option<PathBuf> {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
    let point = mount.split(' ').nth(4)?;
    Some(Path::new(point).join(own))
}

/// A root, a child beside it, and a grandchild in a session of its own and in
/// the cgroup below: whose numbers are returned, the root's first.
fn tree(sb: &Sandbox, cgroup: &Cgroup) -> (Running, Vec<i32>) {
    let script = "echo $$ >\"$0/cgroup.procs\" || exit 9; echo $$; \
        sh -c 'echo $$; exec sleep 600' & \
        sh -c 'echo $$ >\"$0/sub/cgroup.procs\" || exit 9; \
            setsid sh -c \"echo \\$\\$; exec sleep 600\"; :' \"$0\" & \
        wait";
    // Orphans of other tests in its group would pass for its own.
    let root = sb.program("sh", ["-c", script, cgroup.text()]);
    let mut running = root
        .with(|command| {
            command.process_group(0);
        })
        .start();
    let pids: Vec<i32> = (0..3).map(|_| running.line().parse().unwrap()).collect();
    assert_eq!(pids[0], running.pid());
    (running, pids)
}

/// Whether the file was written to since it is watched.
fn was_written(watch: &Inotify) -> bool {
    watch.read_events().is_ok_and(|events| !events.is_empty())
}

fn watch(file: &Path) -> Inotify {
    let watch = Inotify::init(InitFlags::IN_NONBLOCK).unwrap();
    watch.add_watch(file, AddWatchFlags::IN_MODIFY).unwrap();
    watch
}

#[test]
fn a_tree_with_a_cgroup_to_itself_is_ended_at_one_blow() {
    let sb = Sandbox::new();
    let Some(cgroup) = Cgroup::new(&sb) else {
        return;
    };
    let (mut running, pids) = tree(&sb, &cgroup);
    let watch = watch(&cgroup.0.join("cgroup.kill"));
    let root = pids[0].to_string();
    let own = json!([cgroup.text()]);

    let shown = sb.ipc(["kill", "-9", "--tree", "--dry-run", &root]).run();
    let text = String::from_utf8_lossy(&shown.ok().stdout).into_owned();
    let line = format!("would kill all of cgroup {} at one blow\n", cgroup.text());
    assert!(text.contains(&line), "{shown}");
    // What asks has to reach each of them, and without --tree it is about one.
    for words in [&["--tree", "-TERM"][..], &["-9"]] {
        let words = [&["--json", "kill", "--dry-run", &root], words].concat();
        let document = sb.ipc(words).run().json();
        assert_eq!(document["targets"][0]["cgroups"], json!([]));
    }
    assert!(!was_written(&watch) && !cgroup.is_empty());

    let words = ["--json", "kill", "-9", "--tree", "--wait", "30s", &root];
    let outcome = sb.ipc(words).run();
    let document = outcome.code(0).json();
    assert_eq!(document["targets"][0]["cgroups"], own, "{outcome}");
    assert!(was_written(&watch));
    let processes = document["targets"][0]["processes"].as_array().unwrap();
    // The shell between the root and its grandchild has not been asked for its number.
    assert_eq!(processes.len(), 4, "{outcome}");
    assert!(processes.iter().all(|one| one["sent"] == json!(["KILL"])));
    for pid in pids {
        assert!(["gone", "zombie"].contains(&&*verdict(&outcome, pid)));
    }
    running.wait();
    assert!(cgroup.is_empty());
}

#[test]
fn a_cgroup_with_anybody_else_in_it_is_left_alone() {
    let sb = Sandbox::new();
    let Some(cgroup) = Cgroup::new(&sb) else {
        return;
    };
    let foreign = crate::shell::someone(&sb);
    cgroup.take(foreign.pid());
    let (mut running, pids) = tree(&sb, &cgroup);
    let watch = watch(&cgroup.0.join("cgroup.kill"));
    let root = pids[0].to_string();
    let words = ["--json", "kill", "-9", "--tree", "--wait", "30s", &root];
    let outcome = sb.ipc(words).run();
    let document = outcome.code(0).json();
    assert_eq!(document["targets"][0]["cgroups"], json!([]));
    assert!(!was_written(&watch));
    assert_eq!(
        document["targets"][0]["processes"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    running.wait();
    sb.ipc(["kill", "-0", &foreign.pid_text()]).run().ok();
    foreign.end();
    // Who kills does not go down with it, even where it insists.
    let script = "echo $$ >\"$0/cgroup.procs\"; ipc --json kill -9 --tree --dry-run --force $$";
    let within = sb.program("sh", ["-c", script, cgroup.text()]).run();
    assert_eq!(within.ok().json()["targets"][0]["cgroups"], json!([]));
}
