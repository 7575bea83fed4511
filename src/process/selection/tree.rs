//! All that is below a process, though it starts others and leaves meanwhile.
//!
//! The tree is stopped first: what is stopped starts nothing. Then it is
//! walked until nothing new is found twice in a row, once by the lists of
//! children that the kernel keeps and once by a pass over all processes. A
//! process whose parent has ended is below it no longer; it is still counted
//! when it is in a group or a session that the tree has made.

use std::collections::HashSet;
use std::time::Duration;

use super::{CHASE, Member, Selection};
use crate::deadline::monotonic_now;
use crate::error::{ErrorKind, Result};
use crate::process::blocked::Blocked;
use crate::process::identity::{self, Process, Row, Table};
use crate::process::signal::Signal;

/// After how long an uninterruptible sleep is not that of a fork.
const STUCK: Duration = Duration::from_millis(500);

/// What came of trying to get hold of a process.
pub(super) enum Catch {
    /// It is a member now.
    Caught,
    /// It has ended meanwhile, or is a corpse: the tree has moved.
    Missed,
    /// It does not belong to the tree.
    Foreign,
}

impl Selection {
    /// Gets hold of all that is below the members and is none yet, by a pass
    /// over all processes; whether the tree has moved.
    pub(super) fn look_at_all(&mut self) -> Result<bool> {
        let table = Table::read()?;
        let mut found = Vec::new();
        for (parent, start) in self.alive() {
            // Another process may have the number of one that has gone.
            if table.get(parent).is_some_and(|row| row.is(parent, start)) {
                found.extend(table.descendants(parent));
            }
        }
        for reaper in &self.reapers {
            let orphans = table.children_of(*reaper);
            found.extend(orphans.filter(|row| self.has_made(row)));
        }
        let mut has_moved = false;
        for row in found {
            let is_known = self
                .members
                .get(&row.pid)
                .is_some_and(|one| one.row.start == row.start);
            if !is_known && !self.corpses.contains(&row.pid) {
                has_moved |= !matches!(self.catch(row.pid)?, Catch::Foreign);
            }
        }
        Ok(has_moved)
    }

    /// The same by the lists of children, which is quick enough to catch up
    /// with a chain of processes each of which starts the next one and ends.
    fn look_near(&mut self) -> Result<bool> {
        let mut has_moved = false;
        let parents = self.alive().into_iter().map(|(pid, _)| pid);
        let parents: Vec<i32> = parents.chain(self.reapers.iter().copied()).collect();
        for parent in parents {
            // The youngest is last, and has had the least time to end.
            let children = identity::children(parent).unwrap_or_default();
            for pid in children.into_iter().rev() {
                let is_known = self.corpses.contains(&pid) || self.foreign.contains(&pid);
                let is_member = |one: &Member| !one.process.is_dead();
                if is_known || self.members.get(&pid).is_some_and(is_member) {
                    continue;
                }
                match self.catch(pid)? {
                    Catch::Caught | Catch::Missed => has_moved = true,
                    Catch::Foreign => drop(self.foreign.insert(pid)),
                }
            }
        }
        Ok(has_moved)
    }

    /// Holds a process, then looks whether it belongs here, and stops it while
    /// the tree is being held.
    pub(super) fn catch(&mut self, pid: i32) -> Result<Catch> {
        let (process, row) = match Process::with_row(pid) {
            Ok((process, Some(row))) => (process, row),
            Err(error) if error.kind() != ErrorKind::Missing => return Err(error),
            _ => return Ok(Catch::Missed),
        };
        if row.is_kernel_thread() || !self.belongs(&row) {
            return Ok(Catch::Foreign);
        }
        if row.is_zombie() {
            let is_new = self.corpses.insert(pid) && !self.members.contains_key(&pid);
            return Ok(if is_new {
                Catch::Missed
            } else {
                Catch::Foreign
            });
        }
        if let Some(reason) = self.protected.reason(pid) {
            self.spared.insert(pid, reason);
            return Ok(Catch::Foreign);
        }
        let mut member = Member::holding(process, row);
        if self.is_holding && !member.row.state.is_stopped() {
            // At once: it may be about to start another one and to end.
            member.is_held = member.process.send(Signal::STOP).is_ok();
        }
        self.members.insert(pid, member);
        Ok(Catch::Caught)
    }

    /// Whether it descends from a member, or from an orphan that the tree has left.
    fn belongs(&self, row: &Row) -> bool {
        let mut at = row.clone();
        // No longer than any chain of parents; numbers may change hands meanwhile.
        for _ in 0..1000 {
            let parent = self.members.get(&at.ppid);
            // Nobody is older than its parent.
            if parent.is_some_and(|parent| parent.row.start <= at.start) {
                return true;
            }
            if at.ppid == 0 || self.reapers.contains(&at.ppid) {
                return self.has_made(&at);
            }
            at = match Row::of(at.ppid) {
                Some(parent) if parent.start <= at.start => parent,
                // Its parent has ended just now: who has it got instead?
                _ => match Row::of(at.pid) {
                    Some(again) if again.ppid != at.ppid => again,
                    _ => return false,
                },
            };
        }
        false
    }

    /// Whether its parent has ended, and a member has made its group or session.
    fn has_made(&self, row: &Row) -> bool {
        let made = |number: i32| {
            let maker = self.members.get(&number);
            maker.is_some_and(|maker| maker.row.start <= row.start)
        };
        // A shell has other children in the group of a pipeline.
        let is_sibling = row.ppid != 1 && self.roots.iter().any(|root| root.ppid == row.ppid);
        let in_group = made(row.pgid) && !is_sibling;
        self.reapers.contains(&row.ppid) && (made(row.session) || in_group)
    }

    /// Lies in wait for the next processes of this host, by their numbers: one
    /// that ends as soon as it has started another is met at its birth.
    fn ambush(&mut self) -> Result<()> {
        const GLANCES: u32 = 2000;
        const AHEAD: i32 = 4;
        let Some(last) = identity::last_number() else {
            return Ok(());
        };
        let mut others = HashSet::new();
        for _ in 0..GLANCES {
            for pid in last + 1..=last + AHEAD {
                if others.contains(&pid) || !identity::is_taken(pid) {
                    continue;
                }
                match self.catch(pid)? {
                    Catch::Caught => return Ok(()),
                    Catch::Missed | Catch::Foreign => drop(others.insert(pid)),
                }
            }
            if others.len() == AHEAD as usize {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Numbers and starts of the members that may have children.
    fn alive(&self) -> Vec<(i32, Duration)> {
        let alive = self.members.values();
        let alive = alive.filter(|member| !member.process.is_dead());
        alive
            .map(|member| (member.row.pid, member.row.start))
            .collect()
    }

    /// Notes what the tree grows from, while that still can be asked.
    pub(super) fn plant(&mut self) {
        self.roots = self
            .members
            .values()
            .map(|member| member.row.clone())
            .collect();
        let roots = self.roots.iter();
        let above = roots.flat_map(|root| identity::ancestors(root.pid));
        self.reapers = above.chain([1]).collect();
        self.reapers.retain(|pid| !self.members.contains_key(pid));
        let first = self.roots.first();
        let environment = first.and_then(|root| identity::environment(root.pid));
        self.environment = environment.unwrap_or_default();
    }

    /// Ends a tree: holds it, sends the signal to all of it, lets it go.
    pub(super) fn end_tree(&mut self, signal: Signal, value: Option<i32>) -> Result<()> {
        // Ended in between, this process would leave the tree stopped.
        let _blocked = Blocked::new()?;
        if signal == Signal::KILL {
            self.strike()?;
        }
        let mut held = self.hold();
        if signal == Signal::KILL && !self.has_settled {
            // What is stopped by now no longer disturbs the look at its cgroup.
            held = held
                .and_then(|()| self.strike())
                .and_then(|()| self.look_again());
        }
        let mut this = None;
        for member in self.members.values_mut() {
            if self.others.contains(&member.identity()) {
                member.let_go(signal);
                continue;
            }
            if member.is_this() {
                this = Some(member);
                continue;
            }
            let is_struck = signal == Signal::KILL && member.sent.last() == Some(&signal);
            if !is_struck {
                member.send(signal, value);
            }
            member.let_go(signal);
        }
        if let Some(this) = this {
            this.send(signal, value);
        }
        self.is_holding = false;
        held
    }

    /// Whether a tree that grew has come to rest since.
    fn look_again(&mut self) -> Result<()> {
        if self.struck().next().is_some() {
            self.has_settled = !self.look_at_all()?;
        }
        Ok(())
    }

    /// Stops all of it, and walks until nothing new is found twice in a row.
    fn hold(&mut self) -> Result<()> {
        self.is_holding = true;
        for member in self.members.values_mut() {
            member.hold();
        }
        let until = monotonic_now().saturating_add(CHASE);
        loop {
            let were_quiet = self.members.values().all(Member::is_quiet);
            let has_moved = self.look_near()?;
            self.has_settled = !has_moved && were_quiet && !self.look_at_all()?;
            if has_moved {
                self.ambush()?;
            }
            if self.has_settled || monotonic_now() > until {
                return Ok(());
            }
        }
    }
}

impl Member {
    /// Stops it, unless it is stopped already or is this process.
    fn hold(&mut self) {
        if self.is_held || self.is_this() || self.process.is_dead() {
            return;
        }
        let stopped = |row: Row| row.state.is_stopped();
        if Row::of(self.row.pid).is_some_and(stopped) {
            return;
        }
        self.is_held = self.process.send(Signal::STOP).is_ok();
    }

    /// Lets it go on, if it was stopped for this signal.
    fn let_go(&mut self, signal: Signal) {
        if self.is_held && signal != Signal::KILL {
            // Refused it would have refused the stop before.
            let _ = self.process.send(Signal::CONT);
        }
        self.is_held = false;
    }

    /// Whether it can start nothing any more.
    fn is_quiet(&self) -> bool {
        if self.is_this() || self.process.is_dead() || !self.is_held {
            return true;
        }
        // Within fork(2) it may sleep so too, and come out with a child; one
        // that waits for its child of vfork(2) does for as long as that is stopped.
        let waited = monotonic_now().saturating_sub(self.found_at);
        let is_stuck = |row: &Row| row.state.is_uninterruptible() && waited > STUCK;
        Row::of(self.row.pid)
            .is_none_or(|row| row.state.is_stopped() || row.is_zombie() || is_stuck(&row))
    }
}
