//! `ipc value`: the verbs.

use crate::sandbox::{Sandbox, file};

const TYPES: [(&str, &str, &str); 12] = [
    ("int8", "-128", "127"),
    ("int16", "-32768", "32767"),
    ("int32", "-2147483648", "2147483647"),
    ("int64", "-9223372036854775808", "9223372036854775807"),
    ("uint8", "0", "255"),
    ("uint16", "0", "65535"),
    ("uint32", "0", "4294967295"),
    ("uint64", "0", "18446744073709551615"),
    ("float32", "-inf", "3.4028235e38"),
    ("float64", "NaN", "1.7976931348623157e308"),
    ("bool", "true", "false"),
    ("bytes16", "", "sixteen bytes ok"),
];

pub fn create(sb: &Sandbox, name: &str, kind: &str, initial: &str) {
    sb.ipc(["-q", "value", "create", name, kind, initial])
        .run()
        .ok();
}

#[test]
fn every_type_is_made_read_and_replaced_by_different_processes() {
    let sb = Sandbox::new();
    for (kind, one, other) in TYPES {
        sb.ipc(["value", "create", kind, kind, one])
            .run()
            .code(0)
            .stdout("")
            .stderr(&format!("created /{kind}\n"));
        sb.ipc(["value", "get", kind])
            .run()
            .ok()
            .stdout(&format!("{one}\n"));
        sb.ipc(["value", "set", kind, other]).run().ok().stdout("");
        sb.ipc(["value", "swap", kind, one])
            .run()
            .ok()
            .stdout(&format!("{other}\n"));
        sb.ipc(["value", "cas", kind, other, other])
            .run()
            .code(1)
            .stdout(&format!("{one}\n"));
        sb.ipc(["value", "cas", kind, one, other])
            .run()
            .ok()
            .stdout(&format!("{other}\n"));
        sb.ipc(["value", "rm", kind]).run().ok().stdout("");
    }
    assert_eq!(sb.left_in_shm(), Vec::<String>::new());
}

#[test]
fn add_min_and_max_print_the_new_value_or_the_old() {
    let sb = Sandbox::new();
    create(&sb, "n", "i64", "10");
    for (words, printed) in [
        (&["add", "n", "5"][..], "15\n"),
        (&["add", "n", "-20"], "-5\n"),
        (&["add", "n", "0x10", "--old"], "-5\n"),
        (&["max", "n", "9"], "11\n"),
        (&["max", "n", "12", "--old"], "11\n"),
        (&["min", "n", "-3"], "-3\n"),
        (&["min", "n", "4", "--old"], "-3\n"),
        (&["get", "n"], "-3\n"),
    ] {
        let words = ["value"].iter().chain(words);
        sb.ipc(words).run().ok().stdout(printed);
    }
}

#[test]
fn negative_and_infinite_operands_need_no_dashes() {
    let sb = Sandbox::new();
    create(&sb, "f", "f64", "-.5");
    for (words, printed) in [
        (&["add", "f", "-.25"][..], "-0.75\n"),
        (&["add", "f", "-1e-3"], "-0.751\n"),
        (&["swap", "f", "-inf"], "-0.751\n"),
        (&["cas", "f", "-inf", "-1e0"], "-1\n"),
        (&["wait", "f", "==", "-1"], "-1\n"),
        (&["min", "f", "-Infinity"], "-inf\n"),
    ] {
        let words = ["value"].iter().chain(words);
        sb.ipc(words).run().ok().stdout(printed);
    }
}

#[test]
fn a_sum_that_does_not_fit_is_refused_unless_it_may_wrap() {
    let sb = Sandbox::new();
    create(&sb, "b", "uint8", "250");
    sb.ipc(["value", "add", "b", "6"])
        .run()
        .code(6)
        .stdout("")
        .stderr_has("250 and 6 make 256, which uint8 cannot hold (EOVERFLOW)\nhint: --wrap");
    sb.ipc(["value", "get", "b"]).run().ok().stdout("250\n");
    sb.ipc(["value", "add", "b", "6", "--wrap"])
        .run()
        .ok()
        .stdout("0\n");
    sb.ipc(["value", "add", "b", "-1"]).run().code(6);
}

#[test]
fn numbers_only_are_added_to_and_ordered() {
    let sb = Sandbox::new();
    create(&sb, "yes", "bool", "true");
    create(&sb, "word", "bytes4", "abc");
    for verb in ["add", "min", "max"] {
        for name in ["yes", "word"] {
            sb.ipc(["value", verb, name, "1"])
                .run()
                .code(2)
                .stderr_has("is no number: set, swap and cas work on it");
        }
    }
}

#[test]
fn what_is_not_a_number_loses_and_equals_only_itself_in_cas() {
    let sb = Sandbox::new();
    create(&sb, "f", "f32", "nan");
    sb.ipc(["value", "wait", "f", "==", "nan", "--try"])
        .run()
        .code(1);
    sb.ipc(["value", "wait", "f", "!=", "nan", "--try"])
        .run()
        .ok()
        .stdout("NaN\n");
    sb.ipc(["value", "max", "f", "-7"])
        .run()
        .ok()
        .stdout("-7\n");
    sb.ipc(["value", "max", "f", "nan"])
        .run()
        .ok()
        .stdout("-7\n");
    sb.ipc(["value", "set", "f", "nan"]).run().ok();
    sb.ipc(["value", "cas", "f", "nan", "0.1"])
        .run()
        .ok()
        .stdout("0.1\n");
    // 0.1 is another number in 32 bits than in 64.
    sb.ipc(["value", "wait", "f", "eq", "0.1", "--try"])
        .run()
        .ok()
        .stdout("0.1\n");
}

#[test]
fn a_stream_of_lines_takes_one_process() {
    let sb = Sandbox::new();
    create(&sb, "n", "i64", "0");
    sb.ipc(["value", "add", "n", "--lines"])
        .stdin("1\n2\n-3\n10")
        .run()
        .ok()
        .stdout("1\n3\n0\n10\n");
    sb.ipc(["value", "add", "n", "--lines", "--json"])
        .stdin("1\n")
        .run()
        .ok()
        .stdout("{\"name\":\"/n\",\"old\":10,\"new\":11}\n");
    sb.ipc(["value", "set", "n", "--lines"])
        .stdin("5\n6\n")
        .run()
        .ok()
        .stdout("");
    sb.ipc(["value", "max", "n", "--lines"])
        .stdin("1\nx\n9\n")
        .run()
        .code(2)
        .stdout("6\n")
        .stderr("ipc: value max: line 2: 'x' is no int64\n");
    sb.ipc(["value", "get", "n"]).run().ok().stdout("6\n");
}

#[test]
fn an_answer_to_a_line_comes_before_the_next_one_is_asked_for() {
    let sb = Sandbox::new();
    create(&sb, "n", "i64", "0");
    let (mut adder, mut input) = sb.ipc(["value", "add", "n", "--lines"]).start_with_input();
    for number in 1..4 {
        std::io::Write::write_all(&mut input, b"1\n").unwrap();
        assert_eq!(adder.line(), number.to_string());
    }
    drop(input);
    assert!(adder.wait().success());
}

#[test]
fn bytes_come_from_files_as_they_are() {
    let sb = Sandbox::new();
    create(&sb, "word", "bytes8", "-first");
    sb.ipc(["value", "get", "word"])
        .run()
        .ok()
        .stdout("-first\n");
    let path = file(&sb, "bytes", b"\xff\0\nx\0");
    sb.ipc(["value", "set", "word", "-f", path.to_str().unwrap()])
        .run()
        .ok();
    sb.ipc(["value", "get", "word", "--raw"])
        .run()
        .ok()
        .stdout_bytes(b"\xff\0\nx\0\0\0\0");
    let json = sb.ipc(["value", "get", "word", "--json"]).run().json();
    assert_eq!(json["value"]["encoding"], "base64");
    assert_eq!(json["value"]["data"], "/wAKeA==");
    sb.ipc(["value", "set", "word", "nine byte"])
        .run()
        .code(2)
        .stderr_has("is too long for bytes8");
    sb.ipc(["value", "set", "word", "-"])
        .stdin("piped")
        .run()
        .ok();
    sb.ipc(["value", "get", "word"])
        .run()
        .ok()
        .stdout("piped\n");
}

#[test]
fn json_numbers_are_numbers_to_the_last_digit() {
    let sb = Sandbox::new();
    create(&sb, "u", "u64", "18446744073709551615");
    sb.ipc(["value", "get", "u", "--json"])
        .run()
        .ok()
        .stdout("{\"name\":\"/u\",\"type\":\"uint64\",\"value\":18446744073709551615}\n");
    create(&sb, "f", "f64", "-inf");
    sb.ipc(["value", "get", "f", "--json"])
        .run()
        .ok()
        .stdout("{\"name\":\"/f\",\"type\":\"float64\",\"value\":\"-inf\"}\n");
    sb.ipc(["value", "cas", "u", "1", "2", "--json"])
        .run()
        .code(1)
        .stdout("{\"name\":\"/u\",\"equal\":false,\"value\":18446744073709551615}\n");
}

#[test]
fn an_existing_value_is_kept_opened_or_replaced() {
    let sb = Sandbox::new();
    let again = |words: &[&str]| {
        let start = ["value", "create", "n"];
        let words: Vec<&str> = start.iter().chain(words).copied().collect();
        sb.ipc(words).run()
    };
    create(&sb, "n", "i64", "1");
    again(&["i64", "2"]).code(4).stderr_has("exists already");
    again(&["i64", "2", "--if-exists", "open"])
        .code(0)
        .stderr("opened /n\n");
    again(&["i32", "2", "--if-exists", "open"])
        .code(4)
        .stderr_has("exists as int64 of shape (), not int32 of shape ()");
    sb.ipc(["value", "get", "n"]).run().ok().stdout("1\n");
    again(&["i32", "2", "--if-exists", "replace"])
        .code(0)
        .stderr("replaced /n\n");
    sb.ipc(["value", "get", "n"]).run().ok().stdout("2\n");
}

#[test]
fn bare_i8_and_u8_are_explained() {
    let sb = Sandbox::new();
    sb.ipc(["value", "create", "a", "i8", "1"])
        .run()
        .code(0)
        .stderr("ipc: value create: i8 is int8 here, 8 bits; numpy's i8 is int64\ncreated /a\n");
    sb.ipc(["value", "create", "b", "<i8", "1"])
        .run()
        .code(0)
        .stderr("created /b\n");
    let json = sb.ipc(["value", "stat", "a", "b", "--json"]).run().json();
    assert_eq!(json["objects"][0]["type"], "int8");
    assert_eq!(json["objects"][1]["type"], "int64");
}

#[test]
fn misuse_is_2_and_what_is_missing_is_3() {
    let sb = Sandbox::new();
    create(&sb, "n", "i8", "1");
    for words in [
        &["create", "x", "int7", "1"][..],
        &["create", "x", "int8", "128"],
        &["create", "x", "bytes2", "abc"],
        &["set", "n", "1.5"],
        &["set", "n"],
        &["wait", "n"],
        &["wait", "n", "=="],
        &["wait", "n", "~", "1"],
        &["wait", "n", "==", "1", "--change"],
        &["wait", "n", "==", "1", "--recheck", "0"],
        &["wait", "n", "==", "300"],
        &["cas", "n", "1"],
    ] {
        let words = ["value"].iter().chain(words);
        sb.ipc(words).run().code(2);
    }
    for prefix in ["sem.", "ipc."] {
        let name = format!("{prefix}{}", sb.scope());
        sb.ipc(["value", "create", &name, "int8", "1"])
            .env("IPC_SCOPE", "")
            .run()
            .code(2);
    }
    for words in [
        &["get", "none"][..],
        &["set", "none", "1"],
        &["add", "none", "1"],
        &["swap", "none", "1"],
        &["cas", "none", "1", "2"],
        &["wait", "none", "--change"],
        &["stat", "none"],
        &["rm", "none"],
    ] {
        let words = ["value"].iter().chain(words);
        sb.ipc(words).run().code(3).stderr_has("no such value");
    }
}

#[test]
fn what_is_no_value_is_refused_and_left_alone() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "shm", "create", "plain", "--size", "200"])
        .run()
        .ok();
    sb.ipc(["-q", "array", "create", "list", "i64", "3"])
        .run()
        .ok();
    for name in ["plain", "list"] {
        for words in [&["get", name][..], &["set", name, "1"], &["rm", name]] {
            let words = ["value"].iter().chain(words);
            sb.ipc(words).run().code(7);
        }
        assert!(sb.shm_file(name).exists(), "{name}");
    }
    sb.ipc(["value", "rm", "list"])
        .run()
        .code(7)
        .stderr_has("is an array, not a value\nhint: ipc array rm NAME");
    sb.ipc([
        "value",
        "create",
        "plain",
        "i8",
        "1",
        "--if-exists",
        "replace",
    ])
    .run()
    .code(7)
    .stderr_has("hint: ipc shm rm NAME");
    assert!(sb.shm_file("plain").exists());
    std::os::unix::fs::symlink(sb.shm_file("list"), sb.shm_file("link")).unwrap();
    sb.ipc(["value", "get", "link"])
        .run()
        .code(7)
        .stderr_has("is a symlink");
}
