//! `ipc array`.

use crate::sandbox::{Running, Sandbox, file};

pub fn create(sb: &Sandbox, words: &[&str]) {
    sb.ipc(["-q", "array", "create"].iter().chain(words))
        .run()
        .ok();
}

#[track_caller]
pub fn prints(sb: &Sandbox, words: &[&str], expected: &str) {
    sb.ipc(["array"].iter().chain(words))
        .run()
        .ok()
        .stdout(expected);
}

#[test]
fn every_type_is_made_and_changed_by_different_processes() {
    let sb = Sandbox::new();
    for (kind, zero, one, other) in [
        ("int8", "0", "-128", "127"),
        ("int16", "0", "-1", "0x7f"),
        ("int32", "0", "-1", "1"),
        ("int64", "0", "-9223372036854775808", "1"),
        ("uint8", "0", "255", "1"),
        ("uint16", "0", "65535", "1"),
        ("uint32", "0", "4294967295", "1"),
        ("uint64", "0", "18446744073709551615", "1"),
        ("float32", "0", "-inf", "0.1"),
        ("float64", "0", "NaN", "-.5"),
        ("bool", "false", "true", "0"),
        ("bytes3", "", "abc", "x y"),
        ("bytes100", "", "a wide one", ""),
    ] {
        sb.ipc(["array", "create", kind, kind, "3"])
            .run()
            .code(0)
            .stderr(&format!("created /{kind}\n"));
        prints(&sb, &["set", kind, "1", one], "");
        prints(&sb, &["get", kind], &format!("{zero}\n{one}\n{zero}\n"));
        prints(&sb, &["set", kind, "-1", other, "-t", "30s"], "");
        prints(&sb, &["get", kind, "-3:2"], &format!("{zero}\n{one}\n"));
        prints(&sb, &["fill", kind, one], "");
        let filled = format!("{one}\n").repeat(3);
        prints(&sb, &["get", kind], &filled);
        prints(&sb, &["get", kind, "--consistent", "-t", "30s"], &filled);
        prints(&sb, &["rm", kind], "");
    }
    assert_eq!(sb.left_in_shm(), Vec::<String>::new());
}

#[test]
fn elements_come_from_words_files_pipes_and_bytes() {
    let sb = Sandbox::new();
    create(&sb, &["a", "i64", "--from", "1", "-2", "3"]);
    prints(&sb, &["get", "a"], "1\n-2\n3\n");
    let numbers = ["f", "f64", "2x2", "--from", "-inf", "-.5", "-1e-3", "-7"];
    create(&sb, &numbers);
    prints(&sb, &["get", "f"], "-inf\t-0.5\n-0.001\t-7\n");
    let path = file(&sb, "numbers", b" 1 2\n\n3\t4\n");
    create(
        &sb,
        &["n", "i8", "--from-file", path.to_str().unwrap(), "-q"],
    );
    prints(&sb, &["get", "n", "::-1"], "4\n3\n2\n1\n");
    sb.ipc(["-q", "array", "create", "w", "bytes9", "--from-file", "-"])
        .stdin("two words\n\nx\n")
        .run()
        .ok();
    prints(&sb, &["get", "w"], "two words\n\nx\n");
    create(&sb, &["t", "uint8", "--bytes", "-hé"]);
    prints(&sb, &["get", "t"], "45\n104\n195\n169\n");
    sb.ipc(["array", "get", "t", "--raw"])
        .run()
        .ok()
        .stdout("-hé");
    sb.ipc(["array", "set", "a", ":", "--from-file", "-"])
        .stdin("7\n8 -9")
        .run()
        .ok();
    prints(&sb, &["get", "a"], "7\n8\n-9\n");
}

#[test]
fn a_stream_survives_the_second_attempt_of_a_replacement() {
    let sb = Sandbox::new();
    create(&sb, &["a", "i64", "3"]);
    let words = ["a", "f32", "--from-file", "-", "--if-exists", "replace"];
    sb.ipc(["array", "create"].iter().chain(&words))
        .stdin("1 2 3 4")
        .run()
        .code(0)
        .stderr("replaced /a\n");
    prints(&sb, &["get", "a"], "1\n2\n3\n4\n");
}

#[test]
fn two_dimensions_are_read_and_written_by_index() {
    let sb = Sandbox::new();
    create(
        &sb,
        &["g", "i64", "2x3", "--from", "1", "2", "3", "4", "5", "6"],
    );
    for (index, printed) in [
        ("1", "4\n5\n6\n"),
        ("1,:", "4\n5\n6\n"),
        (":,1", "2\n5\n"),
        ("-1,-1", "6\n"),
        ("::-1,::2", "4\t6\n1\t3\n"),
        (":,1:", "2\t3\n5\t6\n"),
        ("5:", ""),
    ] {
        prints(&sb, &["get", "g", index], printed);
        prints(&sb, &["get", "g", index, "--consistent"], printed);
    }
    prints(&sb, &["set", "g", ":,0", "-1", "-4"], "");
    prints(&sb, &["add", "g", "0", "-10"], "-11\n-8\n-7\n");
    prints(&sb, &["set", "g", "-1,1:", "0"], "");
    prints(&sb, &["get", "g"], "-11\t-8\t-7\n-4\t0\t0\n");
    sb.ipc(["array", "get", "g", "--json"])
        .run()
        .ok()
        .stdout(concat!(
            r#"{"name":"/g","type":"int64","shape":[2,3],"#,
            r#""value":[[-11,-8,-7],[-4,0,0]]}"#,
            "\n"
        ));
    sb.ipc(["array", "get", "g", "0,0", "--json"])
        .run()
        .ok()
        .stdout("{\"name\":\"/g\",\"type\":\"int64\",\"shape\":[],\"value\":-11}\n");
}

#[test]
fn add_prints_the_new_element_or_the_old_one() {
    let sb = Sandbox::new();
    create(&sb, &["a", "uint8", "--from", "1", "250", "3"]);
    prints(&sb, &["add", "a", "-1", "2"], "5\n");
    prints(&sb, &["add", "a", "0", "-1", "--old"], "1\n");
    sb.ipc(["array", "add", "a", "1", "6"])
        .run()
        .code(6)
        .stderr_has("250 and 6 make 256, which uint8 cannot hold");
    prints(&sb, &["add", "a", "1", "6", "--wrap"], "0\n");
    sb.ipc(["array", "add", "a", "2", "1", "--json"])
        .run()
        .ok()
        .stdout("{\"name\":\"/a\",\"index\":2,\"old\":5,\"new\":6}\n");
    create(&sb, &["b", "bool", "2"]);
    sb.ipc(["array", "add", "b", "0", "1"]).run().code(2);
}

#[test]
fn misuse_is_2_beyond_the_end_is_6_and_missing_is_3() {
    let sb = Sandbox::new();
    create(&sb, &["a", "i8", "3"]);
    for words in [
        &["create", "x", "i64"][..],
        &["create", "x", "i64", "-1"],
        &["create", "x", "i64", "2x"],
        &["create", "x", "i64", "2", "--from", "1", "2", "3"],
        &["create", "x", "i64", "4", "--from", "1", "2", "3"],
        &["create", "x", "int16", "--bytes", "odd"],
        &["create", "x", "int8", "--from", "1", "300"],
        &["get", "a", "x"],
        &["get", "a", "::0"],
        &["set", "a", "0"],
        &["set", "a", "0:2", "1", "2", "3"],
        &["set", "a", "0", "1.5"],
        &["add", "a", "0", "x"],
        &["fill", "a", "x"],
    ] {
        sb.ipc(["array"].iter().chain(words)).run().code(2);
    }
    for words in [
        &["get", "a", "3"][..],
        &["get", "a", "-4"],
        &["get", "a", "0,0"],
        &["set", "a", "3", "1"],
        &["add", "a", "-4", "1"],
    ] {
        sb.ipc(["array"].iter().chain(words))
            .run()
            .code(6)
            .stderr_has("(ERANGE)");
    }
    for words in [
        &["get", "none"][..],
        &["set", "none", "0", "1"],
        &["add", "none", "0", "1"],
        &["fill", "none", "0"],
        &["stat", "none"],
        &["rm", "none"],
    ] {
        sb.ipc(["array"].iter().chain(words))
            .run()
            .code(3)
            .stderr_has("no such array");
    }
    sb.ipc(["-q", "value", "create", "v", "i8", "1"]).run().ok();
    for words in [&["get", "v"][..], &["fill", "v", "1"], &["rm", "v"]] {
        sb.ipc(["array"].iter().chain(words))
            .run()
            .code(7)
            .stderr_has("a value");
    }
    assert_eq!(sb.left_in_shm().len(), 2);
}

#[test]
fn what_cannot_be_made_is_6_and_leaves_nothing() {
    let sb = Sandbox::new();
    for length in [
        "1000000000000",
        "9223372036854775807",
        "18446744073709551615",
        "99999999999999999999999",
        "4294967296x4294967296",
    ] {
        sb.ipc(["array", "create", "a", "i64", length])
            .run()
            .code(6)
            .stdout("");
    }
    assert_eq!(sb.left_in_shm(), Vec::<String>::new());
}

#[test]
fn an_array_without_elements_is_one() {
    let sb = Sandbox::new();
    create(&sb, &["a", "i64", "0"]);
    create(&sb, &["b", "i64", "2x0x3"]);
    prints(&sb, &["get", "a"], "");
    prints(&sb, &["get", "b", "--consistent"], "");
    prints(&sb, &["fill", "a", "1"], "");
    prints(&sb, &["set", "a", ":", "1"], "");
    sb.ipc(["array", "get", "a", "0"]).run().code(6);
    let json = sb.ipc(["array", "get", "b", "--json"]).run().json();
    assert_eq!(json["value"], serde_json::json!([[], []]));
}

#[test]
fn an_existing_array_is_kept_opened_or_replaced() {
    let sb = Sandbox::new();
    let again = |words: &[&str]| {
        let start = ["array", "create", "a"];
        sb.ipc(start.iter().chain(words)).run()
    };
    create(&sb, &["a", "i64", "--from", "1", "2"]);
    again(&["i64", "2"]).code(4);
    again(&["i64", "2", "--if-exists", "open"])
        .code(0)
        .stderr("opened /a\n");
    again(&["i64", "--from", "1", "2", "3", "--if-exists", "open"])
        .code(4)
        .stderr_has("exists as int64 of shape (2,), not int64 of shape (3,)");
    again(&["f64", "2", "--if-exists", "open"]).code(4);
    prints(&sb, &["get", "a"], "1\n2\n");
    again(&["f64", "2", "--if-exists", "replace", "--json"])
        .code(0)
        .stdout(concat!(
            r#"{"kind":"array","name":"/a","result":"replaced","#,
            r#""type":"float64","shape":[2]}"#,
            "\n"
        ));
}

#[test]
fn no_addition_to_an_element_is_lost() {
    let sb = Sandbox::new();
    create(&sb, &["a", "i32", "3"]);
    let script = "for i in 1 2 3 4 5 6 7 8 9 10; do ipc array add a 1 1 || exit; done";
    let adders: Vec<Running> = (0..8).map(|_| sb.sh(script).start()).collect();
    for adder in adders {
        assert!(adder.finish().0.success());
    }
    prints(&sb, &["get", "a"], "0\n80\n0\n");
}
