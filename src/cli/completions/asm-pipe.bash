# bash completion of asm-pipe. The program itself says what may stand at the cursor.
_asm_pipe() {
    local rest="${COMP_LINE:0:COMP_POINT}" words=() word blank
    # Bash cuts words at = and : as well, which may stand inside of an argument: here only blanks part words.
    for word in "${COMP_WORDS[@]:0:COMP_CWORD + 1}"; do
        blank="${rest%%[![:space:]]*}"
        rest="${rest#"$blank"}"
        word="${rest:0:${#word}}"
        rest="${rest:${#word}}"
        if [[ -n $blank || ${#words[@]} -eq 0 ]]; then
            words+=("$word")
        else
            words[${#words[@]} - 1]+="$word"
        fi
    done

    # What stands before the last cut is on the line already and must not be in an answer.
    local breaks="${COMP_WORDBREAKS//[^=:]/}" last="${words[${#words[@]} - 1]}" given="" answer
    if [[ -n $breaks && $last == *[$breaks]* ]]; then
        given="${last%"${last##*[$breaks]}"}"
    fi
    COMPREPLY=()
    while IFS=$'\t' read -r answer _; do
        COMPREPLY+=("${answer#"$given"}")
    done < <("${words[0]/#\~/$HOME}" complete -- "${words[@]}" 2>/dev/null)

    # More is to follow.
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/-] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o bashdefault -F _asm_pipe asm-pipe
