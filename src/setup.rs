//! What is settled before a run begins: the trace it belongs to, the resource of its spans, the collector.

use std::ffi::OsString;
use std::sync::Arc;

use renacer_events::{Clock, Options, Redact, ResourceOptions, SpanContext, SpanId, TraceId};
use renacer_otlp::{Config, MetricsConfig, Overrides, environment};

use crate::cli::{CollectorOptions, SpanNames, TraceOptions};
use crate::redact::Redactor;

/// An OpenTelemetry variable of our own environment; text that is no UTF-8 counts as unset.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The collector that options and variables name, if any, and what is to be told about them.
pub fn collector(options: &CollectorOptions) -> anyhow::Result<(Option<Config>, Vec<String>)> {
    Ok(Config::from_environment(&variable, &overrides(options))?)
}

/// Where Renacer's own metrics go, if they are wanted, and what is to be told about that.
pub fn metrics(options: &CollectorOptions) -> anyhow::Result<(Option<MetricsConfig>, Vec<String>)> {
    Ok(MetricsConfig::from_environment(&variable, &overrides(options))?)
}

fn overrides(options: &CollectorOptions) -> Overrides {
    Overrides {
        endpoint: options.otlp_endpoint.clone(),
        protocol: options.otlp_protocol.clone(),
        headers: options.otlp_header.clone(),
        compression: options.otlp_compression.clone(),
        certificate: options.otlp_certificate.clone(),
        client_certificate: options.otlp_client_certificate.clone(),
        client_key: options.otlp_client_key.clone(),
        timeout: options.otlp_timeout,
    }
}

/// How the assembler makes spans, and warnings about the environment.
pub fn assembly(options: &TraceOptions) -> anyhow::Result<(Options, Vec<String>)> {
    let mut warnings = Vec::new();
    let parent = match &options.trace_parent {
        Some(text) => Some(SpanContext::from_traceparent(text).ok_or_else(|| {
            anyhow::anyhow!(
                "--trace-parent {text}: not a W3C traceparent; an example is \
                 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            )
        })?),
        None => environment::caller_context(&variable, &mut warnings),
    };
    let trace_id = parent.as_ref().map_or_else(TraceId::random, |parent: &SpanContext| parent.trace_id);
    let sampled = environment::should_sample(&variable, parent.as_ref(), trace_id, &mut warnings);
    let user = environment::resource_attributes(&variable, &mut warnings);
    let resource = ResourceOptions {
        service_name: options.service_name.clone().map(Into::into).or(user.service_name),
        detected: environment::detected(),
        user: user.attributes,
    };
    let redactor = Redactor::new(&options.redact, !options.no_redact)?;
    let options = Options {
        trace_id,
        root_span_id: SpanId::random(),
        parent,
        sampled,
        join_callers: !options.no_context && environment::joins_callers(&variable),
        join_requests: !options.no_context,
        clock: Clock::new(renacer_ptrace::realtime(), renacer_ptrace::monotonic()),
        rotate: options.rotate,
        span_names_target: options.span_names == SpanNames::Target,
        resource,
        redact: redactor.map(|redactor| Arc::new(redactor) as Arc<dyn Redact>),
    };
    Ok((options, warnings))
}

/// The program's environment: ours, with `-E` applied, and with our trace so that the program's own spans can join it.
pub fn environment(options: &TraceOptions, assembly: &Options) -> Vec<(OsString, OsString)> {
    let mut variables: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let traceparent = environment::traceparent(assembly.trace_id, assembly.root_span_id, assembly.sampled);
    set(&mut variables, "TRACEPARENT".into(), Some(traceparent.into()));
    if let Some(parent) = assembly.parent.as_ref().filter(|_| options.trace_parent.is_some()) {
        // Another trace's state does not belong to the one that was asked for.
        let state = (!parent.trace_state.is_empty()).then(|| parent.trace_state.clone().into());
        set(&mut variables, "TRACESTATE".into(), state);
    }
    for change in &options.env {
        let bytes = change.as_encoded_bytes();
        match bytes.iter().position(|&byte| byte == b'=') {
            Some(at) => {
                use std::os::unix::ffi::OsStringExt;
                let name = OsString::from_vec(bytes[..at].to_vec());
                set(&mut variables, name, Some(OsString::from_vec(bytes[at + 1..].to_vec())));
            }
            None => set(&mut variables, change.clone(), None),
        }
    }
    variables
}

/// Sets a variable, or unsets it.
pub fn set(variables: &mut Vec<(OsString, OsString)>, name: OsString, value: Option<OsString>) {
    variables.retain(|(known, _)| *known != name);
    variables.extend(value.map(|value| (name, value)));
}
