//! `synthmill-consumer`: generation requests in, records out; as a service, or with `--stdio` over lines.

use std::process::ExitCode;

use synthmill_consumer::app::{self, Ended};
use synthmill_consumer::config::{self, Command};
use synthmill_consumer::telemetry;

fn main() -> ExitCode {
    let settings = match config::read(config::arguments(), config::variables()) {
        Ok(Command::Run(settings)) => settings,
        Ok(Command::Say(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("synthmill-consumer: {error}");
            return ExitCode::from(2);
        }
    };
    telemetry::start(settings.log_level);
    tracing::info!(settings = %settings.redacted(), "starting");
    match app::run(settings) {
        Ok(Ended::Finished) => ExitCode::SUCCESS,
        Ok(Ended::Aborted) => ExitCode::FAILURE,
        Err(error) => {
            tracing::error!(error, "cannot start");
            ExitCode::from(2)
        }
    }
}
