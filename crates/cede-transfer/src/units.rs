//! Numbers as people read them. One place, so that bars, lines and tables agree.

use std::time::Duration;

/// `1.5 MiB`: binary units, three digits at most before the unit changes.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 9.95 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// `1.5 MiB/s`.
pub fn rate(per_second: f64) -> String {
    format!("{}/s", bytes(per_second.max(0.0) as u64))
}

/// `0.35 s`, `12.0 s`, `3:07`, `1:02:03`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.2} s", duration.as_secs_f64()),
        10..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The inverse of [`hex`], in either case.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: &u8| char::from(*c).to_digit(16);
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| Some((digit(&pair[0])? << 4 | digit(&pair[1])?) as u8)).collect()
}

/// `4096`, `200k`, `1.5M`, `2GiB`: units of 1,024, as curl and wget have them.
///
/// # Errors
/// Why it is not a size.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let number: String = text.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let unit = text[number.len()..].trim().to_ascii_lowercase();
    let shift = match unit.trim_end_matches("/s").trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(format!("{text} is not a size; write it like 200k, 1.5M or 2G")),
    };
    let value: f64 = number.parse().map_err(|_| format!("{text} is not a size; write it like 200k, 1.5M or 2G"))?;
    Ok((value * (1_u64 << shift) as f64) as u64)
}

#[cfg(test)]
mod tests {
    //! The edges between units.

    use std::time::Duration;

    use super::{bytes, duration, hex, parse_size, rate, unhex};

    #[test]
    fn byte_counts() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1000), "1.0 KiB");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(10 * 1024), "10 KiB");
        assert_eq!(bytes(1_048_064), "1.0 MiB");
        assert_eq!(bytes(1 << 30), "1.0 GiB");
        assert_eq!(bytes(u64::MAX), "16 EiB");
        assert_eq!(rate(-1.0), "0 B/s");
    }

    #[test]
    fn durations() {
        assert_eq!(duration(Duration::from_millis(350)), "0.35 s");
        assert_eq!(duration(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(duration(Duration::from_secs(187)), "3:07");
        assert_eq!(duration(Duration::from_secs(3723)), "1:02:03");
    }

    #[test]
    fn hexadecimal_there_and_back() {
        let sum: [u8; 32] = std::array::from_fn(|i| i as u8 * 7);
        assert_eq!(unhex(&hex(&sum)).as_deref(), Some(&sum[..]));
        assert_eq!(unhex(&hex(&sum).to_uppercase()).as_deref(), Some(&sum[..]));
        assert_eq!([unhex("123"), unhex("gg"), unhex("é")], [None, None, None]);
    }

    #[test]
    fn sizes() {
        let sizes = ["0", "200k", "1.5M", "2GiB", "3 MB", "100K/s"].map(|text| parse_size(text).unwrap());
        assert_eq!(sizes, [0, 204_800, 1_572_864, 2 << 30, 3 << 20, 102_400]);
        assert!(["", "k", "12q", "1..2"].iter().all(|text| parse_size(text).is_err()));
    }
}
