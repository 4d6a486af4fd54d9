//! Class weights of the loss.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::error::{Error, Result};

/// The weight of each class in the loss.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeights {
    /// All classes have weight 1.
    #[default]
    None,
    /// Weights inversely proportional to the class frequencies, `texts / (classes * texts of the class)`, as scikit-learn's
    /// `class_weight="balanced"`.
    Balanced,
    /// A weight for each listed label, 1 for all others.
    Listed(Vec<(String, f64)>),
}

impl ClassWeights {
    /// The weight of each of `labels`, given the class of each text of the train set; empty if all weights are 1.
    ///
    /// # Errors
    /// A listed label that is not in `labels`.
    pub fn of(&self, labels: &[String], classes: &[u32]) -> Result<Vec<f64>> {
        match self {
            ClassWeights::None => Ok(Vec::new()),
            ClassWeights::Balanced => {
                let mut counts = vec![0usize; labels.len()];
                for &class in classes {
                    if let Some(count) = counts.get_mut(class as usize) {
                        *count += 1;
                    }
                }
                let mean = classes.len() as f64 / labels.len() as f64;
                Ok(counts.into_iter().map(|count| mean / count as f64).collect())
            }
            ClassWeights::Listed(listed) => {
                let mut weights = vec![1.0; labels.len()];
                for (label, weight) in listed {
                    let class = labels.iter().position(|known| known == label).ok_or_else(|| {
                        let expected = format!("labels of the train set ({})", labels.join(", "));
                        Error::invalid("class weights", expected, format!("`{label}`"))
                    })?;
                    weights[class] = *weight;
                }
                Ok(weights)
            }
        }
    }

    /// Checks that all weights are positive numbers and that no label is listed twice.
    ///
    /// # Errors
    /// The first invalid weight or repeated label.
    pub fn check(&self) -> Result<()> {
        let ClassWeights::Listed(listed) = self else { return Ok(()) };
        for (index, (label, weight)) in listed.iter().enumerate() {
            if !(weight.is_finite() && *weight > 0.0) {
                return Err(Error::invalid(
                    format!("weight of the class `{label}`"),
                    "a number above 0",
                    weight.to_string(),
                ));
            }
            if listed[..index].iter().any(|(other, _)| other == label) {
                return Err(Error::invalid("class weights", "distinct labels", format!("`{label}` twice")));
            }
        }
        Ok(())
    }
}

impl FromStr for ClassWeights {
    type Err = Error;

    /// Parses `none`, `balanced`, or `LABEL=WEIGHT` pairs separated by commas.
    fn from_str(text: &str) -> Result<Self> {
        let invalid =
            |found: &str| Error::invalid("class weights", "none, balanced, or LABEL=WEIGHT,...", format!("`{found}`"));
        let weights = match text {
            "none" => ClassWeights::None,
            "balanced" => ClassWeights::Balanced,
            _ => {
                let pair = |pair: &str| {
                    // The last equals sign separates: a label may contain one, a number may not.
                    let (label, weight) = pair.rsplit_once('=').ok_or_else(|| invalid(pair))?;
                    Ok((label.to_owned(), weight.parse().map_err(|_| invalid(pair))?))
                };
                ClassWeights::Listed(text.split(',').map(pair).collect::<Result<Vec<_>>>()?)
            }
        };
        weights.check()?;
        Ok(weights)
    }
}

impl fmt::Display for ClassWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClassWeights::None => f.write_str("none"),
            ClassWeights::Balanced => f.write_str("balanced"),
            ClassWeights::Listed(listed) => {
                let pairs: Vec<String> = listed.iter().map(|(label, weight)| format!("{label}={weight}")).collect();
                f.write_str(&pairs.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_weights_equal_those_of_scikit_learn() {
        let labels = ["a", "b", "c"].map(str::to_owned);
        // compute_class_weight("balanced", classes=[0, 1, 2], y=[0, 0, 0, 1, 2, 2])
        let weights = ClassWeights::Balanced.of(&labels, &[0, 0, 0, 1, 2, 2]).unwrap();
        assert_eq!(weights, [6.0 / 9.0, 2.0, 1.0]);
    }

    #[test]
    fn weights_are_parsed_and_displayed() {
        for text in ["none", "balanced", "a=2", "a=0.5,b=c=3"] {
            assert_eq!(text.parse::<ClassWeights>().unwrap().to_string(), text);
        }
        let labels = ["a", "b=c", "d"].map(str::to_owned);
        assert_eq!("a=0.5,b=c=3".parse::<ClassWeights>().unwrap().of(&labels, &[]).unwrap(), [0.5, 3.0, 1.0]);
        for text in ["", "a", "a=", "a=x", "a=0", "a=-1", "a=nan", "a=inf", "a=1,a=2"] {
            assert!(text.parse::<ClassWeights>().is_err(), "{text}");
        }
        let error = "z=2".parse::<ClassWeights>().unwrap().of(&labels, &[]).unwrap_err().to_string();
        assert!(error.contains("`z`") && error.contains("a, b=c, d"), "{error}");
    }
}
