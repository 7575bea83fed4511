//! The controller of agents: starts owners and agents, and kills them.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use ipc::deadline::{Deadline, monotonic_now};
use ipc::name::Name;
use ipc::process::identity::Process;
use ipc::shared::lock::{Geometry, Lock, Request, Want};
use ipc::size::Mode;
use ipc::wait::Wait;

use crate::agent::{ASKED, Kind, PATIENCE};
use crate::board::{Board, SIZE};

/// What to run.
pub(crate) struct Plan {
    pub(crate) lanes: usize,
    pub(crate) acquisitions: u64,
    pub(crate) geometry: Geometry,
    pub(crate) readers: bool,
}

/// Numbers that only look random, the same for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    /// The seed that was asked for, or a new one; it is printed.
    pub(crate) fn new() -> Dice {
        let asked = std::env::var("IPC_CHAOS_SEED").ok();
        let seed = asked.and_then(|text| text.parse().ok()).unwrap_or_else(|| {
            let now = monotonic_now().as_nanos() as u64;
            now.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1
        });
        println!("IPC_CHAOS_SEED={seed}");
        Dice(seed.max(1))
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }
}

/// An object of a run, gone with it.
pub(crate) struct Object(pub(crate) Name);

impl Object {
    pub(crate) fn new() -> Object {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ipct-chaos-{}-{number}", std::process::id());
        Object(Name::parse(name.as_bytes()).unwrap())
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        let _ = Lock::unlink(&self.0);
    }
}

/// An owner, and whoever acts for it.
struct Lane {
    kind: Kind,
    owner: Child,
    agent: Child,
}

impl Drop for Lane {
    fn drop(&mut self) {
        end(&mut self.agent);
        end(&mut self.owner);
    }
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// A run.
pub(crate) struct Lanes<'a> {
    plan: &'a Plan,
    object: Object,
    folder: tempfile::TempDir,
    lanes: Vec<Lane>,
    owner_kills: u64,
    agent_kills: u64,
}

impl Lanes<'_> {
    pub(crate) fn run(plan: &Plan) {
        let object = Object::new();
        Lock::create(&object.0, plan.geometry, Mode::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(folder.path().join("board")).unwrap();
        file.set_len(SIZE).unwrap();
        let board = Board::open(&folder.path().join("board"));
        let mut run = Lanes {
            plan,
            object,
            folder,
            lanes: Vec::new(),
            owner_kills: 0,
            agent_kills: 0,
        };
        for number in 0..plan.lanes {
            let kind = match number % 3 {
                _ if !plan.readers => Kind::Alone,
                0 => Kind::Writer,
                _ => Kind::Reader,
            };
            let owner = run.start_owner();
            let agent = run.start_agent(&owner, kind);
            run.lanes.push(Lane { kind, owner, agent });
        }
        run.fire(&board);
        run.settle(&board);
    }

    /// Lives until its standard input ends, so no longer than this process.
    fn start_owner(&self) -> Child {
        let mut command = Command::new("cat");
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        command.spawn().unwrap()
    }

    fn start_agent(&self, owner: &Child, kind: Kind) -> Child {
        let asked = format!(
            "{};{};{};{kind:?}",
            String::from_utf8_lossy(self.object.0.as_bytes()),
            self.folder.path().join("board").display(),
            owner.id()
        );
        Command::new(std::env::current_exe().unwrap())
            .args(["agent", "--exact", "--nocapture", "--test-threads=1"])
            .env(ASKED, asked)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Kills somebody at every ring until all acquisitions are made.
    fn fire(&mut self, board: &Board) {
        let mut dice = Dice::new();
        let mut done = 0;
        while done < self.plan.acquisitions {
            let heard = board.rings();
            self.replace_ended();
            let until = monotonic_now() + PATIENCE;
            board.wait_for_ring(heard, until);
            let now = board.acquisitions();
            assert!(
                now > done || monotonic_now() < until,
                "nobody gets the lock any more"
            );
            done = now;
            assert_eq!(board.violations(), 0);
            let victim = dice.below(self.lanes.len());
            let lane = &mut self.lanes[victim];
            match dice.below(3) {
                0 => {
                    lane.owner.kill().unwrap();
                    self.owner_kills += 1;
                }
                _ => {
                    // Reaped, or it would count as one that still goes on.
                    end(&mut lane.agent);
                    self.agent_kills += 1;
                }
            }
            board.answer();
        }
    }

    fn replace_ended(&mut self) {
        for number in 0..self.lanes.len() {
            let lane = &mut self.lanes[number];
            let kind = lane.kind;
            if lane.owner.try_wait().unwrap().is_some() {
                // Its agent may still act for it: an orphan, for a while.
                end(&mut lane.agent);
                self.lanes[number].owner = self.start_owner();
                self.lanes[number].agent = self.start_agent(&self.lanes[number].owner, kind);
            } else if lane.agent.try_wait().unwrap().is_some() {
                self.lanes[number].agent = self.start_agent(&self.lanes[number].owner, kind);
            }
        }
    }

    /// All are dead: everything can be taken at once (I5).
    fn settle(mut self, board: &Board) {
        self.lanes.clear();
        let lock = Lock::open(&self.object.0).unwrap();
        let everything = match self.plan.geometry {
            Geometry::Slots(count) => count,
            Geometry::Plain => 1,
        };
        let holders: Vec<Child> = (0..everything).map(|_| self.start_owner()).collect();
        for holder in &holders {
            let request = Request {
                owner: &Process::open(holder.id() as i32).unwrap(),
                want: Want::Exclusive,
                reentrant: false,
                recover: true,
            };
            let taken = lock.acquire(&request, &mut Wait::until(Deadline::Now));
            assert!(taken.is_ok(), "it cannot be taken (I5): {taken:?}");
        }
        holders.into_iter().for_each(|mut holder| end(&mut holder));
        println!(
            "{} processes, {}{}: {} acquisitions, {} owners killed, {} agents killed, {} strangers refused, {} violations",
            self.plan.lanes,
            self.plan.geometry,
            if self.plan.readers { ", readers" } else { "" },
            board.acquisitions(),
            self.owner_kills,
            self.agent_kills,
            board.strangers(),
            board.violations(),
        );
        assert_eq!(board.violations(), 0);
    }
}
