//! `rm`, the same for every kind of object.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::Args;
use nix::unistd::geteuid;
use serde_json::json;

use super::context::Context;
use super::kind::Kind;
use super::listing::{matches_any, require_patterns};
use crate::error::{Error, ErrorKind};
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

impl RemoveArgs {
    /// Removes by name at once, by pattern only with `--yes`.
    pub(crate) fn run<K: Kind>(
        &self,
        context: &mut Context,
        names: &[OsString],
    ) -> anyhow::Result<Exit> {
        if !self.all && self.patterns.is_empty() {
            return Ok(remove::<K>(context, names));
        }
        require_patterns(&self.patterns)?;
        let own = |info: &K::Info| info.facts().uid == geteuid().as_raw() && K::is_certain(info);
        let found: Vec<OsString> = K::list(&context.scope)?
            .iter()
            .filter(|info| own(info) && matches_any(&self.patterns, info.label().bytes()))
            .map(|info| OsString::from_vec(info.label().bytes().to_vec()))
            .collect();
        if found.is_empty() {
            return Err(Error::new(ErrorKind::WouldBlock, "nothing of yours matches").into());
        }
        if self.yes {
            return Ok(remove::<K>(context, &found));
        }
        for raw in &found {
            let label = Label::new(super::context::bytes(raw));
            if context.out.is_json() {
                context
                    .out
                    .json(&json!({ "name": label.name, "removed": false }))?;
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
}

fn remove<K: Kind>(context: &mut Context, names: &[OsString]) -> Exit {
    context.each(names, |context, raw| {
        let label = K::remove(context, raw)?;
        if context.out.is_json() {
            context
                .out
                .json(&json!({ "name": label.name, "removed": true }))?;
        }
        Ok(())
    })
}
