//! Drives the built program over its standard streams against a scripted provider. One binary, many cases.

mod budget;
mod contracts;
mod elastic;
mod elastic_busy;
mod ladder;
mod lifecycle;
mod monitoring;
mod place;
mod providers;
mod stdio;
mod support;
