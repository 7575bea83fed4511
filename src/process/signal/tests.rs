//! Names and numbers of signals.

use super::*;

#[test]
fn every_spelling_is_the_same_signal() {
    for text in ["TERM", "SIGTERM", "term", "SigTerm", "15"] {
        assert_eq!(text.parse::<Signal>().unwrap(), Signal::TERM, "{text}");
    }
    let third = Signal(libc::SIGRTMIN() + 2);
    for text in ["RTMIN+2", "SIGRTMIN+2", "rtmin+2"] {
        assert_eq!(text.parse::<Signal>().unwrap(), third, "{text}");
    }
    assert_eq!("RTMAX".parse::<Signal>().unwrap().number(), 64);
    assert_eq!("RTMAX-1".parse::<Signal>().unwrap().number(), 63);
    assert_eq!("CLD".parse::<Signal>().unwrap(), Signal::CHLD);
}

#[test]
fn what_is_none_is_refused() {
    for text in [
        "",
        "SIG",
        "0",
        "65",
        "-1",
        "+9",
        "RTMIN+",
        "RTMIN-1",
        "RTMIN+99",
        "RTMAX-99",
        "RTMAX+0",
        "TERMINATE",
        "RTMIN++1",
        "SIGSIGTERM",
        "9 ",
    ] {
        assert!(text.parse::<Signal>().is_err(), "{text}");
    }
}

#[test]
fn names_and_numbers_go_both_ways() {
    for signal in Signal::all() {
        assert_eq!(signal.name().parse::<Signal>().unwrap(), signal);
        assert_eq!(
            signal.number().to_string().parse::<Signal>().unwrap(),
            signal
        );
    }
    for (index, entry) in STANDARD.iter().enumerate() {
        assert_eq!(entry.0, index as i32 + 1, "{}", entry.1);
    }
}

#[test]
fn what_the_c_library_keeps_has_its_number_for_a_name() {
    let kept: Vec<Signal> = (32..libc::SIGRTMIN()).map(Signal).collect();
    assert!(!kept.is_empty());
    for signal in kept {
        assert_eq!(signal.name(), signal.number().to_string());
        assert!(signal.is_real_time() && signal.action().is_deadly());
        assert!(!Signal::all().any(|named| named == signal));
    }
    assert_eq!(
        "RTMIN".parse::<Signal>().unwrap().number(),
        libc::SIGRTMIN()
    );
    assert!(!"31".parse::<Signal>().unwrap().is_real_time());
}

#[test]
fn sets_are_the_bits_of_the_kernel() {
    let set = Signals(0x4201);
    let names: Vec<String> = set.iter().map(|signal| signal.name()).collect();
    assert_eq!(names, ["HUP", "USR1", "TERM"]);
    assert_eq!(set.iter().collect::<Signals>(), set);
    assert!(Signals(1 << 63).contains(Signal(64)));
}
