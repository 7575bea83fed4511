//! The 41 bits of a stamp end: nothing is taken beyond them.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::lock_worlds::can_unshare;
use crate::sandbox::Sandbox;

const MAX_STAMP: u64 = (1 << 41) - 1;

fn put(path: PathBuf, at: u64, word: u64) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&word.to_ne_bytes(), at).unwrap();
}

fn page(sb: &Sandbox, kind: &str) -> PathBuf {
    PathBuf::from(format!("/dev/shm/ipc.{kind}.{}", sb.full("L")))
}

#[test]
fn a_lock_whose_stamps_are_used_up_is_6_and_a_new_one_starts_again() {
    let sb = Sandbox::new();
    for options in [&[][..], &["--shared"], &["--slots", "2"]] {
        // The last stamp given out, and that of the first word.
        for (at, word) in [
            (72, MAX_STAMP - 3),
            (72, MAX_STAMP),
            (72, u64::MAX),
            (128, (MAX_STAMP - 2) << 23),
            (128, MAX_STAMP << 23),
        ] {
            let slots = &options[..options.len() & 2];
            sb.ipc([&["-q", "lock", "create", "L"], slots].concat())
                .run()
                .ok();
            put(page(&sb, "lock"), at, word);
            if at == 128 {
                // Readers and slots have words of their own.
                put(page(&sb, "lock"), 136, word);
            }
            let acquire = [&["lock", "acquire", "L", "--try"], options].concat();
            let outcome = sb.ipc(&acquire).run();
            if at == 72 || options.is_empty() || options.len() == 2 {
                outcome.code(6).stdout("").stderr_has("stamps are used up");
                let run = [&["lock", "run", "L", "--try"], options, &["--", "true"]].concat();
                sb.ipc(run).run().code(125);
            }
            // Nothing of the attempt stays.
            let status = sb.ipc(["lock", "status", "L", "--json"]).run().json();
            if !outcome.status.success() {
                assert_eq!(status["state"], "free");
            }
            sb.ipc(["lock", "rm", "L", "--force"]).run().ok();
            sb.ipc(acquire).run().ok();
            sb.ipc(["lock", "rm", "L", "--force"]).run().ok();
        }
    }
}

#[test]
fn a_barrier_and_a_wide_value_have_the_same_end() {
    let sb = Sandbox::new();
    sb.ipc(["-q", "barrier", "create", "L", "1"]).run().ok();
    put(page(&sb, "barrier"), 128, MAX_STAMP << 23);
    sb.ipc(["barrier", "wait", "L"])
        .run()
        .code(6)
        .stderr_has("stamps are used up");
    sb.ipc(["-q", "value", "create", "v", "bytes16", "before"])
        .run()
        .ok();
    put(sb.shm_file("v"), 168, MAX_STAMP << 23);
    sb.ipc(["value", "set", "v", "x"])
        .run()
        .code(6)
        .stderr_has("stamps are used up");
    sb.ipc(["value", "get", "v"]).run().ok().stdout("before\n");
}

/// The clock of another world may be set so far ahead.
#[test]
fn nine_years_after_boot_nothing_is_taken() {
    let sb = Sandbox::new();
    let options = &["-Urf", "-T", "--boottime", "283000000"];
    if !can_unshare(&sb, options) {
        return;
    }
    let script = "ipc lock acquire L --owner $$ 2>said; echo $?; ipc lock run L -- true 2>>said; \
        echo $?; ipc barrier wait L --parties 1 2>>said; echo $?; grep -c 'used up' said; \
        ipc lock status L; ipc event set L; echo $?";
    sb.program("unshare", [options, &["sh", "-c", script][..]].concat())
        .run()
        .code(0)
        .stdout("6\n125\n6\n3\nfree\n0\n");
}
