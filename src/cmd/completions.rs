//! `ipc completions`, and the answers that the shells ask for.

use std::ffi::OsString;
use std::process::ExitCode;

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

/// Answers a shell that asks for candidates, past the usual dispatch.
pub(crate) fn answer(tree: fn() -> Command) -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let engine = CompleteEnv::with_factory(tree)
        .var(VARIABLE)
        .bin("ipc")
        .completer("ipc");
    match engine.try_complete(words, std::env::current_dir().ok().as_deref()) {
        Ok(_) => ExitCode::SUCCESS,
        Err(refusal) => {
            tell(refusal.to_string().trim_end());
            ExitCode::from(Exit::Usage.code())
        }
    }
}
