//! Evaluates the `CloudFormation` intrinsic functions that our template uses.
//!
//! YAML short forms (`!Ref x`) are first rewritten to their long forms (`{"Ref": "x"}`), so that both are evaluated
//! by the same code. Reference:
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, anyhow, bail};
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// Parses YAML into JSON, rewriting the short forms of intrinsic functions to their long forms.
pub fn parse(yaml: &str) -> Result<Value> {
    let documents = Yaml::load_from_str(yaml).context("the template is not valid YAML")?;
    to_json(documents.first().context("the template is empty")?)
}

fn to_json(node: &Yaml<'_>) -> Result<Value> {
    Ok(match node {
        Yaml::Value(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(value) => json!(value),
            Scalar::Integer(value) => json!(value),
            Scalar::FloatingPoint(value) => json!(value.into_inner()),
            Scalar::String(value) => json!(value),
        },
        Yaml::Sequence(items) => Value::Array(items.iter().map(to_json).collect::<Result<_>>()?),
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let key = text(&to_json(key)?).context("a key of a mapping must be a scalar")?;
                object.insert(key, to_json(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tag, inner) => {
            let name = match tag.suffix.as_str() {
                name @ ("Ref" | "Condition") => name.to_owned(),
                name => format!("Fn::{name}"),
            };
            json!({ name: to_json(inner)? })
        }
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => bail!("unsupported YAML: {node:?}"),
    })
}

/// A scalar as text; `None` for lists, objects and null.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What the intrinsic functions of one template refer to.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    template: &'a Value,
    parameters: BTreeMap<String, Value>,
    region: &'a str,
}

impl<'a> Scope<'a> {
    /// Creates the scope of `template`; `overrides` replace the parameters' defaults.
    pub(super) fn new(
        template: &'a Value,
        overrides: &BTreeMap<String, String>,
        region: &'a str,
    ) -> Result<Self> {
        let mut parameters = BTreeMap::new();
        let declared = template["Parameters"].as_object();
        for name in overrides.keys() {
            if !declared.is_some_and(|declared| declared.contains_key(name)) {
                bail!("the template has no parameter {name}");
            }
        }
        for (name, declaration) in declared.into_iter().flatten() {
            let value = overrides
                .get(name)
                .cloned()
                .or_else(|| text(&declaration["Default"]))
                .with_context(|| format!("parameter {name} has no default and no value"))?;
            let kind = declaration["Type"].as_str().unwrap_or("String");
            let value = if kind == "CommaDelimitedList" || kind.starts_with("List<") {
                value.split(',').map(|item| json!(item.trim())).collect()
            } else {
                json!(value)
            };
            parameters.insert(name.clone(), value);
        }
        Ok(Self { template, parameters, region })
    }

    /// Evaluates `value` recursively. An entry whose value is `AWS::NoValue` is removed.
    pub(super) fn evaluate(&self, value: &Value) -> Result<Value> {
        match value {
            Value::Array(items) => {
                let items = items.iter().map(|item| self.evaluate(item));
                items.filter(|item| !matches!(item, Ok(Value::Null))).collect()
            }
            Value::Object(object) => match object.iter().next() {
                Some((name, argument))
                    if object.len() == 1 && (name == "Ref" || name.starts_with("Fn::")) =>
                {
                    self.call(name, argument)
                }
                _ => {
                    let mut evaluated = Map::new();
                    for (key, value) in object {
                        let result = self.evaluate(value).with_context(|| format!("in {key}"))?;
                        if !result.is_null() {
                            evaluated.insert(key.clone(), result);
                        }
                    }
                    Ok(Value::Object(evaluated))
                }
            },
            scalar => Ok(scalar.clone()),
        }
    }

    /// Whether a condition in the template's `Conditions` holds.
    pub(super) fn condition(&self, name: &str) -> Result<bool> {
        let condition = self.template["Conditions"].get(name);
        self.holds(condition.with_context(|| format!("there is no condition {name}"))?)
    }

    fn call(&self, name: &str, argument: &Value) -> Result<Value> {
        match name {
            "Ref" => self.reference(argument.as_str().context("Ref takes a name")?),
            // A placeholder for the real attribute: it only has to be unique and recognisable.
            "Fn::GetAtt" => Ok(match argument {
                Value::Array(parts) => json!(parts.iter().filter_map(text).collect::<Vec<_>>().join(".")),
                other => other.clone(),
            }),
            "Fn::Sub" => self.substitute(argument),
            "Fn::Join" => {
                let [separator, items] = self.arguments(name, argument)?;
                let items = items.as_array().context("Fn::Join takes a list")?;
                let items: Vec<String> = items.iter().filter_map(text).collect();
                Ok(json!(items.join(&text(&separator).unwrap_or_default())))
            }
            "Fn::Split" => {
                let [separator, source] = self.arguments(name, argument)?;
                let (separator, source) = (text(&separator), text(&source));
                let (separator, source) = separator.zip(source).context("Fn::Split takes two strings")?;
                Ok(source.split(&separator).map(|part| json!(part)).collect())
            }
            "Fn::Select" => {
                let [index, items] = self.arguments(name, argument)?;
                let index = text(&index).and_then(|index| index.parse::<usize>().ok());
                let item = index.and_then(|index| items.get(index)).cloned();
                item.context("Fn::Select takes an index into its list")
            }
            "Fn::FindInMap" => {
                let [map, first, second] = self.arguments(name, argument)?;
                let path = [&map, &first, &second].map(|key| text(key).unwrap_or_default());
                let found = path.iter().try_fold(&self.template["Mappings"], |value, key| value.get(key));
                found.cloned().ok_or_else(|| anyhow!("there is no mapping {}", path.join(".")))
            }
            "Fn::If" => {
                let branches = argument.as_array().filter(|branches| branches.len() == 3);
                let branches = branches.context("Fn::If takes a condition and two values")?;
                let name = branches[0].as_str().context("Fn::If takes the name of a condition")?;
                self.evaluate(&branches[if self.condition(name)? { 1 } else { 2 }])
            }
            "Fn::Equals" | "Fn::Not" | "Fn::And" | "Fn::Or" => {
                self.holds(&json!({ name: argument })).map(Value::Bool)
            }
            other => bail!("{other} is not supported by the local gateway"),
        }
    }

    fn arguments<const N: usize>(&self, name: &str, argument: &Value) -> Result<[Value; N]> {
        let arguments = argument.as_array().map(|items| items.iter().map(|item| self.evaluate(item)));
        let arguments: Vec<Value> =
            arguments.with_context(|| format!("{name} takes a list"))?.collect::<Result<_>>()?;
        arguments.try_into().map_err(|_| anyhow!("{name} takes {N} arguments"))
    }

    fn holds(&self, condition: &Value) -> Result<bool> {
        let object = condition.as_object().filter(|object| object.len() == 1);
        let (name, argument) = object.and_then(|object| object.iter().next()).context("not a condition")?;
        if name == "Condition" {
            return self.condition(argument.as_str().context("Condition takes a name")?);
        }
        let arguments = argument.as_array().with_context(|| format!("{name} takes a list"))?;
        match name.as_str() {
            "Fn::Equals" => {
                let [left, right] = self.arguments(name, argument)?;
                Ok(left == right || text(&left).is_some_and(|left| Some(left) == text(&right)))
            }
            "Fn::Not" if arguments.len() == 1 => Ok(!self.holds(&arguments[0])?),
            "Fn::And" => arguments.iter().try_fold(true, |all, condition| Ok(self.holds(condition)? && all)),
            "Fn::Or" => arguments.iter().try_fold(false, |any, condition| Ok(self.holds(condition)? || any)),
            other => bail!("{other} is not a condition"),
        }
    }

    fn reference(&self, name: &str) -> Result<Value> {
        let pseudo = match name {
            "AWS::NoValue" => return Ok(Value::Null),
            "AWS::Region" => Some(self.region),
            "AWS::AccountId" => Some(super::options::ACCOUNT_ID),
            "AWS::Partition" => Some("aws"),
            "AWS::StackName" => Some("local"),
            "AWS::StackId" => Some("arn:aws:cloudformation:local:stack/local"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            _ => None,
        };
        if let Some(value) = pseudo {
            return Ok(json!(value));
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        // On AWS this is the physical name of the resource; the logical id stands in for it.
        if !self.template["Resources"][name].is_null() {
            return Ok(json!(name));
        }
        bail!("there is no parameter or resource {name}")
    }

    /// `Fn::Sub`: `${Name}`, `${Resource.Attribute}`, `${!literal}`, and the variables in its second argument.
    fn substitute(&self, argument: &Value) -> Result<Value> {
        let (pattern, own) = match argument {
            Value::Array(parts) if parts.len() == 2 => (&parts[0], self.evaluate(&parts[1])?),
            other => (other, Value::Null),
        };
        let mut rest = pattern.as_str().context("Fn::Sub takes a string")?;
        let mut result = String::with_capacity(rest.len());
        while let Some(start) = rest.find("${") {
            let length = rest[start..].find('}').context("Fn::Sub: a ${ without its }")?;
            let name = &rest[start + 2..start + length];
            result.push_str(&rest[..start]);
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str(&format!("${{{literal}}}"));
            } else if let Some(value) = own.get(name).and_then(text) {
                result.push_str(&value);
            } else if name.contains('.') {
                result.push_str(name);
            } else {
                let value = self.reference(name)?;
                result.push_str(&text(&value).with_context(|| format!("Fn::Sub: {name} is not a string"))?);
            }
            rest = &rest[start + length + 1..];
        }
        result.push_str(rest);
        Ok(json!(result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"
Parameters:
  Stage: { Type: String, Default: dev }
  Origins: { Type: CommaDelimitedList, Default: "http://a, http://b" }
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  NotProd: !Not [!Condition IsProd]
  Both: !And [!Condition IsProd, !Condition NotProd]
  Either: !Or [!Condition IsProd, !Condition NotProd]
Mappings:
  Size: { dev: { memory: 128 } }
Resources:
  Api: { Type: "AWS::Serverless::HttpApi" }
"#;

    fn evaluate(yaml: &str) -> Result<Value> {
        let template = parse(TEMPLATE)?;
        let scope = Scope::new(&template, &BTreeMap::new(), "eu-central-1")?;
        scope.evaluate(&parse(yaml)?)
    }

    #[test]
    fn functions_evaluate_in_both_spellings() {
        for (yaml, expected) in [
            ("!Ref Stage", json!("dev")),
            ("{Ref: Stage}", json!("dev")),
            ("!Ref Origins", json!(["http://a", "http://b"])),
            ("!Ref Api", json!("Api")),
            ("!GetAtt Api.Arn", json!("Api.Arn")),
            (
                r#"!Sub "https://${Api}.${AWS::Region}/${!x}/${Api.Arn}""#,
                json!("https://Api.eu-central-1/${x}/Api.Arn"),
            ),
            (r#"!Sub ["${a}-${Stage}", {a: !Ref Stage}]"#, json!("dev-dev")),
            ("!Join [',', !Ref Origins]", json!("http://a,http://b")),
            ("!Select [1, !Split ['-', 'x-y']]", json!("y")),
            ("!FindInMap [Size, !Ref Stage, memory]", json!(128)),
            ("!If [IsProd, 1, 2]", json!(2)),
            ("!If [Either, 1, 2]", json!(1)),
            ("!If [Both, 1, 2]", json!(2)),
            ("{a: !If [NotProd, !Ref AWS::NoValue, 1], b: 2}", json!({"b": 2})),
        ] {
            assert_eq!(evaluate(yaml).unwrap(), expected, "{yaml}");
        }
    }

    #[test]
    fn what_is_unknown_is_an_error() {
        for (yaml, message) in [
            ("!Ref Nothing", "Nothing"),
            ("!ImportValue x", "Fn::ImportValue"),
            ("!If [Missing, 1, 2]", "Missing"),
            (r#"!Sub "${Nothing}""#, "Nothing"),
        ] {
            let error = evaluate(yaml).unwrap_err();
            assert!(format!("{error:#}").contains(message), "{yaml}: {error:#}");
        }
    }
}
