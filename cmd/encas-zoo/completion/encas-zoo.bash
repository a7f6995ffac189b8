# Completion of encas-zoo command lines for bash.

_encas_zoo() {
    # Readline cuts words at = and : too; the program wants them whole.
    local words=() word glue= i
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if ((${#words[@]})) && [[ $glue || $word == [=:]* ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        glue=
        [[ $word == *[=:] ]] && glue=1
    done
    local current=${COMP_WORDS[COMP_CWORD]}
    [[ $current == [=:] ]] && current=
    local whole=${words[${#words[@]} - 1]}
    local before=${whole%"$current"} others line

    COMPREPLY=()
    {
        read -r others
        while IFS=$'\t' read -r line _; do
            line=${line#"$before"}
            [[ $others == none ]] && printf -v line %q "$line"
            COMPREPLY+=("$line")
        done
    } < <("${COMP_WORDS[0]/#\~/$HOME}" __complete "${words[@]}" 2>/dev/null)

    # With file names among the offers readline quotes all of them itself.
    local IFS=$'\n'
    case $others in
        files) COMPREPLY+=($(compgen -f -- "$current")) ;;
        folders) COMPREPLY+=($(compgen -d -- "$current")) ;;
        *) return ;;
    esac
    compopt -o filenames 2>/dev/null
}

complete -F _encas_zoo encas-zoo
