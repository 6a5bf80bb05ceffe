//! The edges of a histogram's bars.

/// How many bars a histogram has, about.
const BARS: f64 = 12.0;

/// How many bars a histogram has at most.
const MAX_BARS: f64 = 40.0;

/// Beyond this, the next integer is no number of its own.
const LARGEST_INTEGER: f64 = 4_503_599_627_370_496.0;

/// Edges from the least to the greatest number: logarithmic ones for positive numbers of many sizes.
pub(super) fn edges(min: f64, max: f64) -> Vec<f64> {
    if min > 0.0 && max / min > 50.0 { logarithmic_edges(min, max) } else { linear_edges(min, max) }
}

/// Edges of bars of one width, which is 1, 2 or 5 times a power of ten.
fn linear_edges(min: f64, max: f64) -> Vec<f64> {
    let step = nice_step(max / BARS - min / BARS);
    let first = (min / step).floor();
    let last = (max / step).floor() + 1.0;
    let has_integers = first.abs() < LARGEST_INTEGER && last.abs() < LARGEST_INTEGER;
    if !has_integers || last - first > MAX_BARS {
        return vec![min, max];
    }
    let mut edges = Vec::new();
    let mut index = first;
    while index <= last {
        edges.push((index * step).clamp(f64::MIN, f64::MAX));
        index += 1.0;
    }
    edges.dedup();
    edges
}

/// The least of 1, 2 and 5 times a power of ten that is not less.
fn nice_step(width: f64) -> f64 {
    if width <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(width.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|factor| factor * power).find(|step| *step >= width).unwrap_or(10.0 * power)
}

/// Edges at 1, 2 and 5 times powers of ten; at powers of ten alone, or at some of these, if there are too many.
fn logarithmic_edges(min: f64, max: f64) -> Vec<f64> {
    let (first, last) = (min.log10().floor(), max.log10().floor() + 1.0);
    let stride = ((last - first) / (2.0 * BARS)).ceil().max(1.0);
    let factors: &[f64] = if max / min < 1e5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let mut edges = Vec::new();
    let mut power = first;
    while power < last + stride {
        edges.extend(factors.iter().map(|factor| (factor * 10_f64.powf(power)).min(f64::MAX)));
        power += stride;
    }
    edges.dedup();
    let start = edges.partition_point(|edge| *edge <= min).saturating_sub(1);
    let end = edges.partition_point(|edge| *edge <= max);
    edges.get(start..=end.min(edges.len().saturating_sub(1))).unwrap_or_default().to_vec()
}
