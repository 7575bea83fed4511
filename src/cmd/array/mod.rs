//! `ipc array`: typed arrays, shared with numpy.

use std::ffi::OsString;

use clap::{Args, Subcommand};

use super::complete;
use super::context::Context;
use super::element::{self, hinted, operand};
use super::kind::Kind;
use super::leaf::{self, Parsed};
use crate::backing::{self, Access};
use crate::error::Result;
use crate::exit::Exit;
use crate::name::{Name, Scope};
use crate::output::table::{Column, MODE, MODIFIED, OWNER, Show};
use crate::shared::array::{Array, ArrayInfo, Family};
use crate::survey::scan;

mod add;
mod create;
mod fill;
mod get;
mod ls;
mod rm;
mod set;
mod stat;

/// The verbs of arrays.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Verb {
    Create(create::Create),
    Get(get::Get),
    Set(set::Set),
    Add(add::Add),
    Fill(fill::Fill),
    Stat(stat::Stat),
    #[command(visible_alias = "list")]
    Ls(ls::Ls),
    #[command(visible_alias = "unlink")]
    Rm(rm::Rm),
}

/// The words of a whole line, with elements shielded, when it is about arrays:
/// global options may stand before the noun.
pub(crate) fn shielded(words: &[OsString]) -> Option<Vec<OsString>> {
    let noun = words.iter().position(|word| word == "array")?;
    let (before, after) = words.split_at(noun + 1);
    Some([before, &element::shielded(after)].concat())
}

/// Parses one verb alone; nothing when the word is no verb.
pub(crate) fn leaf(verb: &str, words: &[OsString]) -> Option<Parsed<Verb>> {
    let words = &element::shielded(words);
    Some(match verb {
        "create" => leaf::parse(Verb::Create, words),
        "get" => leaf::parse(Verb::Get, words),
        "set" => leaf::parse(Verb::Set, words),
        "add" => leaf::parse(Verb::Add, words),
        "fill" => leaf::parse(Verb::Fill, words),
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
            Verb::Create(_) => "array create",
            Verb::Get(_) => "array get",
            Verb::Set(_) => "array set",
            Verb::Add(_) => "array add",
            Verb::Fill(_) => "array fill",
            Verb::Stat(_) => "array stat",
            Verb::Ls(_) => "array ls",
            Verb::Rm(_) => "array rm",
        }
    }

    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self {
            Verb::Create(verb) => verb.run(context),
            Verb::Get(verb) => verb.run(context),
            Verb::Set(verb) => verb.run(context),
            Verb::Add(verb) => verb.run(context),
            Verb::Fill(verb) => verb.run(context),
            Verb::Stat(verb) => verb.run(context),
            Verb::Ls(verb) => verb.run(context),
            Verb::Rm(verb) => verb.run(context),
        }
    }
}

/// The kind of object that this noun is about.
#[derive(Debug)]
struct Arrays;

impl Kind for Arrays {
    type Info = ArrayInfo;

    const COLUMNS: &'static [Column] = &[
        Column::new("name", "NAME", Show::Text),
        Column::new("type", "TYPE", Show::Text),
        Column::new("shape", "SHAPE", Show::Text),
        Column::new("bytes", "BYTES", Show::Bytes),
        MODE,
        OWNER,
        MODIFIED,
        Column::new("status", "STATUS", Show::Text),
    ];

    fn look(name: &Name) -> Result<ArrayInfo> {
        ArrayInfo::look(name, Family::Array)
    }

    fn list(scope: &Scope) -> Result<Vec<ArrayInfo>> {
        scan::arrays(scope, Family::Array)
    }

    fn unlink(name: &Name) -> Result<()> {
        Array::unlink(name, Family::Array)
    }

    fn is_certain(info: &ArrayInfo) -> bool {
        info.is_certain()
    }

    fn describe(info: &ArrayInfo) -> String {
        match (&info.element, &info.shape) {
            (Some(element), Some(shape)) => format!("{element} {shape:?}"),
            _ => info.status.clone(),
        }
    }

    fn trouble() -> Option<String> {
        backing::trouble()
    }
}

/// The array that a verb works on.
#[derive(Debug, Args)]
struct Target {
    /// Name of the array
    #[arg(value_name = "NAME", add = complete::names::<Arrays>(), value_parser = operand())]
    name: OsString,
}

impl Target {
    fn open(&self, context: &Context, access: Access) -> Result<(Name, Array)> {
        let name = context.name(&self.name)?;
        let array = Array::open(&name, Family::Array, access);
        array
            .map(|array| (name, array))
            .map_err(|error| hinted(error, Family::Array))
    }
}
