//! Parsers of option values. Their possible values appear in help, in completions and in suggestions.

use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use strum::{VariantArray, VariantNames};

/// Parses one of these names.
pub fn one_of<T>(names: impl IntoIterator<Item = &'static str>) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = vocable::Error> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names).try_map(|name| name.parse::<T>())
}

/// Parses the name of a variant.
pub fn named<T>() -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = vocable::Error> + VariantNames + Clone + Send + Sync + 'static,
{
    one_of(T::VARIANTS.iter().copied())
}

/// Parses the name of a variant; `help` describes each of them.
pub fn described<T>(help: fn(&T) -> &'static str) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = vocable::Error> + VariantNames + VariantArray + Clone + Send + Sync + 'static,
{
    let names = <T as VariantNames>::VARIANTS.iter().zip(<T as VariantArray>::VARIANTS);
    let values = names.map(|(name, variant)| PossibleValue::new(*name).help(help(variant)));
    PossibleValuesParser::new(values).try_map(|name| name.parse::<T>())
}
