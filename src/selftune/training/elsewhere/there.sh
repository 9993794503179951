# What runs on a machine that trains for another one. POSIX sh, find, tar and a program for SHA-256 are all it takes.
#
#   look PROGRAM BASE JOB       what is here: version, room, and what of this base and this job lies here already
#   take PLACE DIGEST BYTES LEFT PATIENCE
#                               an archive from standard input, unpacked once its digest is right; what came of it
#                               before the link was cut is LEFT (stays) or not (words)
#   attend JOB BASE LIMIT PATIENCE GRACE KEPT PROGRAM
#                               a training, for as long as its caller is heard on standard input
#   give JOB SKIP FILE ...      files of a finished job, each without its first SKIP bytes
#   forget JOB                  everything of a job
#
# bases/DIGEST stays here for the next job; jobs/NAME goes when its adapter was taken. People's words (rows.jsonl and
# held_out.jsonl) go as soon as nobody trains by them, however that ended. No clock of another machine is ever asked.

set -u
umask 077
home="${XDG_CACHE_HOME:-$HOME/.cache}/selftune"
mkdir -p "$home/bases" "$home/jobs" && cd "$home" || exit 1

say() { echo "selftune-node: $*"; }

digest() { { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; } <"$1" | cut -c 1-64; }

bytes() { if [ -f "$1" ]; then wc -c <"$1" | tr -d ' '; else echo 0; fi; }

forget_words() { rm -f "$1/rows.jsonl" "$1/held_out.jsonl"; }

# Whether somebody is at it: who is touches its beat every second.
lives() { [ -n "$(find "$1.beat" -mmin -2 2>/dev/null)" ]; }

# Ends process $1, which works at place $2: after $3 seconds in which file $6 did not grow, after $4 seconds (0: never),
# or when somebody wants its place; $5 seconds lie between being asked and being killed. Why is left beside the place.
watch() {
  lived=0 quiet=0 last=
  while sleep 1; do
    : >"$2.beat"
    lived=$((lived + 1)) quiet=$((quiet + 1)) now=$(bytes "$6")
    if [ "$now" != "$last" ]; then quiet=0 last=$now; fi
    if [ -f "$2.stop" ] || [ "$quiet" -ge "$3" ]; then
      echo 129 >"$2.why"
    elif [ "$4" -gt 0 ] && [ "$lived" -ge "$4" ]; then
      echo 124 >"$2.why"
    else
      continue
    fi
    kill -TERM "$1"
    asked=0
    while [ "$asked" -lt "$5" ] && kill -0 "$1" 2>/dev/null; do
      sleep 1
      : >"$2.beat"
      asked=$((asked + 1))
    done
    kill -KILL "$1" 2>/dev/null
    rm -f "$2.beat"
    return
  done
}

# Lets go of what an earlier caller left at a place, and waits until it is gone.
settle() {
  waited=0
  while lives "$1" && [ "$waited" -lt 150 ]; do
    : >"$1.stop"
    sleep 1
    waited=$((waited + 1))
  done
}

# Ends a helper, and goes on only when it can touch nothing any more. By force: one that has just begun still has our
# traps, and dash drops what reaches it then.
end() {
  kill -KILL "$1" 2>/dev/null
  wait "$1" 2>/dev/null
}

sweep() {
  find jobs -maxdepth 1 -name '*.part' -mmin +10 -exec rm -f {} +
  for job in jobs/*/; do
    job=${job%/}
    if [ -d "$job" ] && ! lives "$job"; then
      find "$job" -maxdepth 1 \( -name rows.jsonl -o -name held_out.jsonl \) -mmin +10 -exec rm -f {} +
      find "$job" -maxdepth 0 -mtime +6 -exec rm -rf {} +
    fi
  done
}

look() {
  sweep
  say version "$(cd "$HOME" && "$1" --version 2>/dev/null || echo none)"
  say disk "$(df -Pk . | awk 'NR == 2 { print $4 }')"
  say memory "$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo 2>/dev/null)"
  if [ -n "$2" ]; then
    settle "bases/$2"
    say part "$(bytes "bases/$2.part")"
    if [ -d "bases/$2" ]; then say base; fi
  fi
  if [ -n "$3" ]; then
    settle "jobs/$3"
    if [ -f "jobs/$3/manifest" ]; then sed 's/^/selftune-node: made /' "jobs/$3/manifest"; fi
  fi
}

# Its own helpers hold none of the caller's pipes, or the connection would wait for them.
take() {
  place=$1 part="$1.part" left=$4 taken='' taker='' dog=''
  trap 'end_taking' EXIT
  trap 'exit 143' HUP INT TERM
  rm -f "$place.stop" "$place.why"
  if [ "$left" != stays ]; then rm -f "$part"; fi
  exec 3<&0
  cat <&3 >>"$part" &
  taker=$!
  exec 3<&-
  watch "$taker" "$place" "$5" 0 1 "$part" </dev/null >/dev/null 2>&1 &
  dog=$!
  wait "$taker" || exit 75
  [ "$(bytes "$part")" -ge "$3" ] || exit 75
  if [ "$(digest "$part")" != "$2" ]; then
    rm -f "$part"
    exit 76
  fi
  if [ "$left" = stays ]; then
    rm -rf "$place.draft" && mkdir "$place.draft" && tar -xmf "$part" -C "$place.draft" || exit 1
    rm -rf "$place" && mv "$place.draft" "$place" || exit 1
  else
    mkdir -p "$place" && tar -xmf "$part" -C "$place" || exit 1
  fi
  rm -f "$part"
  taken=1
}

end_taking() {
  for helper in $taker $dog; do end "$helper"; done
  rm -rf "$place.beat" "$place.stop" "$place.why" "$place.draft"
  if [ -z "$taken" ] && [ "$left" != stays ]; then
    rm -f "$part"
    forget_words "$place"
  fi
}

attend() {
  place=jobs/$1 limit=$3 patience=$4 grace=$5 kept=$6 program=$7 training='' reader='' relay='' dog=''
  trap 'end_attending' EXIT
  trap 'exit 143' HUP INT TERM
  rm -f "$place.stop" "$place.why" "$place.out" "$place/manifest"
  ln -sfn "../../bases/$2" "$place/base" && mkfifo "$place.out" || exit 1
  : >"$place.heard"
  : >"$place.beat"
  exec 3<&0
  { while read -r _; do echo >>"$place.heard"; done; : >"$place.stop"; } <&3 >/dev/null 2>&1 &
  reader=$!
  # Without a caller there is nobody to write to; the training goes on to its checkpoint all the same.
  { trap '' PIPE; while read -r line; do printf '%s\n' "$line" 2>/dev/null; done; } <"$place.out" 3<&- &
  relay=$!
  folder=$PWD/$place
  { cd "$HOME" && exec "$program" train job "$folder" --progress; } \
    </dev/null >"$place.out" 2>"$place.errors" 3<&- &
  training=$!
  exec 3<&-
  watch "$training" "$place" "$patience" "$limit" "$grace" "$place.heard" </dev/null >/dev/null 2>&1 &
  dog=$!
  wait "$training"
  code=$?
  training=
  wait "$relay"
  if [ "$code" -ne 0 ] && [ -s "$place.why" ]; then code=$(cat "$place.why"); fi
  if [ "$code" -eq 0 ]; then write_manifest || code=1; fi
  cat "$place.errors" >&2
  exit "$code"
}

write_manifest() {
  (
    cd "$place" || exit 1
    for name in $kept; do find "$name" -type f 2>/dev/null; done | sort | while read -r file; do
      echo "$(digest "$file") $(bytes "$file") $file"
    done >manifest.draft
    mv manifest.draft manifest
  )
}

end_attending() {
  if [ -n "$training" ]; then kill -KILL "$training" 2>/dev/null; fi
  for helper in $reader $relay $dog; do end "$helper"; done
  forget_words "$place"
  rm -f "$place.beat" "$place.stop" "$place.why" "$place.out" "$place.heard" "$place.errors"
}

give() {
  folder=jobs/$1
  shift
  while [ "$#" -ge 2 ]; do
    tail -c "+$(($1 + 1))" "$folder/$2" || exit 1
    shift 2
  done
}

forget() { rm -rf "jobs/$1" "jobs/$1".*; }

verb=$1
shift
"$verb" "$@"
