//! What surrounds a command: variables and files.

use crate::Spot;
use crate::roff::{Roff, bold, literal};

/// The section of variables that a command reads or gives on.
pub fn environment(page: &mut Roff, spot: &Spot) {
    let mut variables = vec![
        (
            "IPC_SCOPE",
            "What --scope is when not given: goes before every name, with a dot.",
        ),
        (
            "NO_COLOR",
            "Set to anything but 0: no colour, unless --color always.",
        ),
        (
            "CLICOLOR_FORCE",
            "Set to anything but 0: colour also where standard output is no terminal.",
        ),
    ];
    if spot.noun() == Some("sock") {
        variables.insert(
            1,
            (
                "IPC_RUNTIME_DIR",
                "The runtime folder, where sockets that have names are. It must belong to you \
                 alone. Default: /dev/shm/ipc.run. and your user id.",
            ),
        );
    }
    if has_fifos(spot) {
        variables.insert(
            1,
            (
                "IPC_RUNTIME_DIR",
                "The runtime folder, where FIFOs that have names are. It must belong to you \
                 alone. Default: /dev/shm/ipc.run. and your user id.",
            ),
        );
    }
    if matches!(spot.noun(), None | Some("mq")) {
        variables.insert(
            1,
            (
                "IPC_RUNTIME_DIR",
                "The runtime folder: where a message is saved that could neither be delivered nor \
                 put back. It must belong to you alone. Default: /dev/shm/ipc.run. and your user id.",
            ),
        );
    }
    if matches!(spot.noun(), Some("proc" | "wait")) {
        variables.insert(
            1,
            (
                "IPC_RUNTIME_DIR",
                "The runtime folder, where named processes are recorded. It must belong to you \
                 alone. Default: /dev/shm/ipc.run. and your user id.",
            ),
        );
    }
    match &spot.words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ipc", "mq", "recv"] => variables.extend([
            (
                "IPC_MQ_NAME",
                "Given to the command of --exec: the name of the queue.",
            ),
            (
                "IPC_MQ_PRIORITY",
                "Given to the command of --exec: the priority of the message.",
            ),
        ]),
        ["ipc", "proc", "start"] => variables.extend([
            (
                "IPC_PROC_NAME",
                "Given to the command: the name of the process.",
            ),
            (
                "IPC_PROC_SUPERVISOR",
                "Given to the command: its supervisor, pid:N:START, as ipc kill takes it. What \
                 has it in its environment is known to be of the process when the supervisor \
                 was killed.",
            ),
        ]),
        ["ipc", "mq", "watch"] => variables.push((
            "IPC_MQ_NAME",
            "Given to the command: the name of the queue.",
        )),
        ["ipc", "lock", "run"] => variables.extend([
            (
                "IPC_LOCK_NAME",
                "Given to the command: the name of the lock, without the scope.",
            ),
            (
                "IPC_LOCK_TOKEN",
                "Given to the command: the fencing token of the hold.",
            ),
            (
                "IPC_LOCK_RECOVERED",
                "Given to the command as 1 when the last owner died while it held, or its hold was \
                 broken; else it is not there.",
            ),
        ]),
        ["ipc", "sock", "serve"] => variables.extend([
            (
                "IPC_SOCK_NAME",
                "Given to the command: the name of the socket.",
            ),
            (
                "IPC_PEER_PID, IPC_PEER_UID, IPC_PEER_GID",
                "Given to the command: process, user and group of the peer when it connected.",
            ),
        ]),
        ["ipc", "sock", "recv-fd" | "fetch"] => variables.extend([
            (
                "LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID",
                "Given to the command of --exec: how many descriptors there are from 3 on, \
                 their labels with colons between, and its own process id.",
            ),
            (
                "IPC_SOCK_NAME",
                "Given to the command of --exec: the name of the socket.",
            ),
        ]),
        ["ipc", "completions"] => variables.push((
            ipc::cli::COMPLETION_VARIABLE,
            "Set by the scripts when they ask for candidates; not for you to set.",
        )),
        _ => {}
    }
    if matches!(
        &spot.words.iter().map(String::as_str).collect::<Vec<_>>()[..],
        ["ipc", "lock" | "sem", "run"] | ["ipc", "mq", "recv" | "watch"]
    ) {
        variables[0].1 = "What --scope is when not given: goes before every name, with a dot. \
                          Given to the command as --scope has it.";
    }
    page.section("ENVIRONMENT");
    for (variable, meaning) in variables {
        page.entry(&bold(variable));
        page.prose(meaning, &[]);
    }
}

/// The section of files that a command has to do with.
pub fn files(page: &mut Roff, spot: &Spot) {
    const SEGMENTS: (&str, &str) = ("/dev/shm/NAME", "A shared memory segment: its bytes.");
    const SEMAPHORES: (&str, &str) = (
        "/dev/shm/sem.NAME",
        "A semaphore, in the layout of 64-bit glibc.",
    );
    const QUEUES: [(&str, &str); 4] = [
        (
            "/dev/mqueue",
            "Where the mqueue file system is usually mounted. Only listings need it.",
        ),
        (
            "/proc/sys/fs/mqueue/msg_default, msgsize_default",
            "The geometry of a queue that is created without one.",
        ),
        (
            "/proc/sys/fs/mqueue/msg_max, msgsize_max",
            "The largest geometry that a user without privileges may ask for.",
        ),
        (
            "/proc/sys/fs/mqueue/queues_max",
            "How many queues there may be.",
        ),
    ];
    const RUNTIME: (&str, &str) = (
        "/dev/shm/ipc.run.UID",
        "The runtime folder of a user, unless IPC_RUNTIME_DIR names another.",
    );
    const PROCESSES: [(&str, &str); 2] = [
        (
            "/dev/shm/ipc.run.UID/proc.NAME",
            "What happened to a named process, a line of JSON each.",
        ),
        (
            "/dev/shm/ipc.run.UID/proc-log.NAME",
            "What it has printed, unless it went elsewhere.",
        ),
    ];
    const PAGES: [(&str, &str); 3] = [
        ("/dev/shm/ipc.lock.NAME", "A lock: a page with its owners."),
        ("/dev/shm/ipc.event.NAME", "An event."),
        (
            "/dev/shm/ipc.barrier.NAME",
            "A barrier: a page with its members.",
        ),
    ];
    const MEMORY: (&str, &str) = (
        "/dev/shm/NAME",
        "A shared memory segment: its bytes. Of a value or array: the format of numpy.",
    );
    const TYPED: (&str, &str) = ("/dev/shm/NAME", "A value or array, in the format of numpy.");
    const SOCKETS: (&str, &str) = (
        "/dev/shm/ipc.run.UID/sock.NAME",
        "A socket that has a name, for other programs to connect to.",
    );
    const FIFOS: (&str, &str) = (
        "/dev/shm/ipc.run.UID/pipe.NAME",
        "A FIFO that has a name, for other programs to open.",
    );
    let mut files = match spot.noun() {
        Some("proc") => PROCESSES.to_vec(),
        None => [&[MEMORY, SEMAPHORES][..], &PAGES].concat(),
        Some("shm") => vec![SEGMENTS],
        Some("value" | "array") => vec![TYPED],
        Some("sem") => vec![SEMAPHORES],
        Some("lock") => vec![PAGES[0]],
        Some("event") => vec![PAGES[1]],
        Some("barrier") => vec![PAGES[2]],
        Some("mq") => Vec::new(),
        Some("sock") => vec![SOCKETS, RUNTIME],
        Some("pipe") if has_fifos(spot) => vec![FIFOS, RUNTIME],
        Some(_) => return,
    };
    if matches!(spot.noun(), None | Some("mq")) {
        files.extend(QUEUES);
        files.push(RUNTIME);
    }
    let words: Vec<&str> = spot.words.iter().map(String::as_str).collect();
    if words == ["ipc", "pipe", "recv"] {
        files.push((
            "/dev/shm/ipc.run.UID/bytes.NAME.PID.N",
            "Bytes that were taken and could not be printed. Where the runtime folder cannot \
             be used they are in $TMPDIR, else in /tmp.",
        ));
    }
    page.section("FILES");
    for (file, meaning) in files {
        let tag = literal(file).replace("NAME", "\\fINAME\\fR");
        page.entry(&tag.replace("UID", "\\fIUID\\fR"));
        page.prose(meaning, &[]);
    }
}

/// Whether a command is about FIFOs, and not about pipelines, whose pipes have no names.
fn has_fifos(spot: &Spot) -> bool {
    let verb = spot.words.get(2).map(String::as_str);
    spot.noun() == Some("pipe") && !matches!(verb, Some("run" | "duplex"))
}
