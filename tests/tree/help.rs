//! The end of a long help, read back into its parts.

/// An example: what is typed, and what it does.
pub struct Example {
    pub lines: Vec<String>,
    pub meaning: String,
}

/// The parts of `after_long_help`.
#[derive(Default)]
pub struct More {
    pub examples: Vec<Example>,
    /// Codes with their meaning.
    pub exits: Vec<(String, String)>,
    /// What is said of codes before the list, which goes on in it.
    pub exit_intro: String,
    /// What leads over to those of the list that follow, with the index of the
    /// first of them.
    pub exit_leads: Vec<(usize, String)>,
    /// What is said of codes behind the list.
    pub exit_notes: String,
    /// Commands of other tools, and what is typed instead.
    pub coming: Vec<(String, String)>,
    /// `mq_overview(7)` and so on.
    pub see_also: Vec<String>,
}

impl More {
    /// Reads the help of a command; whoever has none has empty parts.
    pub fn of(command: &clap::Command) -> More {
        let text = command.get_after_long_help().map(ToString::to_string);
        More::parse(&text.unwrap_or_default())
    }

    fn parse(text: &str) -> More {
        let mut more = More::default();
        let mut section = "";
        for line in text.lines() {
            match line.strip_suffix(':') {
                Some(title) if !line.starts_with(' ') => section = title,
                _ if line.starts_with("See also: ") => {
                    let pages = line["See also: ".len()..].split(", ");
                    more.see_also = pages.map(str::to_owned).collect();
                }
                _ if line.is_empty() => {}
                _ => more.take(section, line),
            }
        }
        more
    }

    fn take(&mut self, section: &str, line: &str) {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        match section {
            "Examples" if indent >= 6 => {
                let example = self.examples.last_mut().expect("an example to explain");
                join(&mut example.meaning, text);
            }
            "Examples" => match self.examples.last_mut() {
                Some(example) if example.meaning.is_empty() => example.lines.push(text.to_owned()),
                _ => self.examples.push(Example {
                    lines: vec![text.to_owned()],
                    meaning: String::new(),
                }),
            },
            // A meaning that goes on, below where it started.
            "Exit status" if indent > 2 => {
                let (_, meaning) = self.exits.last_mut().expect("a code to go on about");
                join(meaning, text);
            }
            "Exit status" => match text.split_once("  ") {
                Some((code, meaning)) => self
                    .exits
                    .push((code.to_owned(), meaning.trim_start().to_owned())),
                None if self.exits.is_empty() => join(&mut self.exit_intro, text),
                None if text.ends_with(':') => {
                    self.exit_leads.push((self.exits.len(), text.to_owned()));
                }
                None => join(&mut self.exit_notes, text),
            },
            _ if section.starts_with("Coming from ") => {
                let (theirs, ours) = text.split_once("  ").expect("two columns");
                self.coming
                    .push((theirs.to_owned(), ours.trim_start().to_owned()));
            }
            other => panic!("a help text has a section that is not known: {other:?}, {line:?}"),
        }
    }
}

fn join(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

#[test]
fn a_long_help_comes_apart() {
    let more = More::parse(
        "Examples:\n  ipc a\n      Does it\n      well.\n  ipc b\n\nExit status:\n  That of b, and\n  1  no,\n     \
         or never\n  For two:\n  3  gone\n  Or more.\n\n\
         Coming from b:\n  b -x   --ex\n\nSee also: b(1), c(3)",
    );
    assert_eq!(more.examples.len(), 2);
    assert_eq!(more.examples[0].meaning, "Does it well.");
    let exits = [("1", "no, or never"), ("3", "gone")];
    assert_eq!(
        more.exits,
        exits.map(|(code, meaning)| (code.to_owned(), meaning.to_owned()))
    );
    assert_eq!(more.exit_leads, [(1, "For two:".to_owned())]);
    assert_eq!(more.exit_intro, "That of b, and");
    assert_eq!(more.coming, [("b -x".to_owned(), "--ex".to_owned())]);
    assert_eq!(more.exit_notes, "Or more.");
    assert_eq!(more.see_also, ["b(1)", "c(3)"]);
}
