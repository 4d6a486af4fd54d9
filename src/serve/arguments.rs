//! Arguments of a request, from its query string or its JSON body, validated against the table of endpoints.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::endpoints::{Endpoint, Parameter, ParameterType};
use super::state::Limits;
use crate::error::{Error, Result};

/// The validated arguments of a request.
#[derive(Debug, Default)]
pub struct Arguments(Vec<(&'static str, Argument)>);

#[derive(Debug)]
enum Argument {
    Text(String),
    Texts(Vec<String>),
    Numbers(Vec<f32>),
    Count(usize),
    Cosine(f32),
}

impl Arguments {
    /// Parses a query string.
    ///
    /// # Errors
    /// Unknown parameters, invalid values, bytes that are not UTF-8.
    pub fn from_query(query: &str, endpoint: &Endpoint, limits: &Limits) -> Result<Arguments> {
        let mut given: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            given.push((decode(name)?, decode(value)?));
        }
        let mut arguments = Arguments::default();
        for (name, value) in given {
            let parameter = find_parameter(endpoint, &name)?;
            if let (ParameterType::Texts, Some(Argument::Texts(texts))) =
                (parameter.value_type, arguments.get_mut(parameter.name))
            {
                texts.push(value);
                continue;
            }
            let value = match parameter.value_type {
                ParameterType::Text | ParameterType::Choice(_) => Value::String(value),
                ParameterType::Texts => Value::Array(vec![Value::String(value)]),
                ParameterType::Numbers => Value::Array(value.split(',').map(number).collect()),
                ParameterType::Count(_) | ParameterType::Cosine => number(&value),
            };
            arguments.add(parameter, &value, limits)?;
        }
        arguments.check(endpoint, limits)
    }

    /// Parses a body, which must be a JSON object.
    ///
    /// # Errors
    /// As [`Arguments::from_query`]; a body that is not a JSON object.
    pub fn from_body(body: &[u8], endpoint: &Endpoint, limits: &Limits) -> Result<Arguments> {
        let invalid = |found: String| Error::invalid("body", "a JSON object", found);
        let text = std::str::from_utf8(body).map_err(|e| invalid(format!("bytes that are not UTF-8 ({e})")))?;
        let value: Value = serde_json::from_str(text).map_err(|e| invalid(format!("invalid JSON ({e})")))?;
        let Value::Object(given) = value else { return Err(invalid("another JSON value".into())) };
        let mut arguments = Arguments::default();
        for (name, value) in &given {
            arguments.add(find_parameter(endpoint, name)?, value, limits)?;
        }
        arguments.check(endpoint, limits)
    }

    fn add(&mut self, parameter: &Parameter, value: &Value, limits: &Limits) -> Result<()> {
        if self.get_mut(parameter.name).is_some() {
            return Err(Error::invalid(parameter.name, "one value", "several"));
        }
        self.0.push((parameter.name, parse(parameter, value, limits)?));
        Ok(())
    }

    /// Checks for missing arguments and for too many values.
    fn check(self, endpoint: &Endpoint, limits: &Limits) -> Result<Arguments> {
        for parameter in endpoint.parameters {
            let given = self.0.iter().find(|(name, _)| *name == parameter.name).map(|(_, value)| value);
            match given {
                None if parameter.required => return Err(Error::invalid(parameter.name, "a value", "none")),
                Some(Argument::Texts(texts)) if texts.len() > limits.max_terms => {
                    return Err(Error::invalid(
                        parameter.name,
                        format!("at most {} values", limits.max_terms),
                        texts.len().to_string(),
                    ));
                }
                _ => {}
            }
        }
        Ok(self)
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut Argument> {
        self.0.iter_mut().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    fn get(&self, name: &str) -> Option<&Argument> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// A string, or the value of a choice.
    pub fn text(&self, name: &str) -> Option<&str> {
        if let Some(Argument::Text(text)) = self.get(name) { Some(text) } else { None }
    }

    /// Strings; empty if the argument is missing.
    pub fn texts(&self, name: &str) -> &[String] {
        if let Some(Argument::Texts(texts)) = self.get(name) { texts } else { &[] }
    }

    pub fn numbers(&self, name: &str) -> Option<&[f32]> {
        if let Some(Argument::Numbers(numbers)) = self.get(name) { Some(numbers) } else { None }
    }

    pub fn count(&self, name: &str) -> Option<usize> {
        if let Some(&Argument::Count(count)) = self.get(name) { Some(count) } else { None }
    }

    pub fn cosine(&self, name: &str) -> Option<f32> {
        if let Some(&Argument::Cosine(cosine)) = self.get(name) { Some(cosine) } else { None }
    }
}

fn find_parameter<'e>(endpoint: &'e Endpoint, name: &str) -> Result<&'e Parameter> {
    endpoint.parameters.iter().find(|parameter| parameter.name == name).ok_or_else(|| {
        let names: Vec<&str> = endpoint.parameters.iter().map(|parameter| parameter.name).collect();
        let expected = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Error::invalid("arguments", expected, format!("`{name}`"))
    })
}

fn parse(parameter: &Parameter, value: &Value, limits: &Limits) -> Result<Argument> {
    let invalid = |expected: String| Error::invalid(parameter.name, expected, excerpt(value));
    match parameter.value_type {
        ParameterType::Text => {
            let text = value.as_str().filter(|text| !text.is_empty());
            Ok(Argument::Text(text.ok_or_else(|| invalid("a non-empty string".into()))?.to_owned()))
        }
        ParameterType::Choice(names) => {
            let name = value.as_str().filter(|name| names.contains(name));
            Ok(Argument::Text(name.ok_or_else(|| invalid(names.join(" or ")))?.to_owned()))
        }
        ParameterType::Texts => {
            let texts: Option<Vec<String>> = match value {
                Value::String(text) => Some(vec![text.clone()]),
                Value::Array(texts) => texts.iter().map(|text| text.as_str().map(str::to_owned)).collect(),
                _ => None,
            };
            Ok(Argument::Texts(texts.ok_or_else(|| invalid("an array of strings".into()))?))
        }
        ParameterType::Numbers => {
            let numbers =
                value.as_array().and_then(|all| all.iter().map(|one| one.as_f64().map(|one| one as f32)).collect());
            Ok(Argument::Numbers(numbers.ok_or_else(|| invalid("an array of numbers".into()))?))
        }
        ParameterType::Count(max) => {
            let max = max.value(limits);
            let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
            let count = count.filter(|count| (1..=max).contains(count));
            Ok(Argument::Count(count.ok_or_else(|| invalid(format!("an integer from 1 to {max}")))?))
        }
        ParameterType::Cosine => {
            let cosine = value.as_f64().filter(|cosine| (-1.0..=1.0).contains(cosine));
            Ok(Argument::Cosine(cosine.ok_or_else(|| invalid("a number from -1 to 1".into()))? as f32))
        }
    }
}

/// A number in a query string as JSON; anything else stays a string, which is rejected later.
fn number(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ Value::Number(_)) => value,
        _ => Value::String(text.to_owned()),
    }
}

/// A value for a message, truncated if it is long.
fn excerpt(value: &Value) -> String {
    const MAX_CHARS: usize = 40;
    let text = value.to_string();
    match text.char_indices().nth(MAX_CHARS) {
        None => text,
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
    }
}

/// Decodes percent encoding; a plus is a space.
fn decode(text: &str) -> Result<String> {
    let spaced = text.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(Error::invalid("query string", "UTF-8", excerpt(&Value::String(text.to_owned())))),
    }
}
