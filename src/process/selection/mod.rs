//! The processes that a target stands for, each held by its descriptor.
//!
//! A process is first opened, then compared with what was seen of it, and only
//! then sent a signal: a number that has changed hands is never signalled.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::identity::{self, Process, Row, Table};
use super::signal::Signal;
use super::target::Target;
use crate::deadline::monotonic_now;
use crate::error::{Error, ErrorKind, Result};

mod cgroup;
mod stray;
mod tree;
mod verdict;

pub use stray::Stray;
pub use verdict::{Verdict, until_ended};

/// What tells a process from all others: its number and its start.
pub type Identity = (i32, Duration);

/// How long what goes on growing is chased.
const CHASE: Duration = Duration::from_secs(3);

/// Processes that are not signalled unless somebody insists.
#[derive(Debug, Clone, Default)]
pub struct Protected {
    ancestors: Vec<i32>,
    is_off: bool,
}

impl Protected {
    /// Process 1, this process, and all that it descends from.
    pub fn usual() -> Protected {
        let this = std::process::id().cast_signed();
        Protected {
            ancestors: identity::ancestors(this).collect(),
            is_off: false,
        }
    }

    /// None at all.
    pub fn none() -> Protected {
        Protected {
            is_off: true,
            ..Protected::default()
        }
    }

    /// Why a process is spared, if it is.
    pub fn reason(&self, pid: i32) -> Option<&'static str> {
        match pid {
            _ if self.is_off => None,
            1 => Some("is process 1"),
            _ if pid == std::process::id().cast_signed() => Some("is this process"),
            _ if self.ancestors.contains(&pid) => Some("is an ancestor of this process"),
            _ => None,
        }
    }
}

/// One process of a selection.
#[derive(Debug)]
pub struct Member {
    /// Held, so that its number cannot change hands unnoticed.
    pub process: Process,
    /// What was seen of it when it was found.
    pub row: Row,
    /// The signals that reached it, in order.
    pub sent: Vec<Signal>,
    /// Why the last one did not.
    pub refusal: Option<Error>,
    /// Whether it had ended already when it was found: a zombie.
    pub had_ended: bool,
    is_held: bool,
    found_at: Duration,
}

impl Member {
    /// Holds the process of a row, if it still is that process.
    fn of(row: Row) -> Result<Member> {
        let process = Process::open(row.pid)?;
        process.verify_start(row.start)?;
        Ok(Member::holding(process, row))
    }

    fn holding(process: Process, row: Row) -> Member {
        Member {
            had_ended: process.is_dead(),
            process,
            row,
            sent: Vec::new(),
            refusal: None,
            is_held: false,
            found_at: monotonic_now(),
        }
    }

    /// What no other process has.
    pub fn identity(&self) -> Identity {
        (self.row.pid, self.row.start)
    }

    /// Whether this user may not send it signals.
    pub fn is_refused(&self) -> bool {
        self.refusal.as_ref().map(Error::kind) == Some(ErrorKind::Denied)
    }

    fn is_this(&self) -> bool {
        self.row.pid == std::process::id().cast_signed()
    }

    /// A corpse takes signals as well, but nothing comes of it.
    fn send(&mut self, signal: Signal, value: Option<i32>) {
        if self.process.is_dead() {
            return;
        }
        let sent = match value {
            Some(value) => self.process.queue(signal, value),
            None => self.process.send(signal),
        };
        match sent {
            Ok(()) => {
                self.sent.push(signal);
                self.refusal = None;
            }
            // Ended and reaped since it was opened.
            Err(error) if error.kind() == ErrorKind::Missing => {}
            Err(error) => self.refusal = Some(error),
        }
    }
}

/// The processes that one target stands for.
#[derive(Debug)]
pub struct Selection {
    /// As it was asked for.
    pub target: Target,
    /// By number; a member stays one when it has ended.
    members: BTreeMap<i32, Member>,
    /// Those that would be members and are protected, with the reason.
    pub spared: BTreeMap<i32, &'static str>,
    protected: Protected,
    /// Members that another target stands for too, which sees to them.
    others: HashSet<Identity>,
    is_tree: bool,
    roots: Vec<Row>,
    /// Who gets the children of members that end.
    reapers: BTreeSet<i32>,
    /// What the first root was started with, to know lost descendants by.
    environment: Vec<u8>,
    /// Corpses that were seen below the members.
    corpses: HashSet<i32>,
    /// Children of the reapers that are none of the tree's.
    foreign: HashSet<i32>,
    /// Cgroups that were killed whole.
    struck: BTreeSet<PathBuf>,
    /// Whether what joins is stopped at once.
    is_holding: bool,
    /// Whether the tree was seen to grow no more.
    has_settled: bool,
}

impl Selection {
    /// Finds the processes of a target; with `is_tree` also all below them.
    ///
    /// # Errors
    /// [`ErrorKind::Missing`] when there are none, [`ErrorKind::WouldBlock`]
    /// when the only one is protected.
    pub fn of(target: Target, is_tree: bool, protected: &Protected) -> Result<Selection> {
        let only = match &target {
            Target::Process { pid, start } => Some((*pid, *start)),
            Target::Named(name) => return Err(unnamed(name)),
            _ => None,
        };
        Selection::find(target, only, is_tree, protected)
    }

    /// The same for a named process, which has been looked up.
    ///
    /// # Errors
    /// As [`Selection::of`].
    pub fn of_named(
        target: Target,
        process: &Process,
        is_tree: bool,
        protected: &Protected,
    ) -> Result<Selection> {
        let only = Some((process.pid(), process.start()));
        Selection::find(target, only, is_tree, protected)
    }

    fn find(
        target: Target,
        only: Option<(i32, Option<Duration>)>,
        is_tree: bool,
        protected: &Protected,
    ) -> Result<Selection> {
        let mut selection = Selection {
            target,
            members: BTreeMap::new(),
            spared: BTreeMap::new(),
            protected: protected.clone(),
            others: HashSet::new(),
            is_tree,
            roots: Vec::new(),
            reapers: BTreeSet::new(),
            environment: Vec::new(),
            corpses: HashSet::new(),
            foreign: HashSet::new(),
            struck: BTreeSet::new(),
            is_holding: false,
            has_settled: true,
        };
        match only {
            Some((pid, start)) => {
                let member = single(pid, start, protected).or_else(|error| {
                    if !error.is_shortage() {
                        return Err(error);
                    }
                    enough_descriptors();
                    single(pid, start, protected)
                })?;
                selection.members.insert(pid, member);
            }
            None => {
                enough_descriptors();
                selection.add_matching(&Table::read()?)?;
            }
        }
        if selection.members.is_empty() {
            let only = selection.spared.iter().next();
            return Err(match only {
                Some((pid, reason)) => refused(*pid, reason),
                None => Error::new(ErrorKind::Missing, "no such process"),
            });
        }
        if is_tree {
            enough_descriptors();
            selection.plant();
            // What it misses is met when the tree is held.
            selection.look_at_all()?;
        }
        Ok(selection)
    }

    /// Its members, by number, but for those that others see to.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        let members = self.members.values();
        members.filter(|member| !self.others.contains(&member.identity()))
    }

    /// Leaves to other targets what those see to, now and when it is found
    /// later: nothing is sent to it. The owners are targets by their places,
    /// of which this one has its own.
    pub fn share(&mut self, owners: &HashMap<Identity, usize>, own: usize) {
        let is_theirs = |identity: &Identity| owners.get(identity).is_some_and(|one| *one != own);
        let may_grow = self.is_tree || matches!(self.target, Target::Group(_) | Target::Session(_));
        self.others = match may_grow {
            true => owners.keys().copied().filter(is_theirs).collect(),
            // So that a thousand single ones are no million looks.
            false => {
                let members = self.members.values().map(Member::identity);
                members.filter(is_theirs).collect()
            }
        };
    }

    /// Whether what was spared was meant: not by a name, which is about other
    /// processes than those that the command comes from.
    pub fn is_spared_in_part(&self) -> bool {
        !self.spared.is_empty() && !matches!(self.target, Target::Name(_))
    }

    /// Whether the signal reached a tree that had come to rest.
    pub fn has_settled(&self) -> bool {
        self.has_settled
    }

    /// Adds what the target stands for and is not a member yet.
    fn add_matching(&mut self, table: &Table) -> Result<()> {
        for row in table.rows() {
            // Nobody who says a name means this very command.
            let is_named = matches!(self.target, Target::Name(_));
            let is_this = row.pid == std::process::id().cast_signed();
            if self.target.includes(row) && !(is_named && is_this) {
                self.admit(row.clone())?;
            }
        }
        Ok(())
    }

    /// Makes the process of a row a member, unless it is one or has ended.
    fn admit(&mut self, row: Row) -> Result<()> {
        let known = self.members.get(&row.pid);
        if known.is_some_and(|member| member.row.start == row.start) {
            return Ok(());
        }
        if let Some(reason) = self.protected.reason(row.pid) {
            self.spared.insert(row.pid, reason);
            return Ok(());
        }
        match Member::of(row) {
            Ok(member) => drop(self.members.insert(member.row.pid, member)),
            // Ended meanwhile, or another process has its number.
            Err(error) if error.kind() == ErrorKind::Missing => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Sends a signal to every member, and to what joins them meanwhile.
    ///
    /// A tree is stopped before it is sent a signal that ends processes, so
    /// that none of it can get away by starting others; what was not stopped
    /// before goes on afterwards.
    ///
    /// # Errors
    /// When processes cannot be looked at. What a signal did not reach is told
    /// by the members.
    pub fn send(&mut self, signal: Signal, value: Option<i32>) -> Result<()> {
        if self.is_tree && signal.action().is_deadly() {
            return self.end_tree(signal, value);
        }
        let until = monotonic_now().saturating_add(CHASE);
        let mut done = BTreeSet::new();
        loop {
            for member in self.members.values_mut() {
                let identity = member.identity();
                if done.insert(identity) && !self.others.contains(&identity) {
                    member.send(signal, value);
                }
            }
            match &self.target {
                _ if self.is_tree => drop(self.look_at_all()?),
                Target::Group(_) | Target::Session(_) => self.add_matching(&Table::read()?)?,
                _ => {}
            }
            let mut members = self.members.values();
            let is_done = members.all(|one| done.contains(&one.identity()));
            if is_done {
                return Ok(());
            }
            if monotonic_now() > until {
                self.has_settled = false;
                return Ok(());
            }
        }
    }

    /// Asks for every member whether it may be sent signals.
    pub fn ask(&mut self) {
        for member in self.members.values_mut() {
            member.refusal = member.process.may_signal().err();
        }
    }
}

/// One process that was named by its number.
fn single(pid: i32, start: Option<Duration>, protected: &Protected) -> Result<Member> {
    if let Some(reason) = protected.reason(pid) {
        return Err(refused(pid, reason));
    }
    let (process, row) = Process::with_row(pid)?;
    if let Some(start) = start {
        process.verify_start(start)?;
    }
    // Where the mount of /proc hides it, the descriptor is enough.
    let row = row.unwrap_or_else(|| Row::unseen(pid));
    Ok(Member::holding(process, row))
}

/// A named process, once there are such.
fn unnamed(name: &str) -> Error {
    let message = "a name has to be looked up first";
    Error::new(ErrorKind::Usage, message).about(format!("proc:{name}"))
}

fn refused(pid: i32, reason: &str) -> Error {
    Error::new(ErrorKind::WouldBlock, format!("{reason}, and is spared"))
        .about(format!("process {pid}"))
        .hint("--force signals it all the same")
}

/// A descriptor for each process of a large tree: as many as may be had.
pub(super) fn enough_descriptors() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // Too few are told of when one is missing.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
