# Addresses and secrets of the native stack as variables that the programs read. Sourced by lib.sh.

SECRETS=$STACK_HOME/secrets.env
API_KEY=$STACK_HOME/api-key.env

# No default passwords: made at the first start, in a file that only its owner can read.
load_secrets() {
  "$ROOT/deployments/secrets" "$SECRETS"
  source "$SECRETS"
}

# variables GROUP...: NAME=value, one a line; a service gets the groups that it needs and no more.
variables() {
  local group
  for group in "$@"; do "variables_of_$group"; done
}

variables_of_data() {
  printf 'SYNTHMILL_%s\n' \
    "PROFILE=stack" \
    "RABBITMQ__URL=amqp://$SYNTHMILL_STACK_AMQP_USER:$SYNTHMILL_STACK_AMQP_PASSWORD@127.0.0.1:$SYNTHMILL_STACK_AMQP_PORT/" \
    "ELASTICSEARCH__URL=http://127.0.0.1:$SYNTHMILL_STACK_ELASTIC_PORT" \
    "MINIO__ENDPOINT=127.0.0.1:$SYNTHMILL_STACK_MINIO_PORT" \
    "MINIO__ACCESS_KEY=$SYNTHMILL_STACK_MINIO_USER" \
    "MINIO__SECRET_KEY=$SYNTHMILL_STACK_MINIO_PASSWORD"
}

variables_of_gateway() {
  printf 'SYNTHMILL_GATEWAY__%s\n' "URL=http://127.0.0.1:$SYNTHMILL_STACK_GATEWAY_PORT/v1" "TOKEN=$SYNTHMILL_GATEWAY__TOKEN"
}

variables_of_api() { printf 'SYNTHMILL_API__SECRET=%s\n' "$SYNTHMILL_API__SECRET"; }

# By which Prefect's automations tell the API that a run has ended.
variables_of_webhook() { printf 'SYNTHMILL_API__WEBHOOK_TOKEN=%s\n' "$SYNTHMILL_API__WEBHOOK_TOKEN"; }

variables_of_prefect() {
  local url=http://127.0.0.1:$SYNTHMILL_STACK_PREFECT_PORT/api auth=$SYNTHMILL_STACK_PREFECT_USER:$SYNTHMILL_STACK_PREFECT_PASSWORD
  # The first two for Prefect's own programs, the others for ours.
  printf '%s\n' "PREFECT_API_URL=$url" "PREFECT_API_AUTH_STRING=$auth" \
    "SYNTHMILL_PREFECT__URL=$url" "SYNTHMILL_PREFECT__AUTH=$auth"
}

# With a key, once there is one.
variables_of_client() {
  printf 'SYNTHMILL_API_URL=http://127.0.0.1:%s\n' "$SYNTHMILL_STACK_API_PORT"
  [[ ! -s $API_KEY ]] || cat "$API_KEY"
}

# Exported, never on a command line, which every user of the machine can read.
export_variables() {
  local line
  load_secrets
  while IFS= read -r line; do export "${line?}"; done < <(variables "$@")
}
