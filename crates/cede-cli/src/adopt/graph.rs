//! What `cargo metadata` says about the packages called tokio, and about those that come by a path.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The package that stands in for tokio.
pub(super) struct Facade {
    pub(super) folder: PathBuf,
    features: Vec<String>,
}

/// What a project is built with.
pub(super) struct Graph {
    /// The packages called tokio.
    pub(super) tokios: Vec<Tokio>,
    /// The names of those that come by a path and are neither cede's nor members of the workspace.
    pub(super) strangers: Vec<String>,
}

/// A package called tokio in the graph.
pub(super) struct Tokio {
    pub(super) folder: PathBuf,
    /// Whether it is a facade of cede, be it another one.
    pub(super) is_ours: bool,
    version: String,
    dependents: Vec<Dependent>,
}

/// A package that depends on it, and what it asks for.
struct Dependent {
    name: String,
    version: String,
    requirement: String,
    /// Where it wants tokio from, if that is not the registry: a patch reaches only what comes from there.
    elsewhere: Option<String>,
    features: Vec<String>,
}

impl Facade {
    /// Reads the package in `folder` out of its metadata.
    ///
    /// # Errors
    /// If it is not cede's.
    pub(super) fn read(folder: &Path, metadata: &str) -> Result<Self, String> {
        let metadata = parse(metadata)?;
        let package = list(&metadata["packages"]).iter().find(|package| folder_of(package) == folder && text(&package["name"]) == "tokio");
        let Some(package) = package.filter(|package| is_ours(package)) else {
            return Err(format!("{} is not cede's package called tokio", folder.display()));
        };
        let features = package["features"].as_object().map(|features| features.keys().cloned().collect()).unwrap_or_default();
        Ok(Self { folder: folder.to_owned(), features })
    }
}

impl Graph {
    /// Reads metadata.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn read(metadata: &str) -> Result<Self, String> {
        let metadata = parse(metadata)?;
        let packages = list(&metadata["packages"]);
        let nodes = list(&metadata["resolve"]["nodes"]);
        let depends = |node: &Value, id: &str| list(&node["deps"]).iter().any(|dependency| text(&dependency["pkg"]) == id);
        let tokio = |package: &Value| {
            let id = text(&package["id"]);
            let ids = nodes.iter().filter(|node| depends(node, id)).map(|node| text(&node["id"]));
            let dependents = ids.filter_map(|id| packages.iter().find(|package| text(&package["id"]) == id)).map(Dependent::read).collect();
            Tokio { folder: folder_of(package), is_ours: is_ours(package), version: text(&package["version"]).to_owned(), dependents }
        };
        let tokios = packages.iter().filter(|package| text(&package["name"]) == "tokio").map(tokio).collect();
        let is_stranger = |package: &&Value| {
            package["source"].is_null() && !is_ours(package) && !list(&metadata["workspace_members"]).contains(&package["id"])
        };
        let strangers = packages.iter().filter(is_stranger).map(|package| text(&package["name"]).to_owned()).collect();
        Ok(Self { tokios, strangers })
    }
}

impl Tokio {
    /// Why this one is there, a line for each dependent.
    pub(super) fn reasons(&self, facade: &Facade) -> Vec<String> {
        let line = |dependent: &Dependent| {
            let missing: Vec<&str> =
                dependent.features.iter().filter(|feature| !facade.features.contains(feature)).map(String::as_str).collect();
            let features =
                if missing.is_empty() { String::new() } else { format!(", with features that cede does not know: {}", missing.join(", ")) };
            let wants = match &dependent.elsewhere {
                Some(place) => format!("takes tokio from {place}, which a patch of crates.io does not change"),
                None => format!("wants tokio {}", dependent.requirement),
            };
            format!("  {} {} {wants}{features}, and gets {}", dependent.name, dependent.version, self.version)
        };
        if self.dependents.is_empty() {
            return vec![format!("  tokio {} is there for itself, from {}", self.version, self.folder.display())];
        }
        self.dependents.iter().map(line).collect()
    }

    pub(super) fn dependents_named(&self) -> String {
        let names: Vec<&str> = self.dependents.iter().map(|dependent| dependent.name.as_str()).collect();
        names.join(", ")
    }
}

impl Dependent {
    fn read(package: &Value) -> Self {
        let asked: Vec<&Value> = list(&package["dependencies"]).iter().filter(|dependency| text(&dependency["name"]) == "tokio").collect();
        let mut requirements: Vec<&str> = asked.iter().map(|dependency| text(&dependency["req"])).collect();
        requirements.dedup();
        let features = asked.iter().flat_map(|dependency| list(&dependency["features"])).map(|feature| text(feature).to_owned()).collect();
        let elsewhere = asked.iter().find_map(|dependency| elsewhere(dependency));
        let [name, version] = ["name", "version"].map(|field| text(&package[field]).to_owned());
        Self { name, version, requirement: requirements.join(" and "), elsewhere, features }
    }
}

/// A repository, a folder or another registry.
fn elsewhere(dependency: &Value) -> Option<String> {
    match dependency["source"].as_str() {
        // The registry that need not be named.
        Some(source) if source.starts_with("registry+") && dependency["registry"].is_null() => None,
        Some(source) => Some(source.to_owned()),
        None => dependency["path"].as_str().map(str::to_owned),
    }
}

/// Whether a package is one of cede's.
fn is_ours(package: &Value) -> bool {
    package["metadata"]["cede"].is_object()
}

fn parse(metadata: &str) -> Result<Value, String> {
    serde_json::from_str(metadata).map_err(|error| format!("cannot read what cargo says: {error}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn folder_of(package: &Value) -> PathBuf {
    let folder = Path::new(text(&package["manifest_path"])).parent().unwrap_or(Path::new(""));
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}
