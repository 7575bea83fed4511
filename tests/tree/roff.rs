//! Text as man(7) wants it: escaped, and with what a reader looks for in bold.

/// A page in the making.
#[derive(Default)]
pub struct Roff(String);

impl Roff {
    /// A request line; its arguments are escaped already.
    pub fn request(&mut self, line: &str) {
        self.0.push('.');
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// A line of text that is escaped already.
    pub fn line(&mut self, line: &str) {
        if line.starts_with(['.', '\'']) {
            self.0.push_str("\\&");
        }
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// A heading of a section.
    pub fn section(&mut self, title: &str) {
        self.request(&format!("SH {title}"));
    }

    /// A paragraph with its markup, a sentence on each line as troff wants it.
    pub fn prose(&mut self, text: &str, values: &[String]) {
        for sentence in sentences(text) {
            self.line(&marked(&sentence, values));
        }
    }

    /// Paragraphs of a help text.
    pub fn paragraphs(&mut self, text: &str, values: &[String]) {
        for (index, paragraph) in text.split("\n\n").enumerate() {
            if index > 0 {
                self.request("PP");
            }
            self.prose(paragraph, values);
        }
    }

    /// An entry of a list: its tag, escaped already, and what follows it.
    pub fn entry(&mut self, tag: &str) {
        self.request("TP");
        self.line(tag);
    }

    /// Lines as they are typed.
    pub fn typed(&mut self, lines: &[String]) {
        self.request("RS 4");
        self.request("EX");
        for line in lines {
            self.line(&literal(line));
        }
        self.request("EE");
        self.request("RE");
    }

    pub fn finish(self) -> String {
        self.0
    }
}

/// What a reader copies: every character comes out as it is.
pub fn literal(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '"' => escaped.push_str("\\(dq"),
            '`' => escaped.push_str("\\(ga"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            '…' => escaped.push_str("..."),
            c if c.is_ascii() => escaped.push(c),
            c => escaped.push_str(&format!("\\[u{:04X}]", c as u32)),
        }
    }
    escaped
}

pub fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", literal(text))
}

pub fn italic(text: &str) -> String {
    format!("\\fI{}\\fR", literal(text))
}

/// A page and its section: `ipc-mq(1)`.
pub fn reference(page: &str) -> String {
    match page.split_once('(') {
        Some((name, section)) => format!("\\fB{}\\fR({section}", literal(name)),
        None => bold(page),
    }
}

/// Running text: options, pages and variables in bold, names of values in italics.
pub fn marked(text: &str, values: &[String]) -> String {
    text.split(' ')
        .map(|word| {
            let end = word.trim_end_matches(['.', ',', ':', ';', '?']);
            let start = end.trim_start_matches('(');
            let opening = &end[..end.len() - start.len()];
            let closing = &word[end.len()..];
            format!("{opening}{}{closing}", marked_word(start, values))
        })
        .collect::<Vec<_>>()
        .join(" ")
}

fn marked_word(word: &str, values: &[String]) -> String {
    let (bare, rest) = match word.strip_suffix(')') {
        Some(bare) if !bare.contains('(') => (bare, ")"),
        _ => (word, ""),
    };
    let is_option = bare.len() > 1
        && bare.starts_with('-')
        && bare[1..].starts_with(|c: char| c == '-' || c.is_ascii_alphabetic());
    let is_variable = bare.starts_with("IPC_") || bare == "NO_COLOR" || bare == "CLICOLOR_FORCE";
    let is_page = word.ends_with(')')
        && word.split_once('(').is_some_and(|(name, section)| {
            !name.is_empty() && section.starts_with(|c: char| c.is_ascii_digit())
        });
    if is_page {
        reference(word)
    } else if is_option || is_variable {
        format!("{}{rest}", bold(bare))
    } else if values.iter().any(|value| value == bare) {
        format!("{}{rest}", italic(bare))
    } else {
        literal(word)
    }
}

/// Sentences on lines of their own; the blank after `e.g.` does not end one.
fn sentences(text: &str) -> Vec<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(". ") {
        let next = text[at + 2..].chars().next();
        if next.is_some_and(|c| c.is_uppercase() || c.is_ascii_digit() || c == '-') {
            found.push(text[start..=at].to_owned());
            start = at + 2;
        }
    }
    found.push(text[start..].to_owned());
    found
}

#[test]
fn options_pages_and_values_stand_out() {
    let values = ["CMD".to_owned()];
    assert_eq!(
        marked("As (--try) or ipc(7), CMD's CMD - at 'x'.", &values),
        "As (\\fB\\-\\-try\\fR) or \\fBipc\\fR(7), CMD\\(aqs \\fICMD\\fR \\- at \\(aqx\\(aq."
    );
}

#[test]
fn a_sentence_has_its_line() {
    assert_eq!(
        sentences("One\ntwo. Three 1.5 e.g. x."),
        ["One two.", "Three 1.5 e.g. x."]
    );
}
