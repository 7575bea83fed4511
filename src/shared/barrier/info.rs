//! What can be seen of a barrier without taking part.

use serde::Serialize;

use super::Barrier;
use crate::error::Result;
use crate::facts::{Described, Facts, Label};
use crate::name::Name;
use crate::process::identity::CommandLine;
use crate::shared::judge::{Verdict, judge};
use crate::shared::page::{Page, PageKind};

/// A process that waits at a barrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its number.
    pub pid: u32,
    /// Its command line, where it can be read.
    #[serde(flatten)]
    pub command: CommandLine,
}

/// What a listing or `stat` shows of a barrier.
#[derive(Debug, Clone, Serialize)]
pub struct BarrierInfo {
    /// Always `barrier`.
    pub kind: &'static str,
    #[serde(flatten)]
    /// Its name.
    pub label: Label,
    /// `ok`, or what lies there instead of a barrier.
    pub status: String,
    /// How many have to arrive.
    pub parties: Option<u32>,
    /// How many have.
    pub arrived: Option<u32>,
    /// How many generations have ended.
    pub generation: Option<u64>,
    #[serde(flatten)]
    /// Owner, mode, place and time.
    pub facts: Facts,
}

impl Barrier {
    /// A member that died while it waited, or whose parent did: nobody goes on
    /// with it, and the next arrival starts a new generation.
    pub fn fallen(&self) -> Option<u32> {
        self.page.require_this_namespace().ok()?;
        self.dead_member(self.state().generation(), None)
    }

    /// The processes that wait now, by number. Seen from another pid namespace
    /// they are those that were noted, dead or not, and have no commands.
    ///
    /// # Errors
    /// When the system has no descriptor to spare.
    pub fn members(&self) -> Result<Vec<Member>> {
        let generation = self.state().generation();
        let is_known = self.page.require_this_namespace().is_ok();
        let mut members = Vec::new();
        for index in self.places() {
            let word = self.member(index);
            let Some(pid) = word.owner() else { continue };
            if self.side(index).generation != generation
                || is_known && matches!(judge(word, pid)?, Verdict::Dead)
            {
                continue;
            }
            members.push(Member {
                pid,
                command: match is_known {
                    true => CommandLine::of(pid.cast_signed()),
                    false => CommandLine::default(),
                },
            });
        }
        Ok(members)
    }
}

impl BarrierInfo {
    /// Looks at a barrier, whatever its state.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Missing`].
    pub fn look(name: &Name) -> Result<BarrierInfo> {
        let (facts, status) = Page::inspect(PageKind::Barrier, name)?;
        let barrier = if status == "ok" {
            Barrier::look(name).ok()
        } else {
            None
        };
        let arrived = barrier.as_ref().map(Barrier::arrived);
        Ok(BarrierInfo {
            kind: PageKind::Barrier.word(),
            label: Label::new(name.as_bytes()),
            status,
            parties: barrier.as_ref().map(Barrier::parties),
            arrived: arrived.map(|(count, _)| count),
            generation: arrived.map(|(_, generation)| generation),
            facts,
        })
    }
}

impl Described for BarrierInfo {
    fn label(&self) -> &Label {
        &self.label
    }

    fn label_mut(&mut self) -> &mut Label {
        &mut self.label
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }
}
