//! All images, built once for all tests.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::SystemTime,
};

use serde::Deserialize;
use usher_tests::judge;

use crate::buildah::{Buildah, output, target, workspace};

const CONSUMERS: &str = include_str!("../../../infra/consumers.json");

/// The images, in a storage of their own.
pub(crate) struct Images {
    pub(crate) buildah: Buildah,
    /// What Buildah took them from: programs, libraries, bills of materials.
    pub(crate) parts: PathBuf,
    /// Where the programs were compiled.
    pub(crate) compiled: PathBuf,
    /// Whether the programs were compiled as the Containerfile compiles them.
    pub(crate) as_shipped: bool,
}

/// What an image says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Config {
    pub(crate) user: String,
    pub(crate) env: Vec<String>,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) labels: serde_json::Map<String, serde_json::Value>,
    pub(crate) stop_signal: String,
    #[serde(default)]
    pub(crate) healthcheck: Option<HealthCheck>,
    #[serde(default)]
    pub(crate) exposed_ports: serde_json::Map<String, serde_json::Value>,
}

/// How an engine finds out whether the service lives.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HealthCheck {
    pub(crate) test: Vec<String>,
}

/// The images; none where they can't be built, which is then said.
pub(crate) fn images() -> Option<&'static Images> {
    static IMAGES: OnceLock<Option<Images>> = OnceLock::new();
    IMAGES.get_or_init(Images::build).as_ref()
}

/// The names of all programs that there are images of.
pub(crate) fn programs() -> Vec<String> {
    let ours = ["usher", "usher-producer", "usher-broker", "usher-sandbox"].map(str::to_owned);
    ours.into_iter().chain(consumers().iter().map(|name| format!("usher-{name}"))).collect()
}

/// The names of all consumers.
pub(crate) fn consumers() -> Vec<String> {
    #[derive(Deserialize)]
    struct Consumer {
        name: String,
    }
    let all: Vec<Consumer> = serde_json::from_str(CONSUMERS).unwrap();
    all.into_iter().map(|consumer| consumer.name).collect()
}

impl Images {
    fn build() -> Option<Self> {
        let buildah = Buildah::with_storage("images")?;
        judge("cargo-cyclonedx", bill_of_materials_tool)?;
        let parts = target().join("containers/parts");
        // Of an earlier run, perhaps.
        let _ = fs::remove_dir_all(&parts);
        let (image, empty) = (parts.join("image"), parts.join("empty"));
        fs::create_dir_all(&empty).unwrap();

        let shipped = shipped();
        let compiled =
            shipped.clone().unwrap_or_else(|| usher_tests::binary("usher").parent().unwrap().into());
        let scripts = workspace().join("infra");
        output(Command::new("sh").arg(scripts.join("image/root.sh")).arg(&compiled).arg(&image));
        output(Command::new("sh").arg(scripts.join("sbom.sh")).arg(image.join("sbom")));

        let images = Self { buildah, parts, compiled, as_shipped: shipped.is_some() };
        programs().iter().for_each(|program| images.build_one(program, &empty));
        Some(images)
    }

    fn build_one(&self, program: &str, context: &Path) {
        let how = ["bud", "--isolation", "chroot", "--pull-never", "--format", "docker", "--quiet"];
        let mut build = self.buildah.command(how);
        build.arg("--build-context").arg(format!("built={}", self.parts.display()));
        build.args(["--target", program, "--tag", program]);
        output(build.arg("--file").arg(workspace().join("infra/Containerfile")).arg(context));
    }

    /// What an image says of itself.
    pub(crate) fn config(&self, image: &str) -> Config {
        let inspected = self.inspect(image);
        serde_json::from_value(inspected["Docker"]["config"].clone()).unwrap()
    }

    /// How large it is when it has been pulled, in bytes: the sum of its layers.
    pub(crate) fn size(&self, image: &str) -> u64 {
        let manifest = self.inspect(image)["Manifest"].as_str().unwrap().to_owned();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        manifest["layers"].as_array().unwrap().iter().map(|layer| layer["size"].as_u64().unwrap()).sum()
    }

    fn inspect(&self, image: &str) -> serde_json::Value {
        let said = self.buildah.run(["inspect", "--type", "image", &local(image)]);
        serde_json::from_str(&said).unwrap()
    }
}

/// The name by which nobody looks for it in a registry.
pub(crate) fn local(image: &str) -> String {
    format!("localhost/{image}")
}

/// The folder with the programs compiled as the Containerfile does it, if all are there and none is older than what it
/// was made of.
fn shipped() -> Option<PathBuf> {
    let folder = target().join("container");
    programs().iter().all(|program| is_fresh(&folder.join(program))).then_some(folder)
}

/// By the list that cargo leaves beside a program.
fn is_fresh(program: &Path) -> bool {
    let list = fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    let (Some((_, sources)), Ok(made)) = (list.split_once(": "), modified(program)) else { return false };
    sources.split_whitespace().all(|source| modified(Path::new(source)).is_ok_and(|changed| changed <= made))
}

fn modified(file: &Path) -> std::io::Result<SystemTime> {
    fs::metadata(file)?.modified()
}

fn bill_of_materials_tool() -> Result<PathBuf, String> {
    let script = workspace().join("infra/sbom.sh");
    let installed = Command::new("sh").arg(&script).arg("install").output();
    match installed {
        Ok(output) if output.status.success() => Ok(script),
        _ => Err("it can't be installed: no package registry".to_owned()),
    }
}
