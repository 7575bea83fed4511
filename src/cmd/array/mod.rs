//! `ipc array`: typed arrays, shared with numpy.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Args;

use super::complete;
use super::context::Context;
use super::element::{self, hinted, operand};
use super::kind::Kind;
use super::verbs::verbs;
use crate::backing::{self, Access};
use crate::error::Result;
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

verbs! {
    /// The verbs of arrays.
    "array" {
        "create" => create::Create,
        "get" => get::Get,
        "set" => set::Set,
        "add" => add::Add,
        "fill" => fill::Fill,
        "stat" => stat::Stat,
        "ls" | "list" => ls::Ls,
        "rm" | "unlink" => rm::Rm,
    }
}

/// The words of a whole line, with elements shielded, when it is about arrays:
/// global options may stand before the noun.
pub(crate) fn shielded(words: &[OsString]) -> Option<Vec<OsString>> {
    const WITH_ELEMENTS: [&str; 5] = ["create", "get", "set", "add", "fill"];
    let noun = words.iter().position(|word| word == "array")?;
    let (before, after) = words.split_at(noun + 1);
    let verb = after
        .iter()
        .find(|word| !word.as_bytes().starts_with(b"-"))?;
    if !WITH_ELEMENTS.iter().any(|known| verb == known) {
        return None;
    }
    Some([before, &element::shielded(after)].concat())
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
