//! Growing numbers as the steps between them: small ones, which take few bytes when encoded.

/// The steps, the first one from 0.
pub(crate) fn steps(values: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let mut before = 0;
    let step = |value: u64| value.wrapping_sub(std::mem::replace(&mut before, value));
    values.into_iter().map(step).collect()
}

/// The numbers again.
pub(crate) fn sums(steps: &[u64]) -> Vec<u64> {
    let mut sum = 0_u64;
    let add = |step: &u64| {
        sum = sum.wrapping_add(*step);
        sum
    };
    steps.iter().map(add).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_also_those_that_go_down() {
        for values in [vec![], vec![0], vec![3, 4, 9], vec![7, 2, u64::MAX, 0]] {
            assert_eq!(sums(&steps(values.clone())), values);
        }
    }
}
