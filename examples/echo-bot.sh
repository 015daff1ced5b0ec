#!/usr/bin/env bash
# Answers each incoming message with its own text: the smallest bot on top of the command line.
set -euo pipefail

help() {
    cat <<'HELP'
Usage: echo-bot.sh [--data DIR] [--state FILE]

Answers each message that comes to a running Causeway peer with the same text. At its first start it begins with the
next message; at later ones it goes on behind the last message that it answered, so what came in between is answered
too. No message is answered twice. Do not let two such bots talk with each other: they never stop.

  --data DIR    the peer's data directory (default: that of the one running node)
  --state FILE  where the last answered message is remembered
                (default: causeway/echo-bot in the state folder, with a part for the data directory)
  --help        print this

Needs bash 4.4 or newer, causeway and jq.
HELP
}

say() { printf 'echo-bot: %s\n' "$*" >&2; }

data=() folder=default state=
while (($#)); do
    case $1 in
        --help | -h) help; exit 0 ;;
        --data) folder=${2:?--data needs a folder}; data=(--data "$folder"); shift 2 ;;
        --state) state=${2:?--state needs a file}; shift 2 ;;
        *) say "unknown argument: $1 (see --help)"; exit 2 ;;
    esac
done

for program in causeway jq; do
    if ! command -v "$program" >/dev/null; then
        say "$program is missing: install it, or put it on the PATH"
        exit 1
    fi
done

if [[ -z $state ]]; then
    state=${XDG_STATE_HOME:-$HOME/.local/state}/causeway/echo-bot/${folder//\//%}
fi
mkdir -p "$(dirname "$state")"

# A file that is renamed into place is there whole or not at all, also when the power fails.
remember() {
    printf '%s\n' "$1" >"$state.new"
    sync "$state.new"
    mv "$state.new" "$state"
}

# Each message appears again whenever its state changes, so those that are done with are kept apart by their ids.
declare -A done_with=()
all=$(causeway inbox --json ${data[@]+"${data[@]}"} | jq -r 'select(.direction == "in").id')
last=$(cat "$state" 2>/dev/null || true)
if [[ -z $last ]] || ! grep -qxF -- "$last" <<<"$all"; then
    [[ -z $last ]] || say "the last answered message is not there any more: beginning with the next one"
    last=$(tail -n 1 <<<"$all")
fi
if [[ -n $last ]]; then
    while read -r id; do
        done_with[$id]=1
        [[ $id != "$last" ]] || break
    done <<<"$all"
fi

exec {inbox}< <(exec causeway inbox --follow --json ${data[@]+"${data[@]}"})
trap 'kill $! 2>/dev/null || true' EXIT

say "waiting for messages"
while read -r -u "$inbox" line; do
    incoming=$(jq -r 'select(.direction == "in" and .text != null) | "\(.id) \(.from)"' <<<"$line")
    read -r id from <<<"$incoming"
    [[ -n $id && -z ${done_with[$id]-} ]] || continue
    done_with[$id]=1
    # Before it is sent: a crash in between costs one answer, while the other order would say it twice.
    remember "$id"
    # `send TO -` takes one line end off, which jq puts on: every character of the text stays as it is.
    if jq -r .text <<<"$line" | causeway send "$from" - ${data[@]+"${data[@]}"} >/dev/null; then
        say "answered $id"
    else
        say "could not answer $id"
    fi
done

say "the node does not run any more"
exit 3
