//! Delivers spans to an OpenTelemetry collector over OTLP.
