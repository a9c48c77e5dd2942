/** What `dm completion` prints: each shell asks `dm __complete` for the candidates, a line each. */

/** A line that stands for the files of the shell's own completion. */
export const FILES = ':file';

const BASH = `# dm completion for bash
_dm_complete() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("$line")
  done < <("$1" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ \${COMPREPLY[0]-} == ${FILES} ]]; then
    COMPREPLY=()
    compopt -o default 2>/dev/null
  fi
}
complete -F _dm_complete dm
`;

const ZSH = `#compdef dm
_dm() {
  local -a found
  found=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ \${found[1]} == ${FILES} ]]; then
    _files
  elif [[ -n \${found[1]} ]]; then
    compadd -- "\${found[@]}"
  fi
}
if [[ \${funcstack[1]} == _dm ]]; then
  _dm
else
  compdef _dm dm
fi
`;

const FISH = `# dm completion for fish
function __dm_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l program $words[1]
  set -e words[1]
  set -l found ($program __complete -- $words "$current" 2>/dev/null)
  if test "$found[1]" = '${FILES}'
    __fish_complete_path "$current"
  else if set -q found[1]
    printf '%s\\n' $found
  end
end
complete -c dm -f -a '(__dm_complete)'
`;

export const SCRIPTS: ReadonlyMap<string, string> = new Map([
  ['bash', BASH],
  ['zsh', ZSH],
  ['fish', FISH],
]);
