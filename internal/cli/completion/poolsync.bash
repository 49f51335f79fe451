# bash completion for poolsync: source <(poolsync completion bash)
_poolsync() {
	local cur=${COMP_WORDS[COMP_CWORD]} line value
	COMPREPLY=()
	[ "$cur" = = ] && cur=
	while IFS= read -r line; do
		if [ "$line" = :files ]; then
			compopt -o filenames 2>/dev/null
			while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "$cur")
		else
			printf -v value %q "${line%%$'\t'*}"
			COMPREPLY+=("$value")
		fi
	done < <("${COMP_WORDS[0]}" __complete bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
	case ${#COMPREPLY[@]}:${COMPREPLY[0]} in 1:*[:=]) compopt -o nospace 2>/dev/null ;; esac
}
complete -F _poolsync poolsync
