//! Errors as the program prints them: what to do about them is named as an option.

use vocable::Error;
use vocable::error::Advice;

/// The text of an error, with its advice in terms of options.
pub fn describe(error: &Error) -> String {
    error.text(spell)
}

/// Advice in terms of options.
pub fn spell(advice: &Advice) -> String {
    match advice {
        Advice::KeepNonFinite => "use `--allow-nonfinite` to keep such rows (they rank last)".to_owned(),
        Advice::SkipBadRows => "use `--skip-bad-rows` to skip such rows".to_owned(),
        Advice::SetFormat(name) => format!("use `--format {name}` if the file has no header"),
        Advice::SetMember(name) => format!("choose one, as in `--member {name}`"),
        Advice::SetWordList => "name the file with `--word-list FILE`".to_owned(),
        Advice::SetTextColumn => "name the column with `--text-column`".to_owned(),
        Advice::SetColumns => "name the columns with `--label-column` and `--text-column`".to_owned(),
        Advice::SetPrefix => "give the new columns a prefix, as in `--prefix predicted_`".to_owned(),
        Advice::ResumeTraining => "resume training with `vocable train ... --checkpoint FILE --resume`".to_owned(),
        Advice::LowerLearningRate => "try a lower `--lr`, a lower `--clip` or a longer `--warmup`".to_owned(),
        Advice::FoldCase => "use `--case fold` to look up words regardless of case".to_owned(),
        Advice::KeepDownload => "use `--keep` to keep the download, and try again".to_owned(),
        other => other.to_string(),
    }
}
