# Completion of ipc(1) in bash.

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

_clap_complete_ipc() {
    local IFS=$'\013'
    local words quote found
    _ipc_words
    local _CLAP_COMPLETE_INDEX=$(( ${#words[@]} - 1 ))
    local _CLAP_COMPLETE_COMP_TYPE=${COMP_TYPE}
    if compopt +o nospace 2> /dev/null; then
        local _CLAP_COMPLETE_SPACE=false
    else
        local _CLAP_COMPLETE_SPACE=true
    fi
    read -r -d '' -a found < <( \
        _CLAP_IFS="$IFS" \
        _CLAP_COMPLETE_INDEX="$_CLAP_COMPLETE_INDEX" \
        _CLAP_COMPLETE_COMP_TYPE="$_CLAP_COMPLETE_COMP_TYPE" \
        _CLAP_COMPLETE_SPACE="$_CLAP_COMPLETE_SPACE" \
        IPC_COMPLETE="bash" \
        "ipc" -- "${words[@]}" 2>/dev/null \
    )
    local IFS=$' \t\n' current=${words[${#words[@]} - 1]} candidate break="" plain=""
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
    elif [[ $_CLAP_COMPLETE_SPACE == false ]] && [[ "${COMPREPLY-}" =~ [=/:]$ ]]; then
        compopt -o nospace
    fi
}
if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -o nospace -o bashdefault -o nosort -F _clap_complete_ipc ipc
else
    complete -o nospace -o bashdefault -F _clap_complete_ipc ipc
fi
