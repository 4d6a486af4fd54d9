//! How much the texts of each class count.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::error::{Error, Result};

/// How much the texts of each class count in the loss.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassWeights {
    /// All the same.
    #[default]
    None,
    /// Each class as a whole the same: a text of class `c` counts `texts / (classes * texts of c)`, as scikit-learn's
    /// `class_weight="balanced"`.
    Balanced,
    /// A weight for each label that is listed, 1 for the others.
    Listed(Vec<(String, f64)>),
}

impl ClassWeights {
    /// The weight of each of `labels`, given the class of every training text; nothing where all are the same.
    ///
    /// # Errors
    /// A listed label that is none of `labels`.
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
                        let expected = format!("labels of the training part ({})", labels.join(", "));
                        Error::invalid("class weights", expected, format!("`{label}`"))
                    })?;
                    weights[class] = *weight;
                }
                Ok(weights)
            }
        }
    }

    /// Refuses weights that are not numbers above 0, and labels listed twice.
    ///
    /// # Errors
    /// The first such weight or label.
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
                return Err(Error::invalid("class weights", "each label once", format!("`{label}` twice")));
            }
        }
        Ok(())
    }
}

impl FromStr for ClassWeights {
    type Err = Error;

    /// `none`, `balanced`, or `LABEL=WEIGHT` separated by commas.
    fn from_str(text: &str) -> Result<Self> {
        let wrong =
            |found: &str| Error::invalid("class weights", "none, balanced, or LABEL=WEIGHT,...", format!("`{found}`"));
        let weights = match text {
            "none" => ClassWeights::None,
            "balanced" => ClassWeights::Balanced,
            _ => {
                let pair = |pair: &str| {
                    // From the right: a label may have an equals sign in it, a number has none.
                    let (label, weight) = pair.rsplit_once('=').ok_or_else(|| wrong(pair))?;
                    Ok((label.to_owned(), weight.parse().map_err(|_| wrong(pair))?))
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
    fn balanced_weights_are_those_of_scikit_learn() {
        let labels = ["a", "b", "c"].map(str::to_owned);
        // compute_class_weight("balanced", classes=[0, 1, 2], y=[0, 0, 0, 1, 2, 2])
        let weights = ClassWeights::Balanced.of(&labels, &[0, 0, 0, 1, 2, 2]).unwrap();
        assert_eq!(weights, [6.0 / 9.0, 2.0, 1.0]);
    }

    #[test]
    fn weights_are_read_and_written() {
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
