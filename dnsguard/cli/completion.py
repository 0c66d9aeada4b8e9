"""`dnsguard completion`: what makes a shell complete our commands."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Final

_BASH = r"""# dnsguard: completion for bash
_dnsguard() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ $line == :files ]]; then
            compopt -o default
        else
            COMPREPLY+=("${line%%$'\t'*}")
        fi
    done < <("${COMP_WORDS[0]}" __complete "$COMP_CWORD" "${COMP_WORDS[@]:1}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace
    fi
}
complete -F _dnsguard dnsguard
"""

_ZSH = r"""#compdef dnsguard
# dnsguard: completion for zsh
_dnsguard() {
    local -a found
    found=("${(@f)$(${words[1]} __complete $((CURRENT - 1)) "${(@)words[2,-1]}" 2>/dev/null)}")
    if [[ ${found[1]} == :files ]]; then
        _files
    else
        found=("${(@)found%%$'\t'*}")
        compadd -Q -S ' ' -a found
    fi
}
if [[ $funcstack[1] == _dnsguard ]]; then
    _dnsguard "$@"
else
    compdef _dnsguard dnsguard
fi
"""

_FISH = r"""# dnsguard: completion for fish
function __dnsguard_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l found ($words[1] __complete (count $words) $words[2..-1] $current 2>/dev/null)
    if test "$found[1]" = :files
        __fish_complete_path $current
    else
        printf '%s\n' $found
    end
end
complete -c dnsguard -f -a '(__dnsguard_complete)'
"""

SCRIPTS: Final[Mapping[str, str]] = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def main(argv: Sequence[str]) -> int:
    """Print the script of a shell."""
    parser = argparse.ArgumentParser(
        prog="dnsguard completion",
        description="Print what makes a shell complete commands, flags, kinds, and the names that the server has.",
    )
    parser.add_argument("shell", choices=tuple(SCRIPTS), help="the shell")
    print(SCRIPTS[parser.parse_args(argv).shell], end="")
    return 0
