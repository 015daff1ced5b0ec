//! The table at the end: figures, ratios, targets, and what missed its target in capitals.

use std::fmt;

use comfy_table::presets;

use super::Pair;

/// What a figure, or a ratio of relayed to direct, shall be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bound) => write!(f, "at most {bound}"),
            Self::AtLeast(bound) => write!(f, "at least {bound}"),
        }
    }
}

/// Rows in the order in which they were measured.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<[String; 7]>,
    missed: usize,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The same work over both ways; the target is for the ratio.
    pub(crate) fn pair(&mut self, name: &str, unit: &str, pair: Pair, target: Option<Target>) {
        let (direct, relayed) = (number(pair.direct), number(pair.relayed));
        self.row([name.into(), unit.into(), direct, relayed], pair.ratio(), Some(pair.ratio()), target);
    }

    /// One figure; the target is for itself.
    pub(crate) fn figure(&mut self, name: &str, unit: &str, value: f64, target: Option<Target>) {
        self.row([name.into(), unit.into(), String::new(), number(value)], value, None, target);
    }

    /// One figure against another that was shown before; the target is for the ratio.
    pub(crate) fn against(
        &mut self,
        name: &str,
        unit: &str,
        (value, base): (f64, f64),
        target: Option<Target>,
    ) {
        let ratio = value / base;
        self.row([name.into(), unit.into(), String::new(), number(value)], ratio, Some(ratio), target);
    }

    fn row(&mut self, start: [String; 4], judged: f64, ratio: Option<f64>, target: Option<Target>) {
        let verdict = match target {
            Some(target) if !target.is_met(judged) => {
                self.missed += 1;
                "<<< MISSED"
            }
            Some(_) => "met",
            None => "",
        };
        let [name, unit, direct, relayed] = start;
        let ratio = ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        let target = target.map(|target| target.to_string()).unwrap_or_default();
        let row = [name, unit, direct, relayed, ratio, target, verdict.into()];
        println!("  {}", row.iter().filter(|cell| !cell.is_empty()).cloned().collect::<Vec<_>>().join("  "));
        self.rows.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["", "unit", "direct", "two bridges", "ratio", "target", ""]);
        table.add_rows(&self.rows);
        for column in 2..5 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(comfy_table::CellAlignment::Right);
            }
        }
        writeln!(f, "{}", table.trim_fmt())?;
        match self.missed {
            0 => write!(f, "every target met"),
            missed => write!(f, "TARGETS MISSED: {missed}"),
        }
    }
}

/// Three digits that matter.
fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
