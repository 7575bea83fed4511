//! `ipc value`: typed values, shared with numpy.

use std::ffi::{OsStr, OsString};

use clap::Args;
use serde_json::json;

use super::complete;
use super::context::Context;
use super::element::hinted;
use super::kind::Kind;
use super::verbs::verbs;
use crate::backing::{self, Access};
use crate::error::Result;
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
mod update;
mod wait;

verbs! {
    /// The verbs of values.
    "value" {
        "create" => create::Create,
        "get" => get::Get,
        "set" => set::Set,
        "add" => add::Add,
        "min" => min::Min,
        "max" => max::Max,
        "swap" => swap::Swap,
        "cas" => cas::Cas,
        "wait" => wait::Wait,
        "stat" => stat::Stat,
        "ls" | "list" => ls::Ls,
        "rm" | "unlink" => rm::Rm,
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

/// What became of a value, for whom no output reaches.
fn became(name: &Name, change: &Change) -> String {
    let (old, new) = (change.old.shown(), change.new.shown());
    format!("{name} was {old} and is {new} now, but that could not be printed")
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
