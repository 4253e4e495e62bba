//! Spans as OTLP JSON lines: written, and read back.
