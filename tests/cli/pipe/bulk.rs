//! Many bytes, and many processes at once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use super::made;
use crate::sandbox::{Running, Sandbox};

const BLOCK: usize = 64 << 10;
/// Together 100 MB and a bit, so that the last block is no whole one.
const BLOCKS: u64 = 1600;

/// No two blocks are alike, and none is like a part of another.
fn block(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = (0..BLOCK / 8).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.collect()
}

fn pour(mut into: impl Write) {
    for number in 0..BLOCKS {
        into.write_all(&block(number)).unwrap();
    }
}

/// Checks every byte; `between` runs once, in the middle.
#[track_caller]
fn arrived(mut from: impl Read, between: impl FnOnce()) {
    let mut came = vec![0; BLOCK];
    let mut between = Some(between);
    for number in 0..BLOCKS {
        from.read_exact(&mut came).unwrap();
        assert!(came == block(number), "block {number} differs");
        if number == BLOCKS / 2 {
            between.take().unwrap()();
        }
    }
    assert_eq!(from.read(&mut came).unwrap(), 0, "more than was sent");
}

fn hundred_megabytes(sb: &Sandbox) -> std::path::PathBuf {
    let path = sb.folder().join("large");
    pour(std::io::BufWriter::new(File::create(&path).unwrap()));
    path
}

#[track_caller]
fn succeeded(running: Running) {
    let (status, _, said) = running.finish();
    assert!(status.success(), "{said}");
}

#[test]
fn a_hundred_megabytes_arrive_from_pipe_to_pipe_also_when_the_reader_stops_for_a_while() {
    let sb = Sandbox::new();
    made(&sb, "log");
    let (reader, writer) = std::io::pipe().unwrap();
    let mut recv = sb
        .ipc(["pipe", "recv", "log", "-t", "5m"])
        .command()
        .stdout(writer)
        .spawn()
        .unwrap();
    let pid = i32::try_from(recv.id()).unwrap();
    let (send, input) = sb
        .ipc(["pipe", "send", "log", "-t", "5m"])
        .start_with_input();
    let pouring = std::thread::spawn(move || pour(input));
    let stopped = || {
        // SAFETY: a child that is not reaped yet.
        unsafe { libc::kill(pid, libc::SIGSTOP) };
        // It goes on to wait for room: the reader has stopped.
        send.blocked();
        // SAFETY: as above.
        unsafe { libc::kill(pid, libc::SIGCONT) };
    };
    arrived(reader, stopped);
    pouring.join().unwrap();
    succeeded(send);
    assert!(recv.wait().unwrap().success());
}

#[test]
fn a_hundred_megabytes_arrive_from_file_to_file() {
    let sb = Sandbox::new();
    made(&sb, "log");
    let large = hundred_megabytes(&sb);
    for append in [false, true] {
        let out = sb.folder().join("out");
        let mut options = std::fs::OpenOptions::new();
        // Appended to, it takes no pages, so that this one is copied.
        options.create(true).write(true).append(append);
        let mut recv = sb
            .ipc(["pipe", "recv", "log", "-t", "5m"])
            .command()
            .stdout(options.open(&out).unwrap())
            .spawn()
            .unwrap();
        sb.ipc([
            "pipe",
            "send",
            "log",
            "-t",
            "5m",
            "-f",
            large.to_str().unwrap(),
        ])
        .run()
        .ok();
        assert!(recv.wait().unwrap().success());
        arrived(File::open(&out).unwrap(), || {});
        std::fs::remove_file(out).unwrap();
    }
}

#[test]
fn a_hundred_megabytes_go_to_cat_and_come_from_it() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let large = hundred_megabytes(&sb);
    let out = sb.folder().join("out");
    let script = format!("cat '{}' > out", path.display());
    let cat = sb.sh(&script).start();
    let send = ["pipe", "send", "log", "-t", "5m", "-f"];
    sb.ipc(send.into_iter().chain(large.to_str())).run().ok();
    succeeded(cat);
    arrived(File::open(&out).unwrap(), || {});
    let script = format!("cat large > '{}'", path.display());
    let cat = sb.sh(&script).start();
    sb.sh("ipc pipe recv log -t 5m > out").run().ok();
    succeeded(cat);
    arrived(File::open(&out).unwrap(), || {});
}

/// A line that shows whether it was mixed with another.
fn line(writer: usize, number: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(writer).unwrap());
    let head = format!("{writer} {number} ");
    let rest = letter.to_string().repeat(3999 - head.len());
    format!("{head}{rest}")
}

/// Checks that each line is whole and there as often as it was sent.
#[track_caller]
fn are_all_whole<'a>(lines: impl Iterator<Item = &'a str>, writers: usize, each: usize) {
    let mut count = BTreeMap::new();
    for found in lines {
        let mut words = found.splitn(3, ' ');
        let mut number = || words.next().unwrap().parse::<usize>().unwrap();
        let (writer, number) = (number(), number());
        assert!(found == line(writer, number), "mixed: {found}");
        *count.entry((writer, number)).or_insert(0) += 1;
    }
    assert_eq!(count.len(), writers * each);
    assert!(count.values().all(|count| *count == 1));
}

fn lines_file(sb: &Sandbox, writer: usize, each: usize) -> std::path::PathBuf {
    let text: String = (0..each)
        .map(|number| line(writer, number) + "\n")
        .collect();
    crate::sandbox::file(sb, &format!("lines{writer}"), text.as_bytes())
}

fn senders<'a>(sb: &'a Sandbox, writers: usize, each: usize) -> impl Iterator<Item = Running> + 'a {
    (0..writers).map(move |writer| {
        let file = lines_file(sb, writer, each);
        sb.ipc(["pipe", "send", "log", "--lines", "-t", "2m", "-f"])
            .with(|command| {
                command.arg(Path::new(&file));
            })
            .start()
    })
}

#[test]
fn lines_of_sixteen_writers_never_mix() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    // So that the end comes after all of them and not between two.
    let both = super::held(&path);
    let recv = sb.ipc(["pipe", "recv", "log", "-t", "2m"]).start();
    recv.blocked();
    let reading = std::thread::spawn(move || recv.finish());
    let running: Vec<Running> = senders(&sb, 16, 50).collect();
    for sender in running {
        succeeded(sender);
    }
    drop(both);
    let (status, printed, said) = reading.join().unwrap();
    assert!(status.success(), "{said}");
    are_all_whole(printed.lines(), 16, 50);
}

#[test]
fn readers_of_lines_get_each_line_whole_and_once() {
    let sb = Sandbox::new();
    let path = made(&sb, "log");
    let both = super::held(&path);
    // An empty line tells each of them to end.
    let script = "n=0; while ipc pipe recv log --line -t 2m > part.$1.$n; do
        [ $(wc -c < part.$1.$n) -gt 1 ] || exit 0
        n=$((n + 1))
    done; exit 1";
    let readers: Vec<Running> = (0..4)
        .map(|reader| {
            let number = reader.to_string();
            sb.program("sh", ["-c", script, "sh", &number]).start()
        })
        .collect();
    let running: Vec<Running> = senders(&sb, 4, 20).collect();
    for sender in running {
        succeeded(sender);
    }
    sb.ipc(["pipe", "send", "log", "--lines", "", "", "", ""])
        .run()
        .ok();
    for reader in readers {
        succeeded(reader);
    }
    drop(both);
    let parts = std::fs::read_dir(sb.folder()).unwrap().map(Result::unwrap);
    let parts = parts.filter(|entry| entry.file_name().to_string_lossy().starts_with("part."));
    let texts: Vec<String> = parts
        .map(|entry| std::fs::read_to_string(entry.path()).unwrap())
        .filter(|text| text != "\n")
        .collect();
    are_all_whole(texts.iter().map(|text| text.trim_end_matches('\n')), 4, 20);
}
