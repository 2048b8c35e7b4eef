#compdef asm-pipe
# zsh completion of asm-pipe. The program itself says what may stand at the cursor.
_asm_pipe() {
    local -a whole open
    local line value help tab=$'\t' ret=1
    for line in "${(@f)$(${(Q)words[1]} complete -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
        [[ -n $line ]] || continue
        value=${line%%$tab*}
        help=${line#*$tab}
        line=${value//:/\\:}
        [[ -n $help ]] && line+=":$help"
        # More is to follow after some: no blank is put there.
        if [[ $value == *[=/-] ]]; then open+=("$line"); else whole+=("$line"); fi
    done
    (( $#open )) && _describe -V 'asm-pipe' open -S '' && ret=0
    (( $#whole )) && _describe -V 'asm-pipe' whole && ret=0
    return ret
}
# Either called as an autoloaded function or read by `source`.
if [[ $funcstack[1] == _asm-pipe ]]; then _asm_pipe "$@"; else compdef _asm_pipe asm-pipe; fi
