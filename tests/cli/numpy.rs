//! Values and arrays with numpy on the other side, in both directions.

use crate::python::with_numpy;
use crate::sandbox::{Running, Sandbox};

/// Type, numpy's code, three elements as text, and as Python writes them.
const TYPES: [(&str, &str, [&str; 3], [&str; 3]); 13] = [
    ("int8", "|i1", ["-128", "0", "127"], ["-128", "0", "127"]),
    ("int16", "<i2", ["-32768", "1", "2"], ["-32768", "1", "2"]),
    (
        "int32",
        "<i4",
        ["-2147483648", "1", "2"],
        ["-2147483648", "1", "2"],
    ),
    (
        "int64",
        "<i8",
        ["-9223372036854775808", "1", "2"],
        ["-9223372036854775808", "1", "2"],
    ),
    ("uint8", "|u1", ["255", "1", "2"], ["255", "1", "2"]),
    ("uint16", "<u2", ["65535", "1", "2"], ["65535", "1", "2"]),
    (
        "uint32",
        "<u4",
        ["4294967295", "1", "2"],
        ["4294967295", "1", "2"],
    ),
    (
        "uint64",
        "<u8",
        ["18446744073709551615", "1", "2"],
        ["18446744073709551615", "1", "2"],
    ),
    (
        "float32",
        "<f4",
        ["-inf", "0.1", "3e38"],
        ["float('-inf')", "0.1", "3e38"],
    ),
    (
        "float64",
        "<f8",
        ["inf", "0.1", "1e300"],
        ["float('inf')", "0.1", "1e300"],
    ),
    (
        "bool",
        "|b1",
        ["true", "false", "true"],
        ["True", "False", "True"],
    ),
    (
        "bytes4",
        "|S4",
        ["abcd", "", "x"],
        ["b'abcd'", "b''", "b'x'"],
    ),
    (
        "bytes16",
        "|S16",
        ["sixteen bytes ok", "", "x"],
        ["b'sixteen bytes ok'", "b''", "b'x'"],
    ),
];

/// What every script starts with: a way to the objects of the sandbox.
const PRELUDE: &str = "
import numpy as np, os, sys
def path(name): return '/dev/shm/' + os.environ['IPC_SCOPE'] + '.' + name
def load(name): return np.load(path(name), mmap_mode='r+')
def say(what): print(what, flush=True)
";

fn python(sb: &Sandbox, script: &str) -> Option<String> {
    let python = with_numpy()?;
    let script = format!("{PRELUDE}{script}");
    let outcome = sb.program(python, ["-c", &script]).run();
    outcome.ok();
    Some(String::from_utf8(outcome.stdout).unwrap())
}

fn start(sb: &Sandbox, script: &str) -> Option<Running> {
    let python = with_numpy()?;
    let script = format!("{PRELUDE}{script}");
    Some(sb.program(python, ["-c", &script]).start())
}

#[test]
fn numpy_reads_and_changes_what_ipc_made_of_every_type() {
    let sb = Sandbox::new();
    let mut script = String::new();
    for (kind, code, texts, literals) in TYPES {
        let (value, array) = (format!("v{kind}"), format!("a{kind}"));
        sb.ipc(["-q", "value", "create", &value, kind, texts[0]])
            .run()
            .ok();
        let words = ["-q", "array", "create", &array, kind, "--from"];
        sb.ipc(words.iter().chain(&texts)).run().ok();
        let [a, b, c] = literals;
        script += &format!(
            "
v = load('{value}')
assert v.dtype.str == '{code}' and v.shape == () and v.flags.aligned, (v.dtype, v.shape)
assert v[()] == np.dtype('{code}').type({a}), v
v[()] = {b}
a = load('{array}')
assert a.dtype.str == '{code}' and a.shape == (3,) and a.flags.aligned, (a.dtype, a.shape)
assert (a == np.array([{a}, {b}, {c}], '{code}')).all(), a
a[:] = a[::-1].copy()
"
        );
    }
    if python(&sb, &script).is_none() {
        return;
    }
    for (kind, _, [a, b, c], _) in TYPES {
        sb.ipc(["value", "get", &format!("v{kind}")])
            .run()
            .ok()
            .stdout(&format!("{b}\n"));
        sb.ipc(["array", "get", &format!("a{kind}")])
            .run()
            .ok()
            .stdout(&format!("{c}\n{b}\n{a}\n"));
    }
}

#[test]
fn ipc_reads_and_changes_what_numpy_made_of_every_type() {
    let sb = Sandbox::new();
    let mut script = String::new();
    for (kind, code, _, [a, b, c]) in TYPES {
        script += &format!(
            "
np.save(open(path('v{kind}'), 'wb'), np.array({a}, '{code}'))
m = np.lib.format.open_memmap(path('a{kind}'), mode='w+', dtype='{code}', shape=(1, 3))
m[:] = [[{a}, {b}, {c}]]
"
        );
    }
    if python(&sb, &script).is_none() {
        return;
    }
    let mut check = String::new();
    for (kind, code, [a, b, c], [_, _, last]) in TYPES {
        let (value, array) = (format!("v{kind}"), format!("a{kind}"));
        let ok = |words: &[&str], printed: &str| {
            sb.ipc(words).run().ok().stdout(printed);
        };
        ok(&["value", "get", &value], &format!("{a}\n"));
        ok(&["value", "cas", &value, a, c], &format!("{c}\n"));
        ok(&["value", "set", &value, c], "");
        ok(&["array", "get", &array], &format!("{a}\t{b}\t{c}\n"));
        ok(&["array", "fill", &array, c], "");
        let json = sb.ipc(["value", "stat", &value, "--json"]).run().json();
        assert_eq!(json["objects"][0]["type"], kind);
        assert!(json["objects"][0]["generation"].is_null());
        check += &format!(
            "
assert load('{value}')[()] == np.dtype('{code}').type({last}), load('{value}')
assert (load('{array}') == np.array([[{last}] * 3], '{code}')).all(), load('{array}')
"
        );
    }
    assert!(python(&sb, &check).is_some());
}

#[test]
fn arithmetic_is_that_of_numpy() {
    let sb = Sandbox::new();
    sb.ipc([
        "-q", "array", "create", "f", "f32", "--from", "0.1", "16777216",
    ])
    .run()
    .ok();
    let script = "
f = np.array([0.1, 16777216], 'f4') + np.float32(0.7)
say(list(f.tobytes()))
";
    let Some(expected) = python(&sb, script) else {
        return;
    };
    sb.ipc(["array", "add", "f", ":", "0.7"])
        .run()
        .ok()
        .stdout("0.8\n16777216\n");
    let sums = sb.ipc(["array", "get", "f", "--raw"]).run().stdout;
    assert_eq!(format!("{sums:?}\n"), expected);
}

#[test]
fn dimensions_lie_in_the_same_order() {
    let sb = Sandbox::new();
    let script = "
a = np.arange(24, dtype='i8').reshape(2, 3, 4)
np.save(open(path('a'), 'wb'), a)
np.save(open(path('one'), 'wb'), np.asfortranarray(np.arange(3)))
for index in (np.s_[1, :, 2], np.s_[-1, ::-2, 0], np.s_[:, 1, 1:3]):
    rows = a[index]
    for row in rows: say('\\t'.join(map(str, np.atleast_1d(row))))
";
    let Some(expected) = python(&sb, script) else {
        return;
    };
    let printed: Vec<u8> = ["1,:,2", "-1,::-2,0", ":,1,1:3"]
        .iter()
        .flat_map(|index| sb.ipc(["array", "get", "a", index]).run().stdout)
        .collect();
    assert_eq!(String::from_utf8(printed).unwrap(), expected);
    sb.ipc(["array", "get", "one", "-1"])
        .run()
        .ok()
        .stdout("2\n");
}

#[test]
fn what_cannot_be_worked_on_in_place_is_refused_with_the_reason() {
    let sb = Sandbox::new();
    let script = "
save = lambda name, a: np.save(open(path(name), 'wb'), a)
save('fortran', np.asfortranarray(np.zeros((2, 2))))
save('objects', np.array([{}, []], object))
save('big', np.zeros(2, '>i4'))
save('complex', np.zeros(2, 'c16'))
save('half', np.zeros(2, 'f2'))
save('text', np.array(['a']))
save('fields', np.zeros(2, [('a', 'i4'), ('b', 'f8')]))
save('empty', np.zeros(0))
save('cut', np.zeros(100))
os.truncate(path('cut'), 200)
";
    if python(&sb, script).is_none() {
        return;
    }
    for (name, reason) in [
        ("fortran", "Fortran order"),
        ("objects", "'|O' is not supported"),
        ("big", "byte order of other machines"),
        ("complex", "'<c16' is not supported"),
        ("half", "'<f2' is not supported"),
        ("text", "'<U1' is not supported"),
        ("fields", "cannot be read"),
        ("cut", "shorter than its header says"),
    ] {
        sb.ipc(["array", "get", name])
            .run()
            .code(7)
            .stderr_has(reason);
        let json = sb.ipc(["array", "ls", name, "--json"]).run().json();
        let status = json["objects"][0]["status"].as_str().unwrap();
        assert!(status.contains(reason), "{status}");
    }
    sb.ipc(["array", "get", "empty"]).run().ok().stdout("");
    sb.ipc(["array", "fill", "empty", "1"]).run().ok();
}

#[test]
fn a_change_by_numpy_is_noticed_by_a_waiter() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "value", "create", "n", "i64", "5"])
        .run()
        .ok();
    let words = [
        "value",
        "wait",
        "n",
        ">",
        "5",
        "-t",
        "30s",
        "--recheck",
        "1ms",
    ];
    let waiter = sb.ipc(words).start();
    waiter.blocked_in(&[libc::SYS_futex]);
    if python(&sb, "load('n')[()] += 1").is_none() {
        return;
    }
    let (status, printed, _) = waiter.finish();
    assert!(status.success());
    assert_eq!(printed, "6\n");
}

#[test]
fn both_see_one_memory_while_it_changes() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "array", "create", "a", "f64", "3"])
        .run()
        .ok();
    let script = "
a = load('a')
say('loaded')
while a[0] == 0: pass
a[1] = a[0] * 2
say('answered')
while a[2] == 0: pass
say(a[2])
";
    let Some(mut numpy) = start(&sb, script) else {
        return;
    };
    assert_eq!(numpy.line(), "loaded");
    sb.ipc(["array", "set", "a", "0", "21"]).run().ok();
    assert_eq!(numpy.line(), "answered");
    sb.ipc(["array", "get", "a", "1"]).run().ok().stdout("42\n");
    sb.ipc(["array", "add", "a", "-1", "-.5"])
        .run()
        .ok()
        .stdout("-0.5\n");
    assert_eq!(numpy.line(), "-0.5");
    assert!(numpy.wait().success());
}
