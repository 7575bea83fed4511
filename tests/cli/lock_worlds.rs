//! `ipc lock` across pid and time namespaces, with pids that are reused, and
//! where /proc hides other users.

use std::os::unix::process::CommandExt;

use crate::sandbox::{Sandbox, has, is_root, skip};
use crate::shell::someone;

/// Whether a script can be root of namespaces of its own here; says so when not.
pub fn can_unshare(sb: &Sandbox, options: &[&str]) -> bool {
    if !has("unshare") {
        return false;
    }
    let probe = sb.program("unshare", [options, &["true"]].concat()).run();
    if !probe.status.success() {
        skip(&format!("unshare {options:?} is not allowed here"));
    }
    probe.status.success()
}

/// Whether a script with mounts of its own can make this one; says so when not.
pub fn can_mount(sb: &Sandbox, mount: &str) -> bool {
    if !can_unshare(sb, &["-rm"]) {
        return false;
    }
    let may = sb.program("unshare", ["-rm", "sh", "-c", mount]).run();
    if !may.status.success() {
        skip("this user may not mount");
    }
    may.status.success()
}

pub const PIDS: &[&str] = &["-Urpf", "--mount-proc"];

/// F5. In a pid namespace of its own the next pid can be chosen. The kernel
/// counts start times in hundredths of a second, so each round waits for the
/// next one: within the same only the unique numbers of Linux 6.9 help.
const REUSE: &str = r#"
tick() { read -r now rest </proc/uptime; }
next_tick() { tick; past=$now; while [ "$now" = "$past" ]; do tick; done; }
reuse() { echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid; }
fail() { echo "round $round: $*"; exit 1; }
sleep 600 & echo $! >/dev/null
reuse 300 2>/dev/null || { echo cannot; exit 0; }
for round in $(seq 50); do
    sleep 600 & owner=$!
    next_tick
    ipc -q lock acquire L --owner $owner >token || fail acquire
    next_tick
    kill -9 $owner; wait $owner
    reuse $owner
    if [ $((round % 2)) = 0 ]; then
        sleep 600 & new=$!
        ipc lock status L --mine --owner $new && fail mine
        ipc lock release L --owner $new 2>/dev/null && fail release
        ipc lock verify L "$(cat token)" && fail verify
    else
        sh -c 'ipc lock status L --mine; mine=$?
            ipc lock release L 2>/dev/null; exit $((10 * mine + $?))' & new=$!
        wait $new; code=$?
        [ $code = 11 ] || fail "another shell of the same number: $code"
        sleep 600 & new=
    fi
    [ -z "$new" ] || [ $new = $owner ] || fail "$new instead of $owner"
    [ "$(ipc lock status L)" = abandoned ] || fail status
    said=$(ipc lock acquire L --try --owner $$ 2>&1 >/dev/null) || fail "not free: $said"
    case $said in *"recovered from dead owner $owner") ;; *) fail "$said" ;; esac
    ipc lock release L || fail "release by the shell"
    kill -9 $! ; wait $!
done 2>said
echo right
"#;

#[test]
fn a_process_with_the_number_of_the_dead_owner_is_not_the_owner_50_times() {
    let sb = Sandbox::new();
    if !can_unshare(&sb, PIDS) {
        return;
    }
    let outcome = sb
        .program("unshare", [PIDS, &["sh", "-c", REUSE]].concat())
        .run();
    if outcome.stdout == b"cannot\n" {
        skip("ns_last_pid cannot be written here");
        return;
    }
    outcome.code(0).stdout("right\n");
}

/// F7.
#[test]
fn a_lock_of_another_pid_namespace_is_refused_and_not_stolen_20_times() {
    let sb = Sandbox::new();
    if !can_unshare(&sb, PIDS) {
        return;
    }
    is_refused_across(&sb, PIDS);
}

/// F7.
#[test]
fn a_lock_of_another_time_namespace_is_refused_and_not_stolen_20_times() {
    let sb = Sandbox::new();
    let options = &["-Urf", "-T", "--boottime", "10000000"];
    if !can_unshare(&sb, options) {
        return;
    }
    is_refused_across(&sb, options);
}

fn is_refused_across(sb: &Sandbox, options: &[&str]) {
    let holder = someone(sb);
    let number = holder.pid_text();
    let token = sb.ipc(["lock", "acquire", "L", "--owner", &number]).run();
    let token = String::from_utf8(token.ok().stdout.clone()).unwrap();
    // All of it from one world within: the exit codes, in a row.
    let within = "for verb in 'acquire L --try' 'acquire L --try --shared' 'release L' 'break L' \
        'status L --mine' 'acquire L --owner '$$; do ipc lock $verb 2>said; \
        printf '%s ' $?; grep -o 'namespace [0-9]*' said | sort -u | wc -l; done; \
        ipc lock run L --try -- true 2>/dev/null; echo $?; \
        ipc lock status L | head -n 1; ipc lock status L | grep -c 'of another namespace'; \
        ipc lock rm L 2>/dev/null; echo $?";
    // Two kinds of namespace are named, of which at least one differs.
    let expected = "6 3\n6 3\n6 3\n6 3\n6 3\n6 3\n125\nheld\n1\n1\n";
    for _ in 0..20 {
        sb.program("unshare", [options, &["sh", "-c", within]].concat())
            .run()
            .code(0)
            .stdout(expected);
        sb.ipc(["lock", "verify", "L", token.trim()]).run().ok();
    }
    sb.ipc(["lock", "status", "L", "--mine", "--owner", &number])
        .run()
        .code(0);
    // And the other way round.
    let made = "ipc -q lock acquire mine --owner $$ >/dev/null";
    sb.program("unshare", [options, &["sh", "-c", made]].concat())
        .run()
        .ok();
    sb.ipc(["lock", "acquire", "mine", "--try"])
        .run()
        .code(6)
        .stderr_has("owners cannot be judged across");
}

/// F8: `/proc` shows another user nothing of the owner, not even that it is there.
#[test]
fn where_proc_hides_the_owner_nothing_is_stolen_and_its_death_is_seen() {
    let sb = Sandbox::new();
    if !is_root() {
        skip("takes root, to mount /proc with hidepid");
        return;
    }
    if !has("unshare") || !has("setpriv") {
        return;
    }
    sb.ipc(["-q", "lock", "create", "L", "--mode", "0666"])
        .run()
        .ok();
    // The mount is seen by what runs below unshare alone.
    let script = "mount -t proc -o hidepid=2 proc /proc || exit 99; cd /; \
        exec setpriv --reuid 65534 --regid 65534 --clear-groups sh -c \"$1\" sh";
    let hidden = |within: &str| {
        sb.program("unshare", ["-m", "sh", "-c", script, "sh", within])
            .with(|command| {
                command.process_group(0);
            })
    };
    if !hidden("ipc --version").run().status.success() {
        skip("other users cannot run the binary, or /proc cannot be mounted here");
        return;
    }
    for _ in 0..20 {
        let holder = someone(&sb);
        let number = holder.pid_text();
        sb.ipc(["-q", "lock", "acquire", "L", "--owner", &number])
            .run()
            .ok();
        hidden("ipc lock acquire L --try; echo $?; ipc lock status L | head -n 1")
            .run()
            .code(0)
            .stdout("1\nheld\n");
        sb.ipc(["lock", "status", "L", "--mine", "--owner", &number])
            .run()
            .code(0);
        let waiter = hidden("exec ipc lock acquire L --owner $$ -t 30s 2>&1").start();
        crate::shell::until_waiters(&sb, "L", 1);
        let dead = format!("recovered from dead owner {}", holder.pid());
        holder.die();
        let (status, printed, _) = waiter.finish();
        assert!(
            status.success() && printed.contains(&dead),
            "{status}: {printed}"
        );
        sb.ipc(["lock", "rm", "--force", "L"]).run().ok();
        sb.ipc(["-q", "lock", "create", "L", "--mode", "0666"])
            .run()
            .ok();
    }
}
