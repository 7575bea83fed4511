//! The completion scripts: what clap_complete registers, with its gaps filled.
//!
//! The engine's own scripts hand the words over as they are typed, quotes and
//! all, and put the candidates in as they are: a name with a blank would come
//! out as two. Each edit must find the text that it replaces, so that a new
//! version of the engine with other scripts is noticed here.

use std::path::PathBuf;

use clap_complete::env::Shells;

/// Splits the line in front of the cursor as the shell would: quotes taken off,
/// nothing expanded. `COMP_WORDS` breaks at `=` and `:`, which names may have.
const BASH_WORDS: &str = r#"
_ipc_words() {
    local line=${COMP_LINE:0:COMP_POINT} word="" inside="" c i
    words=() quote=""
    for (( i = 0; i < ${#line}; i++ )); do
        c=${line:i:1}
        case $quote$c in
            [[:space:]]) [[ -z $inside ]] || words+=("$word"); word="" inside="" ;;
            [\'\"]) quote=$c inside=1 ;;
            \'\'|\"\") quote="" ;;
            \\|\"\\) (( ++i )); word+=${line:i:1} inside=1 ;;
            *) word+=$c inside=1 ;;
        esac
    done
    words+=("$word")
}
"#;

/// Quotes what needs it, and leaves out what readline does not replace.
const BASH_CANDIDATES: &str = r#"    local IFS=$' \t\n' current=${words[${#words[@]} - 1]} candidate break="" plain=""
    if [[ -z $quote && $COMP_WORDBREAKS == *=* && $current == *[=:]* ]]; then
        break=${current%"${current##*[=:]}"}
    fi
    for candidate in "${found[@]}"; do
        [[ $candidate == -* ]] || plain=1
    done
    COMPREPLY=()
    for candidate in "${found[@]}"; do
        # Options only where one was begun, or where there is nothing else.
        [[ -z $current && -n $plain && $candidate == -* ]] && continue
        candidate=${candidate#"$break"}
        [[ -n $quote ]] || printf -v candidate %q "$candidate"
        COMPREPLY+=("$candidate")
    done
    if [[ ${#COMPREPLY[@]} == 0 ]]; then
        unset COMPREPLY
"#;

/// The file of each shell, and what belongs into it.
pub fn scripts() -> Vec<(PathBuf, String)> {
    [
        ("completions/ipc.bash", bash()),
        ("completions/_ipc", zsh()),
        ("completions/ipc.fish", fish()),
    ]
    .map(|(file, script)| (PathBuf::from(file), script))
    .to_vec()
}

/// The script that the engine would have a shell read.
fn registered(shell: &str) -> String {
    let shells = Shells::builtins();
    let shell = shells.completer(shell).unwrap();
    let mut script = Vec::new();
    let variable = ipc::cli::COMPLETION_VARIABLE;
    shell
        .write_registration(variable, "ipc", "ipc", "ipc", &mut script)
        .unwrap();
    format!("{}\n", String::from_utf8(script).unwrap().trim())
}

#[track_caller]
fn edit(script: &str, old: &str, new: &str) -> String {
    assert!(
        script.contains(old),
        "the engine's script has changed, it has no {old:?}:\n{script}"
    );
    script.replace(old, new)
}

/// Replaces from one text up to another, which stays.
#[track_caller]
fn edit_up_to(script: &str, from: &str, to: &str, new: &str) -> String {
    let start = script.find(from).expect("where the edit starts");
    let end = start + script[start..].find(to).expect("where the edit ends");
    format!("{}{new}{}", &script[..start], &script[end..])
}

fn bash() -> String {
    let script = registered("bash");
    let script = edit(
        &script,
        "    local _CLAP_COMPLETE_INDEX=${COMP_CWORD}\n",
        "    local words quote found\n    _ipc_words\n    local _CLAP_COMPLETE_INDEX=$(( ${#words[@]} - 1 ))\n",
    );
    let script = edit_up_to(
        &script,
        "    local words=(\"${COMP_WORDS[@]}\")",
        "    COMPREPLY=( $( \\\n",
        "",
    );
    // Read, not split: a name may be a pattern.
    let script = edit(
        &script,
        "    COMPREPLY=( $( \\\n",
        "    read -r -d '' -a found < <( \\\n",
    );
    let script = edit(
        &script,
        "\"${words[@]}\" \\\n    ) )\n",
        "\"${words[@]}\" 2>/dev/null \\\n    )\n",
    );
    let script = edit(
        &script,
        "    if [[ $? != 0 ]]; then\n        unset COMPREPLY\n",
        BASH_CANDIDATES,
    );
    format!("# Completion of ipc(1) in bash.\n{BASH_WORDS}\n{script}")
}

fn zsh() -> String {
    let script = registered("zsh");
    let script = edit(&script, "$(expr $CURRENT - 1)", "$(( CURRENT - 1 ))");
    let script = edit(
        &script,
        "\"${words[@]}\"",
        "\"${(@Q)words[1,CURRENT-1]}\" \"${(Q)PREFIX}\"",
    );
    let script = edit(
        &script,
        "    if [[ -n $completions ]]; then\n",
        "    # Options only where one was begun, or where there is nothing else.\n    \
         [[ -n $PREFIX || -z ${completions:#-*} ]] || completions=(${completions:#-*})\n\n    \
         if [[ -n $completions ]]; then\n",
    );
    edit(
        &script,
        "\ncompdef _clap_dynamic_completer_ipc ipc\n",
        "\n# In a folder of fpath this file is the function itself; sourced, it registers one.\n\
         if [[ ${funcstack[1]} == _ipc ]]; then\n    \
         _clap_dynamic_completer_ipc \"$@\"\n\
         else\n    \
         compdef _clap_dynamic_completer_ipc ipc\n\
         fi\n",
    )
}

fn fish() -> String {
    let script = registered("fish");
    let arguments =
        "(commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token)";
    let asking = format!("{}=fish ipc -- {arguments}", ipc::cli::COMPLETION_VARIABLE);
    let script = edit(&script, &asking, "__ipc_candidates");
    let asking = asking.replace("(commandline --current-token)", "\"$word\"");
    format!(
        "# Completion of ipc(1) in fish.\n\
         function __ipc_candidates\n    \
         set -l token (commandline --current-token --cut-at-cursor)\n    \
         # Without its quotes; one that is still open is left to fish.\n    \
         set -l word (string unescape -- $token; or echo -n $token)\n    \
         set -l found ({asking} 2>/dev/null)\n    \
         set -l plain (string match --invert -- '-*' $found)\n    \
         # Options only where one was begun, or where there is nothing else.\n    \
         if test -z \"$token\"; and test (count $plain) -gt 0\n        \
         set found $plain\n    \
         end\n    \
         printf '%s\\n' $found\n\
         end\n{script}"
    )
}
