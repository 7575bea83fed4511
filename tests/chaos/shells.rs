//! The same with shells and the program itself.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lanes::{Dice, Object};

const IPC: &str = env!("CARGO_BIN_EXE_ipc");

/// Takes the lock over and over; inside there are as many places as slots, and
/// each is a link that only one can make. A line tells of each acquisition, and
/// one with `V` of somebody alive in every place.
const SCRIPT: &str = r#"
mine() {
    while :; do
        "$IPC" lock status --mine --owner $$ "$LOCK" >/dev/null 2>&1
        case $? in 0) return 0 ;; 137) ;; *) return 1 ;; esac
    done
}
alive() {
    read -r line 2>/dev/null </proc/"$1"/stat || return 1
    case $line in *') Z '* | *') X '*) return 1 ;; esac
}
enter() {
    while :; do
        live=0
        for place in $PLACES; do
            ln -s $$ "$place" 2>/dev/null && return
            other=$(readlink "$place") || continue
            if alive "$other"; then live=$((live + 1)); else rm -f "$place"; fi
        done
        if [ $live = "$SLOTS" ]; then echo "V $$ beside $other"; return; fi
    done
}
while :; do
    "$IPC" lock acquire $OPTIONS --owner $$ "$LOCK" >/dev/null 2>&1 || mine || continue
    enter
    echo "a $$"
    rm -f "$place"
    while mine; do "$IPC" lock release --owner $$ "$LOCK" >/dev/null 2>&1; done
done
"#;

struct Shell(Child);

impl Shell {
    fn start(lock: &str, slots: u32, folder: &Path, tell: std::io::PipeWriter) -> Shell {
        let places: Vec<String> = (0..slots).map(|place| format!("place{place}")).collect();
        let options = if slots > 1 {
            format!("--slots {slots}")
        } else {
            String::new()
        };
        let mut command = Command::new("sh");
        command
            .args(["-c", SCRIPT])
            .env("IPC", IPC)
            .env("LOCK", lock)
            .env("SLOTS", slots.to_string())
            .env("PLACES", places.join(" "))
            .env("OPTIONS", options)
            .env_remove("IPC_SCOPE")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(tell);
        // A group of its own: in the end whatever it started goes with it.
        Shell(command.process_group(0).spawn().unwrap())
    }

    fn pid(&self) -> i32 {
        self.0.id() as i32
    }

    /// The invocation that runs now, if one does.
    fn child(&self) -> Option<Pid> {
        let pid = self.pid();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        let child = children.split_ascii_whitespace().next()?;
        // Not what the script itself needs to be sure of.
        let name = std::fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
        let child = child.parse().ok().filter(|_| name == "ipc\n")?;
        Some(Pid::from_raw(child))
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // The leader is not reaped yet, so the group is its own.
        let _ = kill(Pid::from_raw(-self.pid()), Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

/// So many shells, until so many acquisitions have been made.
pub(crate) fn run(count: usize, slots: u32, acquisitions: u64) {
    let (object, folder) = (Object::new(), tempfile::tempdir().unwrap());
    let lock = String::from_utf8_lossy(object.0.as_bytes()).into_owned();
    let (told, tell) = std::io::pipe().unwrap();
    let start = || Shell::start(&lock, slots, folder.path(), tell.try_clone().unwrap());
    let mut shells: Vec<Shell> = (0..count).map(|_| start()).collect();
    let mut orphaned = Vec::new();
    let mut dice = Dice::new();
    let (mut done, mut owner_kills, mut cli_kills) = (0, 0, 0);
    let mut lines = BufReader::new(told).lines();
    while done < acquisitions {
        let line = lines.next().unwrap().unwrap();
        assert!(line.starts_with('a'), "{line}");
        done += 1;
        let victim = dice.below(count);
        match dice.below(3) {
            0 => {
                // Only the shell: what it started goes on without it.
                kill(Pid::from_raw(shells[victim].pid()), Signal::SIGKILL).unwrap();
                let dead = std::mem::replace(&mut shells[victim], start());
                orphaned.push(dead);
                owner_kills += 1;
            }
            1 => {
                let killed = shells[victim]
                    .child()
                    .map(|child| kill(child, Signal::SIGKILL));
                cli_kills += u64::from(killed.is_some_and(|result| result.is_ok()));
            }
            _ => {}
        }
    }
    drop((shells, orphaned));
    let mut command = Command::new(IPC);
    command.args(["lock", "acquire", "--try", "--owner"]);
    command.arg(std::process::id().to_string()).arg(&lock);
    let taken = command.env_remove("IPC_SCOPE").output().unwrap();
    assert!(taken.status.success(), "it cannot be taken (I5): {taken:?}");
    println!(
        "{count} shells, {slots} slots: {done} acquisitions, {owner_kills} shells killed, {cli_kills} invocations killed, 0 violations"
    );
}
