//! `Architecture`: the numbers that describe an exact Transformer (docs/exact-transformer.md,
//! section 2).
//!
//! It travels as a JSON object in the model file and is checked once, here: every other module
//! may rely on the limits. The limits are what keeps sums below 2^24 and sizes below `usize`.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The value of the field `format`.
const FORMAT: &str = "lmac-exact-transformer";
/// The only version of the architecture that this crate executes.
const VERSION: u32 = 1;
/// The alphabet of bytes: the only one in which words are defined.
const BYTES: u32 = 256;
/// Activations of one matrix: the widest input is `hidden` or `contexts * context_dim`.
const MAX_INPUTS: u32 = 4096;
/// The greatest head dimension.
pub(crate) const MAX_HEAD_DIM: u32 = 128;
/// The largest magnitude of an attention score before its bias. Graphs mask by adding -65536: a
/// masked score is then 256 below the largest one, which is at least -28544 - 8192, and the last
/// entry of `exp2_table` is 0 (section 6).
const MAX_SCORE: u32 = 28_544;
/// The longest hashed context, in symbols or words.
pub(crate) const MAX_ORDER: u32 = 16;

/// What a hashed context looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContextKind {
    /// The last symbols.
    Ngram,
    /// The running word and the completed words before it.
    Word,
}

/// One hashed context: its table is looked up at every position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// What is hashed.
    pub kind: ContextKind,
    /// How many symbols or words are hashed, 1..=16.
    pub order: u32,
}

/// Every number that describes an exact Transformer.
///
/// Fields stand in ascending order of name, so that serializing gives the canonical JSON that
/// enters the content id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Number of symbols; the symbol `alphabet_size` means "beginning of context".
    pub alphabet_size: u32,
    /// Entries of a row of a context table.
    pub context_dim: u32,
    /// Every context table has 2^this rows.
    pub context_rows_log2: u32,
    /// The hashed contexts.
    pub contexts: Vec<Context>,
    /// Always `lmac-exact-transformer`.
    pub format: String,
    /// Length of a query, key or value.
    pub head_dim: u32,
    /// Number of query heads; there is one key/value head.
    pub heads: u32,
    /// Length of the feed-forward layer.
    pub hidden: u32,
    /// Number of layers.
    pub layers: u32,
    /// Shift of the attention scores.
    pub score_shift: u32,
    /// Always 1.
    pub version: u32,
    /// Length of the residual stream.
    pub width: u32,
    /// How far back a position attends.
    pub window: Window,
}

/// A position attends to itself and so many less one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number or a list of numbers")]
pub enum Window {
    /// In every layer.
    Same(u32),
    /// In each of the layers.
    PerLayer(Vec<u32>),
}

impl Architecture {
    /// Parses and checks the JSON object of a model file.
    pub fn from_json(json: &str) -> Result<Self> {
        let architecture: Self = serde_json::from_str(json)
            .map_err(|error| Error::InvalidModel(format!("lmac.architecture: {error}")))?;
        architecture.validate()?;
        Ok(architecture)
    }

    /// The canonical JSON: keys sorted, no spaces, ASCII.
    pub(crate) fn canonical_json(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|error| Error::InvalidModel(format!("lmac.architecture: {error}")))
    }

    /// Checks every limit of section 2.
    pub fn validate(&self) -> Result<()> {
        require(self.format == FORMAT, "format", &self.format)?;
        require(self.version == VERSION, "version", &self.version)?;
        in_range("alphabet_size", self.alphabet_size, 2, 65_535)?;
        in_range("width", self.width, 32, 512)?;
        multiple("width", self.width, 32)?;
        in_range("layers", self.layers, 1, 64)?;
        in_range("head_dim", self.head_dim, 16, MAX_HEAD_DIM)?;
        multiple("head_dim", self.head_dim, 16)?;
        let covers_width = self.heads.checked_mul(self.head_dim) == Some(self.width);
        require(covers_width, "heads * head_dim = width: heads", &self.heads)?;
        in_range("hidden", self.hidden, 32, MAX_INPUTS)?;
        multiple("hidden", self.hidden, 32)?;
        self.validate_windows()?;
        in_range("score_shift", self.score_shift, 0, 22)?;
        self.validate_scores()?;
        self.validate_contexts()
    }

    /// `layers` was checked before.
    fn validate_windows(&self) -> Result<()> {
        if let Window::PerLayer(windows) = &self.window {
            let is_complete = windows.len() == self.layers as usize;
            require(
                is_complete,
                "one window for each layer: their number",
                &windows.len(),
            )?;
        }
        (0..self.layers as usize)
            .try_for_each(|layer| in_range("window", self.window(layer) as u32, 1, 512))
    }

    /// Queries and keys are in -127..=127; `head_dim` and `score_shift` were checked before.
    fn validate_scores(&self) -> Result<()> {
        let half = (1 << self.score_shift) >> 1;
        let largest = (127 * 127 * self.head_dim + half) >> self.score_shift;
        let rule = format!(
            "scores beyond {MAX_SCORE} cannot be masked: requant(127 * 127 * head_dim, score_shift)"
        );
        require(largest <= MAX_SCORE, &rule, &largest)
    }

    fn validate_contexts(&self) -> Result<()> {
        in_range("context_rows_log2", self.context_rows_log2, 1, 24)?;
        in_range("context_dim", self.context_dim, 0, MAX_INPUTS)?;
        multiple("context_dim", self.context_dim, 2)?;
        require(self.contexts.len() <= 16, "contexts", &self.contexts.len())?;
        for context in &self.contexts {
            in_range("order of a context", context.order, 1, MAX_ORDER)?;
            let has_words = context.kind == ContextKind::Ngram || self.alphabet_size == BYTES;
            let rule = "word contexts need 256 symbols: alphabet_size";
            require(has_words, rule, &self.alphabet_size)?;
        }
        if self.contexts.is_empty() {
            return Ok(());
        }
        let inputs = self.context_inputs() as u32;
        in_range("contexts * context_dim", inputs, 32, MAX_INPUTS)?;
        multiple("contexts * context_dim", inputs, 32)
    }

    /// The window of a layer, of which there are `layers`.
    #[must_use]
    pub fn window(&self, layer: usize) -> usize {
        match &self.window {
            Window::Same(window) => *window as usize,
            Window::PerLayer(windows) => windows[layer] as usize,
        }
    }

    /// The longest window of all layers.
    pub(crate) fn longest_window(&self) -> usize {
        let windows = (0..self.layers as usize).map(|layer| self.window(layer));
        windows.max().unwrap_or(0)
    }

    /// Length of the concatenated context rows, in entries.
    pub(crate) fn context_inputs(&self) -> usize {
        self.contexts.len() * self.context_dim as usize
    }

    /// Rows of one context table.
    pub(crate) fn context_rows(&self) -> usize {
        1 << self.context_rows_log2
    }
}

fn require(holds: bool, rule: &str, value: &impl std::fmt::Display) -> Result<()> {
    if holds {
        return Ok(());
    }
    let reason = format!("lmac.architecture: {rule} cannot be {value}");
    Err(Error::InvalidModel(reason))
}

fn in_range(field: &str, value: u32, low: u32, high: u32) -> Result<()> {
    let rule = format!("{field} is limited to {low}..={high} and");
    require((low..=high).contains(&value), &rule, &value)
}

fn multiple(field: &str, value: u32, factor: u32) -> Result<()> {
    let rule = format!("{field} is a multiple of {factor} and");
    require(value.is_multiple_of(factor), &rule, &value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: &str = r#"{"alphabet_size":256,"context_dim":16,"context_rows_log2":4,"contexts":[{"kind":"ngram","order":2},{"kind":"word","order":1}],"format":"lmac-exact-transformer","head_dim":16,"heads":2,"hidden":64,"layers":1,"score_shift":4,"version":1,"width":32,"window":8}"#;

    #[test]
    fn canonical_json_has_sorted_keys_and_no_spaces() {
        let spaced = TINY.replace(',', ", ").replace(':', " : ");
        let architecture = Architecture::from_json(&spaced).unwrap();
        assert_eq!(architecture.canonical_json().unwrap(), TINY);
    }

    #[test]
    fn every_limit_is_checked() {
        let broken = [
            ("\"alphabet_size\":256", "\"alphabet_size\":1"),
            ("\"alphabet_size\":256", "\"alphabet_size\":65536"),
            ("\"alphabet_size\":256", "\"alphabet_size\":255"),
            ("\"width\":32", "\"width\":48"),
            ("\"width\":32", "\"width\":0"),
            ("\"width\":32", "\"width\":544"),
            ("\"layers\":1", "\"layers\":0"),
            ("\"layers\":1", "\"layers\":65"),
            ("\"heads\":2", "\"heads\":3"),
            ("\"heads\":2", "\"heads\":268435458"),
            ("\"head_dim\":16", "\"head_dim\":0"),
            ("\"head_dim\":16", "\"head_dim\":8"),
            ("\"hidden\":64", "\"hidden\":4128"),
            ("\"hidden\":64", "\"hidden\":-1"),
            ("\"window\":8", "\"window\":513"),
            ("\"window\":8", "\"window\":0"),
            ("\"window\":8", "\"window\":-8"),
            ("\"window\":8", "\"window\":\"8\""),
            ("\"window\":8", "\"window\":[]"),
            ("\"window\":8", "\"window\":[8,8]"),
            ("\"window\":8", "\"window\":[513]"),
            ("\"window\":8", "\"window\":[0]"),
            ("\"score_shift\":4", "\"score_shift\":23"),
            ("\"order\":2", "\"order\":17"),
            ("\"order\":2", "\"order\":0"),
            ("\"context_rows_log2\":4", "\"context_rows_log2\":25"),
            ("\"context_dim\":16", "\"context_dim\":15"),
            ("\"context_dim\":16", "\"context_dim\":0"),
            ("\"version\":1", "\"version\":2"),
            ("\"version\":1", "\"version\":1,\"extra\":1"),
            ("lmac-exact-transformer", "lmac-float"),
            ("\"kind\":\"word\"", "\"kind\":\"line\""),
            ("\"kind\":\"word\"", "\"kind\":\"word\",\"extra\":1"),
        ];
        for (right, wrong) in broken {
            let json = TINY.replace(right, wrong);
            assert_ne!(json, TINY, "{right} does not occur");
            let error = Architecture::from_json(&json).unwrap_err();
            assert!(matches!(error, Error::InvalidModel(_)), "{wrong}: {error}");
        }
    }

    #[test]
    fn every_layer_has_the_same_window_or_its_own() {
        let layers = TINY.replace("\"layers\":1", "\"layers\":3");
        let same = Architecture::from_json(&layers).unwrap();
        assert_eq!([0, 1, 2].map(|layer| same.window(layer)), [8; 3]);
        let json = layers.replace("\"window\":8", "\"window\":[4,512,1]");
        let own = Architecture::from_json(&json).unwrap();
        assert_eq!([0, 1, 2].map(|layer| own.window(layer)), [4, 512, 1]);
        assert_eq!(own.longest_window(), 512);
        assert_eq!(own.canonical_json().unwrap(), json);
        let error = Architecture::from_json(&json.replace("512", "true")).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("expected a number or a list of numbers"),
            "{error}"
        );
    }

    #[test]
    fn a_score_shift_too_small_for_the_mask_is_refused() {
        for (head_dim, least) in [(16, 4), (32, 5), (48, 5), (64, 6), (112, 6), (128, 7)] {
            let smallest = Architecture {
                head_dim,
                width: 2 * head_dim,
                score_shift: least,
                ..Architecture::from_json(TINY).unwrap()
            };
            assert_eq!(smallest.validate(), Ok(()), "head_dim {head_dim}");
            let smaller = Architecture {
                score_shift: least - 1,
                ..smallest
            };
            let error = smaller.validate().unwrap_err();
            assert!(error.to_string().contains("cannot be masked"), "{error}");
        }
    }
}
