//! `ipc man`.

use std::ffi::OsString;
use std::io::Write;
use std::process::{Command, Stdio};

use clap::Args;
use include_dir::{Dir, include_dir};

use super::context::Context;
use crate::error::{Error, ErrorKind};
use crate::exit::Exit;

static PAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/man");

const MORE: &str = "\
Examples:
  ipc man
      Shows ipc(1).
  ipc man mq send
      Shows ipc-mq-send(1).
  ipc man 7
      Shows ipc(7): the concepts.
  ipc man --list
      Prints the names of all pages.

Exit status:
  3  there is no such page

See also: ipc(1), ipc(7), man(1)";

/// Show a page of the manual that is inside the binary
///
/// The page goes through man(1) where that is installed; --roff prints its source.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Man {
    /// The page: a command such as mq send, or 7 for the concepts
    #[arg(value_name = "PAGE", conflicts_with = "list")]
    page: Vec<String>,

    /// Print the names of all pages
    #[arg(long)]
    list: bool,

    /// Print the source of the page
    #[arg(long, conflicts_with = "list")]
    roff: bool,
}

impl Man {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        if self.list {
            let mut names: Vec<_> = PAGES
                .files()
                .filter_map(|file| file.path().to_str())
                .collect();
            names.sort_unstable();
            for name in names {
                context.out.line(name)?;
            }
            return Ok(Exit::Done);
        }
        let page = self.contents()?;
        if self.roff || !show(page)? {
            context.out.stdout().write(page)?;
        }
        Ok(Exit::Done)
    }

    fn contents(&self) -> Result<&'static [u8], Error> {
        let words = self.page.iter().filter(|word| *word != "ipc");
        let joined: String = words.map(|word| format!("-{word}")).collect();
        let joined = joined.replace("-ipc-", "-").replace("-ipc", "");
        let name = match joined.as_str() {
            "-7" | ".7" => "ipc.7".to_owned(),
            rest => format!("ipc{}.1", rest.trim_end_matches(".1")),
        };
        PAGES
            .get_file(&name)
            .map(include_dir::File::contents)
            .ok_or_else(|| {
                Error::new(ErrorKind::Missing, "no such page")
                    .about(crate::escape::escaped(name.as_bytes()))
                    .hint("ipc man --list")
            })
    }
}

/// Shows a page by man(1); says whether there was one.
fn show(page: &[u8]) -> anyhow::Result<bool> {
    let viewer = Command::new("man")
        .args([OsString::from("-l"), OsString::from("-")])
        .stdin(Stdio::piped())
        .spawn();
    let Ok(mut viewer) = viewer else {
        return Ok(false);
    };
    if let Some(mut input) = viewer.stdin.take() {
        // A viewer that is left early closes its input; that is no failure.
        let _ = input.write_all(page);
    }
    Ok(viewer.wait()?.success())
}
