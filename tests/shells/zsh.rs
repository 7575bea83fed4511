//! A person at zsh, with the script sourced and with the script in fpath.

use crate::sandbox::{Sandbox, has};
use crate::terminal::Terminal;
use crate::{objects, script};

fn start(sb: &Sandbox, set_up: &str) -> Terminal {
    let mut invocation = sb.program("zsh", ["-f", "-i"]);
    invocation = invocation.env("TERM", "xterm").env("PS1", "ready> ");
    let mut terminal = None;
    let _ = invocation.with(|zsh| terminal = Some(Terminal::start(zsh)));
    let mut terminal = terminal.unwrap();
    terminal.shows("ready> ");
    terminal.press(&format!("{set_up}\n"));
    terminal.press("echo set''-up\n");
    terminal.shows("set-up");
    terminal.shows("ready> ");
    terminal
}

fn sourced(sb: &Sandbox) -> Terminal {
    let script = script("_ipc");
    start(
        sb,
        &format!("autoload -U compinit && compinit -u -D && source {script}"),
    )
}

fn autoloaded(sb: &Sandbox) -> Terminal {
    let folder = script("");
    start(
        sb,
        &format!("fpath=({folder} $fpath) && autoload -U compinit && compinit -u -D"),
    )
}

#[test]
fn zsh_completes_the_first_time_sourced_and_from_fpath() {
    if !has("zsh") {
        return;
    }
    let sb = objects();
    for mut terminal in [sourced(&sb), autoloaded(&sb)] {
        for (typed, content) in [
            ("ipc shm read fr\t\n", "in-the-frame"),
            ("ipc shm read two\t\n", "both-words"),
            ("ipc shm read two\\ \t\n", "both-words"),
            ("ipc shm read a:\t\n", "after-colon"),
            (
                "ipc shm wri\tframe --off\t3 ZZ; ipc shm read frame\n",
                "in-ZZe-frame",
            ),
            (
                "ipc shm write frame in-the-frame && echo re''stored\n",
                "restored",
            ),
        ] {
            terminal.press(typed);
            terminal.shows(content);
            terminal.shows("ready> ");
        }
    }
}

#[test]
fn zsh_shows_descriptions() {
    if !has("zsh") {
        return;
    }
    let sb = objects();
    let mut terminal = autoloaded(&sb);
    for (typed, shown) in [
        ("ipc mq \t", "-- Take messages from a queue"),
        ("ipc mq recv --\t", "-- Take what is there and end"),
        ("ipc shm read \t", "-- 12 bytes"),
        ("ipc mq move \t", "-- 1 of 4 messages"),
    ] {
        terminal.press(typed);
        terminal.shows(shown);
        // Clears the line.
        terminal.press("\u{15}");
    }
}
