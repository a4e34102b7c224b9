//! Drives the built program over its standard streams against a scripted provider. One binary, many cases.

mod contracts;
mod ladder;
mod lifecycle;
mod monitoring;
mod providers;
mod stdio;
mod support;
