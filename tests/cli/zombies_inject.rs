//! `ipc reap-zombies --inject`: a parent that sleeps is made to reap, and
//! sleeps on; whatever could go wrong is refused, and nothing is touched.
#![cfg(target_arch = "x86_64")]

use std::path::{Path, PathBuf};

use crate::sandbox::{Running, Sandbox, compiled_text, has, until};
use crate::shell::Shell;

/// Has a zombie, tells its number, sleeps in one way or another for SPAN
/// seconds, or runs until it is told by SIGUSR1, and tells how that ended: result, errno, milliseconds, and what
/// waiting for the zombie gives.
const SLEEPER: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t told;
static void handler(int s) { (void)s; told = 1; }
static void *waits(void *p) { int s; waitpid(*(pid_t *)p, &s, 0); return 0; }

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    const char *kind = argv[1];
#define IS(k) (strcmp(kind, k) == 0)
    struct timespec span = {SPAN, 0};
    int pair[2];
    if (IS("socket") ? socketpair(AF_UNIX, SOCK_STREAM, 0, pair) : pipe(pair)) return 1;
    pid_t zombie = fork();
    if (zombie == 0) _exit(7);
    siginfo_t info;
    waitid(P_PID, zombie, &info, WEXITED | WNOWAIT);
    /* Before the writer starts, who ends some of the sleeps. */
    double start = now();
    pid_t writer = fork();
    if (writer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        nanosleep(&span, 0);
        if (write(pair[1], "x", 1) != 1) _exit(1);
        _exit(0);
    }
    pthread_t thread;
    if (IS("threads")) pthread_create(&thread, 0, waits, &writer);
    if (IS("seccomp")) {
        struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        struct sock_fprog program = {1, &all};
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return 1;
    }
    if (IS("running")) signal(SIGUSR1, handler);
    if (IS("trapless")) signal(SIGTRAP, SIG_IGN);
    if (IS("traced")) {
        pid_t self = getpid();
        prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
        int ready[2];
        char c;
        if (pipe(ready)) return 1;
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (ptrace(PTRACE_SEIZE, self, 0, 0)) _exit(1);
            if (write(ready[1], "x", 1) != 1) _exit(1);
            for (;;) pause();
        }
        if (read(ready[0], &c, 1) != 1) return 1;
    }
    printf("%d\n", zombie);
    fflush(stdout);
    long result = -2;
    char c;
    int status, word = 0;
    fd_set set;
    FD_ZERO(&set);
    struct timeval again = {SPAN, 0};
    errno = 0;
    if (IS("clock_nanosleep")) result = syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &span, 0);
    else if (IS("poll")) result = syscall(SYS_poll, 0, 0, SPAN * 1000);
    else if (IS("ppoll")) {
        sigset_t mask;
        sigemptyset(&mask);
        sigaddset(&mask, SIGUSR1);
        result = syscall(SYS_ppoll, 0, 0, &span, &mask, 8);
    } else if (IS("select")) result = syscall(SYS_select, 0, &set, 0, 0, &again);
    else if (IS("pselect6")) result = syscall(SYS_pselect6, 0, &set, 0, 0, &span, 0);
    else if (IS("futex")) result = syscall(SYS_futex, &word, FUTEX_WAIT, 0, &span, 0, 0);
    else if (IS("read") || IS("socket")) result = read(pair[0], &c, 1);
    else if (IS("wait4")) result = syscall(SYS_wait4, writer, &status, 0, 0) == writer ? 0 : -1;
    else if (IS("waitid")) result = syscall(SYS_waitid, P_PID, writer, &info, WEXITED, 0);
    else if (IS("pause")) {
        struct sigaction action = {.sa_handler = handler};
        sigaction(SIGALRM, &action, 0);
        alarm(SPAN);
        result = syscall(SYS_pause);
    } else if (IS("epoll_wait")) {
        struct epoll_event event;
        result = epoll_wait(epoll_create1(0), &event, 1, SPAN * 1000);
    } else if (IS("sigtimedwait")) {
        sigset_t mask;
        sigemptyset(&mask);
        sigaddset(&mask, SIGUSR1);
        sigprocmask(SIG_BLOCK, &mask, 0);
        result = sigtimedwait(&mask, 0, &span);
    } else if (IS("semtimedop")) {
        int id = semget(IPC_PRIVATE, 1, 0600);
        struct sembuf take = {0, -1, 0};
        result = semtimedop(id, &take, 1, &span);
        int e = errno;
        semctl(id, 0, IPC_RMID);
        errno = e;
    } else if (IS("running")) {
        while (!told) {}
        result = 0;
    } else result = syscall(SYS_nanosleep, &span, 0);
    int error = errno;
    double took = now() - start;
    sigset_t mask;
    sigprocmask(SIG_BLOCK, 0, &mask);
    int blocked = 0;
    for (int s = 1; s < 65; s++) blocked += sigismember(&mask, s) == 1;
    pid_t found = waitpid(zombie, &status, WNOHANG);
    printf("%ld %d %d %d %d\n", result, error, (int)took, found == zombie ? WEXITSTATUS(status) : -1, blocked);
    return 0;
}
"#;

/// For so many seconds: no machine is so busy that it takes as long to look.
pub const SPAN: i64 = 15;

/// The ways to sleep that go on, what they give in the end, and their calls.
const KINDS: [(&str, &str, &[libc::c_long]); 11] = [
    ("nanosleep", "0 0", &[libc::SYS_nanosleep]),
    ("clock_nanosleep", "0 0", &[libc::SYS_clock_nanosleep]),
    ("poll", "0 0", &[libc::SYS_poll]),
    ("ppoll", "0 0", &[libc::SYS_ppoll]),
    ("select", "0 0", &[libc::SYS_select]),
    ("pselect6", "0 0", &[libc::SYS_pselect6]),
    ("futex", "-1 110", &[libc::SYS_futex]),
    ("read", "1 0", &[libc::SYS_read]),
    ("wait4", "0 0", &[libc::SYS_wait4]),
    ("waitid", "0 0", &[libc::SYS_waitid]),
    ("pause", "-1 4", &[libc::SYS_pause]),
];

const THREADS: usize = 20;

pub fn sleeper(sb: &Sandbox) -> Option<PathBuf> {
    has("cc").then(|| compiled_text(sb, "sleeper", &SLEEPER.replace("SPAN", &SPAN.to_string())))
}

/// A sleeper in its sleep, and its zombie.
pub fn asleep(sb: &Sandbox, program: &Path, kind: &str, calls: &[libc::c_long]) -> (Running, i32) {
    let mut running = sb.program(program, [kind]).start();
    let zombie = running.line().parse().unwrap();
    if !calls.is_empty() {
        running.blocked_in(calls);
    }
    (running, zombie)
}

pub fn is_zombie(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| rest.starts_with('Z'))
}

/// Result and errno, milliseconds, the status of the zombie, blocked signals.
pub fn told(mut sleeper: Running) -> (String, i64, i64, i64) {
    let line = sleeper.line();
    let words: Vec<&str> = line.split(' ').collect();
    let number = |at: usize| words[at].parse().unwrap();
    (
        format!("{} {}", words[0], words[1]),
        number(2),
        number(3),
        number(4),
    )
}

pub fn in_threads(work: impl Fn(&Sandbox, &Path) + Sync) {
    let sb = Sandbox::new();
    let Some(program) = sleeper(&sb) else { return };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| work(&Sandbox::new(), &program));
        }
    });
}

#[test]
fn a_sleeper_reaps_and_sleeps_on_as_if_nothing_had_been() {
    in_threads(|sb, program| {
        // Each at once, so that none has slept for long.
        let sleepers = KINDS.map(|(kind, _, calls)| {
            let (sleeper, zombie) = asleep(sb, program, kind, calls);
            let parent = sleeper.pid();
            sb.ipc(["reap-zombies", "--inject", &parent.to_string()])
                .run()
                .ok()
                .stdout(&format!("{parent}: 1 of 1 zombies are gone\n"));
            assert!(!is_zombie(zombie));
            sleeper
        });
        for ((kind, end, _), sleeper) in KINDS.into_iter().zip(sleepers) {
            let (result, took, status, blocked) = told(sleeper);
            assert_eq!(result, end, "{kind}");
            // Clocks of the kernel may differ by a tick.
            assert!(took >= SPAN * 1000 - 20, "{kind} slept only {took} ms");
            assert_eq!(status, -1, "{kind} could still wait for the zombie");
            assert_eq!(blocked, 0, "{kind} has signals blocked");
        }
    });
}

pub fn state_of(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

#[test]
fn several_zombies_of_a_shell_like_parent_go_in_one_command() {
    let sb = Sandbox::new();
    let mut parent = sb
        .ipc([
            "fork-tree",
            "--json",
            "--depth",
            "0",
            "--zombies",
            "5",
            "--hold",
            "10m",
        ])
        .start();
    let built: serde_json::Value = serde_json::from_str(&parent.line()).unwrap();
    let root = built["nodes"][0]["pid"].to_string();
    until("the root to sleep", || {
        let shown = sb
            .ipc(["reap-zombies", "--json", "--parent", &root])
            .run()
            .json();
        shown["parents"][0]["call"] == "poll" || shown["parents"][0]["call"] == "ppoll"
    });
    sb.ipc(["reap-zombies", "--inject", &root])
        .run()
        .ok()
        .stdout(&format!("{root}: 5 of 5 zombies are gone\n"));
    parent.signal(libc::SIGTERM);
    parent.wait();
    // Nothing to do is neither done nor failed.
    let shell = Shell::new(&sb);
    let pid = shell.pid_text();
    sb.ipc(["reap-zombies", "--inject", &pid])
        .run()
        .code(1)
        .stdout("")
        .stderr(&format!(
            "ipc: reap-zombies: process {pid} has no zombies\n"
        ));
    let nothing = format!("{{\"pid\":{pid},\"zombies\":0,\"reaped\":0,\"parent_ended\":false}}\n");
    sb.ipc(["-q", "--json", "reap-zombies", "--nudge", "--parent", &pid])
        .run()
        .code(1)
        .stdout(&nothing)
        .stderr("");
    sb.ipc(["reap-zombies", "--inject", "4194304"])
        .run()
        .code(3);
}
