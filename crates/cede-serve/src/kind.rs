//! Which content a file has, by the end of its name.

use std::path::Path;

const KINDS: &[(&str, &str)] = &[
    ("7z", "application/x-7z-compressed"),
    ("aac", "audio/aac"),
    ("avif", "image/avif"),
    ("bz2", "application/x-bzip2"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("log", "text/plain; charset=utf-8"),
    ("md", "text/markdown; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mkv", "video/x-matroska"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("ndjson", "application/x-ndjson"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("rs", "text/plain; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("toml", "text/plain; charset=utf-8"),
    ("ttf", "font/ttf"),
    ("txt", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xml", "application/xml"),
    ("xz", "application/x-xz"),
    ("yaml", "text/plain; charset=utf-8"),
    ("yml", "text/plain; charset=utf-8"),
    ("zip", "application/zip"),
    ("zst", "application/zstd"),
];

/// The `Content-Type` of a file.
pub(crate) fn of(path: &Path) -> &'static str {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    KINDS.binary_search_by(|(known, _)| (*known).cmp(&extension)).map_or("application/octet-stream", |at| KINDS[at].1)
}

/// Whether packing it makes it much smaller.
pub(crate) fn is_text(kind: &str) -> bool {
    kind.starts_with("text/")
        || matches!(kind, "application/json" | "application/x-ndjson" | "application/xml" | "image/svg+xml" | "application/wasm")
}

#[cfg(test)]
mod tests {
    //! The table is sorted, or half of it would not be found.

    use std::path::Path;

    use super::{KINDS, is_text, of};

    #[test]
    fn known_and_unknown() {
        assert!(KINDS.is_sorted());
        assert_eq!(of(Path::new("a/B.HTML")), "text/html; charset=utf-8");
        assert_eq!([of(Path::new("x")), of(Path::new("x.unknown"))], ["application/octet-stream"; 2]);
        assert!(is_text(of(Path::new("a.json"))) && !is_text(of(Path::new("a.zip"))));
    }
}
