//! `rm`, the same for every kind of object.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use clap::Args;
use nix::unistd::geteuid;
use serde_json::json;

use super::context::Context;
use super::listing::matches_any;
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::facts::{Facts, Label};
use crate::name::Name;

/// Which objects to remove.
#[derive(Debug, Clone, Args)]
pub(crate) struct RemoveArgs {
    /// Remove your own objects whose names match: * ? [a-z] {a,b}
    ///
    /// Only says what it would remove, until --yes is given.
    #[arg(long = "match", value_name = "PATTERN", required_unless_present_any = ["name", "all"])]
    #[arg(conflicts_with_all = ["name", "all"])]
    patterns: Vec<OsString>,

    /// Remove all objects of this kind that are yours
    ///
    /// Only says what it would remove, until --yes is given.
    #[arg(long, conflicts_with = "name")]
    all: bool,

    /// Do what --match and --all otherwise only show
    #[arg(long, conflicts_with = "name")]
    yes: bool,
}

impl RemoveArgs {
    /// Removes by name at once, by pattern only with `--yes`.
    pub(crate) fn run(
        &self,
        context: &mut Context,
        names: &[OsString],
        list: impl Fn(&Context) -> Result<Vec<(Label, Facts)>>,
        unlink: impl Fn(&Name) -> Result<()>,
    ) -> Result<Exit> {
        if !self.all && self.patterns.is_empty() {
            return Ok(remove(context, names, unlink));
        }
        let own = |facts: &Facts| facts.uid == geteuid().as_raw();
        let found: Vec<OsString> = list(context)?
            .into_iter()
            .filter(|(label, facts)| own(facts) && matches_any(&self.patterns, label.bytes()))
            .map(|(label, _)| OsString::from_vec(label.bytes().to_vec()))
            .collect();
        if found.is_empty() {
            return Err(Error::new(
                ErrorKind::WouldBlock,
                "nothing of yours matches",
            ));
        }
        if self.yes {
            return Ok(remove(context, &found, unlink));
        }
        for raw in &found {
            let label = Label::new(super::context::bytes(raw));
            if context.out.is_json() {
                context
                    .out
                    .json(&json!({ "name": label.name, "removed": false }))?;
            } else {
                context.out.name_line(b"would remove /", label.bytes())?;
            }
        }
        // What was found comes before what is said about it.
        context.out.flush()?;
        context.out.say("nothing is removed yet: add --yes");
        Ok(Exit::Done)
    }
}

fn remove(context: &mut Context, names: &[OsString], unlink: impl Fn(&Name) -> Result<()>) -> Exit {
    context.each(names, |context, raw| {
        let name = context.foreign_name(raw)?;
        unlink(&name)?;
        if context.out.is_json() {
            let label = Label::new(context.inner(&name));
            context
                .out
                .json(&json!({ "name": label.name, "removed": true }))?;
        }
        Ok(())
    })
}
