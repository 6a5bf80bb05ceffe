//! Which requests are logged, where not all of them are.

/// A share of all requests, chosen by their ids.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct IdSampling {
    /// The first value of a hash that is not in the sample; `None` for all requests.
    end: Option<u64>,
}

impl IdSampling {
    pub(crate) const ALL: Self = Self { end: None };

    /// The share `rate`, from 0 to 1.
    pub(crate) fn of(rate: f64) -> Self {
        let end = rate * (u64::MAX as f64);
        Self { end: (rate < 1.0).then_some(end as u64) }
    }

    /// Whether the request of this id is in the sample. The same id gets the same answer in each process, and the sample of a
    /// lower rate is a part of the sample of a higher rate.
    pub(crate) fn contains(self, id: &str) -> bool {
        self.end.is_none_or(|end| hash(id.as_bytes()) < end)
    }
}

/// FNV-1a over the bytes, and then the last step of MurmurHash3, which spreads each bit over the whole number.
fn hash(bytes: &[u8]) -> u64 {
    let fnv = bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3));
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    mixed ^ (mixed >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(rate: f64) -> Vec<u32> {
        let sampling = IdSampling::of(rate);
        (0..10_000).filter(|number| sampling.contains(&format!("request-{number}"))).collect()
    }

    #[test]
    fn a_sample_has_the_share_that_its_rate_asks_for() {
        for (rate, least, most) in [(0.0, 0, 0), (0.1, 850, 1150), (0.5, 4800, 5200), (1.0, 10_000, 10_000)] {
            let count = sampled(rate).len();
            assert!((least..=most).contains(&count), "{rate}: {count}");
        }
    }

    #[test]
    fn a_lower_rate_has_a_part_of_the_sample_of_a_higher_rate() {
        let more = sampled(0.5);
        assert!(sampled(0.1).iter().all(|number| more.contains(number)));
    }

    #[test]
    fn the_hash_stays_as_it_is_so_that_services_agree() {
        // Computed apart from this code, by FNV-1a and the last step of MurmurHash3.
        assert_eq!([hash(b""), hash(b"7f3a")], [0xEFD0_1F60_BA99_2926, 0x7895_541A_D147_7DB4]);
    }
}
