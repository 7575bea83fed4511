//! How a process ended: in words, and as the exit of an invocation.

use crate::exit::Exit;
use crate::process::signal::Signal;
use crate::sys::wait::Ending;

/// How a process ended, as every verb says it: `ended with 3`, `was ended by
/// SIGTERM`, or that nobody knows.
pub fn in_words(ending: Option<Ending>) -> String {
    match ending {
        Some(Ending::Code(code)) => format!("ended with {code}"),
        Some(Ending::Signal(number)) => format!("was ended by {}", name_of(number)),
        None => "ended, and it is not known how".to_owned(),
    }
}

fn name_of(number: i32) -> String {
    let name = Signal::from_number(number).map(Signal::name);
    // Those that the C library keeps for itself have no name but a number.
    match name.filter(|name| name.parse::<i32>().is_err()) {
        Some(name) => format!("SIG{name}"),
        None => format!("signal {number}"),
    }
}

/// What an invocation ends with whose command ended so.
impl From<Ending> for Exit {
    fn from(ending: Ending) -> Exit {
        match ending {
            Ending::Code(code) => Exit::Command(code as u8),
            Ending::Signal(signal) => Exit::Signal(signal),
        }
    }
}

/// How a command ended that had this exit; one that was not started has a code
/// all the same.
impl From<Exit> for Ending {
    fn from(exit: Exit) -> Ending {
        match exit {
            Exit::Signal(signal) => Ending::Signal(signal),
            exit => Ending::Code(exit.code().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::libc;

    #[test]
    fn an_end_has_words() {
        let words = |ending| in_words(Some(ending));
        assert_eq!(words(Ending::Code(3)), "ended with 3");
        assert_eq!(words(Ending::Signal(15)), "was ended by SIGTERM");
        let real_time = words(Ending::Signal(libc::SIGRTMIN() + 2));
        assert_eq!(real_time, "was ended by SIGRTMIN+2");
        assert_eq!(words(Ending::Signal(32)), "was ended by signal 32");
        assert_eq!(in_words(None), "ended, and it is not known how");
    }

    #[test]
    fn an_end_is_an_exit_and_back() {
        for ending in [Ending::Code(0), Ending::Code(255), Ending::Signal(9)] {
            assert_eq!(Ending::from(Exit::from(ending)), ending);
        }
        assert_eq!(Ending::from(Exit::CommandNotFound), Ending::Code(127));
    }
}
