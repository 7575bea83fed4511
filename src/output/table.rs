//! Listings for people: the columns of a kind, and how each is shown.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::{Output, payload};
use crate::accounts::Accounts;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::size::Size;

/// How the values of a column are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// As it is.
    Text,
    /// A number.
    Number,
    /// How many elements a list has.
    Count,
    /// A number of bytes, in units unless told otherwise.
    Bytes,
    /// A moment.
    Time,
    /// A user by name.
    User,
    /// A number of seconds, as a span of time.
    Span,
    /// A list of words, apart by blanks.
    Words,
    /// A group by name.
    Group,
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

/// Columns of every kind that are shown only when asked for.
const EXTRA: [Column; 4] = [
    Column::new("kind", "KIND", Show::Text),
    Column::new("gid", "GROUP", Show::Group),
    Column::new("device", "DEVICE", Show::Number),
    Column::new("inode", "INODE", Show::Number),
];

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
        let columns = match &layout.columns {
            Some(keys) => chosen(usual, keys)?,
            None => usual.to_vec(),
        };
        let looks = self.looks(layout.exact);
        let headings = columns.iter().map(|column| column.heading.into());
        let mut lines: Vec<Vec<Vec<u8>>> = Vec::with_capacity(rows.len() + 1);
        if !layout.no_headings {
            lines.push(headings.collect());
        }
        lines.extend(rows.iter().map(|row| {
            columns
                .iter()
                .map(|column| looks.cell(row, column))
                .collect()
        }));
        let widths = widths(&lines, columns.len());
        let colored = self.is_colored();
        for (index, cells) in lines.iter().enumerate() {
            let mut line = aligned(cells, &columns, &widths);
            if let Some(style) = style(index, !layout.no_headings, rows).filter(|_| colored) {
                line = [style.as_bytes(), &line, b"\x1b[0m"].concat();
            }
            line.push(b'\n');
            self.stdout().write(&line)?;
        }
        Ok(())
    }

    /// Prints everything known of one object, a line for each key.
    ///
    /// # Errors
    /// When it does not arrive.
    pub fn details(&mut self, columns: &[Column], object: &Value, exact: bool) -> Result<()> {
        let looks = self.looks(exact);
        let Some(fields) = object.as_object() else {
            return Ok(());
        };
        // The bytes of a name that is not UTF-8 are what its line shows.
        for key in fields.keys().filter(|key| !key.ends_with("_bytes")) {
            let usual = columns.iter().chain(&EXTRA);
            let usual = usual.clone().find(|column| column.key == key);
            let show = usual.map_or(Show::Text, |column| column.show);
            let mut line = format!("{:<13} ", format!("{key}:")).into_bytes();
            line.extend(looks.value(object, key, show));
            line.push(b'\n');
            self.stdout().write(&line)?;
        }
        Ok(())
    }

    fn looks(&self, exact: bool) -> Looks {
        Looks {
            accounts: Accounts::read(),
            exact,
        }
    }
}

/// How values look for this listener.
struct Looks {
    accounts: Accounts,
    exact: bool,
}

impl Looks {
    fn cell(&self, row: &Value, column: &Column) -> Vec<u8> {
        self.value(row, column.key, column.show)
    }

    /// One value, escaped: none can pass for two lines, or for another one.
    /// JSON has the very bytes.
    fn value(&self, object: &Value, key: &str, show: Show) -> Vec<u8> {
        let bytes = |of: &str| object.get(of).filter(|bytes| !bytes.is_null());
        let raw = match bytes("name_bytes") {
            Some(bytes) if key == "name" => with_slash(bytes),
            _ => {
                let value = object.get(key).unwrap_or(&Value::Null);
                let beside = bytes(&format!("{key}_bytes"));
                match payload::bytes_of(value).or_else(|| beside.map(joined)) {
                    Some(bytes) => bytes,
                    None => shown(value, show, &self.accounts, self.exact).into_bytes(),
                }
            }
        };
        escaped(&raw).into_bytes()
    }
}

/// A name of a listing that has it as bytes, without its slash; a path as it is.
fn with_slash(bytes: &Value) -> Vec<u8> {
    let bytes = joined(bytes);
    if bytes.contains(&b'/') {
        return bytes;
    }
    [b"/", bytes.as_slice()].concat()
}

/// Bytes in an array, or several such arrays with blanks in between.
fn joined(value: &Value) -> Vec<u8> {
    let elements = value.as_array().into_iter().flatten();
    let mut bytes = Vec::new();
    for (index, element) in elements.enumerate() {
        match element.as_u64() {
            Some(byte) => bytes.extend(u8::try_from(byte).ok()),
            None => {
                bytes.extend((index > 0).then_some(b' '));
                bytes.extend(joined(element));
            }
        }
    }
    bytes
}

/// All columns of a kind: the usual ones, and those that are shown when asked for.
pub fn known(usual: &[Column]) -> Vec<Column> {
    usual.iter().chain(&EXTRA).copied().collect()
}

/// The columns with these keys, in this order.
///
/// # Errors
/// [`ErrorKind::Usage`] for a key that none of them has.
pub fn chosen(usual: &[Column], keys: &[String]) -> Result<Vec<Column>> {
    let all = known(usual);
    let find = |key: &String| {
        let found = all.iter().find(|column| column.key == key).copied();
        found.ok_or_else(|| {
            let known: Vec<&str> = all.iter().map(|column| column.key).collect();
            Error::new(
                ErrorKind::Usage,
                format!("there is no column '{}'", escaped(key.as_bytes())),
            )
            .hint(format!("columns are {}", known.join(",")))
        })
    };
    keys.iter().map(find).collect()
}

fn width(cell: &[u8]) -> usize {
    String::from_utf8_lossy(cell).width()
}

fn widths(lines: &[Vec<Vec<u8>>], columns: usize) -> Vec<usize> {
    let widest = |index: usize| lines.iter().map(|cells| width(&cells[index])).max();
    (0..columns)
        .map(|index| widest(index).unwrap_or(0))
        .collect()
}

/// Cells side by side: numbers to the right, nothing behind the last word.
fn aligned(cells: &[Vec<u8>], columns: &[Column], widths: &[usize]) -> Vec<u8> {
    let mut line = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        let missing = vec![b' '; widths[index].saturating_sub(width(cell))];
        if index > 0 {
            line.extend_from_slice(b"  ");
        }
        if matches!(
            columns[index].show,
            Show::Number | Show::Count | Show::Bytes | Show::Span
        ) {
            line.extend(missing);
            line.extend_from_slice(cell);
        } else {
            line.extend_from_slice(cell);
            if index + 1 < cells.len() {
                line.extend(missing);
            }
        }
    }
    line
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

fn shown(value: &Value, show: Show, accounts: &Accounts, exact: bool) -> String {
    match (value, show) {
        (Value::Null, _) => "-".to_owned(),
        (Value::String(text), _) => text.clone(),
        (Value::Number(number), Show::Bytes) if !exact => number
            .as_u64()
            .map_or_else(|| number.to_string(), |bytes| Size(bytes).to_string()),
        (Value::Number(number), Show::Time) => moment(number.as_f64().unwrap_or(0.0)),
        (Value::Number(number), Show::Span) => {
            let seconds = number.as_f64().unwrap_or(0.0);
            span(Duration::try_from_secs_f64(seconds).unwrap_or_default())
        }
        (Value::Array(words), Show::Words) => {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            words.join(" ")
        }
        (Value::Number(number), Show::User) => {
            let uid = number.as_u64().and_then(|uid| u32::try_from(uid).ok());
            uid.map_or_else(|| number.to_string(), |uid| accounts.user(uid))
        }
        (Value::Number(number), Show::Group) => {
            let gid = number.as_u64().and_then(|gid| u32::try_from(gid).ok());
            gid.map_or_else(|| number.to_string(), |gid| accounts.group(gid))
        }
        (Value::Array(elements), Show::Count) => elements.len().to_string(),
        (Value::Object(fields), _) => {
            let field = |(key, value): (&String, &Value)| {
                format!("{key} {}", shown(value, Show::Text, accounts, exact))
            };
            fields.iter().map(field).collect::<Vec<_>>().join(", ")
        }
        (other, _) => other.to_string(),
    }
}

/// A span of time in whole seconds, its two largest units.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if days > 0 => format!("{days}d{}h", hours % 24),
        () if hours > 0 => format!("{hours}h{}m", minutes % 60),
        () if minutes > 0 => format!("{minutes}m{}s", seconds % 60),
        () => format!("{seconds}s"),
    }
}

/// A moment of the day, given in seconds since 1970.
pub fn moment(seconds: f64) -> String {
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
        assert_eq!(text(json!(59.9), Show::Span), "59s");
        assert_eq!(text(json!(3_725), Show::Span), "1h2m");
        assert_eq!(text(json!(["sleep", "5"]), Show::Words), "sleep 5");
        assert_eq!(
            text(json!({"pid": 7, "how": "signal"}), Show::Text),
            "pid 7, how signal"
        );
        assert_eq!(shown(&json!(4096), Show::Bytes, &accounts, true), "4096");
    }

    #[test]
    fn an_unknown_column_names_the_known_ones() {
        let error = chosen(&[MODE, OWNER, MODIFIED], &["frob".to_owned()]).unwrap_err();
        assert_eq!(
            error.hint_text(),
            Some("columns are mode,uid,modified,kind,gid,device,inode")
        );
    }

    #[test]
    fn numbers_stand_to_the_right_and_names_keep_their_bytes() {
        let number = Column::new("size", "SIZE", Show::Bytes);
        let columns = [MODE, number, MODE];
        let cells = [b"a \t".to_vec(), b"7".to_vec(), b"\xff ".to_vec()];
        assert_eq!(aligned(&cells, &columns, &[4, 3, 9]), b"a \t     7  \xff ");
        assert_eq!(with_slash(&json!([97, 255])), b"/a\xff");
    }
}
