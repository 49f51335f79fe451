#compdef poolsync
# zsh completion for poolsync: a file _poolsync in a folder of $fpath, or
# source <(poolsync completion zsh)
_poolsync() {
	local -a items
	local line files ret=1
	while IFS= read -r line; do
		case $line in
			:files) files=1 ;;
			*$'\t'*) items+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
			?*) items+=("${line//:/\\:}") ;;
		esac
	done < <("${words[1]}" __complete zsh "${(@)words[2,CURRENT]}" 2>/dev/null)
	(( $#items )) && _describe poolsync items && ret=0
	[[ -n $files ]] && _files && ret=0
	return ret
}
(( $+functions[compdef] )) && compdef _poolsync poolsync
