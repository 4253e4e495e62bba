//! What the environment says besides where the collector is: resource, caller, sampling.

use std::str::FromStr;

use opentelemetry::Context;
use opentelemetry::trace::{self, TraceContextExt, TraceFlags, TraceState};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, ShouldSample};

use renacer_events::{Attribute, SpanContext, SpanId, Text, TraceId, Value};

pub use crate::host::detected;
use crate::variables::{Variables, percent_decode};

/// Gives a variable's value.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What the user says about the resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserResource {
    /// `OTEL_SERVICE_NAME`, else `service.name` of `OTEL_RESOURCE_ATTRIBUTES`.
    pub service_name: Option<Text>,
    /// The others of `OTEL_RESOURCE_ATTRIBUTES`, percent-decoded, in their order; keys are unique.
    pub attributes: Vec<Attribute>,
}

/// Reads `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`.
pub fn resource_attributes(lookup: Lookup<'_>, warnings: &mut Vec<String>) -> UserResource {
    let mut variables = Variables::new(lookup);
    let mut attributes = attributes(&mut variables);
    let mut service_name = variables.get("OTEL_SERVICE_NAME").map(Text::from);
    attributes.retain(|attribute| match (&*attribute.key, &attribute.value) {
        ("service.name", Value::Text(name)) => {
            service_name.get_or_insert_with(|| name.clone());
            false
        }
        _ => true,
    });
    warnings.append(&mut variables.warnings);
    UserResource { service_name, attributes }
}

fn attributes(variables: &mut Variables<'_>) -> Vec<Attribute> {
    let Some(text) = variables.get("OTEL_RESOURCE_ATTRIBUTES") else { return Vec::new() };
    let mut attributes: Vec<Attribute> = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let pair = entry.split_once('=').and_then(|(key, value)| {
            Some((percent_decode(key.trim())?, percent_decode(value.trim())?)).filter(|(key, _)| !key.is_empty())
        });
        let Some((key, value)) = pair else {
            // As the specification demands: all or nothing.
            variables.warn(&format!("OTEL_RESOURCE_ATTRIBUTES is ignored: {entry:?} is not key=value"));
            return Vec::new();
        };
        // The last of several wins; two with one key are not allowed.
        attributes.retain(|attribute| attribute.key != key);
        attributes.push(Attribute { key: key.into(), value: value.into() });
    }
    attributes
}

/// The span that Renacer was started under, from `TRACEPARENT` and `TRACESTATE`, unless `OTEL_PROPAGATORS` forbids it.
/// `BAGGAGE` needs no reading: the traced program inherits it as it stands.
pub fn caller_context(lookup: Lookup<'_>, warnings: &mut Vec<String>) -> Option<SpanContext> {
    let mut variables = Variables::new(lookup);
    let caller = caller(&mut variables);
    warnings.append(&mut variables.warnings);
    caller
}

/// Whether the spans of a trace with this id and caller are wanted, by `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.
/// By default, as the caller says, and yes without a caller.
pub fn should_sample(
    lookup: Lookup<'_>,
    caller: Option<&SpanContext>,
    trace_id: TraceId,
    warnings: &mut Vec<String>,
) -> bool {
    let mut variables = Variables::new(lookup);
    let sampler = sampler(&mut variables);
    warnings.append(&mut variables.warnings);
    let context = caller.map(|caller| {
        let flags = if caller.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let trace_id = trace::TraceId::from_bytes(caller.trace_id.0);
        let span_id = trace::SpanId::from_bytes(caller.span_id.0);
        let state = TraceState::from_str(&caller.trace_state).unwrap_or_default();
        let context = trace::SpanContext::new(trace_id, span_id, flags, caller.remote, state);
        Context::new().with_remote_span_context(context)
    });
    let trace_id = trace::TraceId::from_bytes(trace_id.0);
    let result = sampler.should_sample(context.as_ref(), trace_id, "", &trace::SpanKind::Internal, &[], &[]);
    result.decision == SamplingDecision::RecordAndSample
}

/// W3C trace context of a span, for a program to inherit.
pub fn traceparent(trace_id: TraceId, span_id: SpanId, sampled: bool) -> String {
    let trace_id = u128::from_be_bytes(trace_id.0);
    let span_id = u64::from_be_bytes(span_id.0);
    format!("00-{trace_id:032x}-{span_id:016x}-{:02x}", u8::from(sampled))
}

/// Whether callers are to be joined at all, by `OTEL_PROPAGATORS`.
pub fn joins_callers(lookup: Lookup<'_>) -> bool {
    propagates(&mut Variables::new(lookup))
}

fn propagates(variables: &mut Variables<'_>) -> bool {
    let propagators = variables.get("OTEL_PROPAGATORS").unwrap_or_else(|| "tracecontext,baggage".into());
    let mut wanted = false;
    for propagator in propagators.split(',').map(str::trim) {
        match propagator {
            "tracecontext" => wanted = true,
            "baggage" | "none" => {}
            other => variables
                .warn(&format!("OTEL_PROPAGATORS: {other:?} is not supported; only tracecontext and baggage are")),
        }
    }
    wanted
}

fn caller(variables: &mut Variables<'_>) -> Option<SpanContext> {
    let wanted = propagates(variables);
    let text = variables.get("TRACEPARENT").filter(|_| wanted)?;
    let Some(mut context) = SpanContext::from_traceparent(&text) else {
        variables.warn(&format!("TRACEPARENT={text:?} is ignored: it is no trace context"));
        return None;
    };
    if let Some(state) = variables.get("TRACESTATE") {
        match TraceState::from_str(&state) {
            Ok(state) => context.trace_state = state.header(),
            Err(_) => variables.warn("TRACESTATE is ignored: it is no list of key=value"),
        }
    }
    Some(context)
}

fn sampler(variables: &mut Variables<'_>) -> Sampler {
    let default = || Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
    let Some(name) = variables.get("OTEL_TRACES_SAMPLER") else { return default() };
    let base = match name.strip_prefix("parentbased_").unwrap_or(&name) {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => Sampler::TraceIdRatioBased(ratio(variables)),
        _ => {
            variables.warn(&format!("OTEL_TRACES_SAMPLER={name:?} is not known; parentbased_always_on is used"));
            return default();
        }
    };
    if name.starts_with("parentbased_") { Sampler::ParentBased(Box::new(base)) } else { base }
}

fn ratio(variables: &mut Variables<'_>) -> f64 {
    let Some(text) = variables.get("OTEL_TRACES_SAMPLER_ARG") else { return 1.0 };
    match text.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
        _ => {
            variables.warn(&format!("OTEL_TRACES_SAMPLER_ARG={text:?} is ignored: it must be between 0 and 1"));
            1.0
        }
    }
}

#[cfg(test)]
mod tests;
