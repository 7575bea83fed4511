//! A process that acts for an owner, as an invocation of `ipc` does, over and
//! over. Killed at any moment, another takes up where it was.

use std::path::Path;
use std::time::Duration;

use ipc::deadline::Deadline;
use ipc::error::ErrorKind;
use ipc::name::Name;
use ipc::process::identity::Process;
use ipc::shared::lock::{Lock, Request, Want};
use ipc::wait::Wait;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::getppid;

use crate::board::Board;

/// What the process is told: lock, board, owner, kind.
pub(crate) const ASKED: &str = "IPC_CHAOS_AGENT";
/// How long anything may take before the run is given up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How an agent acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Alone,
    Writer,
    Reader,
}

struct Agent {
    lock: Lock,
    board: Board,
    owner: Process,
    kind: Kind,
}

/// Acts until the owner dies, if this process was started to.
pub(crate) fn run_if_asked() {
    let Ok(asked) = std::env::var(ASKED) else {
        return;
    };
    // Ends with the run, however that ends.
    set_pdeathsig(Signal::SIGKILL).unwrap();
    let [name, board, owner, kind] = asked.split(';').collect::<Vec<_>>()[..] else {
        panic!("{asked}");
    };
    let board = Board::open(Path::new(board));
    let (Ok(owner), Ok(lock)) = (
        Process::open(owner.parse().unwrap()),
        Lock::open(&Name::parse(name.as_bytes()).unwrap()),
    ) else {
        return board.ring();
    };
    let kind = match kind {
        "Reader" => Kind::Reader,
        "Writer" => Kind::Writer,
        _ => Kind::Alone,
    };
    let agent = Agent {
        lock,
        board,
        owner,
        kind,
    };
    agent.take_up();
    while !agent.owner.is_dead() && agent.once() {}
    agent.board.ring();
}

impl Agent {
    /// A predecessor may have left a hold: the question that `status --mine` asks.
    fn take_up(&self) {
        while let Some((place, word)) = self.lock.hold_of(&self.owner) {
            self.inside(place, word.stamp().0, true);
        }
    }

    fn once(&self) -> bool {
        let request = Request {
            owner: &self.owner,
            want: match self.kind {
                Kind::Reader => Want::Shared,
                _ => Want::Exclusive,
            },
            reentrant: false,
            recover: true,
        };
        let mut wait = Wait::until(Deadline::after(PATIENCE));
        match self.lock.acquire(&request, &mut wait) {
            Ok(acquired) => self.inside(acquired.index, acquired.token().0, false),
            Err(error) if error.kind() == ErrorKind::Missing => return false,
            Err(error) => {
                self.board.violation(&self.owner, &format!("{error}"));
                return false;
            }
        }
        let count = self.board.acquired();
        if count.is_multiple_of(8) {
            self.try_as_stranger();
            self.board.ring_and_wait();
        }
        true
    }

    fn inside(&self, place: usize, token: u64, again: bool) {
        self.board.enter(place, &self.owner, token, again);
        if self.kind != Kind::Alone {
            self.board.excludes(place, &self.owner);
        }
        std::thread::yield_now();
        self.board.leave(place, &self.owner);
        if let Err(error) = self.lock.release(&self.owner) {
            self.board
                .violation(&self.owner, &format!("lost its hold (I3): {error}"));
        }
    }

    /// The controller holds nothing, ever, until all is over.
    fn try_as_stranger(&self) {
        let Ok(stranger) = Process::open(getppid().as_raw()) else {
            return;
        };
        match self.lock.release(&stranger) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.board.stranger_refused(),
            _ => self
                .board
                .violation(&self.owner, "a stranger released it (I4)"),
        }
    }
}
