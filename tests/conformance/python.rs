//! Python on the other side: `posix_ipc`, and the semaphores of
//! `multiprocessing`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::sandbox::{Running, Sandbox, skip};

/// The interpreter of an environment with `posix_ipc`, made once and kept
/// below the build folder; else the reason why there is none.
fn python() -> Option<&'static Path> {
    static MADE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match MADE.get_or_init(environment) {
        Ok(python) => Some(python),
        Err(reason) => {
            skip(reason);
            None
        }
    }
}

fn environment() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let finished = folder.join("python-posix-ipc");
    let python = finished.join("bin/python");
    if works(&python) {
        return Ok(python);
    }
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    // Made under a name of its own and renamed when it is whole: another test
    // program may be doing the same.
    let draft = tempfile::Builder::new()
        .prefix("python-")
        .tempdir_in(folder)
        .map_err(|error| error.to_string())?;
    run(Command::new("python3")
        .args(["-m", "venv"])
        .arg(draft.path()))?;
    let pip = "-m pip install --quiet --disable-pip-version-check --retries 1 posix_ipc";
    run(Command::new(draft.path().join("bin/python")).args(pip.split(" ")))?;
    // What is there and does not work is left from an older interpreter.
    if finished.exists() && !works(&python) {
        let _ = std::fs::remove_dir_all(&finished);
    }
    // Refused where another was faster: theirs is as good.
    let _ = std::fs::rename(draft.path(), &finished);
    if works(&python) {
        Ok(python)
    } else {
        Err(format!("{} does not work", python.display()))
    }
}

fn works(python: &Path) -> bool {
    let import = Command::new(python)
        .args(["-c", "import posix_ipc"])
        .output();
    import.is_ok_and(|output| output.status.success())
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "{program}: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
        Err(error) => Err(format!("{program}: {error}")),
    }
}

/// What every script begins with. `multiprocessing` itself makes semaphores
/// under names that it removes at once; the class beneath takes any name.
const PRELUDE: &str = r#"
import os, sys
import posix_ipc
from _multiprocessing import SemLock
NAME = "/" + os.environ["IPC_SCOPE"] + ".s"
SEMAPHORE = 1  # the kind that counts, as against the recursive lock
def opened(value_max=2**31 - 1):
    return SemLock._rebuild(0, SEMAPHORE, value_max, NAME)
def say(word):
    print(word, flush=True)
"#;

fn start(sb: &Sandbox, script: &str) -> Option<Running> {
    let script = format!("{PRELUDE}{script}");
    // A world of its own: no user site, no variables, no files beside it.
    let words = ["-I", "-c", &script];
    Some(sb.program(python()?, words).start())
}

#[track_caller]
fn succeeded(program: Running) {
    let (status, stdout, stderr) = program.finish();
    assert!(status.success(), "{status}\n{stdout}\n{stderr}");
}

fn create(sb: &Sandbox, value: &str) {
    sb.ipc(["-q", "sem", "create", "s", value]).run().ok();
}

#[test]
fn posix_ipc_uses_what_ipc_created() {
    let sb = Sandbox::new();
    create(&sb, "3");
    let Some(program) = start(
        &sb,
        "s = posix_ipc.Semaphore(NAME)
assert s.value == 3
s.acquire(10); s.acquire(0)
s.release(); s.release(); s.release()
assert s.value == 4
try: posix_ipc.Semaphore(NAME, posix_ipc.O_CREX)
except posix_ipc.ExistentialError: pass
else: sys.exit('created twice')",
    ) else {
        return;
    };
    succeeded(program);
    sb.ipc(["sem", "value", "s"]).run().ok().stdout("4\n");
}

#[test]
fn ipc_uses_what_posix_ipc_created() {
    let sb = Sandbox::new();
    let Some(program) = start(
        &sb,
        "posix_ipc.Semaphore(NAME, posix_ipc.O_CREX, mode=0o640, initial_value=5).close()",
    ) else {
        return;
    };
    succeeded(program);
    sb.ipc(["sem", "acquire", "s", "-n", "2", "-t", "30s"])
        .run()
        .ok();
    let stat = sb.ipc(["sem", "stat", "s", "--json"]).run().ok().json();
    assert_eq!(stat["objects"][0]["value"], 3);
    assert_eq!(stat["objects"][0]["status"], "ok");
    sb.ipc(["sem", "rm", "s"]).run().ok();
    assert!(sb.left_in_shm().is_empty());
}

#[test]
fn posix_ipc_waits_until_ipc_releases() {
    let sb = Sandbox::new();
    create(&sb, "0");
    let script = "s = posix_ipc.Semaphore(NAME)
say('waiting')
s.acquire(30)
say('first')
s.acquire()
say('second')";
    let Some(mut program) = start(&sb, script) else {
        return;
    };
    assert_eq!(program.line(), "waiting");
    for line in ["first", "second"] {
        program.blocked_in(&[libc::SYS_futex]);
        sb.ipc(["sem", "release", "s"]).run().ok();
        assert_eq!(program.line(), line);
    }
    succeeded(program);
}

#[test]
fn ipc_waits_until_posix_ipc_releases() {
    let sb = Sandbox::new();
    create(&sb, "0");
    let mut waiters: Vec<Running> = (0..3)
        .map(|_| sb.ipc(["sem", "acquire", "s", "-t", "30s"]).start())
        .collect();
    waiters.iter().for_each(Running::blocked);
    let script = "s = posix_ipc.Semaphore(NAME)
for i in range(3): s.release()";
    let Some(program) = start(&sb, script) else {
        return;
    };
    succeeded(program);
    for waiter in &mut waiters {
        assert!(waiter.wait().success());
    }
    sb.ipc(["sem", "value", "s"]).run().ok().stdout("0\n");
}

#[test]
fn a_time_out_in_posix_ipc_and_a_removal_by_it_are_understood() {
    let sb = Sandbox::new();
    create(&sb, "0");
    let waiter = sb.ipc(["sem", "acquire", "s", "-t", "30s"]).start();
    waiter.blocked();
    let script = "s = posix_ipc.Semaphore(NAME)
try: s.acquire(0.05)
except posix_ipc.BusyError: pass
else: sys.exit('acquired')
posix_ipc.unlink_semaphore(NAME)";
    let Some(program) = start(&sb, script) else {
        return;
    };
    succeeded(program);
    assert_eq!(waiter.finish().0.code(), Some(7));
    sb.ipc(["sem", "value", "s"]).run().code(3);
}

#[test]
fn multiprocessing_uses_and_waits_on_what_ipc_created() {
    let sb = Sandbox::new();
    create(&sb, "2");
    let script = "s = opened()
assert s._get_value() == 2
assert s.acquire() and s.acquire(False)
assert not s.acquire(False)
say('waiting')
assert s.acquire(True, 30)
say('woken')
s.release(); s.release(); s.release()";
    let Some(mut program) = start(&sb, script) else {
        return;
    };
    assert_eq!(program.line(), "waiting");
    program.blocked_in(&[libc::SYS_futex]);
    sb.ipc(["sem", "release", "s"]).run().ok();
    assert_eq!(program.line(), "woken");
    succeeded(program);
    sb.ipc(["sem", "value", "s"]).run().ok().stdout("3\n");
}

#[test]
fn ipc_uses_and_waits_on_what_multiprocessing_created() {
    let sb = Sandbox::new();
    let script = "s = SemLock(SEMAPHORE, 1, 2**31 - 1, NAME, False)
say('created')
sys.stdin.read()
s.release()
say('released')";
    let Some(python) = python() else {
        return;
    };
    let script = format!("{PRELUDE}{script}");
    let invocation = sb.program(python, ["-I", "-c", &script]);
    let (mut program, input) = invocation.start_with_input();
    assert_eq!(program.line(), "created");
    sb.ipc(["sem", "acquire", "s", "-t", "30s"]).run().ok();
    let mut waiter = sb.ipc(["sem", "acquire", "s", "-t", "30s"]).start();
    waiter.blocked();
    drop(input);
    assert_eq!(program.line(), "released");
    assert!(waiter.wait().success());
    succeeded(program);
    sb.ipc(["sem", "value", "s"]).run().ok().stdout("0\n");
}

#[test]
fn a_pool_of_three_kinds_loses_nobody() {
    let sb = Sandbox::new();
    create(&sb, "0");
    let scripts = [
        "s = posix_ipc.Semaphore(NAME)\nsay('waiting')\ns.acquire(30)",
        "s = opened()\nsay('waiting')\nassert s.acquire(True, 30)",
    ];
    let mut pool = Vec::new();
    for script in scripts.iter().cycle().take(4) {
        let Some(mut program) = start(&sb, script) else {
            return;
        };
        assert_eq!(program.line(), "waiting");
        program.blocked_in(&[libc::SYS_futex]);
        let ours = sb.ipc(["sem", "acquire", "s", "-t", "30s"]).start();
        ours.blocked();
        pool.extend([program, ours]);
    }
    sb.ipc(["sem", "release", "s", "-n", "5"]).run().ok();
    for _ in 0..3 {
        sb.ipc(["sem", "release", "s"]).run().ok();
    }
    for member in pool {
        succeeded(member);
    }
    sb.ipc(["sem", "value", "s"]).run().ok().stdout("0\n");
}
