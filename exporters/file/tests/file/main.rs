//! The writer and the reader with real files, and with the generated OTLP types as a judge.

mod reader;
mod segments;
mod spans;
mod spill;
mod writer;
