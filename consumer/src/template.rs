//! Templates: the only module that names minijinja.
//!
//! Filters, tests and functions are the crate's defaults with `tojson`, and values have no methods: the same words as
//! in Python's `synthmill.recipes.templates` (`schemas/examples/templates.json` holds both to it). Undefined is an
//! error, nothing is escaped, and fuel, recursion and output are bounded: no template can hang.

use std::io::{self, Write};

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;

/// Instructions one rendering may take: about 10,000 rounds of a small loop.
const FUEL: u64 = 100_000;
const MOST_CHARACTERS: usize = 1_000_000;
/// Beyond this no text can be within the limit in characters.
const MOST_BYTES: usize = 4 * MOST_CHARACTERS;

/// Compiled templates by name.
pub struct Templates(Environment<'static>);

/// The values that a template sees; made once for all templates of a slot.
#[derive(Clone)]
pub struct Scope(Value);

impl Scope {
    /// A scope that holds the fields of `values`.
    pub fn of<T: Serialize>(values: T) -> Self {
        Self(Value::from(Serde(values)))
    }
}

impl Default for Templates {
    fn default() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        Self(environment)
    }
}

impl Templates {
    /// Compiles `source` under `name`.
    ///
    /// # Errors
    /// The syntax error with its line.
    pub fn add(&mut self, name: String, source: String) -> Result<(), String> {
        self.0.add_template_owned(name, source).map_err(|error| error.to_string())
    }

    /// Renders the template `name`.
    ///
    /// # Errors
    /// What the template lacked or broke, with its name and line.
    pub fn render(&self, name: &str, scope: &Scope) -> Result<String, String> {
        let template = self.0.get_template(name).map_err(|error| error.to_string())?;
        let mut out = Bounded::default();
        let too_long = || format!("the text of {name} is longer than {MOST_CHARACTERS} characters");
        match template.render_captured_to(scope.0.clone(), &mut out) {
            Ok(_) => {}
            Err(_) if out.full => return Err(too_long()),
            Err(error) => return Err(error.to_string()),
        }
        let text = String::from_utf8(out.bytes).map_err(|error| error.to_string())?;
        match text.len() <= MOST_CHARACTERS || text.chars().count() <= MOST_CHARACTERS {
            true => Ok(text),
            false => Err(too_long()),
        }
    }
}

#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    full: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MOST_BYTES {
            self.full = true;
            return Err(io::Error::other("text too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(source: &str) -> Result<String, String> {
        let mut templates = Templates::default();
        templates.add("t".to_owned(), source.to_owned())?;
        templates.render("t", &Scope::of(json!({"name": "Ada", "tags": ["x", "y"], "html": "<b>"})))
    }

    #[test]
    fn templates_see_their_values_and_the_default_filters() {
        for (source, text) in [
            ("{{ name }}", "Ada"),
            ("{{ name|upper }} {{ tags|join('+') }}", "ADA x+y"),
            ("{{ tags|tojson }}", r#"["x", "y"]"#),
            ("{{ html }}", "<b>"),
            ("{{ name is defined }} {{ none }}", "True None"),
        ] {
            assert_eq!(render(source).as_deref(), Ok(text), "{source}");
        }
        assert!(render("{{ name.upper() }}").is_err(), "values have no methods");
    }

    #[test]
    fn what_is_undefined_is_an_error() {
        assert!(render("{{ nobody }}").is_err());
        assert!(render("{{ name.nothing }}").is_err());
        assert!(render("{{ name").is_err());
    }

    #[test]
    fn no_template_can_run_for_ever_or_fill_the_memory() {
        for source in [
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
            "{{ 'x' * 100000000000 }}",
            "{{ 'x' * 2000000 }}",
            "{% for a in range(999) %}{{ 'x' * 99999 }}{% endfor %}",
        ] {
            assert!(render(source).is_err(), "{source}");
        }
    }
}
