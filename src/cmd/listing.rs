//! `ls` and `stat`, the same for every kind of object.

use std::ffi::OsString;
use std::marker::PhantomData;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::complete;
use super::context::Context;
use super::kind::Kind;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::exit::Exit;
use crate::facts::Described;
use crate::output::table::{Column, Layout, chosen};

/// What to list, and how.
#[derive(Debug, Args)]
pub(crate) struct ListArgs<K: Kind> {
    /// Show only names that match: * ? [a-z] {a,b}
    #[arg(value_name = "PATTERN")]
    patterns: Vec<OsString>,

    /// Show these columns, in this order
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    #[arg(add = complete::columns::<K>())]
    columns: Option<Vec<String>>,

    /// Leave out the headings
    #[arg(long)]
    no_headings: bool,

    /// Print sizes in bytes, without units
    #[arg(long, short)]
    bytes: bool,

    #[arg(skip)]
    kind: PhantomData<K>,
}

impl<K: Kind> ListArgs<K> {
    /// Prints the objects that match, as a table or as one JSON document.
    pub(crate) fn run(&self, context: &mut Context) -> anyhow::Result<Exit> {
        if let Some(trouble) = K::trouble() {
            // A listing that is not what it seems is still a listing.
            context.report(&Error::new(ErrorKind::Limit, trouble).into());
        }
        require_patterns(&self.patterns)?;
        let objects = K::list(&context.scope)?;
        let wanted = |object: &&K::Info| matches_any(&self.patterns, object.label().bytes());
        let rows: Vec<Value> = objects.iter().filter(wanted).map(document).collect();
        if context.out.is_json() {
            let rows = match &self.columns {
                Some(keys) => only(rows, &chosen(K::COLUMNS, keys)?),
                None => rows,
            };
            context.out.json(&json!({ "objects": rows }))?;
        } else {
            let layout = Layout {
                columns: self.columns.clone(),
                no_headings: self.no_headings,
                exact: self.bytes,
            };
            context.out.table(K::COLUMNS, &rows, &layout)?;
        }
        Ok(Exit::Done)
    }
}

/// What to look at, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct StatArgs {
    /// Print sizes in bytes, without units
    #[arg(long, short)]
    bytes: bool,
}

impl StatArgs {
    /// Prints everything known of each object that can be found.
    pub(crate) fn run<K: Kind>(
        &self,
        context: &mut Context,
        names: &[OsString],
    ) -> anyhow::Result<Exit> {
        let mut found = Vec::new();
        let ending = context.each(names, |context, raw| {
            found.push(document(&K::find(context, raw)?));
            Ok(())
        });
        if context.out.is_json() {
            context.out.json(&json!({ "objects": found }))?;
            return Ok(ending);
        }
        for (index, object) in found.iter().enumerate() {
            if index > 0 {
                context.out.line("")?;
            }
            context.out.details(K::COLUMNS, object, self.bytes)?;
        }
        Ok(ending)
    }
}

/// The objects with these keys alone, in this order. A name that is not UTF-8
/// keeps its bytes beside it.
fn only(rows: Vec<Value>, columns: &[Column]) -> Vec<Value> {
    let mut keys: Vec<&str> = columns.iter().map(|column| column.key).collect();
    if keys.contains(&"name") {
        keys.push("name_bytes");
    }
    let kept = |row: &Value| {
        let fields = keys
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), row.get(*key)?.clone())));
        Value::Object(fields.collect())
    };
    rows.iter().map(kept).collect()
}

/// Whether a name, without its slash, matches one of the patterns; none match all.
pub(crate) fn matches_any(patterns: &[OsString], name: &[u8]) -> bool {
    let matches = |pattern: &OsString| {
        let pattern = super::context::bytes(pattern);
        fast_glob::glob_match(pattern.strip_prefix(b"/").unwrap_or(pattern), name)
    };
    patterns.is_empty() || patterns.iter().any(matches)
}

/// Refuses patterns with a bracket or brace that is never closed: they match nothing.
pub(crate) fn require_patterns(patterns: &[OsString]) -> Result<()> {
    for pattern in patterns.iter().map(super::context::bytes) {
        if let Some(open) = unclosed(pattern) {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("the {open} in this pattern is never closed"),
            )
            .about(format!("pattern '{}'", escaped(pattern)))
            .hint(format!("a {open} itself is \\{open}")));
        }
    }
    Ok(())
}

/// The first bracket or brace of a pattern that has no other end.
fn unclosed(pattern: &[u8]) -> Option<char> {
    let (mut braces, mut at) = (0_u32, 0);
    while let Some(byte) = pattern.get(at) {
        match byte {
            b'\\' => at += 1,
            b'{' => braces += 1,
            b'}' => braces = braces.saturating_sub(1),
            b'[' => {
                let mut first = at + 1;
                if matches!(pattern.get(first), Some(b'!' | b'^')) {
                    first += 1;
                }
                // One that comes first stands for itself.
                let end = pattern
                    .iter()
                    .skip(first + 1)
                    .position(|byte| *byte == b']');
                match end {
                    Some(length) => at = first + 1 + length,
                    None => return Some('['),
                }
            }
            _ => {}
        }
        at += 1;
    }
    (braces > 0).then_some('{')
}

fn document<T: Serialize>(object: &T) -> Value {
    // Our objects are structs of strings and numbers, which always have a form.
    serde_json::to_value(object).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_is_never_closed_is_found() {
        for pattern in ["[", "a[", "[!", "[]", "[^]", "x{a,b", "{[a]", "a[b{c}"] {
            assert!(unclosed(pattern.as_bytes()).is_some(), "{pattern}");
        }
        for pattern in [
            "", "*", "[a]", "[]a]", "[!]]", "{a,b}", "\\[", "\\{", "a]", "}", "[{]",
        ] {
            assert_eq!(unclosed(pattern.as_bytes()), None, "{pattern}");
        }
    }
}
