//! How soon a waiter goes on after a death that nobody could announce.
//!
//! `cargo bench --bench wakeup`; `IPC_BENCH_ROUNDS` instead of 2000 rounds.
//! The owner of a lock is killed; or whoever gives it back is killed between
//! its swap and its wake, which leaves the waiter asleep on a free word.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::allow_attributes,
    reason = "a benchmark may panic and say why"
)]

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use ipc::deadline::{Deadline, monotonic_now};
use ipc::name::Name;
use ipc::process::identity::Process;
use ipc::shared::lock::{Geometry, Lock, Request, Want};
use ipc::shared::owner::OwnerWord;
use ipc::size::Mode;
use ipc::sys::mapping::Mapping;
use ipc::wait::Wait;
use nix::sys::signal::{Signal, kill, raise};
use nix::unistd::{Pid, gettid};

/// What the process that dies in the middle of a release is told: the file.
const ASKED: &str = "IPC_WAKEUP_FILE";
/// The first owner word, see `ipc::shared::lock`.
const WORD: usize = 128;

fn main() {
    if let Some(path) = std::env::var_os(ASKED) {
        return release_by_half(Path::new(&path));
    }
    let rounds = std::env::var("IPC_BENCH_ROUNDS").ok();
    let rounds: usize = rounds.map_or(2000, |text| text.parse().unwrap());
    println!(
        "{:<44} {:>8} {:>8} {:>8}   rounds",
        "death", "p50", "p99", "max"
    );
    let rows: [(&str, Geometry, Round); 4] = [
        ("owner of a lock", Geometry::Plain, Bench::owner_dies),
        ("owner of a slot", Geometry::Slots(1), Bench::owner_dies),
        (
            "lock, between the swap and the wake",
            Geometry::Plain,
            Bench::waker_dies,
        ),
        (
            "slot, between the swap and the wake",
            Geometry::Slots(1),
            Bench::waker_dies,
        ),
    ];
    for (what, geometry, round) in rows {
        let bench = Bench::new(geometry);
        let mut spans: Vec<Duration> = (0..rounds).map(|_| round(&bench)).collect();
        spans.sort_unstable();
        let at = |part: usize| {
            format!(
                "{:.2} ms",
                spans[(rounds - 1) * part / 100].as_secs_f64() * 1e3
            )
        };
        println!(
            "{what:<44} {:>8} {:>8} {:>8}   {rounds}",
            at(50),
            at(99),
            at(100)
        );
    }
}

/// Gives the lock back, tells when, and is gone before it could wake anybody.
fn release_by_half(path: &Path) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mapping = Mapping::new(&file, 4096).unwrap();
    println!("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let release = |word| Ok::<u64, ()>(OwnerWord(word).released().0);
    mapping.cell(WORD, 8).update(release).unwrap();
    println!("{}", monotonic_now().as_nanos());
    raise(Signal::SIGKILL).unwrap();
}

/// A process that does nothing, until it is dropped.
struct Owner(Child);

impl Owner {
    fn new() -> Owner {
        let mut command = Command::new("cat");
        Owner(
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }

    fn process(&self) -> Process {
        Process::open(self.0.id() as i32).unwrap()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

type Round = fn(&Bench) -> Duration;

struct Bench {
    name: Name,
    lock: Lock,
    next: Owner,
    go: Sender<()>,
    tid: Pid,
    got: Receiver<Duration>,
}

impl Bench {
    /// A lock, and a thread that waits for it whenever it is told to.
    fn new(geometry: Geometry) -> Bench {
        let name = format!("ipcb-{}-wakeup", std::process::id());
        let name = Name::parse(name.as_bytes()).unwrap();
        Lock::create(&name, geometry, Mode::default()).unwrap();
        let lock = Lock::open(&name).unwrap();
        let next = Owner::new();
        let (go, told) = channel();
        let (tell, got) = channel();
        let (tell_tid, tid) = channel();
        let (waiter, owner) = (lock.clone(), next.process());
        std::thread::spawn(move || {
            tell_tid.send(gettid()).unwrap();
            for () in told {
                take(&waiter, &owner);
                tell.send(monotonic_now()).unwrap();
                waiter.release(&owner).unwrap();
            }
        });
        Bench {
            name,
            lock,
            next,
            go,
            tid: tid.recv().unwrap(),
            got,
        }
    }

    fn owner_dies(&self) -> Duration {
        let owner = Owner::new();
        take(&self.lock, &owner.process());
        self.let_it_wait();
        let killed = monotonic_now();
        kill(Pid::from_raw(owner.0.id() as i32), Signal::SIGKILL).unwrap();
        let got = self.got.recv().unwrap();
        self.until_free();
        got - killed
    }

    fn waker_dies(&self) -> Duration {
        let owner = Owner::new();
        take(&self.lock, &owner.process());
        let mut waker = Waker::start(&self.file());
        self.let_it_wait();
        let (killed, got) = (waker.release_by_half(), self.got.recv().unwrap());
        waker.child.wait().unwrap();
        self.until_free();
        got.saturating_sub(killed)
    }

    fn file(&self) -> PathBuf {
        let name = String::from_utf8_lossy(self.name.as_bytes()).into_owned();
        Path::new("/dev/shm").join(format!("ipc.lock.{}", name.trim_start_matches('/')))
    }

    /// Returns when the waiter sleeps in futex(2).
    fn let_it_wait(&self) {
        self.go.send(()).unwrap();
        let path = format!("/proc/self/task/{}/syscall", self.tid);
        let call = format!("{} ", libc::SYS_futex);
        // FUTEX_WAIT_BITSET without the private flag: ours, not the channel's.
        let sleeps = |line: String| {
            line.starts_with(&call) && line.split(' ').nth(2).is_some_and(|word| word == "0x9")
        };
        while !std::fs::read_to_string(&path).is_ok_and(sleeps) {
            std::thread::yield_now();
        }
    }

    fn until_free(&self) {
        while !self.lock.holders().unwrap().is_empty() {
            std::thread::yield_now();
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.next.0.kill();
        let _ = Lock::unlink(&self.name);
    }
}

fn take(lock: &Lock, owner: &Process) {
    let request = Request {
        owner,
        want: Want::Exclusive,
        reentrant: false,
        recover: true,
    };
    lock.acquire(&request, &mut Wait::until(Deadline::Never))
        .unwrap();
}

struct Waker {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Waker {
    fn start(file: &Path) -> Waker {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .env(ASKED, file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut String::new()).unwrap();
        Waker {
            child,
            stdin,
            stdout,
        }
    }

    /// When it was about to die.
    fn release_by_half(&mut self) -> Duration {
        self.stdin.write_all(b"\n").unwrap();
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        Duration::from_nanos(line.trim().parse().unwrap())
    }
}
