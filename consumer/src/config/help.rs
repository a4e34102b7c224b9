//! What `--help` says; tests hold its names and defaults to what is read here and in Python.

/// Every setting with its default.
pub const HELP: &str = "\
Turns generation requests into validated records by calling any OpenAI-compatible model.

Usage: synthmill-consumer [options]
       synthmill-consumer --stdio [options] < requests.ndjson > lines.ndjson

Without --stdio it is a service: requests come from RabbitMQ, records go to Elasticsearch.

Options (each also by its variable; the command line wins):
  --stdio               requests on standard input, lines on standard output
  --admission MODE      with --stdio: local: a content is taken once in a run; ask: the reader of the output answers
                        each accepted slot line by a verdict line    SYNTHMILL_CONSUMER__ADMISSION      local
  --concurrency N       calls in flight to one model at one address  SYNTHMILL_CONSUMER__CONCURRENCY    64
  --prefetch N          requests that may be unsettled; with ask, who feeds more of them waits for ever: verdicts
                        would stand behind requests not yet read     SYNTHMILL_CONSUMER__PREFETCH       2 x concurrency
  --gateway-url URL     where models without a base_url are called   SYNTHMILL_GATEWAY__URL             http://127.0.0.1:4000/v1
  --version, --help

By variable only:
  SYNTHMILL_CONSUMER__UNREACHABLE_SECONDS       30    an address not reached for so long blocks its jobs
  SYNTHMILL_CONSUMER__DRAIN_SECONDS             20    after a signal to stop, calls in flight may take so long
  SYNTHMILL_CONSUMER__HOLD_SECONDS              180   of the service: a request that waits so long for its first call goes
                                                      back to the queue; a tenth of RabbitMQ's consumer_timeout
  SYNTHMILL_CONSUMER__RETRY__BASE_SECONDS       0.5   first window of the wait after a failure; it doubles
  SYNTHMILL_CONSUMER__RETRY__CAP_SECONDS        30    longest window
  SYNTHMILL_CONSUMER__RETRY__BUDGET_RATIO       0.1   retries that each first call earns
  SYNTHMILL_CONSUMER__RETRY__BUDGET_PER_SECOND  3     retries a second that are always there
  SYNTHMILL_MONITORING__PORT                    -     serves /healthz, /readyz and /metrics; 0: any free port, logged
  SYNTHMILL_MONITORING__HOST                    127.0.0.1  where that listens
  SYNTHMILL_MONITORING__METRICS                 true  false: /metrics, which asks for no key, is not served
  SYNTHMILL_LOG__LEVEL                          info  debug, info, warning or error; logs go to standard error

Of the service, by variable only:
  SYNTHMILL_RABBITMQ__URL                   -          amqp://USER:PASSWORD@HOST:PORT/VHOST, required; amqps:// for TLS
  SYNTHMILL_RABBITMQ__CA_FILE               -          certificates to trust, else the system's
  SYNTHMILL_RABBITMQ__PREFIX                -          before queue names, for a shared broker
  SYNTHMILL_RABBITMQ__HEARTBEAT_SECONDS     10         a silent connection is given up after a few of them
  SYNTHMILL_RABBITMQ__CONFIRM_SECONDS       30         how long a publish waits to be confirmed
  SYNTHMILL_ELASTICSEARCH__URL              http://127.0.0.1:29200
  SYNTHMILL_ELASTICSEARCH__API_KEY          -          sent with each request
  SYNTHMILL_ELASTICSEARCH__CA_FILE          -          certificates to trust, else the system's
  SYNTHMILL_ELASTICSEARCH__PREFIX           synthmill  before index names
  SYNTHMILL_ELASTICSEARCH__REQUEST_SECONDS  30         how long a request may take

Exit: 0 input used up or drained after SIGTERM, 1 the other side is gone, 2 wrong settings.";
