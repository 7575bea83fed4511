//! Shared memory that is full, huge, missing or not memory at all.
//!
//! Each test has a /dev/shm of its own in a mount namespace of its own, so
//! that nobody else runs out of space.

use crate::sandbox::{Invocation, Sandbox, has, skip};

/// A script that runs with a tmpfs of its own over /dev/shm.
fn with_tmpfs<'a>(sb: &'a Sandbox, options: &str, script: &str) -> Option<Invocation<'a>> {
    let mount = format!("mount -t tmpfs -o mode=1777{options} tmpfs /dev/shm || exit 99");
    in_namespace(sb, &format!("{mount}\n{script}"))
}

fn in_namespace<'a>(sb: &'a Sandbox, script: &str) -> Option<Invocation<'a>> {
    if !has("unshare") {
        return None;
    }
    let works = sb
        .program(
            "unshare",
            ["-Ur", "-m", "mount", "-t", "tmpfs", "tmpfs", "/dev/shm"],
        )
        .run();
    if !works.status.success() {
        skip("no mount namespaces for this user");
        return None;
    }
    Some(sb.program("unshare", ["-Ur", "-m", "sh", "-c", script]))
}

#[test]
fn a_full_tmpfs_is_an_error_at_create_and_leaves_nothing() {
    let sb = Sandbox::new();
    let script = "
        for size in 1048577 1049600 1052672 1056768 1100000 1200000 1300000 1500000 1700000 1900000 \
                    2M 3M 4M 8M 16M 64M 256M 1G 64G 1T; do
            ipc shm create a --size $size && exit 10
            test $? = 6 || exit 11
            test -z \"$(ls -A /dev/shm)\" || exit 12
        done 2> said
        test $(grep -c 'bytes more do not fit: /dev/shm, 1M free of 1M (ENOSPC)' said) = 20 || exit 13
        test $(grep -c 'hint: df /dev/shm' said) = 20 || exit 14
        ipc -q shm create a --size 1M || exit 15";
    let Some(run) = with_tmpfs(&sb, ",size=1M", script) else {
        return;
    };
    run.run().ok();
}

#[test]
fn a_source_that_is_larger_than_the_tmpfs_leaves_nothing() {
    let sb = Sandbox::new();
    let script = "
        head -c 3000000 /dev/zero | tr '\\0' x > source
        for way in '--from source' '--from - --sparse'; do
            ipc shm create a $way < source 2>> said && exit 10
            test $? = 6 || exit 11
            test -z \"$(ls -A /dev/shm)\" || exit 12
        done
        ipc shm write a --create < source 2>> said && exit 13
        test -z \"$(ls -A /dev/shm)\" || exit 14
        test $(grep -c ENOSPC said) = 3 || exit 15";
    let Some(run) = with_tmpfs(&sb, ",size=1M", script) else {
        return;
    };
    run.run().ok();
}

#[test]
fn huge_sizes_are_refused_before_any_damage() {
    let sb = Sandbox::new();
    // 2 to the 40, 42, 45, 47, 50, 52, 55, 57, 60, 62.
    let script = "
        ipc -q shm create b --size 64K
        for size in 1T 4T 32T 128T 1P 4P 32P 128P 1024P 4096P; do
            ipc shm create a --size $size 2>> said && exit 10
            test $? = 6 || exit 11
            ipc shm resize b $size 2>> said && exit 12
            test $? = 6 || exit 13
        done
        test $(grep -c 'free of 1M (ENOSPC)' said) = 20 || exit 15
        test \"$(ls -A /dev/shm)\" = \"$IPC_SCOPE.b\" || exit 16
        test \"$(ipc shm ls --columns size --no-headings)\" = 64K || exit 17
        test \"$(df --output=used /dev/shm | tail -1)\" -eq 64 || exit 18";
    let Some(run) = with_tmpfs(&sb, ",size=1M", script) else {
        return;
    };
    run.run().ok();
}

#[test]
fn resize_on_a_full_tmpfs_changes_nothing() {
    let sb = Sandbox::new();
    let script = "
        ipc -q shm create a --size 512K
        ipc shm resize a 2M 2> said && exit 10
        grep -q ENOSPC said || exit 11
        test \"$(ipc shm ls --columns size,allocated --no-headings)\" = '512K  512K' || exit 12
        ipc shm resize a 1M || exit 13";
    let Some(run) = with_tmpfs(&sb, ",size=1M", script) else {
        return;
    };
    run.run().ok();
}

#[test]
fn a_write_into_holes_of_a_full_tmpfs_writes_whole_chunks_or_none() {
    let sb = Sandbox::new();
    let script = "
        ipc -q shm create a --size 4M --sparse
        ipc -q shm create rest --size 384K
        head -c 2000000 /dev/zero | tr '\\0' x | ipc shm write a 2> said && exit 10
        test $? = 6 || exit 11
        grep -q '262144 bytes more do not fit: /dev/shm, 128K free of 1M (ENOSPC)' said || exit 12
        # Two chunks of 256 KiB are there, and of the third not a byte.
        test $(ipc shm read a --length 1M | tr -d '\\0' | wc -c) = 524288 || exit 13
        ipc shm rm rest
        head -c 200000 /dev/zero | tr '\\0' y | ipc shm write a --offset 2M || exit 14";
    let Some(run) = with_tmpfs(&sb, ",size=1M", script) else {
        return;
    };
    run.run().ok();
}

#[test]
fn a_write_far_behind_the_end_takes_the_memory_between() {
    let sb = Sandbox::new();
    let script = "
        ipc -q shm create a --size 4K
        for way in --grow --truncate; do
            for offset in 1M 1T 1P 4096P; do
                ipc shm write a $way --offset $offset x 2>> said && exit 10
                test $? = 6 || exit 11
            done
        done
        test $(grep -c ENOSPC said) = 8 || exit 12
        test \"$(ipc shm ls --columns size,allocated --no-headings)\" = '4K  4K' || exit 13
        ipc shm write a --grow --offset 512K x || exit 14
        test \"$(ipc shm ls --columns size,allocated --no-headings)\" = '512K  516K' || exit 15";
    let Some(run) = with_tmpfs(&sb, ",size=1M", script) else {
        return;
    };
    run.run().ok();
}

#[test]
fn replacing_needs_room_for_both_and_keeps_the_old_one_without_it() {
    let sb = Sandbox::new();
    let script = "
        ipc -q shm create a --size 700K
        ipc shm write a precious
        ipc shm create a --size 700K --if-exists replace 2> said && exit 10
        grep -q ENOSPC said || exit 11
        test \"$(ipc shm read a --length 8)\" = precious || exit 12";
    let Some(run) = with_tmpfs(&sb, ",size=1M", script) else {
        return;
    };
    run.run().ok();
}

#[test]
fn a_tmpfs_without_a_limit_is_not_a_full_one() {
    let sb = Sandbox::new();
    let script = "ipc -q shm create a --size 2M && ipc shm resize a 3M";
    let Some(run) = with_tmpfs(&sb, ",size=0", script) else {
        return;
    };
    run.run().ok();
}

#[test]
fn a_missing_inode_is_told_from_missing_space() {
    let sb = Sandbox::new();
    let script = "ipc -q shm create a --size 4 && exec ipc shm create b --size 4";
    let Some(run) = with_tmpfs(&sb, ",nr_inodes=2", script) else {
        return;
    };
    run.run().code(6).stderr(
        "ipc: shm create: /b: /dev/shm has no inode left for one more object (ENOSPC)\n\
         hint: df -i /dev/shm\n",
    );
}

#[test]
fn a_read_only_place_is_an_error_that_says_so() {
    let sb = Sandbox::new();
    let script = "
        ipc -q shm create a --size 4
        mount -o remount,bind,ro /dev/shm || exit 98
        for verb in 'create b --size 4' 'write a x' 'resize a 8' 'rm a'; do
            ipc shm $verb 2>> said && exit 10
            test $? = 6 || exit 11
        done
        test $(grep -c EROFS said) = 4 || exit 12
        ipc shm read a > /dev/null";
    let Some(run) = with_tmpfs(&sb, "", script) else {
        return;
    };
    run.run().ok();
}

#[test]
fn a_place_that_is_no_tmpfs_is_named_by_listings_and_still_works() {
    let sb = Sandbox::new();
    let Ok(disk) = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")) else {
        return skip("the build folder is not writable for this user");
    };
    let script = format!(
        "mount --bind '{}' /dev/shm
         test \"$(stat -f -c %T /dev/shm)\" = tmpfs && exit 98
         ipc shm create a --size 4 2> said || exit 97
         ipc shm write a abcd || exit 11
         ipc shm ls --columns name,size --no-headings 2>> said || exit 12
         ipc sem ls --no-headings 2>> said || exit 13
         test $(grep -c 'is not a tmpfs: objects lie on a disk' said) = 2 || exit 14
         ipc shm read a && ipc shm rm a",
        disk.path().display()
    );
    let Some(run) = in_namespace(&sb, &script) else {
        return;
    };
    let outcome = run.run();
    match outcome.status.code() {
        Some(98) => skip("the build folder is on a tmpfs"),
        Some(97) => skip("the build folder is on a file system without O_TMPFILE"),
        _ => drop(outcome.ok().stdout("/a  4\nabcd")),
    }
}

#[test]
fn without_a_place_every_verb_says_how_to_mount_one() {
    let sb = Sandbox::new();
    // An empty folder hides the whole of /dev.
    let script = "
        mount -t tmpfs tmpfs /dev
        for verb in 'create a --size 4' 'read a' 'write a x' 'resize a 8' 'stat a' 'rm a' ls; do
            ipc shm $verb 2>> said && exit 10
            test $? = 6 || exit 11
        done
        test $(grep -c 'hint: mount -t tmpfs' said) -ge 7 || exit 12";
    let Some(run) = in_namespace(&sb, script) else {
        return;
    };
    run.run().ok();
}
