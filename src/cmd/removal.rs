//! `rm`, the same for every kind of object.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::Args;
use nix::unistd::geteuid;
use serde::Serialize;

use super::context::Context;
use super::kind::Kind;
use super::listing::{matches_any, require_patterns};
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::facts::{Described, Label};

/// Which objects to remove.
#[derive(Debug, Clone, Args)]
pub(crate) struct RemoveArgs {
    /// Remove your own objects whose names match: * ? [a-z] {a,b}
    ///
    /// Only says what it would remove, until --yes is given.
    #[arg(long = "match", value_name = "PATTERN")]
    #[arg(conflicts_with_all = ["name", "all"])]
    patterns: Vec<OsString>,

    /// Remove all objects of this kind that are yours
    ///
    /// Only says what it would remove, until --yes is given.
    #[arg(long, conflicts_with = "name")]
    all: bool,

    /// Do what --match and --all otherwise only show; names are removed without it too
    #[arg(long)]
    yes: bool,
}

/// One object, as JSON has it: whether it is removed now.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    label: &'a Label,
    removed: bool,
}

/// Removes the object that a word stands for, and says how it was called.
type Act = fn(&Context, &OsStr) -> Result<Label>;

impl RemoveArgs {
    /// Removes by name at once, by pattern only with `--yes`.
    pub(crate) fn run<K: Kind>(
        &self,
        context: &mut Context,
        names: &[OsString],
    ) -> anyhow::Result<Exit> {
        self.run_by::<K>(context, names, K::remove)
    }

    /// The same, with `by_force` also of what is in use.
    pub(crate) fn run_forced<K: Kind>(
        &self,
        context: &mut Context,
        names: &[OsString],
        by_force: bool,
    ) -> anyhow::Result<Exit> {
        let act = if by_force {
            K::remove_by_force
        } else {
            K::remove
        };
        self.run_by::<K>(context, names, act)
    }

    fn run_by<K: Kind>(
        &self,
        context: &mut Context,
        names: &[OsString],
        act: Act,
    ) -> anyhow::Result<Exit> {
        if !self.all && self.patterns.is_empty() {
            return Ok(remove(context, names, act));
        }
        require_patterns(&self.patterns)?;
        let own = |info: &K::Info| info.facts().uid == Some(geteuid().as_raw());
        let mut listed = K::list(&context.scope)?;
        listed.retain(|info| own(info) && matches_any(&self.patterns, info.label().bytes()));
        let spared = tell_of_damage::<K>(context, &listed)?;
        let found: Vec<OsString> = listed
            .iter()
            .filter(|info| K::is_certain(info))
            .map(|info| OsString::from_vec(info.label().bytes().to_vec()))
            .collect();
        if found.is_empty() {
            let none = || Error::new(ErrorKind::WouldBlock, "nothing of yours matches").into();
            return spared.ok_or_else(none);
        }
        let removed = if self.yes {
            remove(context, &found, act)
        } else {
            show_what_would_go(context, &found)?
        };
        Ok(spared.map_or(removed, |spared| removed.and(spared)))
    }
}

/// Names what a pattern leaves alone although it was meant too.
fn tell_of_damage<K: Kind>(context: &Context, listed: &[K::Info]) -> Result<Option<Exit>> {
    let mut spared = None;
    for info in listed {
        if let Some(damage) = K::damage(info) {
            let name = context.foreign_name(OsStr::from_bytes(info.label().bytes()))?;
            let error = Error::new(ErrorKind::Broken, format!("{damage}, and is left alone"))
                .about(name)
                .hint("its name, without a pattern, removes it");
            context.report(&error.into());
            spared = Some(Exit::Broken);
        }
    }
    Ok(spared)
}

fn show_what_would_go(context: &mut Context, found: &[OsString]) -> Result<Exit> {
    for raw in found {
        let label = Label::new(super::context::bytes(raw));
        if context.out.is_json() {
            context.out.json(&Document {
                label: &label,
                removed: false,
            })?;
        } else {
            // A sentence, so the name is in full, as in every other one.
            let name = context.foreign_name(raw)?;
            context.out.line(format_args!("would remove {name}"))?;
        }
    }
    // What was found comes before what is said about it.
    context.out.flush()?;
    context.out.say("nothing is removed yet: add --yes");
    Ok(Exit::Done)
}

fn remove(context: &mut Context, names: &[OsString], act: Act) -> Exit {
    context.each(names, |context, raw| {
        let label = act(context, raw)?;
        if context.out.is_json() {
            context.out.json(&Document {
                label: &label,
                removed: true,
            })?;
        }
        Ok(())
    })
}
