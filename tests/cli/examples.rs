//! The programs of examples/, with `ipc` on the other side.

use std::path::{Path, PathBuf};

use crate::python::with_numpy;
use crate::sandbox::{Sandbox, file, has};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name)
}

/// Builds a C example into the sandbox.
fn compiled(sb: &Sandbox, name: &str) -> PathBuf {
    let program = sb.folder().join(name);
    let source = example(&format!("{name}.c"));
    sb.program("cc", ["-Wall", "-Wextra", "-Werror", "-o"])
        .with(|command| {
            command.arg(&program).arg(source).arg("-lrt");
        })
        .run()
        .ok();
    program
}

#[test]
fn a_producer_in_c_and_a_consumer_in_shell() {
    if !has("cc") {
        return;
    }
    let sb = Sandbox::new();
    let produce = compiled(&sb, "produce");
    sb.queue("jobs");
    // The queue takes four: the producer waits for the consumer.
    let mut producer = sb
        .program(produce, [format!("/{}", sb.full("jobs")), "6".to_owned()])
        .start();
    let script = example("consume.sh");
    sb.program("sh", [script.to_str().unwrap(), "jobs", "6"])
        .run()
        .ok()
        .stdout("job 1\njob 2\njob 3\njob 4\njob 5\njob 6\n");
    assert!(producer.wait().success());
}

#[test]
fn a_producer_in_shell_and_a_consumer_in_c() {
    if !has("cc") {
        return;
    }
    let sb = Sandbox::new();
    let consume = compiled(&sb, "consume");
    sb.queue("jobs");
    let consumer = sb
        .program(consume, [format!("/{}", sb.full("jobs")), "6".to_owned()])
        .start();
    let script = example("produce.sh");
    sb.program("sh", [script.to_str().unwrap(), "jobs", "6"])
        .run()
        .ok();
    let (status, printed, _) = consumer.finish();
    assert!(status.success());
    assert_eq!(printed, "job 1\njob 2\njob 3\njob 4\njob 5\njob 6\n");
}

#[test]
fn python_changes_a_segment_through_a_mapping() {
    if !has("python3") {
        return;
    }
    let sb = Sandbox::new();
    sb.ipc(["-q", "shm", "create", "frame", "--size", "4"])
        .run()
        .ok();
    sb.ipc(["shm", "write", "frame", "@@@@"]).run().ok();
    let script = example("frame.py");
    sb.program("python3", [script.to_str().unwrap(), &sb.full("frame")])
        .run()
        .ok();
    sb.ipc(["shm", "read", "frame"]).run().ok().stdout("AAAA");
}

#[test]
fn a_semaphore_limits_the_jobs_of_a_shell() {
    let sb = Sandbox::new();
    let script = example("limit.sh");
    let outcome = sb
        .program(
            "sh",
            [script.to_str().unwrap(), "builders", "2", "echo", "built"],
        )
        .stdin("a\nb\nc\nd\n")
        .run();
    outcome.ok();
    let mut lines: Vec<_> = std::str::from_utf8(&outcome.stdout)
        .unwrap()
        .lines()
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, ["built a", "built b", "built c", "built d"]);
    assert_eq!(sb.left_in_shm(), Vec::<String>::new());
}

#[test]
fn two_processes_book_on_one_account() {
    let sb = Sandbox::new();
    let sums = |last: u32| (1..=last).map(|sum| format!("{sum}\n")).collect::<String>();
    let deposits = file(&sb, "in", sums(50).as_bytes());
    let withdrawals = file(&sb, "out", sums(500).as_bytes());
    let script = example("account.sh");
    sb.program("sh", [script.as_os_str(), "account".as_ref()])
        .with(|command| {
            command.arg(deposits).arg(withdrawals);
        })
        .run()
        .ok()
        .stdout("-123975\n");
    assert_eq!(sb.left_in_shm(), Vec::<String>::new());
}

#[test]
fn numpy_pays_interest_when_the_shell_counts_a_year() {
    let Some(python) = with_numpy() else { return };
    let sb = Sandbox::new();
    for (name, kind, initial) in [("account", "f64", "1000"), ("year", "i64", "0")] {
        sb.ipc(["-q", "value", "create", name, kind, initial])
            .run()
            .ok();
    }
    let script = example("interest.py");
    let (account, year) = (sb.full("account"), sb.full("year"));
    let words = [script.to_str().unwrap(), &account, &year, "0.5", "3"];
    let mut numpy = sb.program(python, words).start();
    for (number, balance) in [("1", "1500"), ("2", "2250"), ("3", "3375")] {
        sb.ipc(["value", "add", "year", "1"])
            .run()
            .ok()
            .stdout(&format!("{number}\n"));
        let words = ["value", "wait", "account", "==", balance, "-t", "30s"];
        sb.ipc(words.into_iter().chain(["--recheck", "1ms"]))
            .run()
            .ok()
            .stdout(&format!("{balance}\n"));
    }
    assert!(numpy.wait().success());
}

#[test]
fn readers_and_writers_share_a_file_under_a_lock() {
    let sb = Sandbox::new();
    let script = example("stock.sh");
    let script = script.to_str().unwrap();
    sb.program("sh", [script, "apples", "add", "0"]).run().ok();
    let writers = [1, 2, 3, 4].map(|_| {
        let add = format!("for i in 1 2 3 4 5; do sh {script} apples add 3; done");
        sb.sh(&add).start()
    });
    for _ in 0..5 {
        // Never a file that is written only in part.
        let shown = sb.program("sh", [script, "apples", "show"]).run();
        let text = String::from_utf8(shown.ok().stdout.clone()).unwrap();
        assert_eq!(text.trim().parse::<u32>().unwrap() % 3, 0);
    }
    for writer in writers {
        assert!(writer.finish().0.success());
    }
    sb.program("sh", [script, "apples", "show"])
        .run()
        .ok()
        .stdout("60\n");
}

#[test]
fn after_one_that_was_killed_the_next_one_cleans_up() {
    let sb = Sandbox::new();
    let script = example("only-one.sh");
    let only_one = |words: &[&str]| {
        let words = [&[script.to_str().unwrap(), "deploy", "date"], words].concat();
        sb.program("sh", words)
    };
    let (mut first, input) = only_one(&["sh", "-c", "echo in; cat"]).start_with_input();
    assert_eq!(first.line(), "in");
    let second = only_one(&["echo", "done"]).start();
    first.signal(libc::SIGKILL);
    first.wait();
    let (status, printed, said) = second.finish();
    assert!(status.success(), "{said}");
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!((lines.len(), lines[1]), (2, "done"), "{printed}");
    drop(input);
    only_one(&["echo", "done"]).run().ok().stdout("done\n");
}
