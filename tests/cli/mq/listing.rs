//! `ls`, `stat` and `rm` of many; F31: where no mqueue file system is mounted.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{depth, send};
use crate::sandbox::{IPC, Sandbox, has, is_root, skip};

/// The binary in a folder that every user may enter; and where that user,
/// who is not the owner of the folder, may make a folder of their own.
pub fn reachable_binary(sb: &Sandbox) -> PathBuf {
    std::fs::set_permissions(sb.folder(), PermissionsExt::from_mode(0o777)).unwrap();
    let path = sb.folder().join("ipc");
    // Not copied here: a fork of another test would hold it open for writing,
    // and nobody could execute it meanwhile (ETXTBSY).
    sb.program("cp", [IPC.as_ref(), path.as_os_str()])
        .run()
        .ok();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path
}

/// Runs a script in a user, IPC and mount namespace of its own.
macro_rules! in_a_world_of_its_own {
    ($sb:expr, $script:expr) => {{
        if !has("unshare") {
            return;
        }
        let possible = $sb.program("unshare", ["-Ur", "-i", "-m", "true"]).run();
        if !possible.status.success() {
            return skip("user namespaces are not permitted here");
        }
        $sb.program("unshare", ["-Ur", "-i", "-m", "sh", "-c", $script])
            .run()
    }};
}

#[test]
fn stat_in_json_has_all_fields_with_their_types() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["four", "six666"]);
    let looked = sb.ipc(["mq", "stat", "q", "--json"]).run();
    let object = looked.ok().json()["objects"][0].clone();
    let keys: Vec<_> = object.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys.join(" "),
        "kind name status messages max_messages max_size bytes budget notify mode uid gid device \
         inode modified"
    );
    assert_eq!(object["kind"], "mq");
    assert_eq!(object["name"], "/q");
    assert_eq!(object["status"], "ok");
    assert_eq!(object["messages"], 2);
    assert_eq!(object["max_messages"], 4);
    assert_eq!(object["max_size"], 64);
    assert_eq!(object["bytes"], 10);
    assert_eq!(object["budget"], 640);
    assert!(object["notify"].is_null());
    assert_eq!(object["mode"], "0600");
    assert!(object["modified"].is_f64() && object["inode"].is_u64());
}

#[test]
fn root_lists_queues_whether_they_are_mounted_or_not() {
    let sb = Sandbox::new();
    if !is_root() {
        return skip("needs root");
    }
    sb.ipc(["mq", "ls", "--json"])
        .run()
        .ok()
        .stdout("{\"objects\":[]}\n");
    sb.queue("a");
    sb.queue("b");
    send(&sb, "b", &["x"]);
    sb.ipc(["mq", "ls", "--columns", "name,messages,max_messages,max_size,bytes"])
        .run()
        .ok()
        .stdout(
            "NAME  MESSAGES  MAX  SIZE  BYTES\n/a           0    4    64      0\n/b           1    4    64      1\n",
        );
    sb.ipc(["mq", "ls", "b*", "--columns", "name", "--no-headings"])
        .run()
        .ok()
        .stdout("/b\n");
    sb.ipc(["mq", "ls", "nothing*"]).run().ok();
}

#[test]
fn who_may_not_list_is_told_the_command_that_mounts() {
    let sb = Sandbox::new();
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    if mounts
        .lines()
        .any(|line| line.split(' ').nth(2) == Some("mqueue"))
    {
        return skip("an mqueue file system is mounted");
    }
    let script = "ipc mq ls; echo $?; ipc mq send q --create --max-messages 1 --max-size 16 works
                  ipc mq recv q --newline; ipc mq rm q; ipc mq rm --all --yes; echo $?";
    let without = if is_root() {
        if !has("setpriv") {
            return;
        }
        reachable_binary(&sb);
        let user = "setpriv --reuid 65534 --regid 65534 --clear-groups";
        let path = format!("PATH=\"$PWD:$PATH\"; exec {user} sh -c '{script}'");
        sb.sh(&path).run()
    } else {
        sb.sh(script).run()
    };
    without.code(0).stdout("6\nworks\n6\n");
    without.stderr_has(
        "ipc: mq ls: queues can be used but not listed: no mqueue file system is mounted (EPERM)\n\
         hint: as root: mkdir -p /dev/mqueue && mount -t mqueue none /dev/mqueue\n",
    );
}

#[test]
fn a_mounted_mqueue_anywhere_is_listed_and_what_may_not_be_read_has_a_status() {
    let sb = Sandbox::new();
    if !has("setpriv") {
        return;
    }
    // Without capabilities the file system must be found where it is mounted;
    // a blank in the folder is escaped in the mount table.
    let script = "mkdir 'my queues' && mount -t mqueue none 'my queues' || exit 77
                  unset IPC_SCOPE
                  ipc -q mq create mine --max-messages 2 --max-size 16
                  ipc -q mq create closed --max-messages 2 --max-size 16 --mode 0200
                  touch \"$(printf 'my queues/foreign\\001')\"
                  drop='setpriv --bounding-set=-all --inh-caps=-all'
                  $drop ipc mq ls --columns name,max_messages,status --no-headings
                  $drop ipc mq ls --json";
    let listed = in_a_world_of_its_own!(sb, script);
    if listed.status.code() == Some(77) {
        return skip("mqueue cannot be mounted in this namespace");
    }
    let text = String::from_utf8(listed.ok().stdout.clone()).unwrap();
    let (table, json) = text.split_once('{').unwrap();
    let table: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(table[0], ["/closed", "-", "unreadable"]);
    assert_eq!(table[2], ["/mine", "2", "ok"]);
    let json: serde_json::Value = serde_json::from_str(&format!("{{{json}")).unwrap();
    let objects = json["objects"].as_array().unwrap();
    let names: Vec<_> = objects
        .iter()
        .map(|object| object["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["/closed", "/foreign\u{1}", "/mine"]);
    assert!(objects[0]["messages"].is_null());
    assert_eq!(objects[0]["mode"], "0200");
}

#[test]
fn a_new_ipc_namespace_lists_its_own_queues_and_not_those_of_a_mount_from_outside() {
    let sb = Sandbox::new();
    let script = "mkdir m && mount -t mqueue none m || exit 77
                  ipc -q mq create outside --max-messages 1 --max-size 1
                  unshare -i sh -c 'ipc -q mq create inside --max-messages 1 --max-size 1
                                    ipc mq ls --columns name --no-headings'";
    let listed = in_a_world_of_its_own!(sb, script);
    if listed.status.code() == Some(77) {
        return skip("mqueue cannot be mounted in this namespace");
    }
    listed.ok().stdout("/inside\n");
}

#[test]
fn names_that_are_no_text_are_shown_escaped_and_can_be_removed() {
    let sb = Sandbox::new();
    let script = "mkdir m && mount -t mqueue none m || exit 77
                  unset IPC_SCOPE
                  name=$(printf 'a\\377b'); touch \"m/$name\"
                  ipc mq ls --json --columns name; ipc mq stat \"$name\" --json
                  ipc mq rm \"$name\"; ls m | wc -l";
    let listed = in_a_world_of_its_own!(sb, script);
    if listed.status.code() == Some(77) {
        return skip("mqueue cannot be mounted in this namespace");
    }
    let text = String::from_utf8(listed.ok().stdout.clone()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    for line in &lines[..2] {
        let json: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(json["objects"][0]["name"], "/a\\xffb");
        assert_eq!(
            json["objects"][0]["name_bytes"],
            serde_json::json!([97, 255, 98])
        );
    }
    assert_eq!(lines[2].trim(), "0");
}

#[test]
fn the_longest_name_of_the_kernel_can_be_looked_at_and_removed() {
    let sb = Sandbox::new();
    let script = "mkdir m && mount -t mqueue none m || exit 77
                  unset IPC_SCOPE
                  name=$(printf 'n%.0s' $(seq 255)); touch m/$name
                  ipc mq stat $name --json >/dev/null && ipc mq ls --json | wc -c
                  ipc mq send $name x; echo $?
                  ipc mq rm $name; ls m | wc -l; ipc mq stat ${name}n; echo $?";
    let listed = in_a_world_of_its_own!(sb, script);
    if listed.status.code() == Some(77) {
        return skip("mqueue cannot be mounted in this namespace");
    }
    listed.code(0).stderr_has("a name has at most 240 bytes");
    let text = String::from_utf8(listed.stdout.clone()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].parse::<usize>().unwrap() > 255);
    assert_eq!(lines[1..], ["2", "0", "2"]);
}

#[test]
fn rm_by_pattern_is_a_dry_run_until_yes() {
    let sb = Sandbox::new();
    if !is_root() {
        return skip("needs root, or a mounted mqueue");
    }
    for queue in ["job-1", "job-2", "mail"] {
        sb.queue(queue);
    }
    sb.ipc(["mq", "rm", "--match", "job-*"])
        .run()
        .code(0)
        .stdout("would remove /job-1\nwould remove /job-2\n")
        .stderr("nothing is removed yet: add --yes\n");
    sb.ipc(["mq", "rm", "--match", "job-?", "--json"])
        .run()
        .code(0)
        .stdout(
            "{\"name\":\"/job-1\",\"removed\":false}\n{\"name\":\"/job-2\",\"removed\":false}\n",
        );
    assert_eq!(depth(&sb, "job-1"), 0);
    sb.ipc(["mq", "rm", "--match", "job-*", "--yes", "--json"])
        .run()
        .ok()
        .stdout("{\"name\":\"/job-1\",\"removed\":true}\n{\"name\":\"/job-2\",\"removed\":true}\n");
    sb.ipc(["mq", "rm", "--match", "job-*", "--yes"])
        .run()
        .code(1)
        .stderr("ipc: mq rm: nothing of yours matches\n");
    sb.ipc(["mq", "rm", "--all"])
        .run()
        .code(0)
        .stdout("would remove /mail\n");
    sb.ipc(["mq", "rm", "--all", "--yes"]).run().ok().stdout("");
    sb.ipc(["mq", "rm", "--all"]).run().code(1);
    sb.ipc(["mq", "ls", "--no-headings"]).run().ok().stdout("");
}

#[test]
fn nothing_of_ours_is_left_in_the_file_system() {
    let sb = Sandbox::new();
    sb.queue("q");
    send(&sb, "q", &["x"]);
    sb.ipc(["mq", "recv", "q", "--exec", "false"]).run().code(1);
    assert_eq!(sb.left_in_shm(), [""; 0]);
    // The message went back, so there was nothing to save.
    assert!(!Path::new(&sb.folder().join("run")).exists());
}
