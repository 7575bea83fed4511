# Completion of ipc(1) in fish.
function __ipc_candidates
    set -l token (commandline --current-token --cut-at-cursor)
    # Without its quotes; one that is still open is left to fish.
    set -l word (string unescape -- $token; or echo -n $token)
    set -l found (IPC_COMPLETE=fish ipc -- (commandline --current-process --tokenize --cut-at-cursor) "$word" 2>/dev/null)
    set -l plain (string match --invert -- '-*' $found)
    # Options only where one was begun, or where there is nothing else.
    if test -z "$token"; and test (count $plain) -gt 0
        set found $plain
    end
    printf '%s\n' $found
end
complete --keep-order --exclusive --command ipc --arguments "(__ipc_candidates)"
