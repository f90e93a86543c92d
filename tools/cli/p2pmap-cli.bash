# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# bash completion of p2pmap-cli. PCI addresses and BARs come from sysfs, so
# nothing is run for it. tests/check/completion holds it against --help.

_p2pmap_cli_addresses() {
	local dev
	for dev in /sys/bus/pci/devices/*; do
		[[ -e $dev ]] && echo "${dev##*/}"
	done
}

# Addresses have colons, at which readline breaks words.
_p2pmap_cli_complete_address() {
	local word=$1 prefix
	mapfile -t COMPREPLY < <(compgen -W "$(_p2pmap_cli_addresses)" -- "$word")
	[[ $word == *:* && $COMP_WORDBREAKS == *:* ]] || return 0
	prefix=${word%"${word##*:}"}
	COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
}

_p2pmap_cli_options() {
	local common='--json --color --help'
	case $1 in
	'') echo "$common --version" ;;
	allow) echo "$common --user --group --runtime --config" ;;
	check) echo "$common --test --bar" ;;
	devices) echo "$common --all" ;;
	doctor) echo "$common --quiet" ;;
	info | show | stats) echo "$common" ;;
	list) echo "$common --device --pid" ;;
	map) echo "$common --importer --bar --offset --ram --length --write" \
		"--pin --dma-bits --sink --restore --watch --count --timeout" ;;
	monitor) echo "$common --count" ;;
	top) echo "$common --interval --count" ;;
	query) echo "$common --importer --bar --offset --ram --length --write" \
		"--pin --dma-bits" ;;
	topo) echo "$common --dot" ;;
	esac
}

# The value of the option before the word, if it takes one.
_p2pmap_cli_value() {
	local command=$1 option=$2 word=$3
	case $option in
	--importer | --device) _p2pmap_cli_complete_address "$word" ;;
	--bar)
		[[ $command == check ]] &&
			mapfile -t COMPREPLY < <(compgen -W '0 1 2 3 4 5' -- "$word")
		[[ $command == check ]] || _p2pmap_cli_complete_address "$word"
		;;
	--user) mapfile -t COMPREPLY < <(compgen -u -- "$word") ;;
	--group) mapfile -t COMPREPLY < <(compgen -g -- "$word") ;;
	--config) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	--offset | --length | --dma-bits | --count | --timeout | --pid | \
		--interval) ;;
	*) return 1 ;;
	esac
}

# readline breaks words at the colons of an address, so the line is split here.
_p2pmap_cli() {
	local commands='allow check devices doctor info list map monitor query'
	local line=${COMP_LINE:0:COMP_POINT} command='' word='' previous i
	local -a words
	commands+=' show stats top topo'
	COMPREPLY=()
	read -ra words <<<"$line"
	if [[ $line != *[[:space:]] ]]; then
		word=${words[-1]}
		unset 'words[-1]'
	fi
	[[ ${#words[@]} -gt 0 ]] || return
	previous=${words[-1]}
	for ((i = 1; i < ${#words[@]}; i++)); do
		[[ " $commands " == *" ${words[i]} "* ]] || continue
		command=${words[i]}
		break
	done
	_p2pmap_cli_value "$command" "$previous" "$word" && return
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen \
			-W "$(_p2pmap_cli_options "$command")" -- "$word")
		return
	fi
	case $command in
	'') mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word") ;;
	list)
		mapfile -t COMPREPLY < <(compgen \
			-W 'mappings importers contexts' -- "$word")
		;;
	allow)
		if [[ $previous == allow ]]; then
			mapfile -t COMPREPLY < <(compgen -W 'list add remove' \
				-- "$word")
		else
			_p2pmap_cli_complete_address "$word"
		fi
		;;
	check | devices) _p2pmap_cli_complete_address "$word" ;;
	esac
}

complete -F _p2pmap_cli p2pmap-cli
