use super::*;

fn settings(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Settings, String> {
    let arguments = arguments.iter().map(|text| (*text).to_owned());
    let variables = variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    match read(arguments, variables)? {
        Command::Run(settings) => Ok(settings),
        Command::Say(text) => Err(text),
    }
}

#[test]
fn the_command_line_wins_over_variables_and_these_over_defaults() {
    let plain = settings(&["--stdio"], &[("PATH", "/bin"), ("SYNTHMILL_PROFILE", "embedded")]).unwrap();
    assert_eq!((plain.calls.concurrency, plain.prefetch), (64, 128));
    assert_eq!(plain.mode, Mode::Stdio(AdmissionMode::Local));
    let variables = [("SYNTHMILL_CONSUMER__CONCURRENCY", "8"), ("SYNTHMILL_GATEWAY__URL", "http://g:1/v1/")];
    let by_variable = settings(&["--stdio"], &variables).unwrap();
    assert_eq!((by_variable.calls.concurrency, by_variable.gateway_url.as_str()), (8, "http://g:1/v1"));
    let by_line = settings(&["--stdio", "--concurrency=9", "--admission", "ask"], &variables).unwrap();
    assert_eq!((by_line.calls.concurrency, by_line.mode), (9, Mode::Stdio(AdmissionMode::Ask)));
}

#[test]
fn a_bad_value_is_refused_with_what_it_may_be() {
    for (arguments, variables, says) in [
        (vec!["--admission", "ask"], vec![], "--admission goes with --stdio only"),
        (vec![], vec![("SYNTHMILL_RABBITMQ__URI", "amqp://h")], "SYNTHMILL_RABBITMQ__URI is not a setting"),
        (vec![], vec![("SYNTHMILL_RABBITMQ__URL", "http://h")], "is no amqp or amqps address"),
        (vec![], vec![("SYNTHMILL_RABBITMQ__PREFIX", "a b")], "want at most 60 of"),
        (vec![], vec![("SYNTHMILL_ELASTICSEARCH__PREFIX", "Big")], "want a lower-case letter"),
        (vec!["--stdio", "--fast"], vec![], "--fast is not an option"),
        (vec!["--stdio", "--concurrency"], vec![], "needs a value"),
        (vec!["--stdio", "--concurrency", "0"], vec![], "want a whole number from 1 to 4096"),
        (vec!["--stdio"], vec![("SYNTHMILL_CONSUMER__CONCURENCY", "1")], "is not a setting"),
        (vec!["--stdio"], vec![("SYNTHMILL_CONSUMER__DRAIN_SECONDS", "NaN")], "want a number"),
        (vec!["--stdio"], vec![("SYNTHMILL_GATEWAY__URL", "localhost")], "want an http"),
        (vec!["--stdio", "--admission", "maybe"], vec![], "want one of local, ask"),
    ] {
        let error = settings(&arguments, &[vec![BROKER], variables].concat()).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_password_in_an_address_is_not_logged() {
    let settings = settings(&["--stdio", "--gateway-url", "http://me:secret@h:1/v1"], &[]).unwrap();
    assert!(!settings.redacted().contains("secret"));
    assert!(settings.redacted().contains("http://***@h:1/v1"));
}

const BROKER: (&str, &str) = ("SYNTHMILL_RABBITMQ__URL", "amqp://me:secret@mq:5672/");

fn service(variables: &[(&str, &str)]) -> ServiceSettings {
    match settings(&[], &[&[BROKER], variables].concat()).unwrap().mode {
        Mode::Service(service) => *service,
        Mode::Stdio(_) => panic!("the service was asked for"),
    }
}

#[test]
fn without_stdio_it_is_the_service() {
    let plain = service(&[("SYNTHMILL_RABBITMQ__CA_FILE", "")]);
    assert_eq!(plain.rabbitmq.url.reveal(), BROKER.1);
    assert_eq!(plain.rabbitmq.ca_file, None);
    let set = service(&[("SYNTHMILL_RABBITMQ__PREFIX", "t."), ("SYNTHMILL_ELASTICSEARCH__API_KEY", "k")]);
    assert_eq!(set.rabbitmq.prefix, "t.");
    assert_eq!(set.elasticsearch.api_key.unwrap().reveal(), "k");
    let stdio = settings(&["--stdio"], &[("SYNTHMILL_RABBITMQ__URL", "nothing of its business")]).unwrap();
    assert_eq!(stdio.mode, Mode::Stdio(AdmissionMode::Local));
}

#[test]
fn the_broker_has_no_default_address_and_none_without_a_password() {
    let unset = settings(&[], &[]).unwrap_err();
    assert!(unset.contains("SYNTHMILL_RABBITMQ__URL is not set"), "{unset}");
    for url in ["amqp://mq:5672/", "amqp://secret@mq/", "amqp://me:@mq/", "http://me:secret@mq/", "secret"] {
        let refused = settings(&[], &[(BROKER.0, url)]).unwrap_err();
        assert!(refused.contains("SYNTHMILL_RABBITMQ__URL is no amqp or amqps address"), "{refused}");
        assert!(!refused.contains("secret"), "{refused}");
    }
}

#[test]
fn secrets_of_the_service_are_not_logged() {
    let variables = [
        ("SYNTHMILL_RABBITMQ__URL", "amqps://me:secret@mq:5671/v"),
        ("SYNTHMILL_ELASTICSEARCH__URL", "https://me:secret@es:9200"),
        ("SYNTHMILL_ELASTICSEARCH__API_KEY", "secret"),
    ];
    let shown = settings(&[], &variables).unwrap().redacted();
    assert!(!shown.contains("secret"), "{shown}");
    assert!(shown.contains("amqps://***@mq:5671/v"), "{shown}");
}

#[test]
fn the_help_tells_each_default_as_it_is() {
    let plain = |arguments: &[&str], variables: &[(&str, &str)]| {
        settings(arguments, &[&[BROKER], variables].concat()).unwrap()
    };
    let mut seen = 0;
    for line in help::HELP.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(place) = words.iter().position(|word| word.starts_with("SYNTHMILL_")) else { continue };
        let (name, told) = (words[place], words[place + 1]);
        seen += 1;
        if name == BROKER.0 {
            assert_eq!(told, "-");
            continue;
        }
        let told = match told {
            "-" => "",
            "2" if name.ends_with("PREFETCH") => "128",
            told => told,
        };
        let arguments: &[&str] = if name.ends_with("ADMISSION") { &["--stdio"] } else { &[] };
        assert_eq!(plain(arguments, &[(name, told)]), plain(arguments, &[]), "{name}");
    }
    assert_eq!(seen, 25);
}
