//! A page as plain text, for hosts without man(1): containers mostly.
//!
//! Knows the requests and escapes that our own pages use, and no others; the
//! tests see to it that nothing of any page comes out as source.

/// Columns of text, as man(1) has on a terminal of 80.
const WIDTH: usize = 78;
/// How far text stands in from its heading, and the body of a list from its tag.
const STEP: usize = 7;

/// Reads the source of a page and lays it out.
pub(super) fn plain(source: &str) -> String {
    let mut page = Page::default();
    for line in source.lines() {
        match line.strip_prefix('.') {
            Some(request) => page.request(request),
            None if page.is_literal => page.typed(line),
            None => page.text(&unescaped(line)),
        }
    }
    page.finish()
}

#[derive(Default)]
struct Page {
    out: String,
    /// Text that is not laid out yet.
    pending: String,
    /// Stands in front of the first line of it.
    tag: String,
    awaits_tag: bool,
    is_literal: bool,
    /// Where lists start, and where text does.
    base: usize,
    indent: usize,
}

impl Page {
    fn request(&mut self, request: &str) {
        let (name, rest) = request.split_once(' ').unwrap_or((request, ""));
        let arguments = arguments(rest);
        let first = arguments.first().map_or("", String::as_str);
        match name {
            "TH" => {
                let section = arguments.get(1).map_or("", String::as_str);
                self.out = format!("{first}({section})\n");
            }
            "SH" => self.heading(0, &arguments.join(" ")),
            "SS" => self.heading(3, &arguments.join(" ")),
            "PP" => self.paragraph(self.base),
            "TP" => {
                self.paragraph(self.base + STEP);
                self.awaits_tag = true;
            }
            "IP" => {
                let step = arguments.get(1).and_then(|step| step.parse().ok());
                self.paragraph(self.base + step.unwrap_or(STEP));
                self.tag = first.to_owned();
            }
            "RS" => self.shift(first, usize::saturating_add),
            "RE" => self.shift("4", usize::saturating_sub),
            "SY" => {
                self.paragraph(self.base + first.len() + 1);
                self.tag = first.to_owned();
            }
            "EX" | "EE" => {
                self.flush();
                self.is_literal = name == "EX";
            }
            "YS" => self.flush(),
            "B" | "I" => self.text(&arguments.join(" ")),
            "BR" | "RB" | "IR" | "RI" | "BI" | "IB" => self.text(&arguments.concat()),
            _ => {}
        }
    }

    fn heading(&mut self, indent: usize, title: &str) {
        self.flush();
        self.out.push_str(&format!("\n{:indent$}{title}\n", ""));
        (self.base, self.indent) = (STEP, STEP);
    }

    /// An empty line, unless a heading is just above.
    fn paragraph(&mut self, indent: usize) {
        self.flush();
        let last = self.out.lines().next_back().unwrap_or_default();
        let is_heading = !last.starts_with(&" ".repeat(STEP));
        if !is_heading {
            self.out.push('\n');
        }
        self.indent = indent;
    }

    fn shift(&mut self, by: &str, change: fn(usize, usize) -> usize) {
        self.flush();
        self.base = change(self.base, by.parse().unwrap_or(STEP));
        self.indent = self.base;
    }

    fn text(&mut self, text: &str) {
        if std::mem::take(&mut self.awaits_tag) {
            self.tag = text.to_owned();
            return;
        }
        if !self.pending.is_empty() {
            self.pending.push(' ');
        }
        self.pending.push_str(text);
    }

    fn typed(&mut self, line: &str) {
        let text = unescaped(line);
        self.out
            .push_str(&format!("{:1$}{text}\n", "", self.indent));
    }

    /// Lays out what is pending, its tag in front.
    fn flush(&mut self) {
        let (text, tag) = (
            std::mem::take(&mut self.pending),
            std::mem::take(&mut self.tag),
        );
        let start = if tag.is_empty() {
            self.indent
        } else {
            self.base
        };
        let mut line = format!("{:start$}{tag}", "");
        let mut length = line.chars().count();
        if !tag.is_empty() && length >= self.indent {
            self.push_line(&line);
            (line, length) = (String::new(), 0);
        }
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let (gap, width) = (self.indent.saturating_sub(length), word.chars().count());
            let gap = if gap == 0 { 1 } else { gap };
            if length > self.indent && length + gap + width > WIDTH {
                self.push_line(&line);
                line = format!("{:1$}{word}", "", self.indent);
            } else {
                let gap = if length == self.indent { 0 } else { gap };
                line.push_str(&format!("{:gap$}{word}", ""));
            }
            length = line.chars().count();
        }
        if !line.trim().is_empty() {
            self.push_line(&line);
        }
    }

    fn push_line(&mut self, line: &str) {
        self.out.push_str(&line.replace('\u{a0}', " "));
        self.out.push('\n');
    }

    fn finish(mut self) -> String {
        self.flush();
        self.out
    }
}

/// The words of a request, without their quotes.
fn arguments(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => {
                // A blank that is escaped belongs to the word.
                let end = rest
                    .match_indices(' ')
                    .map(|(at, _)| at)
                    .find(|at| !rest[..*at].ends_with('\\'));
                rest.split_at(end.unwrap_or(rest.len()))
            }
        };
        words.push(unescaped(word));
        rest = after.trim_start();
    }
    words
}

/// Text without its escapes; a blank that must not break is U+00A0.
fn unescaped(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        shown.push_str(&rest[..at]);
        let escape = &rest[at + 1..];
        let (meaning, length) = match escape.as_bytes() {
            [b'f', ..] => (None, 2),
            [b'&', ..] => (None, 1),
            [b'-', ..] => (Some('-'), 1),
            [b'e', ..] => (Some('\\'), 1),
            [b'~' | b' ', ..] => (Some('\u{a0}'), 1),
            [b'(', _, _, ..] => (named(&escape[1..3]), 3),
            [b'[', b'u', ..] => {
                let end = escape.find(']').unwrap_or(escape.len() - 1);
                let code = u32::from_str_radix(&escape[2..end], 16).ok();
                (code.and_then(char::from_u32), end + 1)
            }
            _ => (None, 0),
        };
        shown.extend(meaning);
        rest = &escape[length.min(escape.len())..];
    }
    shown + rest
}

fn named(name: &str) -> Option<char> {
    match name {
        "aq" => Some('\''),
        "dq" => Some('"'),
        "ga" => Some('`'),
        "ha" => Some('^'),
        "ti" => Some('~'),
        "bu" => Some('*'),
        "lq" | "rq" => Some('"'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_laid_out() {
        let source = ".\\\" comment\n.TH X 1 day\n.SH SYNOPSIS\n.SY \"x y\"\n[\\fB\\-a\\fR\\~\\fIB\\fR]\n.YS\n\
                      .SH DESCRIPTION\nOne\ntwo.\n.PP\n.BR three (1)\n.TP\n\\fB0\\fR\nShort.\n.TP\n.B \\-\\-long\\-option\nLong.\n\
                      .SH EXAMPLES\nDoes it.\n.PP\n.RS 4\n.EX\nx  \\(aqy\\(aq\n.EE\n.RE\n";
        assert_eq!(
            plain(source),
            "X(1)\n\nSYNOPSIS\n       x y [-a B]\n\nDESCRIPTION\n       One two.\n\n       three(1)\n\n       \
             0      Short.\n\n       --long-option\n              Long.\n\nEXAMPLES\n       Does it.\n\n           \
             x  'y'\n"
        );
    }

    #[test]
    fn no_page_of_ours_comes_out_as_source() {
        for file in super::super::PAGES.files() {
            let text = plain(file.contents_utf8().unwrap());
            for line in text.lines() {
                assert!(
                    !line.contains("\\f") && !line.trim_start().starts_with(".B"),
                    "{}: {line}",
                    file.path().display()
                );
                let is_typed = line.starts_with("           ");
                assert!(is_typed || line.chars().count() <= WIDTH, "{line}");
            }
        }
    }
}
