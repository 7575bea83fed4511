//! Listings of every kind, scopes, and values on the command line.

use std::os::unix::fs::MetadataExt;

use serde_json::json;

use crate::sandbox::Sandbox;
use crate::shm::create;

#[test]
fn an_empty_file_called_like_a_semaphore_is_a_broken_semaphore_and_no_segment() {
    let sb = Sandbox::new();
    std::fs::write(sb.sem_file("x"), b"").unwrap();
    std::fs::write(sb.shm_file("y"), b"").unwrap();
    let semaphores = sb.ipc(["--json", "sem", "ls"]).run();
    semaphores.ok();
    let object = &semaphores.json()["objects"][0];
    assert_eq!(
        (&object["name"], &object["value"]),
        (&json!("/x"), &json!(null))
    );
    assert!(object["status"] != "ok", "{object}");
    let segments = sb
        .ipc(["shm", "ls", "--columns", "name", "--no-headings"])
        .run();
    segments.ok().stdout("/y\n");
}

#[test]
fn json_has_the_same_keys_when_there_is_nothing() {
    let sb = Sandbox::new();
    for kind in ["shm", "sem", "mq"] {
        let empty = sb.ipc(["--json", kind, "ls"]).run();
        if empty.status.code() == Some(6) {
            // Queues cannot be listed by everybody everywhere.
            empty.stderr_has("no mqueue file system is mounted");
            continue;
        }
        empty.ok();
        assert_eq!(empty.json(), json!({"objects": []}), "{kind}");
    }
}

#[test]
fn headings_stay_when_there_is_nothing_and_go_when_told() {
    let sb = Sandbox::new();
    sb.ipc(["shm", "ls"])
        .run()
        .ok()
        .stdout("NAME  SIZE  USED  MODE  OWNER  MODIFIED  STATUS\n");
    sb.ipc(["shm", "ls", "--no-headings"]).run().ok().stdout("");
    sb.ipc(["shm", "ls", "no*"]).run().ok();
}

#[test]
fn columns_are_shown_in_the_order_given_with_numbers_to_the_right() {
    let sb = Sandbox::new();
    create(&sb, "a", "1");
    create(&sb, "longer", "1536");
    sb.ipc(["shm", "ls", "--columns", "size,name,status"])
        .run()
        .ok()
        .stdout("SIZE  NAME     STATUS\n   1  /a       ok\n1.5K  /longer  ok\n");
    let exact = [
        "shm",
        "ls",
        "--columns",
        "name,size",
        "--bytes",
        "--no-headings",
    ];
    sb.ipc(exact)
        .run()
        .ok()
        .stdout("/a          1\n/longer  1536\n");
    let wide = sb.ipc(["shm", "ls", "--columns", "mode,mode", "a"]).run();
    wide.ok().stdout("MODE  MODE\n0600  0600\n");
    let asked = sb
        .ipc(["shm", "ls", "a", "--columns", "kind,inode", "--no-headings"])
        .run();
    let inode = std::fs::metadata(sb.shm_file("a")).unwrap().ino();
    asked.ok().stdout(&format!("shm  {inode}\n"));
    let json = ["--json", "shm", "ls", "a", "--columns", "size,name"];
    sb.ipc(json)
        .run()
        .ok()
        .stdout("{\"objects\":[{\"size\":1,\"name\":\"/a\"}]}\n");
}

#[test]
fn wide_characters_keep_the_columns_straight() {
    let sb = Sandbox::new();
    create(&sb, "漢字", "1");
    create(&sb, "abcd", "1");
    let listed = sb
        .ipc(["shm", "ls", "--columns", "name,status", "--no-headings"])
        .run();
    listed.ok().stdout("/abcd  ok\n/漢字  ok\n");
}

#[test]
fn an_unknown_column_is_misuse_and_the_known_ones_are_named() {
    let sb = Sandbox::new();
    for kind in ["shm", "sem"] {
        for form in [&[][..], &["--json"]] {
            let words = [form, &[kind, "ls", "--columns", "name,frob"]].concat();
            let refused = sb.ipc(words).run();
            refused.code(2).stdout("");
            refused.stderr_has("there is no column 'frob'\nhint: columns are name,");
        }
    }
}

#[test]
fn patterns_choose_by_name_without_its_slash() {
    let sb = Sandbox::new();
    for name in ["job-1", "job-2", "job-10", "other", "job.x"] {
        create(&sb, name, "1");
    }
    for (patterns, shown) in [
        (&["job-?"][..], "/job-1\n/job-2\n"),
        (&["job-*"], "/job-1\n/job-10\n/job-2\n"),
        (&["/job-1"], "/job-1\n"),
        (&["job-[2-9]"], "/job-2\n"),
        (&["{other,job.x}"], "/job.x\n/other\n"),
        (&["o*", "*x"], "/job.x\n/other\n"),
        (&["JOB*"], ""),
        (&["job"], ""),
    ] {
        let words = [
            &["shm", "ls", "--columns", "name", "--no-headings"],
            patterns,
        ]
        .concat();
        sb.ipc(words).run().ok().stdout(shown);
    }
}

#[test]
fn a_listing_shows_its_scope_alone_and_without_the_prefix() {
    let sb = Sandbox::new();
    let (one, other) = (format!("{}-1", sb.scope()), format!("{}-12", sb.scope()));
    for kind in ["shm", "sem"] {
        let made = |scope: &str, name: &str| {
            let size: &[&str] = if kind == "shm" { &["--size", "1"] } else { &[] };
            let words = [&["-q", "--scope", scope, kind, "create", name], size].concat();
            sb.ipc(words).run().ok();
        };
        made(&one, "a");
        made(&other, "b");
        let names = |scope: &str| {
            let words = [
                "--scope",
                scope,
                kind,
                "ls",
                "--columns",
                "name",
                "--no-headings",
            ];
            String::from_utf8(sb.ipc(words).run().ok().stdout.clone()).unwrap()
        };
        assert_eq!(names(&one), "/a\n");
        assert_eq!(names(&other), "/b\n");
        let all = names("");
        assert!(all.contains(&format!("/{one}.a\n")) && all.contains(&format!("/{other}.b\n")));
        // Neither sees the other's.
        sb.ipc(["--scope", &one, kind, "stat", "b"]).run().code(3);
    }
}

#[test]
fn the_option_goes_before_the_variable_and_empty_means_none() {
    let sb = Sandbox::new();
    create(&sb, "a", "1");
    let read = |scope: &str, variable: &str, name: &str| {
        let invocation = sb.ipc(["--scope", scope, "shm", "read", name]);
        invocation.env("IPC_SCOPE", variable).run().status.code()
    };
    assert_eq!(read(sb.scope(), "nowhere", "a"), Some(0));
    assert_eq!(read("nowhere", sb.scope(), "a"), Some(3));
    assert_eq!(read("", sb.scope(), &sb.full("a")), Some(0));
    assert_eq!(read("", sb.scope(), "a"), Some(3));
    let plain = sb.ipc(["shm", "read", &sb.full("a")]).env("IPC_SCOPE", "");
    plain.run().ok();
    let unset = sb.ipc(["shm", "read", &sb.full("a")]);
    unset
        .with(|command| {
            command.env_remove("IPC_SCOPE");
        })
        .run()
        .ok();
}

#[test]
fn a_scope_that_cannot_be_is_misuse_wherever_it_comes_from() {
    let sb = Sandbox::new();
    let long = "x".repeat(65);
    for scope in ["a.b", "a/b", "a b", "ä", "*", "a\n", &long] {
        let option = sb.ipc(["--scope", scope, "shm", "ls"]).run();
        option
            .code(2)
            .stdout("")
            .stderr_has("a scope is 1 to 64 of A-Z a-z 0-9 _ -");
        let variable = sb.ipc(["shm", "ls"]).env("IPC_SCOPE", scope).run();
        variable
            .code(2)
            .stdout("")
            .stderr_has("hint: unset IPC_SCOPE, or --scope SCOPE");
        // A good option makes a bad variable harmless.
        sb.ipc(["--scope", "x", "shm", "ls"])
            .env("IPC_SCOPE", scope)
            .run()
            .ok();
    }
    sb.ipc(["--scope", &"x".repeat(64), "shm", "ls"]).run().ok();
    sb.ipc(["--scope", "A_z-9", "shm", "ls"]).run().ok();
}

#[test]
fn durations_have_units_or_are_seconds() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "sem", "create", "s", "100"]).run().ok();
    for span in ["250ms", "2s", "1m30s", "3", "0.25", "1h", "10us"] {
        sb.ipc(["sem", "acquire", "s", "--timeout", span])
            .run()
            .ok();
        sb.ipc(["sem", "wait", "s", "-t", span]).run().ok();
    }
    for span in ["", "-1", "1x", "1e3", "inf", "NaN", "s", "1 s s", "0x1"] {
        let refused = sb
            .ipc(["sem", "acquire", "s", &format!("--timeout={span}")])
            .run();
        refused
            .code(2)
            .stdout("")
            .stderr_has("a duration is like 250ms, 2s or 1m30s");
    }
    sb.ipc(["-q", "sem", "create", "none", "0"]).run().ok();
    for now in [&["--try"][..], &["-t", "0"], &["--timeout", "0ms"]] {
        sb.ipc([&["sem", "acquire", "none"], now].concat())
            .run()
            .code(1);
    }
    sb.ipc(["sem", "acquire", "none", "-t", "5ms"])
        .run()
        .code(124);
}

#[test]
fn owners_are_shown_by_name_where_they_have_one() {
    let sb = Sandbox::new();
    create(&sb, "a", "1");
    let owner = sb.sh("id -un 2> /dev/null || id -u").run();
    let shown = sb
        .ipc(["shm", "ls", "--columns", "uid", "--no-headings"])
        .run();
    shown.ok().stdout_bytes(&owner.stdout);
}
