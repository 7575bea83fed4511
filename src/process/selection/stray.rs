//! What has left a tree so that only its group or its environment tells where
//! it may have come from. It is told of, and never signalled.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{CHASE, Selection};
use crate::deadline::monotonic_now;
use crate::error::Result;
use crate::process::identity::{self, Row, Table};

/// A process that was left: it may have come from the tree.
#[derive(Debug, Clone)]
pub struct Stray {
    /// What is known of it.
    pub row: Row,
    /// What speaks for it.
    pub because: &'static str,
}

impl Selection {
    /// Processes that live, have lost their parent, and may have come from
    /// here: to be told of, for they are not signalled.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub fn strays(&self) -> Result<Vec<Stray>> {
        /// As often is looked at what goes away while it is looked at.
        const PASSES: u32 = 10;
        let Some(first) = self.roots.iter().map(|root| root.start).min() else {
            return Ok(Vec::new());
        };
        let mut strays = Vec::new();
        // An orphan that goes away under one's eyes may be the next link of a
        // chain: it is looked for as long as a tree that grows is chased.
        let until = monotonic_now().saturating_add(CHASE);
        let mut has_lost = false;
        for pass in 0.. {
            if pass >= PASSES && !(has_lost && monotonic_now() < until) {
                break;
            }
            has_lost = false;
            let mut has_missed = false;
            let last = identity::last_number();
            let table = Table::read()?;
            let is_orphan = |row: &&Row| {
                // One whose parent has ended just now is about to be given another.
                self.reapers.contains(&row.ppid) || row.ppid > 0 && table.get(row.ppid).is_none()
            };
            for row in table.rows().iter().filter(is_orphan) {
                match self.suspicion(row.pid, first) {
                    Some(stray) => strays.extend(stray),
                    None => has_lost |= row.start >= first,
                }
            }
            has_missed |= has_lost;
            if strays.is_empty() {
                has_missed |= self.look_out(first, &mut strays);
            }
            // What was born behind the back of the pass may stand still by now:
            // only where nothing was born has the pass seen all.
            has_missed |= identity::last_number() != last;
            if !has_missed || !strays.is_empty() {
                break;
            }
        }
        Ok(strays)
    }

    /// Looks out for a chain that goes on: its next link is met at its birth.
    /// Whether anything was born.
    fn look_out(&self, first: Duration, strays: &mut Vec<Stray>) -> bool {
        const LOOKS: u32 = 5;
        let mut has_seen = false;
        for _ in 0..LOOKS {
            let next = identity::last_number().unwrap_or(0) + 1;
            let is_born = (0..2000).any(|_| identity::is_taken(next));
            has_seen |= is_born;
            if is_born {
                strays.extend(self.suspicion(next, first).flatten());
            }
            if !strays.is_empty() {
                break;
            }
        }
        has_seen
    }

    /// Whether a process may have come from the tree; nothing when it went
    /// away while it was looked at.
    fn suspicion(&self, pid: i32, first: Duration) -> Option<Option<Stray>> {
        let row = Row::of(pid)?;
        let known = self.members.get(&pid);
        let is_known = known.is_some_and(|member| member.row.start == row.start)
            || self.others.contains(&(row.pid, row.start));
        let is_spared = self.protected.reason(pid).is_some();
        let is_old = row.start < first || row.is_kernel_thread();
        if is_known || is_spared || is_old || !self.is_lost(&row, first) {
            return Some(None);
        }
        if row.is_zombie() {
            return None;
        }
        let in_group = self.roots.iter().any(|root| root.pgid == row.pgid);
        let because = match in_group {
            true => "in the same process group",
            false if is_inherited(&self.environment, pid)? => "with the same environment",
            false => return Some(None),
        };
        Some(Some(Stray { row, because }))
    }

    /// Whether it, or its parent, has lost the parent that started it.
    fn is_lost(&self, row: &Row, first: Duration) -> bool {
        let mut at = row.clone();
        // Of a chain several links may be about to end.
        for _ in 0..16 {
            if at.ppid == 1 {
                return true;
            }
            let parent = Row::of(at.ppid);
            // Whoever above gets the orphans has children of its own: in its session.
            if self.reapers.contains(&at.ppid) {
                return parent.is_none_or(|parent| parent.session != at.session);
            }
            match parent {
                _ if at.ppid == 0 => return false,
                None => return true,
                Some(parent) if parent.is_zombie() => return true,
                Some(parent) if parent.start >= first => at = parent,
                Some(_) => return false,
            }
        }
        false
    }
}

/// Whether a process was started with all variables of an environment, but for
/// those that every shell changes.
/// Nothing when the process is gone.
fn is_inherited(own: &[u8], pid: i32) -> Option<bool> {
    const CHANGING: [&[u8]; 5] = [b"_=", b"SHLVL=", b"PWD=", b"OLDPWD=", b"COLUMNS="];
    let other = match identity::environment(pid) {
        Some(other) if !other.is_empty() => other,
        // One that is about to end has no memory any more.
        Some(_) => return None,
        // Hidden from other users.
        None if Row::of(pid).is_none_or(|row| row.is_zombie()) => return None,
        _ => return Some(false),
    };
    let of = |bytes: &[u8]| -> BTreeSet<Vec<u8>> {
        let words = bytes
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty());
        let stays = |word: &&[u8]| !CHANGING.iter().any(|start| word.starts_with(start));
        words.filter(stays).map(<[u8]>::to_vec).collect()
    };
    let own = of(own);
    Some(!own.is_empty() && own.is_subset(&of(&other)))
}
