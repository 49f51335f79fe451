# fish completion for poolsync: poolsync completion fish | source
function __poolsync_complete
	set -l before (commandline -opc)
	set -l program $before[1]
	set -e before[1]
	set -l word (commandline -ct)
	for line in ($program __complete fish $before "$word" 2>/dev/null)
		if test "$line" = :files
			__fish_complete_path "$word"
		else
			echo $line
		end
	end
end
complete -c poolsync -f -a '(__poolsync_complete)'
