#compdef encas-zoo
# Completion of encas-zoo command lines for zsh.

_encas_zoo() {
    local -a answer offers
    local line word
    answer=("${(@f)$("${(Q)words[1]}" __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    for line in "${(@)answer[2,-1]}"; do
        [[ -z $line ]] && continue
        word=${line%%$'\t'*}
        offers+=("${word//:/\\:}${${line#$word}/$'\t'/:}")
    done
    ((${#offers})) && _describe encas-zoo offers
    case $answer[1] in
        files) _files ;;
        folders) _files -/ ;;
    esac
}

if [[ $funcstack[1] == _encas_zoo ]]; then
    _encas_zoo "$@"
else
    compdef _encas_zoo encas-zoo
fi
