//! Reading OpenTelemetry's environment variables: empty is unset, nonsense is ignored with a warning.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// The environment, and what there is to say about it.
pub(crate) struct Variables<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    /// `TRACES` or `METRICS`: what stands in the names of variables that are for one signal only.
    signal: &'static str,
    pub(crate) warnings: Vec<String>,
}

impl<'a> Variables<'a> {
    pub(crate) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Variables { lookup, signal: "TRACES", warnings: Vec::new() }
    }

    /// Those of another signal than traces.
    pub(crate) fn of_signal(self, signal: &'static str) -> Self {
        Variables { signal, ..self }
    }

    /// `OTEL_EXPORTER_OTLP_TRACES_NAME` and `OTEL_EXPORTER_OTLP_NAME`; the former counts if there are both.
    pub(crate) fn otlp_names(&self, name: &str) -> [String; 2] {
        [format!("OTEL_EXPORTER_OTLP_{}_{name}", self.signal), format!("OTEL_EXPORTER_OTLP_{name}")]
    }

    pub(crate) fn warn(&mut self, text: &str) {
        self.warnings.push(text.to_owned());
    }

    /// A variable's value, unless it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// Whether a variable is `true`; anything else is false, with a warning if it is not `false`.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        match self.get(name) {
            Some(value) if value.eq_ignore_ascii_case("true") => true,
            Some(value) if !value.eq_ignore_ascii_case("false") => {
                self.warn(&format!("{name}={value:?} is neither true nor false; taken as false"));
                false
            }
            _ => false,
        }
    }

    /// The name and value of `OTEL_EXPORTER_OTLP_TRACES_NAME`, else of `OTEL_EXPORTER_OTLP_NAME`.
    pub(crate) fn otlp(&self, name: &str) -> Option<(String, String)> {
        self.otlp_names(name).into_iter().find_map(|variable| self.get(&variable).map(|value| (variable, value)))
    }

    /// The first of the two variables whose value `parse` understands.
    pub(crate) fn otlp_choice<T>(&mut self, name: &str, parse: fn(&str) -> Option<T>) -> Option<T> {
        for variable in self.otlp_names(name) {
            let Some(value) = self.get(&variable) else { continue };
            match parse(&value) {
                Some(choice) => return Some(choice),
                None => self.warn(&format!("{variable}={value:?} is not known and ignored")),
            }
        }
        None
    }

    /// As [`Self::otlp_choice`], for a time in milliseconds.
    pub(crate) fn otlp_milliseconds(&mut self, name: &str) -> Option<Duration> {
        self.otlp_choice(name, |value| value.parse().ok().filter(|number| *number > 0).map(Duration::from_millis))
    }

    /// A time in milliseconds that is not 0.
    pub(crate) fn milliseconds(&mut self, name: &str) -> Option<Duration> {
        self.number::<u64>(name, 1).map(Duration::from_millis)
    }

    /// A number that is not 0.
    pub(crate) fn count(&mut self, name: &str) -> Option<usize> {
        self.number(name, 1)
    }

    /// A number that is at least `least`.
    pub(crate) fn number<T: FromStr + PartialOrd + Display>(&mut self, name: &str, least: T) -> Option<T> {
        let value = self.get(name)?;
        match value.parse::<T>() {
            Ok(number) if number >= least => Some(number),
            _ => {
                self.warn(&format!("{name}={value:?} is ignored: it must be a whole number of at least {least}"));
                None
            }
        }
    }
}

/// Undoes percent-encoding; none when it is broken or the result is not UTF-8.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (high, low) = (digit(*rest.first()?)?, digit(*rest.get(1)?)?);
            bytes.push((high * 16 + low) as u8);
            rest = &rest[2..];
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
