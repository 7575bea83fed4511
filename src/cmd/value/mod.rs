//! `ipc value`: typed values, shared with numpy.

use std::ffi::{OsStr, OsString};

use clap::{Args, Subcommand};
use serde_json::json;

use super::complete;
use super::context::Context;
use super::element::hinted;
use super::kind::Kind;
use super::leaf::{self, Parsed};
use crate::backing::{self, Access};
use crate::error::Result;
use crate::exit::Exit;
use crate::facts::Label;
use crate::name::{Name, Scope};
use crate::output::table::{Column, MODE, MODIFIED, OWNER, Show};
use crate::shared::array::{Array, ArrayInfo, Change, Family};
use crate::survey::scan;

mod add;
mod cas;
mod create;
mod get;
mod ls;
mod max;
mod min;
mod operands;
mod rm;
mod set;
mod stat;
mod swap;
mod wait;

/// The verbs of values.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    Create(create::Create),
    Get(get::Get),
    Set(set::Set),
    Add(add::Add),
    Min(min::Min),
    Max(max::Max),
    Swap(swap::Swap),
    Cas(cas::Cas),
    Wait(wait::Wait),
    Stat(stat::Stat),
    #[command(visible_alias = "list")]
    Ls(ls::Ls),
    #[command(visible_alias = "unlink")]
    Rm(rm::Rm),
}

/// Parses one verb alone; nothing when the word is no verb.
pub(crate) fn leaf(verb: &str, words: &[OsString]) -> Option<Parsed<Verb>> {
    Some(match verb {
        "create" => leaf::parse(Verb::Create, words),
        "get" => leaf::parse(Verb::Get, words),
        "set" => leaf::parse(Verb::Set, words),
        "add" => leaf::parse(Verb::Add, words),
        "min" => leaf::parse(Verb::Min, words),
        "max" => leaf::parse(Verb::Max, words),
        "swap" => leaf::parse(Verb::Swap, words),
        "cas" => leaf::parse(Verb::Cas, words),
        "wait" => leaf::parse(Verb::Wait, words),
        "stat" => leaf::parse(Verb::Stat, words),
        "ls" | "list" => leaf::parse(Verb::Ls, words),
        "rm" | "unlink" => leaf::parse(Verb::Rm, words),
        _ => return None,
    })
}

impl Verb {
    /// The full name of the command.
    pub(crate) fn path(&self) -> &'static str {
        match self {
            Verb::Create(_) => "value create",
            Verb::Get(_) => "value get",
            Verb::Set(_) => "value set",
            Verb::Add(_) => "value add",
            Verb::Min(_) => "value min",
            Verb::Max(_) => "value max",
            Verb::Swap(_) => "value swap",
            Verb::Cas(_) => "value cas",
            Verb::Wait(_) => "value wait",
            Verb::Stat(_) => "value stat",
            Verb::Ls(_) => "value ls",
            Verb::Rm(_) => "value rm",
        }
    }

    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self {
            Verb::Create(verb) => verb.run(context),
            Verb::Get(verb) => verb.run(context),
            Verb::Set(verb) => verb.run(context),
            Verb::Add(verb) => verb.run(context),
            Verb::Min(verb) => verb.run(context),
            Verb::Max(verb) => verb.run(context),
            Verb::Swap(verb) => verb.run(context),
            Verb::Cas(verb) => verb.run(context),
            Verb::Wait(verb) => verb.run(context),
            Verb::Stat(verb) => verb.run(context),
            Verb::Ls(verb) => verb.run(context),
            Verb::Rm(verb) => verb.run(context),
        }
    }
}

/// The kind of object that this noun is about.
#[derive(Debug)]
struct Values;

impl Kind for Values {
    type Info = ArrayInfo;

    const COLUMNS: &'static [Column] = &[
        Column::new("name", "NAME", Show::Text),
        Column::new("type", "TYPE", Show::Text),
        Column::new("value", "VALUE", Show::Number),
        MODE,
        OWNER,
        MODIFIED,
        Column::new("status", "STATUS", Show::Text),
    ];

    fn look(name: &Name) -> Result<ArrayInfo> {
        ArrayInfo::look(name, Family::Value)
    }

    fn list(scope: &Scope) -> Result<Vec<ArrayInfo>> {
        scan::arrays(scope, Family::Value)
    }

    fn unlink(name: &Name) -> Result<()> {
        Array::unlink(name, Family::Value)
    }

    fn is_certain(info: &ArrayInfo) -> bool {
        info.is_certain()
    }

    fn describe(info: &ArrayInfo) -> String {
        let value = info.value.as_ref().and_then(Option::as_ref);
        match (&info.element, value) {
            (Some(element), Some(value)) => format!("{element} {}", value.shown()),
            _ => info.status.clone(),
        }
    }

    fn trouble() -> Option<String> {
        backing::trouble()
    }
}

/// The value that a verb works on.
#[derive(Debug, Args)]
struct Target {
    /// Name of the value
    #[arg(value_name = "NAME", add = complete::names::<Values>())]
    name: OsString,
}

impl Target {
    fn open(&self, context: &Context, access: Access) -> Result<(Name, Array)> {
        let name = context.name(&self.name)?;
        let array = Array::open(&name, Family::Value, access);
        array
            .map(|array| (name, array))
            .map_err(|error| hinted(error, Family::Value))
    }
}

/// Prints what an update did, the former value or the new one.
fn report(context: &mut Context, raw: &OsStr, change: &Change, old: bool) -> Result<()> {
    if context.out.is_json() {
        let name = context.name(raw)?;
        let label = Label::new(context.inner(&name));
        return context
            .out
            .json(&json!({ "name": label.name, "old": change.old, "new": change.new }));
    }
    super::element::print(context, if old { &change.old } else { &change.new })
}
