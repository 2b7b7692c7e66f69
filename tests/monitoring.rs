//! Every metric on the dashboard and in the alarms is written by the functions or provided by AWS, and the page for
//! operators documents every alarm and every metric.
//!
//! Only reads files.

#![allow(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::collections::BTreeSet;

use juncture_local::gateway::parse_template;
use juncture_tests::repository;
use runtime::telemetry::{DIMENSION, NAMESPACE, metric_names};
use serde_json::{Map, Value};

/// The AWS metrics in use: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html>,
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>
const OF_AWS: [(&str, &[&str]); 2] = [
    ("AWS/ApiGateway", &["Count", "4xx", "5xx", "Latency"]),
    ("AWS/Lambda", &["Errors", "Invocations", "Throttles"]),
];

/// The alarm that fires on missing data, because a schedule has stopped.
const OF_SILENCE: &str = "ScheduleAlarm";

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn template() -> Value {
    parse_template(&read("template.yaml")).expect("template.yaml is YAML")
}

fn of_type<'a>(template: &'a Value, kind: &str) -> Vec<(&'a String, &'a Value)> {
    let resources = template["Resources"].as_object().expect("Resources");
    let found: Vec<_> = resources
        .iter()
        .filter(|(_, resource)| resource["Type"] == kind)
        .map(|(name, resource)| (name, &resource["Properties"]))
        .collect();
    assert!(!found.is_empty(), "there is no {kind}");
    found
}

/// Asserts that the metric exists.
fn assert_metric(place: &str, namespace: &str, name: &str) {
    let exists = if namespace == NAMESPACE {
        metric_names().any(|known| known == name)
    } else {
        OF_AWS.iter().any(|(known, names)| *known == namespace && names.contains(&name))
    };
    assert!(exists, "{place}: {namespace} {name} does not exist");
}

/// The metrics of an alarm, as the objects that contain `Namespace` and `MetricName`.
fn metrics_of_alarm(alarm: &Value) -> Vec<&Value> {
    match alarm["Metrics"].as_array() {
        None => vec![alarm],
        Some(metrics) => metrics.iter().filter_map(|metric| metric["MetricStat"].get("Metric")).collect(),
    }
}

/// The dashboard's body after `Fn::Sub`, with `x` for each reference. Asserts that the references resolve.
fn dashboard(template: &Value) -> Value {
    let (_, properties) = of_type(template, "AWS::CloudWatch::Dashboard")[0];
    let text = properties["DashboardBody"]["Fn::Sub"].as_str().expect("a body with Fn::Sub");
    let has = |part: &str, name: &str| {
        template[part].as_object().is_some_and(|of: &Map<_, _>| of.contains_key(name))
    };
    let mut parts = text.split("${");
    let mut body = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (reference, rest) = part.split_once('}').expect("a reference that ends");
        let name = reference.split('.').next().unwrap_or_default();
        let leads_somewhere = name.starts_with("AWS::") || has("Resources", name) || has("Parameters", name);
        assert!(leads_somewhere, "the dashboard refers to {reference}");
        body.push('x');
        body.push_str(rest);
    }
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("the dashboard is no JSON: {error}"))
}

#[test]
fn every_alarm_has_an_existing_metric_and_a_recipient() {
    let template = template();
    let guide = read("docs/operating.md");
    for (name, alarm) in of_type(&template, "AWS::CloudWatch::Alarm") {
        let metrics = metrics_of_alarm(alarm);
        assert!(!metrics.is_empty(), "{name} has no metric");
        for metric in metrics {
            let namespace = metric["Namespace"].as_str().unwrap_or_default();
            assert_metric(name, namespace, metric["MetricName"].as_str().unwrap_or_default());
            let own = metric["Dimensions"][0]["Name"] == DIMENSION;
            assert_eq!(own, namespace == NAMESPACE, "{name}: the dimension of {namespace}");
        }
        let silence = if name == OF_SILENCE { "breaching" } else { "notBreaching" };
        assert_eq!(
            alarm["TreatMissingData"], silence,
            "{name}: only the schedule's alarm fires on missing data"
        );
        for actions in ["AlarmActions", "OKActions"] {
            assert!(alarm[actions].is_object(), "{name} has no {actions}");
        }
        let description = alarm["AlarmDescription"].as_str().unwrap_or_default();
        let section = description.split('"').nth(1).unwrap_or_else(|| panic!("{name} names no section"));
        assert!(guide.contains(&format!("| {section} |")), "docs/operating.md does not explain {section}");
    }
}

#[test]
fn the_dashboard_shows_every_metric_of_ours_and_none_that_does_not_exist() {
    let template = template();
    let body = dashboard(&template);
    let mut shown = BTreeSet::new();
    for widget in body["widgets"].as_array().expect("widgets") {
        let place = widget["properties"]["title"].as_str().expect("a widget has a title");
        for metric in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            let (namespace, name) =
                (metric[0].as_str().expect("a namespace"), metric[1].as_str().expect("a name"));
            assert_metric(place, namespace, name);
            if namespace == NAMESPACE {
                assert_eq!(metric[2], DIMENSION, "{place}: {name}");
                shown.insert(name.to_owned());
            }
        }
    }
    let written: BTreeSet<_> = metric_names().map(str::to_owned).collect();
    assert_eq!(shown, written, "every metric is shown");
    let alarms = template["Resources"].as_object().expect("Resources");
    let alarms = alarms.values().filter(|resource| resource["Type"] == "AWS::CloudWatch::Alarm").count();
    let listed = body["widgets"]
        .as_array()
        .into_iter()
        .flatten()
        .find_map(|widget| widget["properties"]["alarms"].as_array())
        .map_or(0, Vec::len);
    assert_eq!(listed, alarms, "the dashboard shows every alarm");
}

#[test]
fn the_page_for_operators_knows_every_metric_and_their_number() {
    let guide = read("docs/operating.md");
    for name in metric_names() {
        assert!(guide.contains(&format!("`{name}`")), "docs/operating.md does not explain {name}");
    }
    let number = metric_names().count();
    assert!(guide.contains(&format!("These are {number} metrics")), "there are {number} metrics");
}
