//! `vocable doctor`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use vocable::fetch;
use vocable::files::{Compression, Format, ReadOptions};
use vocable::report;
use vocable::vectors::doctor::{Diagnosis, Fix, examine};

use super::advice;
use super::common::VectorArgs;
use super::output::{Failure, Output};

/// Diagnose problems in a vector file and suggest fixes.
///
/// Checks the whole file: encoding, duplicates, rows of the wrong length, numbers that overflow, an incorrect header, truncation,
/// letter case, words with spaces, line endings, a byte-order mark, tabs. The exit code is 0 if the file could be examined, whether
/// or not there are problems.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vocable doctor vectors.txt
  vocable doctor vectors.txt --json")]
pub struct Doctor {
    /// File to examine [default: the one that --vectors names]
    #[arg(value_name = "FILE", conflicts_with = "vectors")]
    file: Option<PathBuf>,
    #[command(flatten)]
    vectors: VectorArgs,
}

#[derive(Serialize)]
struct DoctorResult<'a> {
    file: &'a str,
    format: Option<&'static str>,
    rows: Option<usize>,
    dimension: Option<usize>,
    opens: bool,
    findings: Vec<Finding<'a>>,
    fix: Vec<String>,
}

#[derive(Serialize)]
struct Finding<'a> {
    name: &'static str,
    severity: &'static str,
    text: String,
    places: &'a [String],
}

impl Doctor {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let named = match &self.file {
            Some(file) => Some(file.clone()),
            None => self.vectors.path(),
        };
        let path = named.ok_or_else(|| vocable::Error::other("no file to examine; name one, or use --vectors"))?;
        let path = fetch::resolve(&path)?;
        let options = self.vectors.read.options();
        let diagnosis = examine(&path, &options)?;
        let fix = commands(&path, &diagnosis, &options);
        let name = path.to_string_lossy();
        if output.json {
            output.json(&DoctorResult {
                file: &name,
                format: diagnosis.format.map(Format::name),
                rows: diagnosis.size.map(|(rows, _)| rows),
                dimension: diagnosis.size.map(|(_, dimension)| dimension),
                opens: diagnosis.opens(),
                findings: (diagnosis.findings.iter())
                    .map(|f| Finding { name: f.name, severity: f.severity.name(), text: text_of(f), places: &f.places })
                    .collect(),
                fix,
            })?;
            return Ok(ExitCode::SUCCESS);
        }
        let what = match (diagnosis.format, diagnosis.size) {
            (Some(format), Some((rows, dimension))) => {
                format!("{format}, {} readable rows x {dimension}", report::thousands(rows))
            }
            _ => "no rows can be read".to_owned(),
        };
        output.text(format_args!("{name}: {what}\n"))?;
        for finding in &diagnosis.findings {
            output.text(format_args!("  {:8} {}\n", finding.severity.name(), report::printable(&text_of(finding))))?;
            for place in &finding.places {
                output.text(format_args!("           - {}\n", report::printable(place)))?;
            }
        }
        if diagnosis.opens() {
            output.text("The file can be opened.\n")?;
        } else {
            output.text("The file cannot be opened.\n")?;
        }
        if !fix.is_empty() {
            output.text("To fix it:\n")?;
            for command in fix {
                output.text(format_args!("  {command}\n"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The text of a finding, with its advice.
fn text_of(finding: &vocable::vectors::doctor::Finding) -> String {
    match &finding.advice {
        Some(advice) => format!("{}; {}", finding.text, advice::spell(advice)),
        None => finding.text.clone(),
    }
}

/// The commands that fix a file, each of which reads what the one before it wrote.
fn commands(path: &Path, diagnosis: &Diagnosis, options: &ReadOptions) -> Vec<String> {
    let mut input = path.to_path_buf();
    let mut commands: Vec<String> = Vec::new();
    let member = options.member.as_ref().map(|name| quoted(Path::new(name)));
    // The output of an earlier command is not compressed.
    let inflated = |input: &Path, commands: &[String]| match diagnosis.compression {
        Compression::Gzip if commands.is_empty() => format!("gzip -dc {}", quoted(input)),
        Compression::Zip if commands.is_empty() => {
            format!("unzip -p {} {}", quoted(input), member.as_deref().unwrap_or_default()).trim_end().to_owned()
        }
        _ => format!("cat {}", quoted(input)),
    };
    for fix in diagnosis.fixes() {
        let skip_bad_rows = if fix == Fix::RewriteSkippingBadRows { "--skip-bad-rows " } else { "" };
        match fix {
            Fix::ReplaceTabs => {
                let output = sibling(&input, "spaces", "txt");
                commands.push(format!("{} | tr '\\t' ' ' > {}", inflated(&input, &commands), quoted(&output)));
                input = output;
            }
            Fix::ConvertEncoding(from) => {
                let output = sibling(&input, "utf8", "txt");
                commands.push(format!(
                    "{} | iconv -f {from} -t UTF-8 > {}",
                    inflated(&input, &commands),
                    quoted(&output)
                ));
                input = output;
            }
            Fix::Rewrite | Fix::RewriteSkippingBadRows => {
                let extension = match diagnosis.format {
                    Some(Format::Word2vecBinary) => "bin",
                    Some(Format::Word2vecText) => "vec",
                    _ => "txt",
                };
                let output = sibling(&input, "fixed", extension);
                let member = member.as_ref().filter(|_| commands.is_empty());
                let member = member.map_or(String::new(), |name| format!("--member {name} "));
                commands.push(format!("vocable convert {skip_bad_rows}{member}{} {}", quoted(&input), quoted(&output)));
                input = output;
            }
            Fix::Redownload => {
                commands.push("# the file is incomplete or contains no vectors: download or create it again".to_owned())
            }
        }
    }
    commands
}

/// `vectors.txt` with `fixed` becomes `vectors.fixed.txt`.
fn sibling(path: &Path, what: &str, extension: &str) -> PathBuf {
    path.with_extension("").with_extension(format!("{what}.{extension}"))
}

/// A path, quoted for a shell if necessary.
fn quoted(path: &Path) -> String {
    let name = path.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=,@%".contains(c);
    if name.chars().all(plain) && !name.is_empty() {
        name.into_owned()
    } else {
        format!("'{}'", name.replace('\'', "'\\''"))
    }
}
