//! Arguments of a question, from its address or its body, checked against the table of endpoints.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::Limits;
use super::endpoints::{Endpoint, Kind, Parameter};
use crate::error::{Error, Result};

/// The arguments of a question, each as its parameter says.
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
    /// The arguments in an address, after the question mark.
    ///
    /// # Errors
    /// Names that the endpoint does not know, values that are not as it says, bytes that are not UTF-8.
    pub fn of_address(query: &str, endpoint: &Endpoint, limits: &Limits) -> Result<Arguments> {
        let mut given: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            given.push((decoded(name)?, decoded(value)?));
        }
        let mut arguments = Arguments::default();
        for (name, value) in given {
            let parameter = known(endpoint, &name)?;
            if let (Kind::Texts, Some(Argument::Texts(texts))) = (parameter.kind, arguments.get_mut(parameter.name)) {
                texts.push(value);
                continue;
            }
            let value = match parameter.kind {
                Kind::Text | Kind::Choice(_) => Value::String(value),
                Kind::Texts => Value::Array(vec![Value::String(value)]),
                Kind::Numbers => Value::Array(value.split(',').map(number).collect()),
                Kind::Count(_) | Kind::Cosine => number(&value),
            };
            arguments.add(parameter, &value, limits)?;
        }
        arguments.complete(endpoint, limits)
    }

    /// The arguments in a body: a JSON object.
    ///
    /// # Errors
    /// As [`Arguments::of_address`], and what is no JSON object.
    pub fn of_body(body: &[u8], endpoint: &Endpoint, limits: &Limits) -> Result<Arguments> {
        let wrong = |found: String| Error::invalid("body", "a JSON object", found);
        let text = std::str::from_utf8(body).map_err(|e| wrong(format!("bytes that are not UTF-8 ({e})")))?;
        let value: Value = serde_json::from_str(text).map_err(|e| wrong(format!("something else ({e})")))?;
        let Value::Object(given) = value else { return Err(wrong("another value".into())) };
        let mut arguments = Arguments::default();
        for (name, value) in &given {
            arguments.add(known(endpoint, name)?, value, limits)?;
        }
        arguments.complete(endpoint, limits)
    }

    fn add(&mut self, parameter: &Parameter, value: &Value, limits: &Limits) -> Result<()> {
        if self.get_mut(parameter.name).is_some() {
            return Err(Error::invalid(parameter.name, "one value", "several"));
        }
        self.0.push((parameter.name, read(parameter, value, limits)?));
        Ok(())
    }

    /// Checks what can be told only when all are there.
    fn complete(self, endpoint: &Endpoint, limits: &Limits) -> Result<Arguments> {
        for parameter in endpoint.parameters {
            let given = self.0.iter().find(|(name, _)| *name == parameter.name).map(|(_, value)| value);
            match given {
                None if parameter.required => return Err(Error::invalid(parameter.name, "a value", "none")),
                Some(Argument::Texts(texts)) if texts.len() > limits.named => {
                    return Err(Error::invalid(
                        parameter.name,
                        format!("{} at the most", limits.named),
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

    /// A text, or the name of a choice.
    pub fn text(&self, name: &str) -> Option<&str> {
        if let Some(Argument::Text(text)) = self.get(name) { Some(text) } else { None }
    }

    /// Texts; none where they were not given.
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

fn known<'e>(endpoint: &'e Endpoint, name: &str) -> Result<&'e Parameter> {
    endpoint.parameters.iter().find(|parameter| parameter.name == name).ok_or_else(|| {
        let names: Vec<&str> = endpoint.parameters.iter().map(|parameter| parameter.name).collect();
        let expected = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Error::invalid("arguments", expected, format!("`{name}`"))
    })
}

fn read(parameter: &Parameter, value: &Value, limits: &Limits) -> Result<Argument> {
    let wrong = |expected: String| Error::invalid(parameter.name, expected, shown(value));
    match parameter.kind {
        Kind::Text => {
            let text = value.as_str().filter(|text| !text.is_empty());
            Ok(Argument::Text(text.ok_or_else(|| wrong("a text that is not empty".into()))?.to_owned()))
        }
        Kind::Choice(names) => {
            let name = value.as_str().filter(|name| names.contains(name));
            Ok(Argument::Text(name.ok_or_else(|| wrong(names.join(" or ")))?.to_owned()))
        }
        Kind::Texts => {
            let texts: Option<Vec<String>> = match value {
                Value::String(text) => Some(vec![text.clone()]),
                Value::Array(texts) => texts.iter().map(|text| text.as_str().map(str::to_owned)).collect(),
                _ => None,
            };
            Ok(Argument::Texts(texts.ok_or_else(|| wrong("texts".into()))?))
        }
        Kind::Numbers => {
            let numbers =
                value.as_array().and_then(|all| all.iter().map(|one| one.as_f64().map(|one| one as f32)).collect());
            Ok(Argument::Numbers(numbers.ok_or_else(|| wrong("numbers".into()))?))
        }
        Kind::Count(most) => {
            let most = most.of(limits);
            let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
            let count = count.filter(|count| (1..=most).contains(count));
            Ok(Argument::Count(count.ok_or_else(|| wrong(format!("a whole number from 1 to {most}")))?))
        }
        Kind::Cosine => {
            let cosine = value.as_f64().filter(|cosine| (-1.0..=1.0).contains(cosine));
            Ok(Argument::Cosine(cosine.ok_or_else(|| wrong("a number from -1 to 1".into()))? as f32))
        }
    }
}

/// A number of an address as JSON has it; what is none stays a text, and is refused as one.
fn number(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ Value::Number(_)) => value,
        _ => Value::String(text.to_owned()),
    }
}

/// A value for a message: the beginning of a long one.
fn shown(value: &Value) -> String {
    const SHOWN: usize = 40;
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        None => text,
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
    }
}

/// A part of an address without its percent signs; a plus is a space.
fn decoded(text: &str) -> Result<String> {
    let spaced = text.replace('+', " ");
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(Error::invalid("address", "UTF-8", shown(&Value::String(text.to_owned())))),
    }
}
