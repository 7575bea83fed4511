//! `ipc completions`, and the answers that the shells ask for.

use std::ffi::OsString;
use std::io::Write;

use clap::builder::PossibleValuesParser;
use clap::{Args, Command};
use clap_complete::env::CompleteEnv;

use super::context::Context;
use crate::exit::Exit;
use crate::output::tell;

/// Set by the completion scripts when they ask for candidates.
pub const VARIABLE: &str = "IPC_COMPLETE";

const MORE: &str = "\
Examples:
  source <(ipc completions bash)
      In ~/.bashrc; for zsh in ~/.zshrc after compinit.
  ipc completions fish > ~/.config/fish/completions/ipc.fish
      For fish.

See also: ipc(1)";

/// Print the completion script of a shell
///
/// The script asks the binary at each TAB, so that verbs, options and the names of
/// objects that exist now are completed, with size, value or depth where the shell
/// shows descriptions.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_parser = PossibleValuesParser::new(["bash", "zsh", "fish"]))]
    shell: String,
}

impl Completions {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let script = match self.shell.as_str() {
            "bash" => include_str!("../../completions/ipc.bash"),
            "zsh" => include_str!("../../completions/_ipc"),
            _ => include_str!("../../completions/ipc.fish"),
        };
        context.out.stdout().write(script.as_bytes())?;
        Ok(Exit::Done)
    }
}

/// Answers a shell that asks for candidates, past the usual dispatch; nothing
/// when this invocation is no such question.
///
/// The scripts put `--` before the words of the line, which no command begins
/// with. So whoever has the variable in the environment by mistake still gets
/// what was typed, instead of a script and exit code 0.
pub(crate) fn answer(words: &[OsString], tree: fn() -> Command) -> Option<Exit> {
    std::env::var_os(VARIABLE)?;
    if words.get(1)? != "--" {
        return None;
    }
    let engine = CompleteEnv::with_factory(|| with_quiet_aliases(tree()))
        .var(VARIABLE)
        .bin("ipc")
        .completer("ipc");
    match engine.try_complete(words, std::env::current_dir().ok().as_deref()) {
        Ok(true) => {
            // Whoever is gone has no use for it.
            let _ = std::io::stdout().flush();
            Some(Exit::Done)
        }
        Ok(false) => None,
        Err(refusal) => {
            tell(refusal.to_string().trim_end());
            Some(Exit::Usage)
        }
    }
}

/// The tree with aliases that are completed only where nothing else fits: the
/// engine would offer `list` in place of `ls`, since it comes first.
fn with_quiet_aliases(mut tree: Command) -> Command {
    // Nouns and verbs are deferred: nothing of them is there before.
    tree.build();
    tree.mut_subcommands(|noun| noun.mut_subcommands(quiet))
}

fn quiet(verb: Command) -> Command {
    let aliases: Vec<String> = verb.get_visible_aliases().map(str::to_owned).collect();
    let cleared = verb.visible_alias(None::<&'static str>);
    // Names in the tree are static; this process ends when it has answered.
    aliases
        .into_iter()
        .fold(cleared, |verb, alias| verb.alias(&*alias.leak()))
}
