# Shared by the scripts of synthmill's own services: each sets PORT, where its /readyz is, and `start`. Sourced.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SYNTHMILL=$ROOT/.venv/bin/synthmill
STOP_SECONDS=25 # every program of ours ends within this time after SIGTERM

# make_api_key: one of all scopes, for the Prefect block of the API and for whoever uses `stack env`; made once, when the
# record store is up. A stack whose data was deleted needs another: delete the file.
make_api_key() {
  local key
  [[ ! -s $API_KEY ]] || return 0
  key=$(export_variables data api && "$SYNTHMILL" keys create --scopes all --name stack)
  (umask 077 && printf 'SYNTHMILL_API_KEY=%s\n' "$key" > "$API_KEY.new" && mv "$API_KEY.new" "$API_KEY")
}

# serve NAME COMMAND...: starts it and waits until it can do its work.
serve() {
  local name=$1
  unset PYTHONDONTWRITEBYTECODE # every start would compile its imports anew
  launch "$@"
  await "$name" "${START_SECONDS:-90}" healthy
}

healthy() { curl -fsS --max-time 5 "http://127.0.0.1:$PORT/readyz"; }

# run_service NAME VERB...
run_service() {
  case $2 in
    install) need_python ;;
    start) start ;;
    healthy) healthy > /dev/null ;;
    stop) finish "$1" "$STOP_SECONDS" ;;
    address) echo "http://127.0.0.1:$PORT" ;;
  esac
}
