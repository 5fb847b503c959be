//! Numbers of rows, few bytes each where many follow each other.

use std::fmt::Write;

use crate::error::{Error, ErrorKind, Result};

/// Most runs of numbers that an entry keeps, about 1 MB of text: it is written anew with every piece of its load.
const MOST_RUNS: usize = 50_000;

/// Numbers of rows of a load, as runs of such that follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowNumbers {
    /// The first and the last number of each, in their order.
    runs: Vec<(u64, u64)>,
}

impl RowNumbers {
    /// Adds a number above all others.
    ///
    /// # Errors
    /// `Internal` where it is not above them, `LimitExceeded` where an entry cannot keep more.
    pub fn add(&mut self, number: u64) -> Result<()> {
        let full = self.runs.len() == MOST_RUNS;
        match self.runs.last_mut() {
            Some((_, last)) if number <= *last => Err(Error::internal("numbers of rows that do not rise")),
            Some((_, last)) if number == *last + 1 => {
                *last = number;
                Ok(())
            }
            _ if full => {
                let message = format!("a load that can be resumed keeps at most {MOST_RUNS} runs of refused rows");
                Err(Error::new(ErrorKind::LimitExceeded, message)
                    .path("on_error")
                    .hint("mend the data, or load it without load_id, or all or nothing: without atomic=False"))
            }
            _ => {
                self.runs.push((number, number));
                Ok(())
            }
        }
    }

    pub fn contains(&self, number: u64) -> bool {
        let at = self.runs.partition_point(|(_, last)| *last < number);
        self.runs.get(at).is_some_and(|(first, _)| *first <= number)
    }

    pub const fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// `1 4-7 9`.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        for (at, (first, last)) in self.runs.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            let _ = write!(text, "{space}{first}");
            if last > first {
                let _ = write!(text, "-{last}");
            }
        }
        text
    }

    /// None for what [`Self::render`] does not write.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let run = |run: &str| {
            let (first, last) = run.split_once('-').unwrap_or((run, run));
            Some((first.parse().ok()?, last.parse().ok()?))
        };
        let runs: Vec<(u64, u64)> = text.split(' ').map(run).collect::<Option<_>>()?;
        let ordered = runs.iter().all(|(first, last)| first <= last);
        (ordered && runs.windows(2).all(|pair| pair[0].1 < pair[1].0)).then_some(RowNumbers { runs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(of: impl IntoIterator<Item = u64>) -> RowNumbers {
        let mut numbers = RowNumbers::default();
        of.into_iter().for_each(|number| numbers.add(number).unwrap());
        numbers
    }

    #[test]
    fn numbers_that_follow_each_other_are_one_run() {
        let kept = numbers([1, 4, 5, 6, 7, 9]);
        assert_eq!(kept.render(), "1 4-7 9");
        assert_eq!((0..12).filter(|&number| kept.contains(number)).collect::<Vec<_>>(), [1, 4, 5, 6, 7, 9]);
        assert!(!numbers([]).contains(0));
    }

    #[test]
    fn numbers_come_back_as_they_were() {
        for kept in [numbers([0]), numbers(0..100), numbers([3, 4, 8, u64::MAX])] {
            assert_eq!(RowNumbers::parse(&kept.render()), Some(kept));
        }
        for text in ["", "x", "1-", "3 2", "2-1", "1 1", "1  2", "-1"] {
            assert_eq!(RowNumbers::parse(text), None, "{text}");
        }
    }

    #[test]
    fn more_runs_than_an_entry_keeps_are_refused() {
        let mut kept = numbers((0..MOST_RUNS as u64).map(|number| 2 * number));
        let last = 2 * MOST_RUNS as u64 - 2;
        assert_eq!(kept.add(last + 2).unwrap_err().kind(), ErrorKind::LimitExceeded);
        kept.add(last + 1).unwrap();
        assert_eq!(kept.add(last).unwrap_err().kind(), ErrorKind::Internal);
    }
}
