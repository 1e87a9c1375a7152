//! The Containerfile's stages that compile: what they are given, and when the layer of dependencies is made again.
//!
//! A whole compilation would take longer than all other tests together, so a stand-in takes cargo's place, in an image that
//! takes the place of Rust's and has this machine's own programs. It "compiles" in no time and notes that it did. All else is
//! as it is: the Containerfile, its scripts, the list of what the builder is given.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use crate::{
    buildah::{Buildah, output, workspace},
    images::{local, programs},
};

const CONTAINERFILE: &str = include_str!("../../../infra/Containerfile");
/// Where the stand-in for cargo is mounted.
const STAND_IN: &str = "/stand-in";
/// What is copied of the workspace: what an image is made from, and the list that says so.
const WORKSPACE: [&str; 11] = [
    ".dockerignore",
    "Cargo.toml",
    "Cargo.lock",
    "cli",
    "consumers",
    "infra",
    "local",
    "producer",
    "schemas",
    "shared",
    "tests",
];

/// A workspace, and what compiles it.
struct Site {
    buildah: Buildah,
    folder: tempfile::TempDir,
}

impl Site {
    fn prepared() -> Option<Self> {
        let buildah = Buildah::with_storage("layers")?;
        let folder = tempfile::tempdir().unwrap();
        let site = Self { buildah, folder };
        fs::create_dir(site.workspace()).unwrap();
        for part in WORKSPACE {
            output(Command::new("cp").arg("-r").arg(workspace().join(part)).arg(site.workspace()));
        }
        site.write_stand_in();
        site.build_toolchain();
        Some(site)
    }

    fn workspace(&self) -> std::path::PathBuf {
        self.folder.path().join("workspace")
    }

    fn stand_in(&self) -> std::path::PathBuf {
        self.folder.path().join("stand-in")
    }

    /// The id of each layer that it makes is another.
    fn write_stand_in(&self) {
        let names = programs().join(" ");
        let cargo = format!(
            "#!/bin/sh\nset -e\ncase $1 in\nbuild)\n\
             [ -e dependencies ] && cp /proc/sys/kernel/random/uuid programs || cp /proc/sys/kernel/random/uuid dependencies\n\
             mkdir -p target/container\nfor name in {names}; do cp /usr/bin/true target/container/$name; done ;;\n\
             cyclonedx) for name in {names}; do echo '{{}}' >cli/${{name}}_bin.cdx.json; done ;;\nesac\n"
        );
        fs::create_dir(self.stand_in()).unwrap();
        for program in ["cargo", "cargo-cyclonedx"] {
            let path = self.stand_in().join(program);
            fs::write(&path, &cargo).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    /// An image of the name that the Containerfile begins with: empty, but for the places where this machine is mounted.
    fn build_toolchain(&self) {
        let context = self.folder.path().join("toolchain");
        let root = context.join("root");
        for folder in ["etc", "stand-in", "src", "tmp", "usr", "var/lib/dpkg"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for link in ["bin", "lib", "lib64", "sbin"] {
            symlink(format!("usr/{link}"), root.join(link)).unwrap();
        }
        let file = format!("FROM scratch\nCOPY root /\nENV PATH={STAND_IN}:/usr/sbin:/usr/bin\n");
        fs::write(context.join("Containerfile"), file).unwrap();
        let mut build = self.buildah.command(["bud", "--isolation", "chroot", "--quiet", "--tag", &rust()]);
        output(build.arg(context));
    }

    /// Builds as far as to the programs; returns what identifies the layer of dependencies, and that of our programs.
    fn build(&self) -> (String, String) {
        let how =
            ["bud", "--layers", "--isolation", "chroot", "--pull-never", "--network", "host", "--quiet"];
        let mut build = self.buildah.command(how);
        for folder in ["/usr", "/etc", "/var/lib/dpkg"] {
            build.arg("--volume").arg(format!("{folder}:{folder}:ro"));
        }
        build.arg("--volume").arg(format!("{}:{STAND_IN}:ro", self.stand_in().display()));
        build.args(["--target", "built", "--tag", "built"]);
        output(build.arg("--file").arg(self.workspace().join("infra/Containerfile")).arg(self.workspace()));
        self.look(|root| {
            let id = |layer: &str| fs::read_to_string(root.join("src").join(layer)).unwrap();
            (id("dependencies"), id("programs"))
        })
    }

    /// Looks at what has been built.
    fn look<T>(&self, see: impl FnOnce(&Path) -> T) -> T {
        let working = self.buildah.run(["from", "--pull-never", &local("built")]);
        let seen = see(Path::new(&self.buildah.run(["mount", &working])));
        self.buildah.run(["rm", &working]);
        seen
    }

    fn append(&self, file: &str, text: &str) {
        let path = self.workspace().join(file);
        let before = fs::read_to_string(&path).unwrap();
        fs::write(path, before + text).unwrap();
    }
}

/// The image that the Containerfile begins with.
fn rust() -> String {
    let version = CONTAINERFILE.lines().find_map(|line| line.strip_prefix("ARG RUST=")).unwrap();
    let from = CONTAINERFILE.lines().find_map(|line| line.strip_prefix("FROM ")).unwrap();
    let image = from.split(" AS ").next().unwrap();
    image.replace("${RUST}", version)
}

#[test]
fn dependencies_are_compiled_again_if_a_manifest_changes_and_not_if_a_source_does() {
    let Some(site) = Site::prepared() else { return };
    let (dependencies, programs) = site.build();

    site.append("producer/src/lib.rs", "\n// changed\n");
    let (after_a_source, programs_after) = site.build();
    assert_eq!(after_a_source, dependencies, "compiled again for nothing");
    assert_ne!(programs_after, programs, "our own are compiled again");

    site.append("producer/Cargo.toml", "\n# changed\n");
    let (after_a_manifest, _) = site.build();
    assert_ne!(after_a_manifest, dependencies);

    // The stage's outcome is what the images are copied from.
    site.look(|root| {
        for program in crate::images::programs() {
            assert!(root.join("image/bin").join(&program).exists(), "{program}");
            assert!(root.join("image/sbom").join(format!("{program}.cdx.json")).exists(), "{program}");
        }
    });
}

#[test]
fn no_secret_that_lies_about_is_given_to_the_builder() {
    let Some(buildah) = Buildah::with_storage("context") else { return };
    let context = tempfile::tempdir().unwrap();
    let list = fs::read_to_string(workspace().join(".dockerignore")).unwrap();
    fs::write(context.path().join(".dockerignore"), list).unwrap();
    let lies_about = [
        ".git/config",
        ".usher/last/billing.env",
        "billing.env",
        "infra/compose.env",
        "infra/secrets/stripe-secret-key",
        "notes.txt",
        "target/debug/usher",
        "cli/target/debug/usher",
    ];
    let is_needed =
        ["Cargo.toml", "infra/consumers.json", "producer/src/main.rs", "schemas/samples/full.json"];
    for file in lies_about.iter().chain(&is_needed) {
        let path = context.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "hush").unwrap();
    }
    let everything = context.path().join("Everything");
    fs::write(&everything, "FROM scratch\nCOPY . /\n").unwrap();
    let mut build =
        buildah.command(["bud", "--isolation", "chroot", "--quiet", "--tag", "everything", "--file"]);
    output(build.arg(everything).arg(context.path()));

    let working = buildah.run(["from", "--pull-never", &local("everything")]);
    let root = buildah.run(["mount", &working]);

    let given = |file: &&&str| Path::new(&root).join(file).exists();
    assert_eq!(lies_about.iter().filter(given).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert_eq!(is_needed.iter().filter(given).count(), is_needed.len());
    buildah.run(["rm", &working]);
}
