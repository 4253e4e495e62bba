//! What the environment says, and what is no answer.

use super::*;

const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn lookup<'a>(variables: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

#[test]
fn the_caller_is_taken_from_the_environment_unless_forbidden() {
    let read = |variables: &[(&str, &str)]| {
        let mut warnings = Vec::new();
        (caller_context(&lookup(variables), &mut warnings), warnings.len())
    };
    assert_eq!(read(&[]), (None, 0));
    assert_eq!(read(&[("TRACEPARENT", "nonsense")]), (None, 1));
    let parent = ("TRACEPARENT", GOOD);
    let (context, warnings) = read(&[parent, ("TRACESTATE", "a=1,b=2"), ("BAGGAGE", "x=y")]);
    assert_eq!((context.unwrap().trace_state.as_str(), warnings), ("a=1,b=2", 0));
    let (context, warnings) = read(&[parent, ("TRACESTATE", "nonsense")]);
    assert_eq!((context.unwrap().trace_state.as_str(), warnings), ("", 1));
    assert_eq!(read(&[parent, ("OTEL_PROPAGATORS", "none")]), (None, 0));
    assert_eq!(read(&[parent, ("OTEL_PROPAGATORS", "b3")]), (None, 1));
    let (context, warnings) = read(&[parent, ("OTEL_PROPAGATORS", "b3, tracecontext")]);
    assert!(context.is_some() && warnings == 1);
}

#[test]
fn resource_attributes_are_all_or_nothing() {
    let read = |variables: &[(&str, &str)]| {
        let mut warnings = Vec::new();
        let resource = resource_attributes(&lookup(variables), &mut warnings);
        let pairs = resource.attributes.iter().map(|attribute| match &attribute.value {
            Value::Text(text) => format!("{}={text}", attribute.key),
            other => panic!("{other:?}"),
        });
        (resource.service_name.clone().map(String::from), pairs.collect::<Vec<_>>(), warnings.len())
    };
    let pairs = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(read(&[]), (None, Vec::new(), 0));
    let some = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=s, a=b%2Cc ,d=e=f,a=last,g=%C3%A9");
    assert_eq!(read(&[some]), (Some("s".into()), pairs(&["d=e=f", "a=last", "g=\u{e9}"]), 0));
    assert_eq!(read(&[some, ("OTEL_SERVICE_NAME", "own")]).0, Some("own".into()));
    for broken in ["a=b,c", "a=%F", "a=%FF", "=b"] {
        assert_eq!(read(&[("OTEL_RESOURCE_ATTRIBUTES", broken)]), (None, Vec::new(), 1), "{broken}");
    }
}

#[test]
fn samplers() {
    let yes = SpanContext::from_traceparent(GOOD);
    let no = yes.clone().map(|context| SpanContext { sampled: false, ..context });
    // Which of three are wanted: no caller, a caller that samples, one that does not.
    let read = |variables: &[(&str, &str)], trace_id: u128| {
        let mut warnings = Vec::new();
        let trace_id = TraceId(trace_id.to_be_bytes());
        let wanted = [&None, &yes, &no]
            .map(|caller| should_sample(&lookup(variables), caller.as_ref(), trace_id, &mut warnings));
        (wanted, warnings.len() / 3)
    };
    const NAME: &str = "OTEL_TRACES_SAMPLER";
    const ARG: &str = "OTEL_TRACES_SAMPLER_ARG";
    let (low, high) = (1, u128::from(u64::MAX >> 1));
    for (variables, trace_id, wanted, warnings) in [
        (&[][..], high, [true, true, false], 0),
        (&[(NAME, "always_on")], high, [true; 3], 0),
        (&[(NAME, "always_off")], high, [false; 3], 0),
        (&[(NAME, "parentbased_always_off")], high, [false, true, false], 0),
        (&[(NAME, "traceidratio"), (ARG, "0.5")], low, [true; 3], 0),
        (&[(NAME, "traceidratio"), (ARG, "0.5")], u128::from(u64::MAX), [false; 3], 0),
        (&[(NAME, "parentbased_traceidratio"), (ARG, "0.5")], u128::from(u64::MAX), [false, true, false], 0),
        (&[(NAME, "traceidratio")], u128::from(u64::MAX), [true; 3], 0),
        (&[(ARG, "0")], high, [true, true, false], 0),
        (&[(NAME, "traceidratio"), (ARG, "NaN")], high, [true; 3], 1),
        (&[(NAME, "parentbased_jaeger_remote")], high, [true, true, false], 1),
        (&[(NAME, "traceidratio"), (ARG, "0")], high, [false; 3], 0),
        (&[(NAME, "parentbased_traceidratio"), (ARG, "0")], high, [false, true, false], 0),
        (&[(NAME, "traceidratio"), (ARG, "2")], high, [true; 3], 1),
        (&[(NAME, "coin")], high, [true, true, false], 1),
    ] {
        assert_eq!(read(variables, trace_id), (wanted, warnings), "{variables:?}");
    }
}
