//! Sizes as people write them.

/// `4096`, `200k`, `1.5M`, `2GiB`: units of 1,024. `None`: it is not a size.
pub(crate) fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let unit = text[digits..].trim().to_ascii_lowercase();
    let shift = match unit.trim_end_matches("/s").trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    text[..digits].parse::<f64>().ok().map(|number| (number * (1_u64 << shift) as f64) as u64)
}

/// `1536` as `1.5 KiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 || value >= 10.0 { format!("{value:.0} {}", UNITS[unit]) } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    //! The edges.

    use super::{bytes, size};

    #[test]
    fn there_and_back() {
        assert_eq!([size("64K"), size("1.5M"), size("7"), size("2 GiB")], [Some(65536), Some(1_572_864), Some(7), Some(2 << 30)]);
        assert!(["", "K", "1x", "1..2", "-1"].iter().all(|text| size(text).is_none()));
        assert_eq!([bytes(0), bytes(1536), bytes(20 << 20)], ["0 B", "1.5 KiB", "20 MiB"]);
    }
}
