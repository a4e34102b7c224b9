# Shared by the scripts of the native stack: paths, processes, waiting. Sourced, not run.
set -euo pipefail

NATIVE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$NATIVE/../.." && pwd)
SETTINGS=$ROOT/deployments/settings
STACK_HOME=${SYNTHMILL_STACK_HOME:-$ROOT/.stack}
# Other users must be able to reach what runs as them, so root's own folder will not do.
if [[ $(id -u) -eq 0 ]]; then CACHE=/var/cache/synthmill; else CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/synthmill; fi
CACHE=${SYNTHMILL_STACK_CACHE:-$CACHE}
STACK_USER=synthmill-stack # Elasticsearch and PostgreSQL refuse to run as root

# Settings of the file, unless the environment has them.
while IFS='=' read -r name value; do
  [[ $name == SYNTHMILL_* ]] && [[ -z ${!name:-} ]] && export "$name=$value"
done < <(grep -v '^#' "$SETTINGS/stack.env")

mkdir -p "$STACK_HOME"/{pids,logs} "$CACHE"/{bin,download}

say() { printf '%s\n' "stack: $*" >&2; }
die() { say "$*"; exit 1; }

pid_file() { printf '%s' "$STACK_HOME/pids/$1"; }

# A pid alone is not an identity: the start time (field 22 of stat, in ticks) tells whether it is still our process.
# What has ended and was not fetched by its parent (state Z) has no start time here.
start_time() {
  local stat
  { stat=$(< "/proc/$1/stat"); } 2> /dev/null || return 0
  read -r -a stat <<< "${stat##*) }"
  [[ ${stat[0]} == [ZX] ]] || printf '%s' "${stat[19]}"
}

remember() { printf '%s %s\n' "$2" "$(start_time "$2")" > "$(pid_file "$1")"; }

running_pid() {
  local pid started
  { read -r pid started < "$(pid_file "$1")"; } 2> /dev/null || return 1
  [[ -n $started && $(start_time "$pid") == "$started" ]] && printf '%s' "$pid"
}

# launch NAME COMMAND...: starts it in a session of its own, output appended to its log; one of 20 MB is put aside. A
# shell's background jobs ignore SIGINT and SIGQUIT, and programs that find them ignored leave them so.
launch() {
  local name=$1 log=$STACK_HOME/logs/$1.log
  shift
  [[ -z $(find "$log" -size +20M 2> /dev/null) ]] || mv "$log" "$log.old"
  setsid env --default-signal=INT,QUIT "$@" >> "$log" 2>&1 < /dev/null &
  remember "$name" $!
}

# as_stack_user COMMAND...: as root, drops to the stack's user; otherwise runs as who we are.
as_stack_user() {
  if [[ $(id -u) -eq 0 ]]; then
    exec setpriv --reuid="$STACK_USER" --regid="$STACK_USER" --clear-groups env HOME="$STACK_HOME" "$@"
  fi
  exec "$@"
}
export -f as_stack_user
export STACK_USER STACK_HOME

ensure_stack_user() {
  [[ $(id -u) -ne 0 ]] && return
  id "$STACK_USER" > /dev/null 2>&1 || useradd --system --no-create-home --shell /usr/sbin/nologin "$STACK_USER"
  (as_stack_user test -x "$STACK_HOME") \
    || die "the user $STACK_USER cannot enter $STACK_HOME; set SYNTHMILL_STACK_HOME to a folder that others can enter"
}

own() { if [[ $(id -u) -eq 0 ]]; then chown -R "$STACK_USER:$STACK_USER" "$@"; fi; }

# await NAME SECONDS COMMAND...: polls until the command succeeds; a process that died ends the wait.
await() {
  local name=$1 deadline=$((SECONDS + $2))
  shift 2
  until "$@" > /dev/null 2>&1; do
    running_pid "$name" > /dev/null || die "$name ended while starting; see $STACK_HOME/logs/$name.log"
    ((SECONDS < deadline)) || die "$name is not healthy in time; see $STACK_HOME/logs/$name.log"
    sleep 0.2
  done
}

# finish NAME SECONDS [SIGNAL]: ends exactly the process that we started, by SIGTERM unless said otherwise; after the
# time SIGKILL to all that it started.
finish() {
  local pid deadline=$((SECONDS + $2))
  pid=$(running_pid "$1") || { rm -f "$(pid_file "$1")"; return 0; }
  kill "-${3:-TERM}" "$pid" 2> /dev/null || true
  while running_pid "$1" > /dev/null; do
    ((SECONDS < deadline)) || { say "$1 did not stop in $2 s and is killed"; kill -KILL -- "-$pid" 2> /dev/null || true; }
    sleep 0.1
  done
  rm -f "$(pid_file "$1")"
}

# locked NAME COMMAND...: one at a time on this machine; what is installed is shared by all stacks of a user.
locked() {
  local lock=$CACHE/$1.lock
  shift
  (flock 8 && "$@") 8> "$lock"
}

apt_install() {
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  ((${#missing[@]} == 0)) && return
  command -v apt-get > /dev/null || die "this is not Debian: install by other means ${missing[*]}"
  [[ $(id -u) -eq 0 ]] || die "install these Debian packages first: ${missing[*]}"
  say "installing ${missing[*]}"
  # In a session of its own: whoever interrupts us does not leave the package system half done.
  locked apt setsid --wait "$NATIVE/apt-install" "${missing[@]}" >> "$STACK_HOME/logs/apt.log" 2>&1 \
    || die "apt-get could not install ${missing[*]}; see $STACK_HOME/logs/apt.log"
}

# What `make setup` installs and builds; instant when it is there.
need_python() { locked python make --no-print-directory -s -C "$ROOT" .venv/.installed >&2; }
need_consumer() { locked rust make --no-print-directory -s -C "$ROOT" consumer/target/release/synthmill-consumer >&2; }

source "$NATIVE/variables.sh"
