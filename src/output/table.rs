//! Listings for people: the columns of a kind, and how each is shown.

use std::time::{Duration, UNIX_EPOCH};

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde_json::Value;

use super::Output;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::size::Size;
use crate::survey::accounts::Accounts;

/// How the values of a column are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// As it is.
    Text,
    /// A number.
    Number,
    /// A number of bytes, in units unless told otherwise.
    Bytes,
    /// A moment.
    Time,
    /// A user by name.
    User,
}

/// One column: its JSON key, its heading, and how its values are shown.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The key in JSON and in `--columns`.
    pub key: &'static str,
    /// The heading.
    pub heading: &'static str,
    /// How its values are shown.
    pub show: Show,
}

impl Column {
    /// A column of this key and heading.
    pub const fn new(key: &'static str, heading: &'static str, show: Show) -> Column {
        Column { key, heading, show }
    }
}

/// The permission bits of an object.
pub const MODE: Column = Column::new("mode", "MODE", Show::Text);
/// The owner of an object.
pub const OWNER: Column = Column::new("uid", "OWNER", Show::User);
/// When the contents of an object changed.
pub const MODIFIED: Column = Column::new("modified", "MODIFIED", Show::Time);

/// The choices that a person has about a listing.
#[derive(Debug, Default, Clone)]
pub struct Layout {
    /// Keys of the columns to show, in order; nothing means the usual ones.
    pub columns: Option<Vec<String>>,
    /// Leaves out the headings.
    pub no_headings: bool,
    /// Sizes in bytes, without units.
    pub exact: bool,
}

impl Output {
    /// Prints objects in columns, a row each.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for a column that no object of this kind has.
    pub fn table(&mut self, usual: &[Column], rows: &[Value], layout: &Layout) -> Result<()> {
        let columns = chosen(usual, layout)?;
        let accounts = Accounts::read();
        let (colored, terminal) = (self.is_colored(), self.is_terminal());
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        if !layout.no_headings {
            table.set_header(columns.iter().map(|column| column.heading));
        }
        for row in rows {
            table.add_row(columns.iter().map(|column| {
                let value = row.get(column.key).unwrap_or(&Value::Null);
                let text = shown(value, column.show, &accounts, layout.exact);
                Cell::new(if terminal {
                    escaped(text.as_bytes())
                } else {
                    text
                })
            }));
        }
        align(&mut table, &columns);
        if rows.is_empty() && layout.no_headings {
            return Ok(());
        }
        for (index, line) in table.lines().enumerate() {
            let line = line.trim_end();
            match style(index, !layout.no_headings, rows).filter(|_| colored) {
                Some(style) => self.line(format_args!("{style}{line}\x1b[0m"))?,
                None => self.line(line)?,
            }
        }
        Ok(())
    }

    /// Prints everything known of one object, a line for each key.
    ///
    /// # Errors
    /// When it does not arrive.
    pub fn details(&mut self, columns: &[Column], object: &Value, exact: bool) -> Result<()> {
        let accounts = Accounts::read();
        let Some(fields) = object.as_object() else {
            return Ok(());
        };
        let terminal = self.is_terminal();
        for (key, value) in fields {
            let show = columns
                .iter()
                .find(|column| column.key == key)
                .map_or(Show::Text, |c| c.show);
            let text = shown(value, show, &accounts, exact);
            let text = if terminal {
                escaped(text.as_bytes())
            } else {
                text
            };
            self.line(format_args!("{:<14}{text}", format!("{key}:")))?;
        }
        Ok(())
    }
}

fn chosen(usual: &[Column], layout: &Layout) -> Result<Vec<Column>> {
    let Some(keys) = &layout.columns else {
        return Ok(usual.to_vec());
    };
    let find = |key: &String| {
        usual
            .iter()
            .find(|column| column.key == key)
            .copied()
            .ok_or_else(|| {
                let known: Vec<&str> = usual.iter().map(|column| column.key).collect();
                Error::new(
                    ErrorKind::Usage,
                    format!("there is no column '{}'", escaped(key.as_bytes())),
                )
                .hint(format!("columns are {}", known.join(",")))
            })
    };
    keys.iter().map(find).collect()
}

/// Bold headings, and red rows for what is not as it should be.
fn style(line: usize, headings: bool, rows: &[Value]) -> Option<&'static str> {
    if headings && line == 0 {
        return Some("\x1b[1m");
    }
    let row = rows.get(line.checked_sub(headings.into())?)?;
    let status = row.get("status").and_then(Value::as_str)?;
    (status != "ok").then_some("\x1b[31m")
}

fn align(table: &mut Table, columns: &[Column]) {
    for (index, column) in columns.iter().enumerate() {
        let Some(settings) = table.column_mut(index) else {
            continue;
        };
        settings.set_padding((0, 2));
        if matches!(column.show, Show::Number | Show::Bytes) {
            settings.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn shown(value: &Value, show: Show, accounts: &Accounts, exact: bool) -> String {
    match (value, show) {
        (Value::Null, _) => "-".to_owned(),
        (Value::String(text), _) => text.clone(),
        (Value::Number(number), Show::Bytes) if !exact => number
            .as_u64()
            .map_or_else(|| number.to_string(), |bytes| Size(bytes).to_string()),
        (Value::Number(number), Show::Time) => moment(number.as_f64().unwrap_or(0.0)),
        (Value::Number(number), Show::User) => {
            let uid = number.as_u64().and_then(|uid| u32::try_from(uid).ok());
            uid.map_or_else(|| number.to_string(), |uid| accounts.user(uid))
        }
        // A payload is shown as its text, or the bytes of it in base64.
        (Value::Object(fields), _) if fields.contains_key("encoding") => {
            let data = fields.get("data").and_then(Value::as_str);
            data.unwrap_or_default().to_owned()
        }
        (Value::Object(fields), _) => {
            let field = |(key, value): (&String, &Value)| {
                format!("{key} {}", shown(value, Show::Text, accounts, exact))
            };
            fields.iter().map(field).collect::<Vec<_>>().join(", ")
        }
        (other, _) => other.to_string(),
    }
}

fn moment(seconds: f64) -> String {
    let since = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_read_as_people_expect() {
        let accounts = Accounts::default();
        let text = |value, show| shown(&value, show, &accounts, false);
        assert_eq!(text(json!(4096), Show::Bytes), "4K");
        assert_eq!(text(json!(0.5), Show::Time), "1970-01-01T00:00:00Z");
        assert_eq!(text(json!(null), Show::Number), "-");
        assert_eq!(
            text(json!({"pid": 7, "how": "signal"}), Show::Text),
            "pid 7, how signal"
        );
        assert_eq!(shown(&json!(4096), Show::Bytes, &accounts, true), "4096");
    }

    #[test]
    fn an_unknown_column_names_the_known_ones() {
        let layout = Layout {
            columns: Some(vec!["frob".to_owned()]),
            ..Layout::default()
        };
        let error = chosen(&[MODE, OWNER, MODIFIED], &layout).unwrap_err();
        assert_eq!(error.hint_text(), Some("columns are mode,uid,modified"));
    }
}
