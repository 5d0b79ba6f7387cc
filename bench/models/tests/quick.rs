//! The comparison runs, with all models, and writes what it promises.
#![forbid(unsafe_code)]

use std::process::Command;
use std::{env, fs};

#[test]
fn all_models_do_both_jobs() {
    let base = env::temp_dir().join(format!("cede-models-{}", std::process::id()));
    let (json, svg) = (base.with_extension("json"), base.with_extension("svg"));
    let output =
        Command::new(env!("CARGO_BIN_EXE_models")).arg("--quick").arg("--json").arg(&json).arg("--svg").arg(&svg).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));

    let report: serde_json::Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    let models = report["models"].as_array().unwrap();
    assert_eq!(models.len(), 10);
    for model in models {
        let rows = model["requests"].as_array().unwrap().iter().chain([&model["hash"]]);
        for row in rows {
            assert!(row["outcome"]["Ok"]["wall_nanos"].as_u64().is_some_and(|nanos| nanos > 0), "{}: {row}", model["name"]);
        }
        let all_at_once = &model["requests"][2]["outcome"]["Ok"]["wall_nanos"];
        assert!(all_at_once.as_u64().unwrap() >= 50_000_000, "the origin takes its time: {model}");
        assert!(text.contains(model["name"].as_str().unwrap()));
    }
    assert!(fs::read_to_string(&svg).unwrap().starts_with("<svg"));
    fs::remove_file(json).unwrap();
    fs::remove_file(svg).unwrap();
}
